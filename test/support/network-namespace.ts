import { createRequire } from 'node:module';
import { runProcess, type RunResult } from '../../src/platform/process/index.js';

const CLONE_NEWNET = 0x40000000;

/**
 * Moves this thread, and all that it starts from now on, into a network namespace of its own that is gone with the
 * process: sockets, children and `networkInterfaces()` see that network alone. Needs root.
 */
export async function enterNewNetwork(): Promise<void> {
  interface Koffi {
    load(name: string): { func(prototype: string): (flags: number) => number };
  }
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  const unshare = koffi.load('libc.so.6').func('int unshare(int)');
  if (unshare(CLONE_NEWNET) !== 0) throw new Error('cannot make a network namespace: this test needs root');
  await ip('link set lo up');
}

/** `ip` in this network. */
export async function ip(command: string): Promise<void> {
  await runProcess(['ip', ...command.split(' ')]);
}

/** A computer on a cable to one of our bridges: a named namespace with `eth0`. */
export class Host {
  private constructor(readonly name: string) {}

  static async plugInto(bridge: string, name: string, mac: string): Promise<Host> {
    await runProcess(['ip', 'netns', 'del', name], { allow: [0, 1] });
    await ip(`netns add ${name}`);
    const port = `${name.slice(-10)}-p`;
    await ip(`link add ${port} type veth peer name eth0 netns ${name}`);
    await ip(`link set ${port} master ${bridge} up`);
    await ip(`-n ${name} link set eth0 address ${mac} up`);
    await ip(`-n ${name} link set lo up`);
    return new Host(name);
  }

  /** A namespace on the other end of a cable, without a bridge. */
  static async wire(name: string, hostSide: string, hostCidr: string, cidr: string): Promise<Host> {
    await runProcess(['ip', 'netns', 'del', name], { allow: [0, 1] });
    await ip(`netns add ${name}`);
    await ip(`link add ${hostSide} type veth peer name eth0 netns ${name}`);
    await ip(`addr add ${hostCidr} dev ${hostSide}`);
    await ip(`link set ${hostSide} up`);
    await ip(`-n ${name} addr add ${cidr} dev eth0`);
    await ip(`-n ${name} link set eth0 up`);
    await ip(`-n ${name} link set lo up`);
    return new Host(name);
  }

  run(argv: readonly string[], options: { timeoutMs?: number; allow?: readonly number[] } = {}): Promise<RunResult> {
    return runProcess(['ip', 'netns', 'exec', this.name, ...argv], { timeoutMs: 30_000, ...options });
  }

  argv(...argv: string[]): string[] {
    return ['ip', 'netns', 'exec', this.name, ...argv];
  }

  async remove(): Promise<void> {
    await runProcess(['ip', 'netns', 'del', this.name], { allow: [0, 1] });
  }
}

/** A bridge of this network with an address. */
export async function addBridge(name: string, cidr: string): Promise<void> {
  await ip(`link add ${name} type bridge forward_delay 0`);
  await ip(`addr add ${cidr} dev ${name}`);
  await ip(`link set ${name} up`);
}

/** A host at the other end of `cable0`, both with addresses. */
export function addCable(name: string, ownCidr: string, cidr: string): Promise<Host> {
  return Host.wire(name, 'cable0', ownCidr, cidr);
}
