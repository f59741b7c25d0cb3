import { createRequire } from 'node:module';
import { messageOf, MusterError } from '../../error.js';

/** The few calls that Node does not offer. Linux only. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, option: number, value: Buffer): number;
  bind(fd: number, address: Buffer): number;
  close(fd: number): number;
  errno(): number;
}

type Native = (...args: unknown[]) => number;
interface Koffi {
  load(name: string): { func(prototype: string): Native };
  errno(): number;
}

let loaded: Libc | undefined;

/** Throws (`unavailable`) where the native part or glibc cannot be loaded. */
export function libc(): Libc {
  loaded ??= loadLibc();
  return loaded;
}

function loadLibc(): Libc {
  try {
    // Loaded here and not imported: a computer without the prebuilt part must still run all other roles.
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    const library = koffi.load('libc.so.6');
    const setsockopt = library.func('int setsockopt(int, int, int, const void *, uint32_t)');
    const bind = library.func('int bind(int, const void *, uint32_t)');
    return {
      socket: library.func('int socket(int, int, int)'),
      setsockopt: (fd, level, option, value) => setsockopt(fd, level, option, value, value.length),
      bind: (fd, address) => bind(fd, address, address.length),
      close: library.func('int close(int)'),
      errno: () => koffi.errno(),
    };
  } catch (error) {
    throw new MusterError('unavailable', `cannot load the C library for sockets: ${messageOf(error)}`, {
      hint: 'Install the package "koffi" for this platform (npm ci without --omit=optional)',
      cause: error,
    });
  }
}
