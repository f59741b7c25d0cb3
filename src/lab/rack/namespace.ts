import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess, type RunResult } from '../../platform/process/index.js';
import { startTimeOf } from './processes.js';

/** The lab's own network: a bridge in a namespace, so that nothing of it reaches this computer's networks. */
export interface NamespaceAddresses {
  /** Of the bridge, with prefix length. */
  ipv4: string;
  ipv6: string;
}

export const LAB_ADDRESSES: NamespaceAddresses = { ipv4: '10.99.0.1/24', ipv6: 'fd99::1/64' };

const BRIDGE = 'br0';

export function namespaceExists(namespace: string): boolean {
  return existsSync(join('/run/netns', namespace));
}

/** Gives the bridge's name. Interfaces live in the namespace alone and go with it. */
export async function createNamespace(namespace: string, addresses: NamespaceAddresses): Promise<string> {
  const ip = (...args: string[]) => runProcess(['ip', '-n', namespace, ...args]);
  await runProcess(['ip', 'netns', 'add', namespace]);
  await ip('link', 'set', 'lo', 'up');
  // No spanning tree and no delay: firmware asks for an address in its first second.
  await ip('link', 'add', BRIDGE, 'type', 'bridge', 'stp_state', '0', 'forward_delay', '0', 'mcast_snooping', '0');
  // The bridge has its link-local address at once only where duplicates are not looked for.
  await runProcess(execIn(namespace, ['sysctl', '-qw', `net.ipv6.conf.${BRIDGE}.accept_dad=0`]));
  await ip('address', 'add', addresses.ipv4, 'dev', BRIDGE);
  await ip('address', 'add', addresses.ipv6, 'dev', BRIDGE, 'nodad');
  await ip('link', 'set', BRIDGE, 'up');
  return BRIDGE;
}

export async function createTap(namespace: string, bridge: string, tap: string): Promise<void> {
  await runProcess(execIn(namespace, ['ip', 'tuntap', 'add', 'dev', tap, 'mode', 'tap']));
  await runProcess(['ip', '-n', namespace, 'link', 'set', tap, 'master', bridge, 'up']);
}

/** Everything that runs in the namespace, as it is now. */
export async function processesIn(namespace: string): Promise<{ pid: number; startTime: string }[]> {
  const { stdout } = await runProcess(['ip', 'netns', 'pids', namespace]);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
    .flatMap((pid) => {
      const startTime = startTimeOf(pid);
      return startTime === null ? [] : [{ pid, startTime }];
    });
}

export async function deleteNamespace(namespace: string): Promise<void> {
  await runProcess(['ip', 'netns', 'delete', namespace]);
}

/** The arguments that run a program inside. `ip` becomes the program, so the pid is the program's own. */
export function execIn(namespace: string, argv: readonly string[]): string[] {
  return ['ip', 'netns', 'exec', namespace, ...argv];
}

export function runIn(namespace: string, argv: readonly string[]): Promise<RunResult> {
  return runProcess(execIn(namespace, argv));
}
