/** The stages of a boot in their order; see {@link stallReason} for what it means to stop at one. */
export const BOOT_STAGES = [
  'dhcp offer',
  'dhcp ack',
  'boot file',
  'script',
  'kernel',
  'initrd',
  'agent',
  'root',
  'cloud-init',
  'ssh',
] as const;
export type SessionStage = (typeof BOOT_STAGES)[number];

export interface StageEvent {
  at: Date;
  stage: string;
  message: string;
  details: Record<string, unknown>;
}

export interface SessionSummary {
  lastAt: Date;
  stage: string;
}

const PAUSE_MS = 10 * 60_000;

export function stageIndex(stage: string): number {
  return (BOOT_STAGES as readonly string[]).indexOf(stage);
}

/**
 * Does this event begin a new boot? Yes after a long pause, and when firmware (it sends option 93, a running system
 * does not) asks for an address although a kernel was already fetched.
 */
export function beginsSession(last: SessionSummary | null, event: StageEvent): boolean {
  if (last === null || event.at.getTime() - last.lastAt.getTime() > PAUSE_MS) return true;
  const isFirmware = event.details.architecture !== undefined && event.details.architecture !== null;
  return event.stage === 'dhcp offer' && isFirmware && stageIndex(last.stage) >= stageIndex('kernel');
}

/** Why a boot that went no further than this probably stopped. `events` oldest first. */
export function stallReason(events: readonly StageEvent[]): string {
  const furthest = events.reduce((best, event) => Math.max(best, stageIndex(event.stage)), -1);
  const stage = BOOT_STAGES[furthest];
  if (stage === undefined)
    return 'nothing was seen of it: not switched on, no link on the boot network, or network boot is off in its firmware';
  const of = events.filter((event) => event.stage === stage);
  const other = events.map((event) => event.details.otherServer).find((server) => typeof server === 'string');
  switch (stage) {
    case 'dhcp offer':
      return other === undefined
        ? 'asked for an address but never took the offer: another server answered, or our answers do not reach it'
        : `offer not taken, another server answered: ${other}`;
    case 'dhcp ack':
      return 'took an address but never asked for a boot file: PXE network boot off for this NIC, or UDP 69 blocked';
    case 'boot file':
      return afterBootFile(of);
    case 'script':
      return 'read its boot script but never asked for a kernel: its iPXE or GRUB stopped at the script, see its console';
    case 'kernel':
    case 'initrd':
      return afterKernel(of, stage);
    case 'agent':
      return 'its agent came up and then fell silent: the machine hung, lost its network, or was switched off';
    case 'root':
      return 'fetched its root file system but never got to cloud-init: too little memory, or the image does not boot';
    case 'cloud-init':
      return 'called home but never answered by SSH with its own host keys: sshd does not run, or TCP 22 is blocked';
    case 'ssh':
      return 'came up completely';
  }
}

function afterBootFile(events: readonly StageEvent[]): string {
  const last = events.at(-1);
  const file = typeof last?.details.file === 'string' ? last.details.file : 'its boot file';
  const small = events.filter((event) => event.details.aborted === true);
  if (small.length >= 3) {
    const bytes = typeof last?.details.bytes === 'number' ? `, ${last.details.bytes} bytes each` : '';
    return `asked for ${file} ${numberWord(small.length)} times${bytes}: Secure Boot refuses it`;
  }
  return `fetched ${file} but never asked for its script: the program does not run here (Secure Boot, wrong architecture), or TCP to the boot server is blocked`;
}

function afterKernel(events: readonly StageEvent[], stage: 'kernel' | 'initrd'): string {
  const aborted = events.at(-1)?.details.aborted === true;
  if (aborted) return `broke off while fetching the ${stage}: the network is bad, or memory ran out`;
  return stage === 'kernel'
    ? 'fetched the kernel but no initrd: memory ran out, or the boot loader stopped'
    : 'fetched kernel and initrd but its agent never called: no driver for its network card, too little memory, or TCP 7481 is blocked';
}

function numberWord(count: number): string {
  return ['no', 'one', 'two', 'three', 'four', 'five'][count] ?? String(count);
}
