import { TFTP_ERROR, type TftpPacket } from './packet.js';
import { DEFAULT_LIMITS, negotiate, type TransferLimits, type TransferOptions } from './options.js';

/** How often the same packets are sent again before the client is given up. */
const MAXIMUM_RETRIES = 6;
const LONGEST_WAIT_MS = 8000;

/**
 * The server's side of one read, as a value. Blocks are counted from 1 without bound; on the wire they wrap at 65536
 * (block 0 follows 65535, as every client that outgrew 32 MiB expects).
 *
 *     options  an OACK was sent, ACK 0 is awaited
 *     data     blocks up to `sent` were sent, those up to `acknowledged` arrived
 *     done     every block was acknowledged
 *     aborted  the client said so, or fell silent
 */
export interface ReadTransfer {
  phase: 'options' | 'data' | 'done' | 'aborted';
  options: TransferOptions;
  /** The last block is shorter than the others, or empty (RFC 1350, 6). */
  blocks: number;
  acknowledged: number;
  sent: number;
  /** Time-outs since the client was last heard. */
  retries: number;
  /** A window was already sent again for this acknowledgement. */
  resentFor: number | null;
  /** Blocks sent more than once. */
  repeated: number;
  /** Why it was aborted; null otherwise. */
  reason: string | null;
}

export type TransferEvent = { kind: 'timeout' } | { kind: 'packet'; packet: TftpPacket };

export type TransferOutput =
  | { kind: 'packet'; packet: TftpPacket }
  /** Blocks `first` to `last`, both included. */
  | { kind: 'blocks'; first: number; last: number };

export interface TransferStep {
  transfer: ReadTransfer;
  send: TransferOutput[];
}

/** Begins with an OACK where an option was accepted, else with the first block (RFC 2347). */
export function beginRead(
  asked: ReadonlyMap<string, string>,
  sizeBytes: number,
  limits: TransferLimits = DEFAULT_LIMITS,
): TransferStep {
  const options = negotiate(asked, sizeBytes, limits);
  const transfer: ReadTransfer = {
    phase: options.accepted.size > 0 ? 'options' : 'data',
    options,
    blocks: Math.floor(sizeBytes / options.blockSizeBytes) + 1,
    acknowledged: 0,
    sent: 0,
    retries: 0,
    resentFor: null,
    repeated: 0,
    reason: null,
  };
  return transfer.phase === 'options' ? { transfer, send: [oack(transfer)] } : nextWindow(transfer);
}

/** How long to wait for the client now: doubled with every time-out. */
export function waitMs(transfer: ReadTransfer): number {
  return Math.min(
    transfer.options.timeoutMs * 2 ** transfer.retries,
    Math.max(LONGEST_WAIT_MS, transfer.options.timeoutMs),
  );
}

export function stepRead(transfer: ReadTransfer, event: TransferEvent): TransferStep {
  if (transfer.phase === 'done' || transfer.phase === 'aborted') return { transfer, send: [] };
  if (event.kind === 'timeout') return onTimeout(transfer);
  switch (event.packet.kind) {
    case 'ack':
      return onAck(transfer, event.packet.block);
    case 'error':
      return abort(transfer, `the client sent error ${event.packet.code}: ${event.packet.message}`);
    default:
      return {
        ...abort(transfer, `the client sent ${event.packet.kind} in the middle of a read`),
        send: [errorOutput(TFTP_ERROR.illegalOperation, 'this is a read')],
      };
  }
}

function onTimeout(transfer: ReadTransfer): TransferStep {
  if (transfer.retries >= MAXIMUM_RETRIES) {
    const got = transfer.phase === 'options' ? 'the options' : `block ${transfer.sent}`;
    return abort(transfer, `no answer to ${got} after ${transfer.retries + 1} tries`);
  }
  const retried = { ...transfer, retries: transfer.retries + 1 };
  return transfer.phase === 'options' ? { transfer: retried, send: [oack(retried)] } : resend(retried);
}

function onAck(transfer: ReadTransfer, wireBlock: number): TransferStep {
  if (transfer.phase === 'options') {
    return wireBlock === 0 ? nextWindow({ ...transfer, phase: 'data', retries: 0 }) : { transfer, send: [] };
  }
  const ahead = (wireBlock - transfer.acknowledged) & 0xffff;
  const block = transfer.acknowledged + ahead;
  // Older than what we know, or of a block never sent.
  if (block > transfer.sent) return { transfer, send: [] };
  if (ahead === 0) return onDuplicateAck(transfer);
  const heard = { ...transfer, acknowledged: block, retries: 0, resentFor: null };
  if (block === transfer.blocks) return { transfer: { ...heard, phase: 'done' }, send: [] };
  // Less than the window arrived: the rest is sent again from there (RFC 7440, 4).
  return block < transfer.sent ? resend({ ...heard, resentFor: block }) : nextWindow(heard);
}

/**
 * With one block in flight a repeated ACK is never answered, or every packet doubles for the rest of the transfer (the
 * "Sorcerer's Apprentice", RFC 1123, 4.2.3.1). In a window it says that the first block was lost, and is answered once.
 */
function onDuplicateAck(transfer: ReadTransfer): TransferStep {
  const inFlight = transfer.sent - transfer.acknowledged;
  if (inFlight <= 1 || transfer.resentFor === transfer.acknowledged) return { transfer, send: [] };
  return resend({ ...transfer, resentFor: transfer.acknowledged });
}

function nextWindow(transfer: ReadTransfer): TransferStep {
  const first = transfer.acknowledged + 1;
  const last = Math.min(transfer.acknowledged + transfer.options.windowSize, transfer.blocks);
  return { transfer: { ...transfer, sent: last }, send: [{ kind: 'blocks', first, last }] };
}

function resend(transfer: ReadTransfer): TransferStep {
  const again = transfer.sent - transfer.acknowledged;
  return nextWindow({ ...transfer, repeated: transfer.repeated + again });
}

function abort(transfer: ReadTransfer, reason: string): TransferStep {
  return { transfer: { ...transfer, phase: 'aborted', reason }, send: [] };
}

function oack(transfer: ReadTransfer): TransferOutput {
  return { kind: 'packet', packet: { kind: 'oack', options: transfer.options.accepted } };
}

function errorOutput(code: number, message: string): TransferOutput {
  return { kind: 'packet', packet: { kind: 'error', code, message } };
}
