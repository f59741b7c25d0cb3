import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { once } from 'node:events';
import { getSystemErrorName } from 'node:util';
import { messageOf, MusterError } from '../../error.js';
import { addressToBytes, parseAddress } from '../../protocol/ipv4/index.js';
import { libc, type Libc } from './libc.js';

export interface UdpOptions {
  /** Where to listen; 0.0.0.0 by default, which alone receives broadcasts. */
  address?: string;
  /** 0: any free port. */
  port: number;
  /** Takes packets of this interface only, and sends through it only. Needs CAP_NET_RAW. */
  interface?: string;
  /** May send to a broadcast address. */
  broadcast?: boolean;
  /** Several sockets on one address and port, each on its own interface. */
  reuseAddress?: boolean;
  receiveBufferBytes?: number;
  sendBufferBytes?: number;
}

export interface UdpSocket {
  socket: Socket;
  /** The descriptor, for socket options; null where Node opened the socket itself. */
  fd: number | null;
}

// Linux, x86 and arm (asm-generic/socket.h, linux/if_packet.h).
const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC_NONBLOCK = 2 | 0o2000000 | 0o4000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BROADCAST = 6;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;

/**
 * Opens a UDP socket. `node:dgram` alone cannot bind to an interface, so that two NICs cannot be told apart; here the
 * socket is made by libc and handed over. Throws (`conflict`: port in use, `forbidden`: capability missing, `invalid`:
 * no such interface, `unavailable`: no native part).
 */
export async function openUdp(options: UdpOptions): Promise<UdpSocket> {
  if (process.platform !== 'linux') return { socket: await openByNode(options), fd: null };
  try {
    libc();
  } catch (error) {
    // Without an interface to bind to Node's own socket does all that is asked.
    if (options.interface !== undefined) throw error;
    return { socket: await openByNode(options), fd: null };
  }
  return openByLibc(options, libc());
}

function openByLibc(options: UdpOptions, native: Libc): UdpSocket {
  const fd = native.socket(AF_INET, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
  if (fd < 0) throw failed(options, 'open a socket', native.errno());
  const set = (option: number, value: number) => native.setsockopt(fd, SOL_SOCKET, option, int32(value));
  const must = (what: string, result: number) => {
    if (result === 0) return;
    const errno = native.errno();
    native.close(fd);
    throw failed(options, what, errno);
  };
  if (options.reuseAddress === true) must('share the address', set(SO_REUSEADDR, 1));
  if (options.broadcast === true) must('allow broadcasts', set(SO_BROADCAST, 1));
  if (options.interface !== undefined) {
    must('bind to the interface', native.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, cString(options.interface)));
  }
  // The forced form goes over net.core.*mem_max and needs CAP_NET_ADMIN; less than asked is no error.
  if (options.receiveBufferBytes !== undefined && set(SO_RCVBUFFORCE, options.receiveBufferBytes) !== 0) {
    set(SO_RCVBUF, options.receiveBufferBytes);
  }
  if (options.sendBufferBytes !== undefined && set(SO_SNDBUFFORCE, options.sendBufferBytes) !== 0) {
    set(SO_SNDBUF, options.sendBufferBytes);
  }
  must('listen', native.bind(fd, socketAddress(options.address ?? '0.0.0.0', options.port)));
  const socket = createSocket({ type: 'udp4', lookup: asItIs });
  // With a descriptor this listens at once; waiting for the event would be for ever.
  socket.bind({ fd });
  return { socket, fd };
}

async function openByNode(options: UdpOptions): Promise<Socket> {
  if (options.interface !== undefined) {
    throw new MusterError('unavailable', `cannot bind to the interface ${options.interface}: only Linux is known`);
  }
  const socket = createSocket({ type: 'udp4', reuseAddr: options.reuseAddress === true, lookup: asItIs });
  try {
    socket.bind(options.port, options.address ?? '0.0.0.0');
    await once(socket, 'listening');
  } catch (error) {
    socket.close();
    const name = (error as NodeJS.ErrnoException).code ?? messageOf(error);
    throw refusal(options, 'listen', name, error);
  }
  if (options.broadcast === true) socket.setBroadcast(true);
  return socket;
}

/** Nobody sends to names here; Node would put off every datagram by a turn of its loop to see that an address is one. */
const asItIs: NonNullable<SocketOptions['lookup']> = (address, _options, callback) => {
  callback(null, address, 4);
};

const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};

const cString = (text: string) => Buffer.from(`${text}\0`, 'latin1');

/** struct sockaddr_in: family in host order, port and address in network order, eight bytes unused. */
function socketAddress(address: string, port: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  addressToBytes(parseAddress(address)).copy(bytes, 4);
  return bytes;
}

function failed(options: UdpOptions, what: string, errno: number): MusterError {
  return refusal(options, what, getSystemErrorName(-errno));
}

function refusal(options: UdpOptions, what: string, code: string, cause?: unknown): MusterError {
  const where = `UDP ${options.address ?? '0.0.0.0'}:${options.port}${options.interface === undefined ? '' : ` on ${options.interface}`}`;
  const message = `cannot open ${where}: cannot ${what}: ${code}`;
  switch (code) {
    case 'EADDRINUSE':
      return new MusterError('conflict', message, {
        hint: `See who has the port: ss -ulpn sport = :${options.port}`,
        cause,
      });
    case 'EACCES':
    case 'EPERM':
      return new MusterError('forbidden', message, {
        hint: 'Run as root, or with CAP_NET_BIND_SERVICE and CAP_NET_RAW',
        cause,
      });
    case 'ENODEV':
    case 'EADDRNOTAVAIL':
      return new MusterError('invalid', message, { hint: 'See what there is: ip -br address', cause });
    default:
      return new MusterError('internal', message, { cause });
  }
}
