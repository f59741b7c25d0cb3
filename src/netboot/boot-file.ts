import type { BootAnswer, BootClient } from './boot-client.js';
import type { BootDecision } from './boot-decision.js';

export interface BootFilePolicy {
  httpPort: number;
  /** Give UEFI machines the distribution's signed shim and GRUB. */
  secureBoot: boolean;
}

interface FirmwareKind {
  name: string;
  architecture: string;
  /** Boot files by name; null: nothing is packaged for it. */
  file: string | null;
  /** Where Secure Boot is wanted. */
  signedFile: string | null;
}

const X64: FirmwareKind = { name: 'x64 UEFI', architecture: 'amd64', file: 'snponly.efi', signedFile: 'bootx64.efi' };
/** Debian builds no iPXE for arm64; its signed GRUB does as well without Secure Boot. */
const ARM64: FirmwareKind = {
  name: 'arm64 UEFI',
  architecture: 'arm64',
  file: 'grubaa64.efi',
  signedFile: 'bootaa64.efi',
};

/** DHCP option 93, from IANA's registry "Processor Architecture Types" (RFC 4578, 2.1; RFC 5970). */
const FIRMWARE: Readonly<Record<number, FirmwareKind>> = {
  0: { name: 'BIOS', architecture: 'amd64', file: 'undionly.kpxe', signedFile: 'undionly.kpxe' },
  6: { name: 'IA32 UEFI', architecture: 'i386', file: null, signedFile: null },
  7: X64,
  9: X64,
  11: ARM64,
  16: X64,
  19: ARM64,
};

/** Debian's name of the architecture behind option 93; iPXE's own names are taken as well. Null: unknown. */
export function architectureOf(code: number | string | null): string | null {
  if (typeof code === 'number') return FIRMWARE[code]?.architecture ?? null;
  if (code === null) return null;
  if (/^\d{1,5}$/.test(code)) return architectureOf(Number(code));
  return { x86_64: 'amd64', i386: 'amd64', arm64: 'arm64', amd64: 'amd64' }[code] ?? null;
}

/** `http://10.0.0.1:7480`; an IPv6 address in brackets. */
export function bootUrl(serverAddress: string, httpPort: number): string {
  return `http://${serverAddress.includes(':') ? `[${serverAddress}]` : serverAddress}:${httpPort}`;
}

/** `https://10.0.0.1:7481`: where agents call. */
export function agentUrl(serverAddress: string, agentPort: number): string {
  return bootUrl(serverAddress, agentPort).replace('http:', 'https:');
}

/**
 * Which file DHCP names to this client. Firmware gets the program that will ask for the script; iPXE, which is that
 * program, gets the script's address. An iPXE that were given iPXE again would go round for ever.
 */
export function bootFileFor(client: BootClient, decision: BootDecision, policy: BootFilePolicy): BootAnswer {
  const { reason } = decision;
  if (decision.kind === 'nothing') return { kind: 'nothing', reason };
  const base = bootUrl(client.serverAddress, policy.httpPort);
  if (client.isIpxe) return { kind: 'boot-file', file: scriptUrl(base, client), reason };
  if (!client.isPxeClient && !client.isHttpClient) return { kind: 'nothing', reason: 'it does not ask to be booted' };
  const firmware = client.architecture === null ? undefined : FIRMWARE[client.architecture];
  const file = (policy.secureBoot ? firmware?.signedFile : firmware?.file) ?? null;
  if (file === null) {
    const name = firmware?.name ?? `client architecture ${client.architecture ?? 'not told'}`;
    return { kind: 'nothing', reason: `there is no boot file for ${name}` };
  }
  return { kind: 'boot-file', file: client.isHttpClient ? `${base}/boot/files/${file}` : file, reason };
}

/** The BOOTP `file` field holds 127 characters (RFC 951, 3), so the query is short: the number of the architecture. */
function scriptUrl(base: string, { mac, uuid, architecture }: BootClient): string {
  const query = [uuid === null ? '' : `uuid=${uuid}`, architecture === null ? '' : `arch=${architecture}`];
  const text = query.filter((part) => part !== '').join('&');
  return `${base}/boot/ipxe/${mac}${text === '' ? '' : `?${text}`}`;
}
