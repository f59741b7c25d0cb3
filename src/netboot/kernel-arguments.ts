import { MusterError } from '../error.js';
import type { BootPurpose } from '../machines/index.js';

/** One kernel argument: a name, perhaps a value. No space, quote, brace, semicolon or `$`: it stands in a boot script. */
const ARGUMENT = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(=[A-Za-z0-9_.,:/@+%-]{0,255})?$/;

/** Throws, naming them, where some are not of the allowed form. */
export function checkKernelArguments(given: readonly string[]): void {
  const refused = given.filter((argument) => !ARGUMENT.test(argument));
  if (refused.length === 0) return;
  throw new MusterError(
    'invalid',
    `cannot boot with the kernel arguments ${refused.map((a) => JSON.stringify(a)).join(', ')}`,
    {
      hint: 'write each as name or name=value, with letters, digits and . _ , : / @ + % - in it',
    },
  );
}

export interface MemoryBoot {
  /** `http://10.0.0.1:7480` */
  bootUrl: string;
  /** `https://10.0.0.1:7481` */
  agentUrl: string;
  /** SHA-256 of the authority's certificate in DER, hex. */
  caSha256: string;
  nonce: string;
  purpose: BootPurpose;
  mac: string;
  /** The operator's. */
  extraArguments: readonly string[];
}

/** The command line of the memory environment, argument by argument. */
export function memoryArguments(boot: MemoryBoot): string[] {
  checkKernelArguments(boot.extraArguments);
  return [
    `muster.boot=${boot.bootUrl}`,
    `muster.agent=${boot.agentUrl}`,
    `muster.ca=${boot.caSha256}`,
    `muster.nonce=${boot.nonce}`,
    `muster.purpose=${boot.purpose}`,
    // As PXELINUX writes it: hardware type 1 (Ethernet), then the MAC.
    `BOOTIF=01-${boot.mac.replaceAll(':', '-')}`,
    ...boot.extraArguments,
  ];
}
