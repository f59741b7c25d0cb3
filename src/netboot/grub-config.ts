import { plain } from './ipxe-script.js';
import { type MemoryBoot, memoryArguments } from './kernel-arguments.js';

/** How GRUB itself came, and goes on: the signed ones of some distributions know TFTP alone. */
export type GrubTransport = 'http' | 'tftp';

/** GRUB's name for a server. Before 2.12 it knows no ports, so HTTP's own is left out. */
function device(bootUrl: string, transport: GrubTransport): string {
  const { host, hostname } = new URL(bootUrl);
  return `(${transport},${transport === 'tftp' ? hostname : host})`;
}

/** What the fixed stub says that firmware's GRUB reads first: it sends each machine to its own configuration. */
export function grubStub(bootUrl: string, transport: GrubTransport): string {
  const configuration = `configfile ${device(bootUrl, transport)}/boot/grub/\${net_default_mac}/grub.cfg`;
  return transport === 'http' ? config('insmod http', configuration) : config(configuration);
}

export function memoryGrub(boot: MemoryBoot, title: string, transport: GrubTransport): string {
  const files = `${device(boot.bootUrl, transport)}/boot/n/${boot.nonce}`;
  return config(
    `echo "muster: ${plain(title)}"`,
    `linux ${files}/vmlinuz ${memoryArguments(boot).join(' ')}`,
    `initrd ${files}/initrd`,
    'boot',
  );
}

/** The first EFI system partition of a hard disk with a boot loader; without one the firmware has its turn. */
export function localDiskGrub(title: string): string {
  return config(
    `echo "muster: ${plain(title)}: starting from the local disk"`,
    'for loader in (hd*,gpt*)/EFI/BOOT/BOOT*.EFI (hd*,gpt*)/EFI/debian/shim*.efi (hd*,gpt*)/EFI/ubuntu/shim*.efi; do',
    '  if [ -f "$loader" ]; then',
    '    if chainloader "$loader"; then boot; fi',
    '  fi',
    'done',
    'exit 1',
  );
}

export function powerOffGrub(title: string): string {
  return config(`echo "muster: ${plain(title)}: nothing to do, switching off"`, 'halt');
}

export function nothingGrub(title: string): string {
  return config(`echo "muster: ${plain(title)}: nothing to boot here"`, 'exit 1');
}

function config(...lines: string[]): string {
  return [...lines, ''].join('\n');
}
