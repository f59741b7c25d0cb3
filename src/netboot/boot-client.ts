/** What a booting client said of itself, by whichever protocol it came. */
export interface BootClient {
  /** Lower case with colons. */
  mac: string;
  /** SMBIOS UUID (option 97, or a query parameter), lower case with dashes; null where it sent none. */
  uuid: string | null;
  /** DHCP option 93 (RFC 4578, 2.1, IANA registry): 0 BIOS, 7 and 9 x64 UEFI, 11 arm64 UEFI, 16 and 19 HTTP. */
  architecture: number | null;
  /** User class `iPXE` (option 77) or iPXE's feature option 175. */
  isIpxe: boolean;
  /** Vendor class (option 60) begins with `HTTPClient`. */
  isHttpClient: boolean;
  /** Vendor class (option 60) begins with `PXEClient`. */
  isPxeClient: boolean;
  /** Where this client reaches us: our address on its network. */
  serverAddress: string;
  /** What its subnet has for machines that nobody knows; absent where the subnet is not known. */
  unknownMachines?: 'enlist' | 'menu' | 'ignore';
}

/** What DHCP is to tell it. */
export type BootAnswer =
  | { kind: 'nothing'; reason: string }
  | {
      kind: 'boot-file';
      /** A name in the boot files' manifest (for TFTP), or a URL (HTTP boot, or a script for iPXE). */
      file: string;
      reason: string;
    };

/** The one decision, asked by DHCP and TFTP from memory: never a remote call, never a wait. */
export interface BootDecider {
  answerFor(client: BootClient): BootAnswer;
}
export const BOOT_DECIDER = Symbol('BootDecider');

/** Everything seen of a machine on its way up; recorded after the reply has left, failures are logged and never felt. */
export interface BootObserver {
  seen(event: BootEvent): void;
}
export const BOOT_OBSERVER = Symbol('BootObserver');

export type BootStage =
  'dhcp offer' | 'dhcp ack' | 'boot file' | 'script' | 'kernel' | 'initrd' | 'agent' | 'root' | 'cloud-init' | 'ssh';

export interface BootEvent {
  at: Date;
  mac: string | null;
  uuid: string | null;
  /** The client's IP address, where it is known. */
  address: string | null;
  stage: BootStage;
  /** For people: "offered 10.99.0.60 and undionly.kpxe". */
  message: string;
  /** Bytes sent and whatever else explains a stall: `{ file, bytes, aborted, architecture, otherServer }`. */
  details: Record<string, string | number | boolean | null>;
}
