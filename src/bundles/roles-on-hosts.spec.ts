import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RoleSandbox } from '../../test/support/role-sandbox.js';

let host: RoleSandbox;
beforeEach(() => {
  host = new RoleSandbox('modprobe', 'systemctl', 'apt-get');
});
afterEach(() => {
  host.remove();
});

describe('a worker that is drained', () => {
  /** As from 1.32 on: the pods have moved, and kubectl is refused to see so. */
  const kubectl = (pods: string, unschedulable = 'true') =>
    host.stub(
      'kubectl',
      `case "$*" in
        *' drain '*) echo 'error when waiting for pod "web" to terminate: pods "web" is forbidden' >&2; exit 1 ;;
        *' get node '*) printf '${unschedulable}' ;;
        *' get pods '*) printf '%s' '${pods}' ;;
      esac`,
    );
  const drain = () => {
    host.stub('muster-publish', 'exit 0');
    host.stub('hostname', 'echo n1');
    return host.run('kubernetes-worker', 'drain.sh', { PARAM_TIMEOUT_SECONDS: '5', PARAM_FORCE: 'false' });
  };

  it('is empty where only pods are left that do not move', () => {
    kubectl(`kube-system proxy Running DaemonSet <none>
kube-system static Running Node 7d4f
default done Succeeded Job <none>
`);
    const { status, calls } = drain();
    expect(status).toBe(0);
    expect(calls).toContain('muster-publish node n1');
  });

  it('is not where another is left', () => {
    kubectl('default web Running ReplicaSet <none>\n');
    const { status, stderr } = drain();
    expect(`${status} ${stderr}`).toMatch(/^1 [^]*still here: default\/web/);
  });

  it('is not where it goes on taking pods', () => {
    kubectl('', '');
    expect(drain().status).toBe(1);
  });
});

describe('a wait for a busy cluster', () => {
  /** Clock and pause are the test's. */
  const wait = (seconds: number, check: string) =>
    host.run(
      'kubernetes-worker',
      `. ./kubernetes.sh
. ./node.sh
sleep() { SECONDS=$((SECONDS + $1)); }
check() { ${check}; }
until_true ${seconds} 'it is so' check
`,
    );

  it('asks a slow one the less often, and ends in time', () => {
    host.stub('asked', 'exit 0');
    const { status, stderr, calls } = wait(60, 'asked; SECONDS=$((SECONDS + 10)); false');
    expect(status).toBe(1);
    expect(stderr).toContain('after 60 seconds still not: it is so');
    expect(calls.split('\n').filter((call) => call.startsWith('asked'))).toHaveLength(3 + 1);
  });

  it('takes a node for Ready that says so, by one request', () => {
    host.stub(
      'kubectl',
      `echo '{"conditions":[{"type":"DiskPressure","status":"False"},{"type":"Ready","status":"True"}]}'`,
    );
    const { status, calls } = wait(5, 'is_ready a.conf n1');
    expect(status).toBe(0);
    expect(calls.trim()).toBe('kubectl --kubeconfig a.conf get --raw /api/v1/nodes/n1');
  });

  it('takes none for Ready that does not say so', () => {
    host.stub(
      'kubectl',
      `echo '{"conditions":[{"type":"DiskPressure","status":"True"},{"type":"Ready","status":"Unknown"}]}'`,
    );
    expect(wait(3, 'is_ready a.conf n1').status).toBe(1);
  });
});

describe("what pods' network needs of the kernel", () => {
  const modules = 'etc/modules-load.d/muster-pods.conf';
  const run = (script: string) => host.run('flannel', `. ./cni-plugins.sh\n${script}\n`);

  it('is loaded with each start of a host, as long as there is such a network', () => {
    host.stub('systemd-detect-virt', 'exit 1');
    host.write('etc/modules-load.d/own.conf', '');
    host.write('etc/cni/net.d/10-flannel.conflist', '');
    expect(run('load_modules').calls).toContain('modprobe br_netfilter');
    expect(host.read(modules)).toContain('br_netfilter\n');
    run('unlink_plugins');
    expect(host.has(modules)).toBe(true);
    run('rm ../etc/cni/net.d/*; unlink_plugins');
    expect(host.has(modules)).toBe(false);
  });

  it('is left to the host in a container', () => {
    host.stub('systemd-detect-virt', 'exit 0');
    host.write('etc/modules-load.d/own.conf', '');
    run('load_modules');
    expect(host.has(modules)).toBe(false);
  });
});

describe('the routes of a fan', () => {
  const networkd = 'etc/systemd/networkd.conf.d/60-muster-fan.conf';
  const keep = (mode: string) => {
    host.write('etc/muster/fan/250.conf', `OVERLAY=250.0.0.0/8\nMODE=${mode}\n`);
    const script = '. ./fan-files.sh\nkeep_routes\n';
    expect(host.run('fan', script, { OPT_OVERLAY: '250.0.0.0/8' }).status).toBe(0);
  };

  it('are left alone by systemd-networkd where they are of its own links', () => {
    keep('direct');
    expect(host.read(networkd)).toContain('[Network]\nManageForeignRoutes=no\n');
    keep('routes');
    expect(host.has(networkd)).toBe(false);
  });
});

describe('which LXD is used on Ubuntu 24.04', () => {
  const kind = () => {
    host.stub('lxd', 'exit 0');
    host.stub('lxc', 'exit 0');
    const script = `. ./engine.sh\n[ "$(engine_kind)" = "$WANTED" ]\n`;
    return (wanted: string) => host.run('lxd', script, { OPT_ENGINE: 'auto', WANTED: wanted }).status === 0;
  };

  it('is the snap of the channel, not what lxd-installer would fetch', () => {
    host.stub('dpkg-query', '[ "${@: -1}" != lxd-installer ] || printf installed');
    host.write('etc/os-release', 'ID=ubuntu\n');
    expect(kind()('snap')).toBe(true);
  });

  it("is Debian's package where that is there", () => {
    host.stub('dpkg-query', 'exit 1');
    host.write('etc/os-release', 'ID=debian\n');
    expect(kind()('deb')).toBe(true);
  });
});
