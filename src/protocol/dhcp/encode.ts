import {
  BROADCAST_FLAG,
  CHADDR_BYTES,
  DHCP_OPTION,
  FIELD,
  FILE_BYTES,
  MAGIC_COOKIE,
  SNAME_BYTES,
  type DhcpMessage,
} from './message.js';

/** BOOTP's fixed size (RFC 951, 3): relays and old clients drop what is shorter. */
const SMALLEST_BYTES = 300;
/** What every client takes: a 576-byte datagram less IP and UDP headers (RFC 2131, 2). */
export const DEFAULT_MAXIMUM_BYTES = 548;

/** These lead, in this order, so that a reader finds them even in a reply that had to be cut. */
const FIRST = [DHCP_OPTION.messageType, DHCP_OPTION.serverIdentifier, DHCP_OPTION.leaseTime, DHCP_OPTION.subnetMask];

/**
 * Writes a message in `maximumBytes` at most. What does not fit the options field goes to `file` and `sname` where they
 * are free (option 52); what does not fit there either is left out, last options first, but never option 82, which goes
 * last (RFC 3046, 2.1).
 */
export function encodeDhcp(message: DhcpMessage, maximumBytes = DEFAULT_MAXIMUM_BYTES): Buffer {
  const capacity = Math.max(maximumBytes, DEFAULT_MAXIMUM_BYTES) - FIELD.options;
  const { options } = message;
  const codes = [...orderedCodes(options), DHCP_OPTION.relayAgentInformation];
  const length = codes.reduce((sum, code) => sum + encodedLength(options.get(code)), END.length);
  // Nearly every message fits as it is; then nothing is put together twice.
  const areas = length <= capacity ? null : layOutOptions(message, capacity);
  const bytes = Buffer.alloc(Math.max(SMALLEST_BYTES, FIELD.options + (areas?.options.length ?? length)));
  bytes.writeUInt8(message.op === 'request' ? 1 : 2, 0);
  bytes.writeUInt8(message.htype, 1);
  bytes.writeUInt8(Math.min(message.chaddr.length, CHADDR_BYTES), 2);
  bytes.writeUInt8(message.hops, 3);
  bytes.writeUInt32BE(message.xid, FIELD.xid);
  bytes.writeUInt16BE(message.secs, FIELD.secs);
  bytes.writeUInt16BE(message.broadcast ? BROADCAST_FLAG : 0, FIELD.flags);
  bytes.writeUInt32BE(message.ciaddr, FIELD.ciaddr);
  bytes.writeUInt32BE(message.yiaddr, FIELD.yiaddr);
  bytes.writeUInt32BE(message.siaddr, FIELD.siaddr);
  bytes.writeUInt32BE(message.giaddr, FIELD.giaddr);
  message.chaddr.copy(bytes, FIELD.chaddr, 0, CHADDR_BYTES);
  bytes.write(message.sname, FIELD.sname, SNAME_BYTES - 1, 'latin1');
  bytes.write(message.file, FIELD.file, FILE_BYTES - 1, 'latin1');
  areas?.sname?.copy(bytes, FIELD.sname);
  areas?.file?.copy(bytes, FIELD.file);
  bytes.writeUInt32BE(MAGIC_COOKIE, FIELD.cookie);
  if (areas !== null) areas.options.copy(bytes, FIELD.options);
  else {
    const end = codes.reduce((at, code) => writeOption(bytes, at, code, options.get(code)), FIELD.options);
    bytes[end] = DHCP_OPTION.end;
  }
  return bytes;
}

/** With code and length, of every piece (RFC 3396, 5). */
function encodedLength(value: Buffer | undefined): number {
  return value === undefined ? 0 : value.length + 2 * Math.max(1, Math.ceil(value.length / LONGEST_PIECE));
}

/** Values over 255 bytes are written in pieces (RFC 3396, 5). Returns where the next option begins. */
function writeOption(bytes: Buffer, start: number, code: number, value: Buffer | undefined): number {
  if (value === undefined) return start;
  let to = start;
  for (let at = 0; at === 0 || at < value.length; at += LONGEST_PIECE) {
    const length = Math.min(LONGEST_PIECE, value.length - at);
    bytes[to] = code;
    bytes[to + 1] = length;
    value.copy(bytes, to + 2, at, at + length);
    to += 2 + length;
  }
  return to;
}

interface Areas {
  options: Buffer;
  /** Null where the field holds its own text. */
  file: Buffer | null;
  sname: Buffer | null;
}

const END = Buffer.from([DHCP_OPTION.end]);
const OVERLOAD_BYTES = 3;
const LONGEST_PIECE = 255;

function layOutOptions(message: DhcpMessage, capacity: number): Areas {
  const relay = encodeOption(DHCP_OPTION.relayAgentInformation, message.options);
  const pieces = orderedCodes(message.options).map((code) => encodeOption(code, message.options));
  const room = capacity - relay.length - END.length;
  const main = new Area(room - OVERLOAD_BYTES);
  const file = message.file === '' ? new Area(FILE_BYTES - END.length) : null;
  const sname = message.sname === '' ? new Area(SNAME_BYTES - END.length) : null;
  for (const piece of pieces) {
    if (!main.take(piece) && file?.take(piece) !== true) sname?.take(piece);
  }
  const overload = (file?.used === true ? 1 : 0) + (sname?.used === true ? 2 : 0);
  const flag = overload === 0 ? Buffer.alloc(0) : Buffer.from([DHCP_OPTION.overload, 1, overload]);
  return {
    options: Buffer.concat([main.bytes(), flag, relay, END]),
    file: file?.used === true ? Buffer.concat([file.bytes(), END]) : null,
    sname: sname?.used === true ? Buffer.concat([sname.bytes(), END]) : null,
  };
}

class Area {
  private readonly pieces: Buffer[] = [];
  private left: number;

  constructor(capacity: number) {
    this.left = capacity;
  }

  take(piece: Buffer): boolean {
    if (piece.length > this.left) return false;
    this.left -= piece.length;
    this.pieces.push(piece);
    return true;
  }

  get used(): boolean {
    return this.pieces.length > 0;
  }

  bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }
}

function orderedCodes(options: Map<number, Buffer>): number[] {
  const skip: readonly number[] = [
    DHCP_OPTION.pad,
    DHCP_OPTION.end,
    DHCP_OPTION.overload,
    DHCP_OPTION.relayAgentInformation,
  ];
  const first: readonly number[] = FIRST.filter((code) => options.has(code));
  const rest = [...options.keys()].filter((code) => !first.includes(code) && !skip.includes(code));
  return [...first, ...rest];
}

function encodeOption(code: number, options: Map<number, Buffer>): Buffer {
  const value = options.get(code);
  const bytes = Buffer.alloc(encodedLength(value));
  writeOption(bytes, 0, code, value);
  return bytes;
}
