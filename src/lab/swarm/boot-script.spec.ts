import { describe, expect, it } from 'vitest';
import { readBootScript } from './boot-script.js';

const KERNEL =
  'kernel http://10.98.0.1:7480/boot/n/NONCE/vmlinuz initrd=initrd muster.boot=http://10.98.0.1:7480 ' +
  'muster.agent=https://10.98.0.1:7481 muster.ca=00ff muster.nonce=NONCE muster.purpose=enlist BOOTIF=01-02 || goto failed';

describe('reading a boot script', () => {
  it('takes what the kernel is told', () => {
    expect(readBootScript(`#!ipxe\necho muster: unknown machine\n${KERNEL}\n`)).toEqual({
      bootUrl: 'http://10.98.0.1:7480',
      agentUrl: 'https://10.98.0.1:7481',
      caSha256: '00ff',
      nonce: 'NONCE',
      purpose: 'enlist',
    });
  });

  it('says what the script said instead', () => {
    const script = '#!ipxe\necho muster: state cannot be read: nothing to boot here\nexit\n';
    expect(() => readBootScript(script)).toThrow('state cannot be read');
    expect(() => readBootScript('<html>')).toThrow('no boot script');
  });
});
