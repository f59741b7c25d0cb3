import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RoleSandbox } from '../../test/support/role-sandbox.js';

let host: RoleSandbox;
beforeEach(() => {
  host = new RoleSandbox('apt-get', 'systemctl');
});
afterEach(() => {
  host.remove();
});

/** What was called as the role went. */
function remove(role: string): string {
  const { status, stderr, calls } = host.run(role, 'remove.sh');
  expect(`${status} ${stderr}`).toBe('0 ');
  return calls;
}

describe('Docker, as its role goes', () => {
  beforeEach(() => {
    host.write('var/lib/muster/roles/docker/installed', '');
    host.write('var/lib/docker/volumes/data', 'dear');
    host.write('var/lib/containerd/images', 'dear');
  });

  it('stays with all that is in it where it does not answer', () => {
    host.stub('docker', 'exit 1');
    expect(remove('docker')).not.toContain('purge');
    expect(host.has('var/lib/docker/volumes/data')).toBe(true);
  });

  it('leaves the containerd that was there before it', () => {
    host.stub('docker', 'exit 0');
    expect(remove('docker')).toContain('apt-get -q purge -y docker.io');
    expect([host.has('var/lib/docker'), host.has('var/lib/containerd/images')]).toEqual([false, true]);
  });

  it('goes with all that it brought', () => {
    host.stub('docker', 'exit 0');
    host.write('var/lib/muster/roles/docker/containerd-too', '');
    remove('docker');
    expect([host.has('var/lib/docker'), host.has('var/lib/containerd')]).toEqual([false, false]);
  });
});

describe('a container called probe, as the role lxd goes', () => {
  const lxc = (image: string) =>
    host.stub('lxc', `case "$*" in 'config get'*) echo ${image} ;; 'image list'*) echo muster-probe,abc ;; esac`);

  it('stays where it is not of the role', () => {
    lxc('other');
    expect(remove('lxd')).not.toContain('lxc delete');
  });

  it('goes where it is', () => {
    lxc('abc');
    expect(remove('lxd')).toContain('lxc delete --force probe');
  });
});

describe('a containerd', () => {
  const OWN = 'disabled_plugins = ["cri"]\n';
  const CONFIG = 'etc/containerd/config.toml';
  const MIRROR = 'etc/containerd/certs.d/docker.io/hosts.toml';
  const options = {
    OPT_SANDBOX_IMAGE: 'pause:1',
    OPT_REGISTRY_MIRROR: '',
    OPT_RESTRICT_OOM_SCORE_ADJ: 'auto',
    OPT_CGROUP_DRIVER: 'auto',
    OPT_IMAGES: '',
  };
  const configure = (given: Partial<typeof options> = {}) => {
    const { status, stderr } = host.run('containerd', 'configure.sh', { ...options, ...given });
    expect(`${status} ${stderr}`).toBe('0 ');
  };
  beforeEach(() => {
    for (const name of ['containerd', 'runc', 'iptables', 'conntrack', 'ctr']) host.stub(name, 'exit 0');
    host.stub('systemd-detect-virt', 'exit 1');
  });

  it('that was there before is as it was once the role has gone', () => {
    host.write(CONFIG, OWN);
    expect(host.run('containerd', 'install.sh').status).toBe(0);
    configure();
    configure({ OPT_SANDBOX_IMAGE: 'pause:2' });
    expect(host.read(CONFIG)).toContain('pause:2');
    const calls = remove('containerd');
    expect(host.read(CONFIG)).toBe(OWN);
    expect(calls).toMatch(/systemctl restart containerd/);
    expect(calls).not.toMatch(/disable.* containerd\.service/);
  });

  it('that came with the role goes with it', () => {
    host.write('var/lib/muster/roles/containerd/installed', '');
    configure();
    expect(remove('containerd')).toMatch(/systemctl disable --quiet --now containerd\.service/);
    expect([host.has(CONFIG), host.has('var/lib/muster/roles/containerd')]).toEqual([false, false]);
  });

  it('asks no registry any more that is no longer said', () => {
    configure({ OPT_REGISTRY_MIRROR: 'https://mirror.lan' });
    expect(host.read(MIRROR)).toContain('https://mirror.lan');
    configure();
    expect(host.has(MIRROR)).toBe(false);
  });
});
