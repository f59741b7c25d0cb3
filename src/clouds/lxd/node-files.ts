import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../platform/files/index.js';
import { generateSshKey } from '../../platform/remote/index.js';
import type { InstanceWish } from './instance.js';
import type { LxdClient } from './lxd-client.js';

const HOST_KEY = '/etc/ssh/ssh_host_ed25519_key';
/** Networkd's own name for the DHCP client would change with the machine id, which is new in every container. */
const NETWORK = '[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n\n[DHCPv4]\nUseDomains=true\nClientIdentifier=mac\n';
const CGROUPS_UNIT = 'muster-cgroups.service';

/**
 * Puts into a container that never ran what makes it a node: its name, its network, who may log in, and a host key.
 * cloud-init, which would do the same in twice the time, is switched off. Gives the public host key.
 */
export async function prepareFiles(
  client: LxdClient,
  wish: InstanceWish,
  authorizedKeys: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const put = (path: string, content: string, mode = '0644') =>
    client.putFile(wish.name, path, content, { mode }, signal);
  await put('/etc/hostname', `${wish.name}\n`);
  await put('/etc/hosts', `127.0.0.1 localhost\n127.0.1.1 ${wish.name}\n::1 localhost ip6-localhost\n`);
  await put('/etc/systemd/network/10-muster.network', NETWORK);
  // Images for machines have cloud-init.
  await client.makeFolder(wish.name, '/etc/cloud', {}, signal);
  await put('/etc/cloud/cloud-init.disabled', '');
  // A unit without content is masked: the kernel's formats are not a container's to set, and the failure would count.
  await put('/etc/systemd/system/systemd-binfmt.service', '');
  await client.makeFolder(wish.name, '/root/.ssh', { mode: '0700' }, signal);
  await put('/root/.ssh/authorized_keys', authorizedKeys.map((key) => `${key.trim()}\n`).join(''), '0600');
  if (wish.container.nesting || wish.container.privileged) await joinCgroups(client, wish.name, signal);
  return hostKey(client, wish.name, signal);
}

/** Made once: the public half, which is written last, says that the private one is there. */
async function hostKey(client: LxdClient, name: string, signal?: AbortSignal): Promise<string> {
  const known = await client.readFile(name, `${HOST_KEY}.pub`, signal);
  if (known !== null && known.trim() !== '') return known.trim();
  const pair = generateSshKey(name);
  await client.putFile(name, HOST_KEY, pair.privateKey, { mode: '0600' }, signal);
  await client.putFile(name, `${HOST_KEY}.pub`, `${pair.publicKey}\n`, {}, signal);
  return pair.publicKey.trim();
}

/**
 * Where the host mounts `cpu` and `cpuacct` apart, systemd in the container looks for both in one place and leaves
 * links to nowhere; what makes containers in it then finds no such cgroup. A unit mends that at every start.
 */
async function joinCgroups(client: LxdClient, name: string, signal?: AbortSignal): Promise<void> {
  const folder = join(packageRoot(), 'tftp', 'container');
  const script = readFileSync(join(folder, 'muster-cgroups.sh'), 'utf8');
  const unit = readFileSync(join(folder, CGROUPS_UNIT), 'utf8');
  await client.putFile(name, '/usr/local/sbin/muster-cgroups', script, { mode: '0755' }, signal);
  await client.putFile(name, `/etc/systemd/system/${CGROUPS_UNIT}`, unit, {}, signal);
  const wants = '/etc/systemd/system/sysinit.target.wants';
  await client.makeFolder(name, wants, {}, signal);
  const link = `${wants}/${CGROUPS_UNIT}`;
  // Of a second try.
  if ((await client.readFile(name, link, signal)) === null) {
    await client.makeLink(name, link, `/etc/systemd/system/${CGROUPS_UNIT}`, signal);
  }
}
