import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { compileBundle, compileRemove, formatDiagnostics, loadBundle, type Bundle } from '../../src/bundles/index.js';
import { nodeHandlers } from '../../src/pipeline/index.js';
import type { Plan } from '../../src/plan/index.js';
import { SshRemote } from '../../src/platform/remote/index.js';
import { Datastores } from '../support/datastores.js';
import { LxdNodes, type LxdNode } from '../support/lxd-nodes.js';
import { TestEngine } from '../support/pipeline-engine.js';
import { shippedBundle, shippedRoles } from '../support/shipped-bundles.js';

const roles = shippedRoles();
let stores: Datastores;
let dataSource: DataSource;
let lxd: LxdNodes;
let remote: SshRemote;
let engine: TestEngine;

beforeAll(async () => {
  [stores, lxd] = await Promise.all([Datastores.start(), LxdNodes.start('mroles0', '10.187.3')]);
  ({ dataSource } = await stores.createDatabase());
  for (const name of ['n0', 'n1']) await lxd.launch(name);
});
afterAll(async () => {
  await dataSource.destroy();
  await Promise.all([stores.stop(), lxd.stop()]);
});
beforeEach(() => {
  remote = new SshRemote();
  const nodes = {
    find: (id: string) => {
      const node = lxd.nodes.find(({ name }) => name === id);
      return Promise.resolve(node ? { ...node.target, name: id } : null);
    },
  };
  engine = new TestEngine({
    dataSource,
    redisUrl: stores.redis.url,
    prefix: randomUUID(),
    handlers: nodeHandlers({ remote, nodes }),
  }).start();
});
afterEach(async () => {
  await engine.stop();
  await remote.close();
});

/** A bundle on the two containers: its nodes, in the order of the plan, are n0 and n1. */
class Deployed {
  private readonly bundle: Bundle;
  private readonly nodes: Record<string, LxdNode>;
  private published: Record<string, Record<string, string>> = {};

  constructor(...texts: { name: string; text: string }[]) {
    const { bundle, diagnostics } = loadBundle(texts, roles);
    if (!bundle) throw new Error(formatDiagnostics(diagnostics));
    this.bundle = bundle;
    const keys = compileBundle({ bundle, roles }).nodes.map(({ key }) => key);
    this.nodes = Object.fromEntries(keys.map((key, index) => [key, lxd.nodes[index]!]));
  }

  private get known() {
    const nodes = Object.entries(this.nodes).map(([key, { name, address }]) => [key, { nodeId: name, address }]);
    return {
      nodes: Object.fromEntries(nodes) as Record<string, { nodeId: string; address: string }>,
      published: this.published,
    };
  }

  /** Applies and verifies; gives the notes of the steps that lay it down. */
  async apply(): Promise<Record<string, string | null>> {
    const { plan } = compileBundle({ bundle: this.bundle, roles, known: this.known });
    const { steps, outputs } = await this.run(plan);
    for (const { step, name, value } of outputs) {
      const unit = step.slice(0, step.indexOf(':'));
      (this.published[unit] ??= {})[name] = typeof value === 'string' ? value : JSON.stringify(value);
    }
    const lays = steps.filter(({ key }) => !this.isVerify(key));
    return Object.fromEntries(lays.map(({ key, note }) => [key, note]));
  }

  async remove(): Promise<void> {
    await this.run(compileRemove({ bundle: this.bundle, roles, known: this.known }).plan);
    this.published = {};
  }

  private isVerify(key: string): boolean {
    const [unit = '', step = ''] = key.split(':');
    const application = this.bundle.applications.get(unit.split('/')[0]!);
    return roles.get(application?.role.value ?? '')?.steps.get(step)?.on === 'verify';
  }

  private async run(plan: Plan) {
    const subject = { kind: 'deployment' as const, id: randomUUID() };
    const { id } = await engine.runs.submit(null, { subject, action: 'test', title: 'a test', actor: 'tester', plan });
    const view = await engine.runs.untilOver(id, AbortSignal.timeout(500_000));
    const failed = view.steps.filter(({ status }) => status !== 'succeeded');
    if (failed.length > 0) {
      const [first] = failed;
      const log = (await engine.runs.log(id, first!.key)).map(({ text }) => text).join('');
      throw new Error(`${first!.key} is ${first!.status}: ${first!.reason}\n${log.slice(-3000)}`);
    }
    return { steps: view.steps, outputs: await engine.runs.outputs(id, { openSecrets: true }) };
  }
}

/** Those of the steps that lay down which did not say that they changed nothing. */
const changedIn = (notes: Record<string, string | null>) =>
  Object.entries(notes)
    .filter(([, note]) => note?.startsWith('unchanged') !== true)
    .map(([key]) => key);

/** What a system is made of, as far as a role could leave anything: files, packages, units, users, ports. */
async function snapshot(name: string): Promise<string> {
  const command = [
    // Lists, caches and logs that apt and systemd keep by themselves are not a role's.
    String.raw`find /etc /usr/local /srv /opt /var/lib /var/cache -xdev \( -path /var/lib/apt -o -path /var/cache/apt -o -path /var/lib/muster -o -path /var/lib/systemd -o -path /var/lib/dpkg -o -path /var/cache/debconf -o -path /var/lib/dhcp \) -prune -o -type f -print`,
    `dpkg-query -W -f '\${Package} \${db:Status-Abbrev}\\n'`,
    'systemctl list-unit-files --no-legend | cut -d" " -f1,2 | grep -v ^session-',
    'systemctl list-units --failed --plain --no-legend | cut -d" " -f1',
    'ss -Hltun | tr -s " " | cut -d" " -f1,5',
    'ip -br link | cut -d" " -f1 | sed "s/@.*//"',
  ].join('; ');
  return (await lxd.exec(name, command)).split('\n').sort().join('\n');
}

/** Registers and their copies, which ldconfig, ucf and the user database rewrite whenever anything is installed. */
const KEPT_BY_THE_SYSTEM =
  /^(\/etc\/(ld\.so\.cache|\.pwd\.lock|(group|gshadow|passwd|shadow|subuid|subgid)-)|\/var\/lib\/ucf\/|\/var\/cache\/ldconfig\/)/;

async function expectRemoved(name: string, before: string, stays: RegExp): Promise<void> {
  // What only came along with a package, apt itself calls no longer needed.
  await lxd.exec(name, 'DEBIAN_FRONTEND=noninteractive apt-get -q autoremove -y --purge');
  const [then, now] = [new Set(before.split('\n')), (await snapshot(name)).split('\n')];
  const left = now.filter((line) => !then.has(line) && !stays.test(line) && !KEPT_BY_THE_SYSTEM.test(line));
  expect(left).toEqual([]);
}

describe.each<{ what: string; texts: { name: string; text: string }[]; proof: () => Promise<void>; stays?: RegExp }>([
  {
    what: 'the bundle hello',
    // Python, which others may have begun to use.
    stays: /python|readline|inputrc|sqlite|media-types|mime\.types/,
    texts: [shippedBundle('hello')],
    proof: async () => {
      const page = await lxd.exec(
        'n1',
        `python3 -c "import urllib.request as r; print(r.urlopen('http://${lxd.nodes[0]!.address}:8080/').read().decode())"`,
      );
      expect(page.trim()).toBe('Hello from hello/0');
    },
  },
  {
    what: 'the role ntp, whose first unit gives the time to the other',
    texts: [
      bundleOf({ node: { role: 'os', num_units: 2 }, time: { role: 'ntp', options: { serve: true, source: '' } } }, [
        ['time:juju-info', 'node:juju-info'],
      ]),
    ],
    proof: async () => {
      const tracking = await lxd.exec('n1', 'chronyc -n -c tracking');
      expect(tracking.split(',').slice(1, 3)).toEqual([lxd.nodes[0]!.address, '11']);
    },
  },
  {
    what: 'the roles apt-proxy and apt-client',
    texts: [
      bundleOf({ cache: { role: 'apt-proxy' }, node: { role: 'os' }, packages: { role: 'apt-client' } }, [
        ['packages:host', 'node:juju-info'],
        ['packages:proxy', 'cache:proxy'],
      ]),
    ],
    proof: async () => {
      await lxd.exec('n1', 'apt-get clean; apt-get -q install -y --no-install-recommends hello-traditional');
      expect(await lxd.exec('n0', 'cat /var/log/apt-cacher-ng/apt-cacher.log; find /var/cache/apt-cacher-ng')).toMatch(
        /hello-traditional_.*\.deb/,
      );
      // Without the cache apt goes on.
      await lxd.exec('n0', 'systemctl stop apt-cacher-ng');
      await lxd.exec(
        'n1',
        'apt-get clean; apt-get -q install -y --reinstall hello-traditional; apt-get -q purge -y hello-traditional',
      );
      await lxd.exec('n0', 'systemctl start apt-cacher-ng');
    },
  },
  {
    what: 'the role overlay-network',
    // Tools that the role needed, and that others may have begun to use.
    stays: /nftables|libnft|libjansson/,
    texts: [
      bundleOf(
        { node: { role: 'os', num_units: 2 }, nets: { role: 'overlay-network', options: { networks: 'lan:77' } } },
        [['nets:host', 'node:juju-info']],
      ),
    ],
    proof: async () => {
      // It is there again after a restart.
      await lxd.lxc('restart', 'n0');
      await lxd.exec(
        'n0',
        'for i in $(seq 60); do systemctl is-active -q muster-overlay@lan && break; sleep 1; done; ip addr add 192.0.2.1/24 dev ov-lan',
      );
      await lxd.exec('n1', 'ip addr add 192.0.2.2/24 dev ov-lan; ping -c 3 -W 5 192.0.2.1');
    },
  },
])('on Debian with systemd, $what', ({ texts, proof, stays }) => {
  let deployed: Deployed;
  const before: string[] = [];

  it('is laid down, and works', async () => {
    for (const { name } of lxd.nodes) before.push(await snapshot(name));
    deployed = new Deployed(...texts);
    await deployed.apply();
    await proof();
  });

  it('says that nothing is to be changed when it is applied again', async () => {
    expect(changedIn(await deployed.apply())).toEqual([]);
  });

  it('is removed without a trace', async () => {
    await deployed.remove();
    for (const [index, { name }] of lxd.nodes.entries()) await expectRemoved(name, before[index]!, stays ?? /^$/);
  });
});

function bundleOf(applications: object, relations: [string, string][]): { name: string; text: string } {
  const text = JSON.stringify({ applications, relations, muster: { bases: ['debian@12'] } });
  return { name: 'bundle.yaml', text };
}
