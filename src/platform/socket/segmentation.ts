import { libc } from './libc.js';

const SOL_UDP = 17;
const UDP_SEGMENT = 103;

/**
 * Makes the kernel cut what is sent on this socket into datagrams of `segmentBytes` (the last may be shorter): a window
 * of TFTP blocks is one call (Linux 4.18, udp(7)). False where the kernel does not know it.
 */
export function setSegmentation(fd: number, segmentBytes: number): boolean {
  const value = Buffer.alloc(4);
  value.writeInt32LE(segmentBytes);
  return libc().setsockopt(fd, SOL_UDP, UDP_SEGMENT, value) === 0;
}
