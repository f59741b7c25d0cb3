import { plain } from './ipxe-script.js';
import { type MemoryBoot, memoryArguments } from './kernel-arguments.js';

/** `(http,10.0.0.1:7480)`: GRUB's name for a server. Before 2.12 it knows no ports, so its own is left out. */
function device(bootUrl: string): string {
  return `(http,${bootUrl.replace('http://', '').replace(/:80$/, '')})`;
}

/** What the fixed stub says that firmware's GRUB reads first: it sends each machine to its own configuration. */
export function grubStub(bootUrl: string): string {
  return config('insmod http', `configfile ${device(bootUrl)}/boot/grub/\${net_default_mac}/grub.cfg`);
}

export function memoryGrub(boot: MemoryBoot, title: string): string {
  const files = `${device(boot.bootUrl)}/boot/n/${boot.nonce}`;
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
