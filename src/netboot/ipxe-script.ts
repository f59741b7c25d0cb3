import { type MemoryBoot, memoryArguments } from './kernel-arguments.js';

/** `initrd=` names the file to the kernel's EFI stub; BIOS does not need it and does not mind. */
export function memoryScript(boot: MemoryBoot, title: string, again: string): string {
  const files = `${boot.bootUrl}/boot/n/${boot.nonce}`;
  return script(
    `echo muster: ${plain(title)}`,
    `kernel ${files}/vmlinuz initrd=initrd ${memoryArguments(boot).join(' ')} || goto failed`,
    `initrd --name initrd ${files}/initrd || goto failed`,
    'boot || goto failed',
    ':failed',
    'imgfree ||',
    'echo muster: that did not work, trying again in 10 seconds',
    'sleep 10',
    `chain --replace ${again} || goto failed`,
  );
}

/**
 * On with what is installed. UEFI firmware does not go on by itself after iPXE's `exit` (it opens its menu), so a small
 * GRUB looks for the installed system's boot loader.
 */
export function localDiskScript(bootUrl: string, title: string): string {
  return script(
    `echo muster: ${plain(title)}: starting from the local disk`,
    `iseq \${platform} efi && chain ${bootUrl}/boot/files/local-boot.efi || exit`,
  );
}

/** Not every iPXE is built with `poweroff`; one that waits does no harm either. */
export function powerOffScript(title: string): string {
  return script(
    `echo muster: ${plain(title)}: nothing to do, switching off`,
    'poweroff ||',
    'echo muster: this firmware cannot switch the machine off, so it waits',
    ':wait',
    'sleep 60 ||',
    'goto wait',
  );
}

/** Gives the firmware its turn. */
export function nothingScript(title: string): string {
  return script(`echo muster: ${plain(title)}: nothing to boot here`, 'exit');
}

export interface MenuChoice {
  /** `local`, `enlist`, `commission`, `rescue`, `image:debian@12`. */
  key: string;
  label: string;
}

/** The first choice is taken when the time is up; with a time-out of 0 it waits for a person. */
export function menuScript(
  choices: readonly MenuChoice[],
  options: { title: string; timeoutSeconds: number; scriptUrl: string },
): string {
  const first = choices[0]?.key ?? 'local';
  const timeout = options.timeoutSeconds === 0 ? '' : `--timeout ${options.timeoutSeconds * 1000} `;
  const joint = options.scriptUrl.includes('?') ? '&' : '?';
  return script(
    `menu muster: ${plain(options.title)}`,
    ...choices.map(({ key, label }) => `item ${key} ${plain(label)}`),
    `choose ${timeout}--default ${first} chosen || set chosen ${first}`,
    `chain --replace ${options.scriptUrl}${joint}choice=\${chosen:uristring}`,
  );
}

/** After a choice that starts an operation: muster will restart the machine itself. */
export function waitScript(title: string, again: string): string {
  return script(`echo muster: ${plain(title)}`, 'sleep 10', `chain --replace ${again}`);
}

function script(...lines: string[]): string {
  return ['#!ipxe', ...lines, ''].join('\n');
}

/** Names and reasons are shown, never run: what iPXE reads as syntax does not get through. */
export function plain(text: string): string {
  return text.replace(/[^\w .,:@()/-]/g, ' ').slice(0, 200);
}
