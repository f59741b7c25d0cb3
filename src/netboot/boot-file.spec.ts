import { describe, expect, it } from 'vitest';
import type { BootClient } from './boot-client.js';
import type { BootDecision } from './boot-decision.js';
import { architectureOf, bootFileFor, bootUrl } from './boot-file.js';

const policy = { httpPort: 7480, secureBoot: false };
const enlist: BootDecision = { kind: 'memory', purpose: 'enlist', machineId: null, reason: 'unknown machine' };
const client = (more: Partial<BootClient>): BootClient => ({
  mac: '52:54:00:aa:bb:01',
  uuid: null,
  architecture: 0,
  isIpxe: false,
  isHttpClient: false,
  isPxeClient: true,
  serverAddress: '10.99.0.1',
  ...more,
});
const fileOf = (more: Partial<BootClient>, secureBoot = false) => {
  const answer = bootFileFor(client(more), enlist, { ...policy, secureBoot });
  return answer.kind === 'boot-file' ? answer.file : answer.reason;
};

describe('the boot file', () => {
  it.each([
    [0, 'undionly.kpxe', 'undionly.kpxe'],
    [6, 'there is no boot file for IA32 UEFI', 'there is no boot file for IA32 UEFI'],
    [7, 'snponly.efi', 'bootx64.efi'],
    [9, 'snponly.efi', 'bootx64.efi'],
    [11, 'grubaa64.efi', 'bootaa64.efi'],
    [27, 'there is no boot file for client architecture 27', 'there is no boot file for client architecture 27'],
  ])('for option 93 = %i is %s, with Secure Boot %s', (architecture, plain, signed) => {
    expect(fileOf({ architecture })).toBe(plain);
    expect(fileOf({ architecture }, true)).toBe(signed);
  });

  it.each([
    [16, 'http://10.99.0.1:7480/boot/files/snponly.efi'],
    [19, 'http://10.99.0.1:7480/boot/files/grubaa64.efi'],
  ])('for an HTTP client, option 93 = %i, is the address %s', (architecture, url) => {
    expect(fileOf({ architecture, isHttpClient: true, isPxeClient: false })).toBe(url);
  });

  it('for iPXE is its script, whatever its architecture, and never iPXE again', () => {
    expect(fileOf({ isIpxe: true, uuid: '4c4c4544-0042-3510-8050-b7c04f383532', architecture: 7 })).toBe(
      'http://10.99.0.1:7480/boot/ipxe/52:54:00:aa:bb:01?uuid=4c4c4544-0042-3510-8050-b7c04f383532&arch=7',
    );
    expect(fileOf({ isIpxe: true, architecture: null })).toBe('http://10.99.0.1:7480/boot/ipxe/52:54:00:aa:bb:01');
  });

  it('fits into the 127 characters of a BOOTP packet at its longest', () => {
    const longest = { isIpxe: true, uuid: '4c4c4544-0042-3510-8050-b7c04f383532', architecture: 16 };
    expect(fileOf({ ...longest, serverAddress: '255.255.255.255' }).length).toBeLessThanOrEqual(127);
  });

  it('is not given to those who do not ask for one, nor where nothing is to be booted', () => {
    expect(fileOf({ isPxeClient: false, architecture: null })).toBe('it does not ask to be booted');
    expect(bootFileFor(client({}), { kind: 'nothing', reason: 'ignored' }, policy)).toEqual({
      kind: 'nothing',
      reason: 'ignored',
    });
  });
});

it('knows architectures by number and by the names that iPXE has for them', () => {
  expect([0, 7, 11, '16', 'x86_64', 'arm64', 'i386', 'mips', 99, null].map((code) => architectureOf(code))).toEqual([
    'amd64',
    'amd64',
    'arm64',
    'amd64',
    'amd64',
    'arm64',
    'amd64',
    null,
    null,
    null,
  ]);
});

it('writes IPv6 addresses in brackets', () => {
  expect(bootUrl('fd99::1', 7480)).toBe('http://[fd99::1]:7480');
});
