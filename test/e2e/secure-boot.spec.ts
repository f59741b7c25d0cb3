import { afterAll, beforeAll, expect, it } from 'vitest';
import { BOOT_MS, NetbootRack } from '../support/netboot-rack.js';

/** Firmware that starts signed programs alone, and what the distribution signed for it: shim, GRUB, kernel. */
let lab: NetbootRack;

beforeAll(async () => {
  lab = await NetbootRack.create(`muster-e2e-sb-${process.pid}`);
  await lab.startServer({ MUSTER_BOOT_SECURE_BOOT: 'true' });
  await lab.muster('images', 'build', 'memory', '--kernel', 'generic');
  await lab.muster(
    ...['subnets', 'create', 'e2e', '10.99.0.0/24', '--gateway', '10.99.0.1', '--mode', 'serve'],
    ...['--range', '10.99.0.100-10.99.0.199'],
  );
}, 900_000);
afterAll(() => lab.destroy(), 120_000);

it(
  'boots by PXE with Secure Boot on, shim to agent, all by TFTP, and is enlisted',
  async () => {
    await lab.addMachine({ name: 'signed', firmware: 'uefi', secureBoot: true, memoryMegabytes: 1024 });
    await lab.press('signed', 'on');
    const facts = await lab.until('signed', 'its facts', async () => (await lab.find('signed'))?.facts ?? null);
    expect(facts).toMatchObject({ architecture: 'amd64', firmware: { mode: 'uefi', secureBoot: true } });
    const { events } = (await lab.bootLog('signed'))!;
    const files = events.flatMap(({ stage, details }) => (stage === 'boot file' ? [String(details['file'])] : []));
    expect(files).toEqual(expect.arrayContaining(['bootx64.efi', 'grubx64.efi', 'grub/grub.cfg']));
    expect([...new Set(events.map(({ stage }) => stage))]).toEqual(
      expect.arrayContaining(['script', 'kernel', 'initrd', 'agent']),
    );
    // The path of kernel and initrd carries the nonce; what is kept of it must not.
    expect(JSON.stringify(events)).not.toMatch(/boot\/n\/[A-Za-z0-9_-]{43}/);
  },
  2 * BOOT_MS,
);
