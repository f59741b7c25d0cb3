import { MusterError } from '../../error.js';

/** What a boot script tells the kernel's command line, and the machine takes from it. */
export interface MemoryBoot {
  agentUrl: string;
  bootUrl: string;
  /** Of the authority's certificate, in hex. */
  caSha256: string;
  nonce: string;
  purpose: string;
}

/** Throws (`invalid`) where the script is not one that boots the memory environment. */
export function readBootScript(script: string): MemoryBoot {
  const value = (name: string) => {
    const found = new RegExp(`\\smuster\\.${name}=(\\S+)`).exec(script)?.[1];
    if (found === undefined) {
      const said = /^echo (.*)$/m.exec(script)?.[1] ?? script.slice(0, 80);
      throw new MusterError('invalid', `the boot script boots nothing into memory: ${said}`);
    }
    return found;
  };
  if (!script.startsWith('#!ipxe\n')) throw new MusterError('invalid', 'this is no boot script');
  return {
    agentUrl: value('agent'),
    bootUrl: value('boot'),
    caSha256: value('ca'),
    nonce: value('nonce'),
    purpose: value('purpose'),
  };
}
