import { existsSync } from 'node:fs';
import { MusterError } from '../../error.js';
import { runProcess } from '../../platform/process/index.js';
import { type Host, SOCKETS, type Tell } from './host.js';
import { raiseLimits } from './host-limits.js';

/** Without these beside it LXD cannot unpack images, map users, or give addresses. */
const BESIDE = ['lxcfs', 'uidmap', 'dnsmasq-base', 'nftables', 'squashfs-tools'];
const ENGINES = {
  lxd: ['lxd', 'lxd-client', ...BESIDE],
  'incus-base': ['incus-base', 'incus-client', ...BESIDE],
};

/** This process is root. */
export class RootHost implements Host {
  async installLxd(tell: Tell, signal: AbortSignal): Promise<void> {
    if (SOCKETS.some((path) => existsSync(path))) return;
    await apt(['update'], tell, signal);
    const engine = await candidate(['lxd', 'incus-base'], signal);
    if (engine !== null) await apt(['install', '-y', '--no-install-recommends', ...ENGINES[engine]], tell, signal);
    else await snap(tell, signal);
    await untilItIsThere(signal);
  }

  raiseLimits(tell: Tell): Promise<void> {
    for (const line of raiseLimits()) tell(line);
    return Promise.resolve();
  }
}

async function apt(argv: readonly string[], tell: Tell, signal: AbortSignal): Promise<void> {
  tell(`apt-get ${argv.join(' ')}`);
  const onOutput = (text: string) => {
    for (const line of lines(text)) tell(line);
  };
  await runProcess(['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', ...argv], { signal, onOutput });
}

async function snap(tell: Tell, signal: AbortSignal): Promise<void> {
  if (!existsSync('/usr/bin/snap')) {
    throw new MusterError('conflict', 'cannot install LXD: apt has neither lxd nor incus, and there is no snap', {
      hint: 'install LXD or Incus yourself, then muster retry',
    });
  }
  tell('snap install lxd');
  await runProcess(['snap', 'install', 'lxd'], { signal });
}

/** The first of these packages that apt can install. */
async function candidate<Name extends string>(names: readonly Name[], signal: AbortSignal): Promise<Name | null> {
  for (const name of names) {
    const { stdout } = await runProcess(['env', 'LC_ALL=C', 'apt-cache', 'policy', name], { signal });
    if (/Candidate: (?!\(none\))\S/.test(stdout)) return name;
  }
  return null;
}

async function untilItIsThere(signal: AbortSignal): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    if (SOCKETS.some((path) => existsSync(path))) return;
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  const hint = existsSync('/run/systemd/system')
    ? 'systemctl status lxd incus says why'
    : 'there is no systemd here that would start it: start its daemon yourself, then muster retry';
  throw new MusterError('conflict', 'cannot go on: LXD is installed, but it does not run', { hint });
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');
