import { expect, it } from 'vitest';
import { grubStub, localDiskGrub, memoryGrub, nothingGrub, powerOffGrub } from './grub-config.js';

it('sends each machine from the fixed stub to its own configuration', () => {
  expect(grubStub('http://10.99.0.1:7480', 'http')).toBe(`insmod http
configfile (http,10.99.0.1:7480)/boot/grub/\${net_default_mac}/grub.cfg
`);
});

it('names no port where it is 80, which is all that GRUB before 2.12 knows', () => {
  expect(grubStub('http://10.99.0.1:80', 'http')).toContain('(http,10.99.0.1)/boot/grub/');
});

it('starts the memory environment', () => {
  const boot = {
    bootUrl: 'http://10.99.0.1:7480',
    agentUrl: 'https://10.99.0.1:7481',
    caSha256: 'c0ffee',
    nonce: 'N0nce',
    purpose: 'deploy' as const,
    mac: '52:54:00:aa:bb:01',
    extraArguments: [],
  };
  expect(memoryGrub(boot, 'node-1 is deploying', 'http')).toBe(`echo "muster: node-1 is deploying"
linux (http,10.99.0.1:7480)/boot/n/N0nce/vmlinuz muster.boot=http://10.99.0.1:7480 muster.agent=https://10.99.0.1:7481 muster.ca=c0ffee muster.nonce=N0nce muster.purpose=deploy BOOTIF=01-52-54-00-aa-bb-01
initrd (http,10.99.0.1:7480)/boot/n/N0nce/initrd
boot
`);
});

it('stays with TFTP where it came by TFTP', () => {
  expect(grubStub('http://10.99.0.1:7480', 'tftp')).toBe(
    'configfile (tftp,10.99.0.1)/boot/grub/${net_default_mac}/grub.cfg\n',
  );
});

it('goes on with the local disk', () => {
  expect(localDiskGrub('node-1 is deployed')).toBe(`echo "muster: node-1 is deployed: starting from the local disk"
for loader in (hd*,gpt*)/EFI/BOOT/BOOT*.EFI (hd*,gpt*)/EFI/debian/shim*.efi (hd*,gpt*)/EFI/ubuntu/shim*.efi; do
  if [ -f "$loader" ]; then
    if chainloader "$loader"; then boot; fi
  fi
done
exit 1
`);
});

it('switches off, or lets the firmware go on', () => {
  expect(powerOffGrub('node-1 is ready')).toBe('echo "muster: node-1 is ready: nothing to do, switching off"\nhalt\n');
  expect(nothingGrub('unknown')).toBe('echo "muster: unknown: nothing to boot here"\nexit 1\n');
});
