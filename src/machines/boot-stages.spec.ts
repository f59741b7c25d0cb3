import { describe, expect, it } from 'vitest';
import { beginsSession, stallReason, type StageEvent } from './boot-stages.js';

const start = new Date('2026-01-01T00:00:00Z');
const event = (stage: string, details: Record<string, unknown> = {}, seconds = 0): StageEvent => ({
  at: new Date(start.getTime() + seconds * 1000),
  stage,
  message: '',
  details,
});

describe('a boot session', () => {
  it('begins with the first thing seen, and after a long pause', () => {
    expect(beginsSession(null, event('dhcp offer'))).toBe(true);
    expect(beginsSession({ lastAt: start, stage: 'dhcp offer' }, event('dhcp ack', {}, 2))).toBe(false);
    expect(beginsSession({ lastAt: start, stage: 'dhcp offer' }, event('dhcp ack', {}, 700))).toBe(true);
  });

  it('goes on through the chain from firmware to iPXE to kernel to agent', () => {
    const ipxe = event('dhcp offer', { architecture: 7 }, 5);
    expect(beginsSession({ lastAt: start, stage: 'boot file' }, ipxe)).toBe(false);
    const kernel = event('dhcp offer', { architecture: null }, 9);
    expect(beginsSession({ lastAt: start, stage: 'initrd' }, kernel)).toBe(false);
  });

  it('begins again when firmware asks after a kernel was fetched: the machine was reset', () => {
    expect(beginsSession({ lastAt: start, stage: 'agent' }, event('dhcp offer', { architecture: 0 }, 60))).toBe(true);
  });
});

describe('a boot that stops', () => {
  it.each([
    [[], /^nothing was seen of it/],
    [[event('dhcp offer')], /never took the offer/],
    [[event('dhcp offer', { otherServer: '10.0.0.9' })], /^offer not taken, another server answered: 10\.0\.0\.9$/],
    [
      [event('dhcp offer'), event('dhcp ack')],
      /^took an address but never asked for a boot file: PXE network boot off for this NIC, or UDP 69 blocked$/,
    ],
    [
      Array.from({ length: 3 }, () => event('boot file', { file: 'snponly.efi', bytes: 512, aborted: true })),
      /^asked for snponly\.efi three times, 512 bytes each: Secure Boot refuses it$/,
    ],
    [[event('boot file', { file: 'undionly.kpxe' })], /^fetched undionly\.kpxe but never asked for its script/],
    [[event('script')], /never asked for a kernel/],
    [[event('kernel')], /no initrd/],
    [[event('kernel', { aborted: true })], /^broke off while fetching the kernel/],
    [[event('kernel'), event('initrd')], /agent never called/],
    [[event('agent'), event('dhcp offer')], /fell silent/],
    [[event('cloud-init')], /never answered by SSH/],
  ])('says why: %#', (events, reason) => {
    expect(stallReason(events)).toMatch(reason);
  });
});
