import { addressFromBytes } from '../ipv4/index.js';
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

/** Either a message or why these bytes are none. */
export type DecodedDhcp = { message: DhcpMessage; problem?: undefined } | { message?: undefined; problem: string };

/**
 * Reads one datagram. Total: any bytes give a message or a problem, never a throw. Strict where a wrong value would be
 * acted on, lenient where old clients are known to be careless (an absent end option, bytes after it). The values are
 * views of `bytes`, which must not change while the message is in use.
 */
export function decodeDhcp(bytes: Buffer): DecodedDhcp {
  if (bytes.length < FIELD.options)
    return { problem: `${bytes.length} bytes, fewer than the ${FIELD.options} of a header` };
  const op = bytes.readUInt8(0);
  if (op !== 1 && op !== 2) return { problem: `op ${op} is neither request (1) nor reply (2)` };
  const hlen = bytes.readUInt8(2);
  if (hlen > CHADDR_BYTES) return { problem: `hardware address of ${hlen} bytes` };
  const cookie = bytes.readUInt32BE(FIELD.cookie);
  if (cookie !== MAGIC_COOKIE) return { problem: `magic cookie ${cookie.toString(16)}` };
  const options = new Map<number, Buffer>();
  const problem = readAllOptions(bytes, options);
  if (problem !== null) return { problem };
  const overload = overloadOf(options);
  return {
    message: {
      op: op === 1 ? 'request' : 'reply',
      htype: bytes.readUInt8(1),
      hops: bytes.readUInt8(3),
      xid: bytes.readUInt32BE(FIELD.xid),
      secs: bytes.readUInt16BE(FIELD.secs),
      broadcast: (bytes.readUInt16BE(FIELD.flags) & BROADCAST_FLAG) !== 0,
      ciaddr: addressFromBytes(bytes, FIELD.ciaddr),
      yiaddr: addressFromBytes(bytes, FIELD.yiaddr),
      siaddr: addressFromBytes(bytes, FIELD.siaddr),
      giaddr: addressFromBytes(bytes, FIELD.giaddr),
      chaddr: bytes.subarray(FIELD.chaddr, FIELD.chaddr + hlen),
      sname: (overload & 2) === 0 ? textField(bytes, FIELD.sname, SNAME_BYTES) : '',
      file: (overload & 1) === 0 ? textField(bytes, FIELD.file, FILE_BYTES) : '',
      options,
    },
  };
}

/** The options field, then `file`, then `sname`, as option 52 says (RFC 2131, 4.1). */
function readAllOptions(bytes: Buffer, options: Map<number, Buffer>): string | null {
  const problem = readOptions(bytes.subarray(FIELD.options), options);
  if (problem !== null) return problem;
  const overload = overloadOf(options);
  if (options.has(DHCP_OPTION.overload) && (overload < 1 || overload > 3)) return `option overload ${overload}`;
  const file = bytes.subarray(FIELD.file, FIELD.file + FILE_BYTES);
  const sname = bytes.subarray(FIELD.sname, FIELD.sname + SNAME_BYTES);
  return (
    ((overload & 1) === 0 ? null : readOptions(file, options)) ??
    ((overload & 2) === 0 ? null : readOptions(sname, options))
  );
}

function overloadOf(options: Map<number, Buffer>): number {
  return options.get(DHCP_OPTION.overload)?.[0] ?? 0;
}

/** Code, length, value, one after another. Pieces of one code are joined in the order they came (RFC 3396, 7). */
function readOptions(area: Buffer, options: Map<number, Buffer>): string | null {
  let at = 0;
  while (at < area.length) {
    const code = area.readUInt8(at++);
    if (code === DHCP_OPTION.pad) continue;
    if (code === DHCP_OPTION.end) return null;
    const length = area[at++];
    if (length === undefined || at + length > area.length) {
      return `option ${code} is longer than what is left of the packet`;
    }
    // Overload is read once, from the options field alone; a second one would move the ground.
    const piece = area.subarray(at, at + length);
    const before = options.get(code);
    if (!(code === DHCP_OPTION.overload && before !== undefined)) {
      options.set(code, before === undefined ? piece : Buffer.concat([before, piece]));
    }
    at += length;
  }
  return null;
}

/** Up to the first NUL. */
function textField(bytes: Buffer, start: number, length: number): string {
  const field = bytes.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end === -1 ? length : end);
}
