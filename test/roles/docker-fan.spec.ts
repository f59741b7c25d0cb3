import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileBundle, compileRemove, loadBundle } from '../../src/bundles/index.js';
import { NamespaceRack, PlanOnHosts, type NamespaceHost } from '../support/namespace-rack.js';
import { shippedBundle, shippedRoles } from '../support/shipped-bundles.js';

describe('bundles/docker-fan with a real Docker', () => {
  let rack: NamespaceRack;
  const hosts = new Map<string, NamespaceHost>();
  const roles = shippedRoles();
  // Hosts that are namespaces keep their files on an overlay, which Docker's own overlays cannot stand on.
  const overlay = { name: 'test.yaml', text: 'applications: {docker: {options: {storage-driver: vfs}}}' };
  const { bundle } = loadBundle([shippedBundle('docker-fan'), overlay], roles);
  if (!bundle) throw new Error('cannot load bundles/docker-fan');

  /** Entering a network namespace puts a new /sys over that with the control groups. */
  const MOUNT_CGROUPS = `mount -t tmpfs cgroup /sys/fs/cgroup
    for group in $(awk '!/^#/ && $4 == 1 && $2 > 0 { print $1 }' /proc/cgroups); do
      mkdir "/sys/fs/cgroup/$group" && mount -t cgroup -o "$group" cgroup "/sys/fs/cgroup/$group"
    done`;

  /** systemd's part, which hosts that are namespaces do not have. */
  async function startDocker(key: string, host: NamespaceHost): Promise<void> {
    if (key.startsWith('docker/') && key.endsWith(':configure') && host.children.length === 0)
      host.start('sh', ['-c', `${MOUNT_CGROUPS}\nexec dockerd >${host.folder}/dockerd.log 2>&1`]);
    await Promise.resolve();
  }
  const docker = (index: number, ...args: string[]) => hosts.get(`docker-${index}`)!.exec('docker', args);

  beforeAll(async () => {
    rack = await NamespaceRack.create('mdf', ['/run']);
    for (const index of [0, 1]) hosts.set(`docker-${index}`, await rack.add(41 + index));
  });
  afterAll(async () => {
    for (const index of hosts.keys())
      await hosts.get(index)?.exec('sh', ['-c', 'docker ps -aq | xargs -r docker rm -f']);
    await rack.destroy();
  });

  it('starts a container on each host, and they reach one another across the fan', async () => {
    const execution = new PlanOnHosts(hosts, startDocker);
    await execution.run(compileBundle({ bundle, roles }).plan.steps).catch(async (error: unknown) => {
      console.log(
        await hosts.get('docker-0')!.exec('sh', ['-c', `tail -n 15 ${hosts.get('docker-0')!.folder}/dockerd.log`]),
      );
      throw error;
    });
    expect(execution.outputs.get('docker/0:probe')?.container_address).toMatch(/^250\.41\.\d+\.\d+$/);
    expect(execution.logs.get('docker/0:across')).toMatch(
      /docker\/1: 250\.42\.\d+\.\d+ answers small and 1464-byte packets, and its payload arrived whole/,
    );
    expect(execution.logs.get('docker/1:across')).toMatch(/docker\/0: 250\.41\.\d+\.\d+ answers/);
  });

  it('says that nothing is to be changed when it is applied again', async () => {
    const before = await docker(0, 'ps', '-a', '--no-trunc', '--format', '{{.ID}} {{.Status}}');
    const execution = new PlanOnHosts(hosts);
    await execution.run(compileBundle({ bundle, roles }).plan.steps);
    for (const step of ['install', 'configure', 'probe']) expect(execution.unchanged).toContain(`docker/0:${step}`);
    const after = await docker(0, 'ps', '-a', '--no-trunc', '--format', '{{.ID}} {{.Status}}');
    expect(after.split(' ')[0]).toBe(before.split(' ')[0]);
  });

  it('does not touch settings that somebody else wrote', async () => {
    const host = hosts.get('docker-0')!;
    await host.exec('sed', ['-i', 's/10m/11m/', '/etc/docker/daemon.json']);
    const again = new PlanOnHosts(hosts).run(compileBundle({ bundle, roles }).plan.steps);
    await expect(again).rejects.toThrow("/etc/docker/daemon.json is not this role's");
    await host.exec('sed', ['-i', 's/11m/10m/', '/etc/docker/daemon.json']);
  });

  it('is removed without a trace of containers, settings or fan; a Docker that was there before stays', async () => {
    const nodes = Object.fromEntries([...hosts].map(([key, host]) => [key, { nodeId: key, address: host.address }]));
    const { plan } = compileRemove({ bundle, roles, known: { nodes, published: {} } });
    await new PlanOnHosts(hosts).run(plan.steps);
    for (const host of hosts.values()) {
      expect(await host.exec('docker', ['ps', '-aq'])).toBe('');
      expect(await host.exec('docker', ['images', '-q'])).toBe('');
      expect(await host.exec('sh', ['-c', 'ls /etc/docker /var/lib/muster'])).not.toMatch(/daemon.json|roles/);
      expect(await host.exec('ip', ['-br', 'link'])).not.toMatch(/fan/);
    }
  });
});
