/**
 * TFTP packets (RFC 1350, 5; options RFC 2347).
 *
 *     RRQ 1, WRQ 2   | opcode 2 | filename | 0 | mode | 0 | option | 0 | value | 0 | …
 *     DATA 3         | opcode 2 | block 2 | data |
 *     ACK 4          | opcode 2 | block 2 |
 *     ERROR 5        | opcode 2 | code 2 | message | 0 |
 *     OACK 6         | opcode 2 | option | 0 | value | 0 | …
 */
export type TftpPacket =
  | { kind: 'read' | 'write'; name: string; mode: string; options: Map<string, string> }
  | { kind: 'data'; block: number; data: Buffer }
  | { kind: 'ack'; block: number }
  | { kind: 'error'; code: number; message: string }
  | { kind: 'oack'; options: Map<string, string> };

/** RFC 1350, 5 and RFC 2347. */
export const TFTP_ERROR = {
  undefined: 0,
  fileNotFound: 1,
  accessViolation: 2,
  illegalOperation: 4,
  unknownTransfer: 5,
  optionsRefused: 8,
} as const;

/** RFC 2347: "the maximum size of a request packet is 512 octets". */
const LARGEST_REQUEST = 512;
const LONGEST_NAME = 255;

export type DecodedTftp = { packet: TftpPacket; problem?: undefined } | { packet?: undefined; problem: string };

/** Reads one datagram. Total: any bytes give a packet or a problem, never a throw. */
export function decodeTftp(bytes: Buffer): DecodedTftp {
  if (bytes.length < 4) return { problem: `${bytes.length} bytes, fewer than 4` };
  const opcode = bytes.readUInt16BE(0);
  const second = bytes.readUInt16BE(2);
  switch (opcode) {
    case 1:
    case 2:
      return decodeRequest(opcode === 1 ? 'read' : 'write', bytes);
    case 3:
      return { packet: { kind: 'data', block: second, data: bytes.subarray(4) } };
    case 4:
      return { packet: { kind: 'ack', block: second } };
    case 5:
      // The message's NUL is often forgotten; nothing depends on it.
      return { packet: { kind: 'error', code: second, message: bytes.toString('latin1', 4).split('\0')[0] ?? '' } };
    case 6: {
      const options = optionPairs(textFields(bytes.subarray(2)));
      return options === null ? { problem: 'options without values' } : { packet: { kind: 'oack', options } };
    }
    default:
      return { problem: `opcode ${opcode}` };
  }
}

function decodeRequest(kind: 'read' | 'write', bytes: Buffer): DecodedTftp {
  if (bytes.length > LARGEST_REQUEST) return { problem: `a request of ${bytes.length} bytes` };
  const fields = textFields(bytes.subarray(2));
  const [name, mode, ...rest] = fields ?? [];
  if (name === undefined || mode === undefined) return { problem: 'a request without name and mode' };
  if (name === '' || name.length > LONGEST_NAME) return { problem: `a name of ${name.length} bytes` };
  const options = optionPairs(rest);
  if (options === null) return { problem: 'options without values' };
  return { packet: { kind, name, mode: mode.toLowerCase(), options } };
}

/** Texts that end in NUL; null where the last one does not. */
function textFields(bytes: Buffer): string[] | null {
  if (bytes.at(-1) !== 0) return null;
  return bytes.toString('latin1', 0, bytes.length - 1).split('\0');
}

/** Names in lower case: they are case-insensitive (RFC 2347). */
function optionPairs(fields: string[] | null): Map<string, string> | null {
  if (fields === null || fields.length % 2 !== 0) return null;
  const options = new Map<string, string>();
  for (let at = 0; at < fields.length; at += 2) options.set((fields[at] ?? '').toLowerCase(), fields[at + 1] ?? '');
  return options;
}

const text = (...fields: string[]) => Buffer.from(fields.map((field) => `${field}\0`).join(''), 'latin1');

function head(opcode: number, second?: number): Buffer {
  const bytes = Buffer.alloc(second === undefined ? 2 : 4);
  bytes.writeUInt16BE(opcode);
  if (second !== undefined) bytes.writeUInt16BE(second, 2);
  return bytes;
}

export function encodeTftp(packet: TftpPacket): Buffer {
  switch (packet.kind) {
    case 'read':
    case 'write': {
      const opcode = packet.kind === 'read' ? 1 : 2;
      return Buffer.concat([head(opcode), text(packet.name, packet.mode, ...[...packet.options].flat())]);
    }
    case 'data':
      return Buffer.concat([head(3, packet.block), packet.data]);
    case 'ack':
      return head(4, packet.block);
    case 'error':
      return Buffer.concat([head(5, packet.code), text(packet.message)]);
    case 'oack':
      return Buffer.concat([head(6), text(...[...packet.options].flat())]);
  }
}

/** What RFC 1350 calls netascii: a line ends in CR LF, a lone CR is CR NUL. */
export function toNetascii(content: Buffer): Buffer {
  return Buffer.from(content.toString('latin1').replace(/\r/g, '\r\0').replace(/\n/g, '\r\n'), 'latin1');
}
