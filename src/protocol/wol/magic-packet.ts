import { MusterError } from '../../error.js';

/** UDP port by custom: 9, discard. */
export const WAKE_ON_LAN_PORT = 9;

/**
 * The packet that wakes a NIC (AMD, Magic Packet Technology, 1995): six bytes of 0xff, the MAC sixteen times, and the
 * SecureOn password (six bytes) where the NIC asks for one. Throws (`invalid`).
 */
export function magicPacket(mac: string, secureOnPassword?: string): Buffer {
  const address = sixBytes(mac, 'MAC address');
  const password = secureOnPassword === undefined ? [] : [sixBytes(secureOnPassword, 'SecureOn password')];
  return Buffer.concat([Buffer.alloc(6, 0xff), ...Array<Buffer>(16).fill(address), ...password]);
}

function sixBytes(text: string, what: string): Buffer {
  if (!/^[\da-f]{2}([:-]?)[\da-f]{2}(\1[\da-f]{2}){4}$/i.test(text)) {
    throw new MusterError('invalid', `cannot read "${text}" as a ${what}`, {
      hint: 'Write six bytes in hex: 52:54:00:00:00:01',
    });
  }
  return Buffer.from(text.replace(/[:-]/g, ''), 'hex');
}
