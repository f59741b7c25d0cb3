import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { runProcess } from '../platform/process/index.js';

export interface Account {
  name: string;
  uid: number;
  gid: number;
}

/** The account that everything but the supervisor runs as; made as a system account at the first start. */
export async function ensureAccount(name: string, home: string): Promise<Account> {
  const existing = await findAccount(name);
  if (existing !== null) return existing;
  await runProcess([
    'useradd',
    '--system',
    '--user-group',
    '--home-dir',
    home,
    '--no-create-home',
    '--shell',
    '/usr/sbin/nologin',
    name,
  ]);
  const made = await findAccount(name);
  if (made === null) throw new Error(`cannot find the account ${name} after useradd made it`);
  return made;
}

async function findAccount(name: string): Promise<Account | null> {
  const { code, stdout } = await runProcess(['getent', 'passwd', name], { allow: [0, 2] });
  if (code === 2) return null;
  const [, , uid = '', gid = ''] = stdout.split(':');
  return { name, uid: Number(uid), gid: Number(gid) };
}

/** The capabilities of the boot role: ports below 1024 and sockets bound to an interface. Nothing else has any. */
const BOOT_CAPABILITIES = '+net_bind_service,+net_raw';

/**
 * The command line that runs a program as `account`, with the boot role's capabilities or with none, and no way to
 * gain more (setpriv of util-linux).
 */
export function dropPrivileges(account: Account, options: { bootCapabilities: boolean }): string[] {
  const keep = options.bootCapabilities ? `-all,${BOOT_CAPABILITIES}` : '-all';
  return [
    'setpriv',
    `--reuid=${account.uid}`,
    `--regid=${account.gid}`,
    '--init-groups',
    `--inh-caps=${keep}`,
    `--ambient-caps=${keep}`,
    `--bounding-set=${keep}`,
    '--no-new-privs',
  ];
}

/** False where a folder on the way is closed to others: a checkout under /root, say. */
export function othersCanReach(path: string): boolean {
  for (let folder = path; ; folder = dirname(folder)) {
    if (!isOpenToOthers(folder)) return false;
    if (folder === dirname(folder)) return true;
  }
}

function isOpenToOthers(path: string): boolean {
  const status = statSync(path);
  const needed = status.isDirectory() ? 0o001 : 0o004;
  return (status.mode & needed) !== 0;
}
