/** What a transfer runs with after option negotiation. */
export interface TransferOptions {
  /** RFC 2348: 8 to 65464; 512 without the option. */
  blockSizeBytes: number;
  /** RFC 7440: blocks sent before an ACK is due; 1 without the option. */
  windowSize: number;
  /** RFC 2349: how long to wait before sending again. */
  timeoutMs: number;
  /** What the OACK says; empty where there is none to send. */
  accepted: Map<string, string>;
}

export interface TransferLimits {
  /** Larger blocks are answered by this size (RFC 2348 allows less than was asked): what one Ethernet frame holds. */
  maximumBlockSizeBytes: number;
  maximumWindowSize: number;
  defaultTimeoutMs: number;
}

export const DEFAULT_LIMITS: TransferLimits = {
  maximumBlockSizeBytes: 1468,
  maximumWindowSize: 64,
  defaultTimeoutMs: 1000,
};

/** RFC 2349 has 255. A client that never answers would hold its transfer for half an hour with that, for one packet. */
const LONGEST_TIMEOUT_SECONDS = 10;

/** Options that are unknown, malformed or out of bounds are left unanswered (RFC 2347). */
export function negotiate(
  asked: ReadonlyMap<string, string>,
  sizeBytes: number,
  limits: TransferLimits,
): TransferOptions {
  const accepted = new Map<string, string>();
  const blockSize = number(asked.get('blksize'), 8, 65464);
  const windowSize = number(asked.get('windowsize'), 1, 65535);
  const timeout = number(asked.get('timeout'), 1, LONGEST_TIMEOUT_SECONDS);
  const options: TransferOptions = {
    blockSizeBytes: blockSize === null ? 512 : Math.min(blockSize, limits.maximumBlockSizeBytes),
    windowSize: windowSize === null ? 1 : Math.min(windowSize, limits.maximumWindowSize),
    timeoutMs: timeout === null ? limits.defaultTimeoutMs : timeout * 1000,
    accepted,
  };
  if (blockSize !== null) accepted.set('blksize', String(options.blockSizeBytes));
  // The client sends tsize 0 and is told the size (RFC 2349).
  if (number(asked.get('tsize'), 0, Number.MAX_SAFE_INTEGER) !== null) accepted.set('tsize', String(sizeBytes));
  if (timeout !== null) accepted.set('timeout', String(timeout));
  if (windowSize !== null) accepted.set('windowsize', String(options.windowSize));
  return options;
}

function number(text: string | undefined, least: number, most: number): number | null {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return null;
  const value = Number(text);
  return least <= value && value <= most ? value : null;
}
