import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_ENGINE_SETTINGS, nodeHandlers } from '../../src/pipeline/index.js';
import { step, type StepSpec } from '../../src/plan/index.js';
import { runProcess } from '../../src/platform/process/index.js';
import { SshRemote, type RemoteTarget } from '../../src/platform/remote/index.js';
import { Datastores } from '../support/datastores.js';
import { addBridge, enterNewNetwork, Host, ip } from '../support/network-namespace.js';
import { TestEngine } from '../support/pipeline-engine.js';
import { goal, median, round, type Bench } from './bench.js';

const HOSTS = Number(process.env.FANOUT_HOSTS ?? 100);
const ROUNDS = Number(process.env.FANOUT_ROUNDS ?? 3);
const COMMANDS_PER_HOST = 10;
const SSHD_OPTIONS = [
  'UsePAM=no',
  'StrictModes=no',
  'PidFile=none',
  'PermitRootLogin=yes',
  'MaxSessions=100',
  'SetEnv=SHLVL=2',
];

/** What is to be true on each host: a folder, a file, a line and something done once. */
const TASKS: readonly { name: string; script: string }[] = [
  { name: 'folder', script: '[ "$(stat -c %a /mnt/app 2>/dev/null)" = 750 ] || install -d -m 0750 /mnt/app' },
  {
    name: 'file',
    script:
      'printf "host = %s\\nport = 8080\\n" "$HOST" >/mnt/app/new; if cmp -s /mnt/app/new /mnt/app/app.conf; then rm /mnt/app/new; else mv /mnt/app/new /mnt/app/app.conf; fi',
  },
  {
    name: 'line',
    script: 'grep -qx "limit = 10" /mnt/app/limits 2>/dev/null || echo "limit = 10" >>/mnt/app/limits',
  },
  { name: 'once', script: '[ -e /mnt/app/done ] || { date +%s >/mnt/app/stamp && touch /mnt/app/done; }' },
];

const PLAYBOOK_TASKS = `
    - file: {path: /mnt/app, state: directory, mode: "0750"}
    - copy: {dest: /mnt/app/app.conf, content: "host = {{ inventory_hostname }}\\nport = 8080\\n"}
    - lineinfile: {path: /mnt/app/limits, line: limit = 10, create: true}
    - command: {cmd: "sh -c 'date +%s >/mnt/app/stamp && touch /mnt/app/done'", creates: /mnt/app/done}
`;
/** Printed by every host after the tasks, but for the time: who did them left the same. */
const PROOF = 'cd /mnt/app && stat -c %a . && cat app.conf limits && ls';
const proofOf = (host: string) => `750\nhost = ${host}\nport = 8080\nlimit = 10\napp.conf\ndone\nlimits\nstamp\n`;

const nameOf = (index: number) => `mfo-${index}`;
const addressOf = (index: number) => `10.97.${Math.floor((index + 10) / 250)}.${((index + 10) % 250) + 1}`;
const indexes = Array.from({ length: HOSTS }, (_, index) => index);

/** A hundred hosts, each with a network, an SSH server and a few folders of its own. */
class Hosts {
  private readonly servers: ChildProcess[] = [];
  private readonly hosts: Host[] = [];

  private constructor(readonly dir: string) {}

  static async start(): Promise<Hosts> {
    const hosts = new Hosts(mkdtempSync(join(tmpdir(), 'muster-fanout-')));
    chmodSync(hosts.dir, 0o755);
    for (const folder of ['/run/sshd', '/var/lib/muster']) mkdirSync(folder, { recursive: true });
    for (const key of ['host', 'client'])
      await runProcess(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(hosts.dir, key)]);
    await addBridge('br0', '10.97.0.1/16');
    for (const index of indexes) await hosts.add(index);
    for (const index of indexes) await answers(addressOf(index));
    return hosts;
  }

  private async add(index: number): Promise<void> {
    const host = await Host.plugInto('br0', nameOf(index), `02:00:00:97:${hex(index >> 8)}:${hex(index & 255)}`);
    this.hosts.push(host);
    await ip(`-n ${host.name} addr add ${addressOf(index)}/16 dev eth0`);
    const options = [
      ...SSHD_OPTIONS,
      `HostKey=${join(this.dir, 'host')}`,
      `AuthorizedKeysFile=${join(this.dir, 'client.pub')}`,
    ].map((option) => `-o ${option}`);
    const script = [
      'mount -t tmpfs tmpfs /var/lib/muster',
      'mount -t tmpfs tmpfs /mnt',
      `exec /usr/sbin/sshd -D -e -f /dev/null ${options.join(' ')}`,
    ].join(' && ');
    const [program = '', ...args] = host.argv('unshare', '-m', '--propagation', 'private', 'sh', '-c', script);
    this.servers.push(spawn(program, args, { stdio: 'ignore' }));
  }

  target(index: number): RemoteTarget {
    return {
      host: addressOf(index),
      port: 22,
      user: 'root',
      hostKeys: [readFileSync(join(this.dir, 'host.pub'), 'utf8')],
      privateKey: readFileSync(join(this.dir, 'client'), 'utf8'),
    };
  }

  /** Takes back what tasks did, so that the next one does them too. */
  async clean(): Promise<void> {
    await this.onEach('rm -rf /mnt/app /var/lib/muster/*');
  }

  async expectDone(who: string): Promise<void> {
    const said = await this.onEach(PROOF);
    for (const [index, text] of said.entries())
      if (text !== proofOf(nameOf(index))) throw new Error(`${who} left on ${nameOf(index)}: ${text}`);
  }

  private async onEach(command: string): Promise<string[]> {
    const remote = new SshRemote();
    const outputs = await Promise.all(
      indexes.map(async (index) => {
        const shell = await remote.connect(this.target(index), { timeoutMs: 60_000 });
        return (await shell.exec(['sh', '-c', command])).stdout;
      }),
    );
    await remote.close();
    return outputs;
  }

  async stop(): Promise<void> {
    for (const server of this.servers) server.kill('SIGKILL');
    for (const host of this.hosts) await host.remove();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const hex = (byte: number) => byte.toString(16).padStart(2, '0');

async function answers(address: string): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(22, address);
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      setTimeout(() => resolve(false), 1000).unref();
      socket.once('close', () => socket.destroy());
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no SSH server at ${address}`);
}

const token = (index: number, number: number) => `${nameOf(index)} says ${number}`;

/** A thousand commands by muster's remote, connections opened anew. Throws where an answer is not the one asked for. */
async function commandsByMuster(hosts: Hosts): Promise<void> {
  const remote = new SshRemote();
  await Promise.all(
    indexes.map(async (index) => {
      const shell = await remote.connect(hosts.target(index), { timeoutMs: 60_000 });
      for (let number = 0; number < COMMANDS_PER_HOST; number += 1) {
        const { stdout } = await shell.exec(['echo', token(index, number)]);
        if (stdout !== `${token(index, number)}\n`) throw new Error(`muster: ${nameOf(index)} says "${stdout}"`);
      }
      await shell.close();
    }),
  );
  await remote.close();
}

/** The four tasks by the engine: one run, a chain of steps for each host. */
async function tasksByMuster(hosts: Hosts, stores: Datastores): Promise<void> {
  const { dataSource } = await stores.createDatabase();
  const remote = new SshRemote();
  const nodes = { find: (id: string) => Promise.resolve({ ...hosts.target(Number(id)), name: nameOf(Number(id)) }) };
  const engine = new TestEngine({
    dataSource,
    redisUrl: stores.redis.url,
    prefix: randomUUID(),
    handlers: nodeHandlers({ remote, nodes }),
    settings: DEFAULT_ENGINE_SETTINGS,
  }).start();
  const plan = { steps: indexes.flatMap((index) => chainOf(index)) };
  const subject = { kind: 'deployment' as const, id: randomUUID() };
  const began = Date.now();
  const run = await engine.runs.submit(null, { subject, action: 'bench', title: 'tasks', actor: 'bench', plan });
  const view = await engine.runs.untilOver(run.id, AbortSignal.timeout(600_000));
  tookSeconds = (Date.now() - began) / 1000;
  await engine.stop();
  await remote.close();
  await dataSource.destroy();
  if (view.status !== 'succeeded') throw new Error(`muster: ${view.steps.find((each) => each.reason)?.reason ?? ''}`);
}
/** Without the making of the database, which a server has. */
let tookSeconds = 0;

function chainOf(index: number): StepSpec[] {
  return TASKS.map(({ name, script }, number) =>
    step({
      key: `${index}:${name}`,
      kind: 'node.script',
      title: `${name} on ${nameOf(index)}`,
      lane: `node/${index}`,
      after: number === 0 ? [] : [`${index}:${TASKS[number - 1]?.name ?? ''}`],
      repeatable: true,
      input: { nodeId: String(index), script, environment: { HOST: nameOf(index) } },
    }),
  );
}

/** A playbook by Debian's Ansible: forks for all hosts, pipelining, connections opened anew and kept for the play. */
async function byAnsible(hosts: Hosts, tasks: string): Promise<{ text: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'muster-ansible-'));
  const inventory = indexes.map((index) => `${nameOf(index)} ansible_host=${addressOf(index)}`).join('\n');
  const known = readFileSync(join(hosts.dir, 'host.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
  writeFileSync(join(dir, 'hosts'), `${inventory}\n`);
  writeFileSync(join(dir, 'known'), indexes.map((index) => `${addressOf(index)} ${known}\n`).join(''));
  writeFileSync(join(dir, 'play.yml'), `- hosts: all\n  gather_facts: false\n  strategy: free\n  tasks:${tasks}`);
  const ssh = `-o ControlMaster=auto -o ControlPersist=30s -o UserKnownHostsFile=${join(dir, 'known')} -o StrictHostKeyChecking=yes`;
  const settings = [
    '[defaults]',
    `forks = ${HOSTS}`,
    'remote_user = root',
    `private_key_file = ${join(hosts.dir, 'client')}`,
    'stdout_callback = json',
    'interpreter_python = /usr/bin/python3',
    `local_tmp = ${join(dir, 'tmp')}`,
    '[ssh_connection]',
    'pipelining = true',
    `control_path_dir = ${join(dir, 'cp')}`,
    `ssh_args = ${ssh}`,
  ];
  writeFileSync(join(dir, 'ansible.cfg'), settings.join('\n'));
  const argv = ['env', `ANSIBLE_CONFIG=${join(dir, 'ansible.cfg')}`, 'ANSIBLE_HOME=' + dir, 'ansible-playbook'];
  const { stdout } = await runProcess([...argv, '-i', join(dir, 'hosts'), join(dir, 'play.yml')], {
    timeoutMs: 900_000,
  });
  const socket = (index: number) => ['-o', `ControlPath=${join(dir, 'cp')}/%C`, `root@${addressOf(index)}`];
  for (const index of indexes)
    await runProcess(['ssh', '-O', 'exit', ...socket(index)], { allow: [0, 255] }).catch(() => undefined);
  rmSync(dir, { recursive: true, force: true });
  return { text: stdout };
}

async function commandsByAnsible(hosts: Hosts, module: 'raw' | 'command'): Promise<void> {
  const numbers = Array.from({ length: COMMANDS_PER_HOST }, (_, number) => number);
  const tasks = numbers.map((number) => `\n    - ${module}: echo "{{ inventory_hostname }} says ${number}"`).join('');
  const { text } = await byAnsible(hosts, tasks);
  for (const index of indexes)
    for (const number of numbers)
      if (!text.includes(`"${token(index, number)}"`)) throw new Error(`ansible: no "${token(index, number)}"`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = Date.now();
  await work();
  return (Date.now() - began) / 1000;
}

async function measure(hosts: Hosts, stores: Datastores, say: (line: string) => void): Promise<Map<string, number[]>> {
  const seconds = new Map<string, number[]>();
  const note = (what: string, value: number) => {
    seconds.set(what, [...(seconds.get(what) ?? []), value]);
    say(`${what}: ${value.toFixed(2)} s`);
  };
  for (let number = 0; number < ROUNDS; number += 1) {
    note('commands muster', await timed(() => commandsByMuster(hosts)));
    note('commands ansible raw', await timed(() => commandsByAnsible(hosts, 'raw')));
    note('commands ansible command', await timed(() => commandsByAnsible(hosts, 'command')));
    await hosts.clean();
    await tasksByMuster(hosts, stores);
    note('tasks muster', tookSeconds);
    await hosts.expectDone('muster');
    await hosts.clean();
    note('tasks ansible', await timed(() => byAnsible(hosts, PLAYBOOK_TASKS)));
    await hosts.expectDone('ansible');
  }
  return seconds;
}

/** Commands and repeatable tasks on many hosts at once, by SSH. */
export const bench: Bench = {
  name: 'fanout',
  async run(say) {
    await enterNewNetwork();
    const hosts = await Hosts.start();
    const stores = await Datastores.start();
    try {
      const seconds = await measure(hosts, stores, say);
      const of = (what: string) => median(seconds.get(what) ?? []);
      const [own, ownTasks] = [of('commands muster'), of('tasks muster')];
      const commands = HOSTS * COMMANDS_PER_HOST;
      return {
        load:
          `${commands} commands, then ${TASKS.length} repeatable tasks (folder, file, line, command done once), on ${HOSTS} hosts with an ` +
          `sshd each in network namespaces of this computer, ${cpus().length} cores for all of it; Debian's Ansible with forks ${HOSTS}, ` +
          `pipelining, kept connections, strategy free, no facts; muster's tasks are steps of one run with their record in Postgres. ` +
          `Every answer and what was left is compared. Medians of ${ROUNDS} rounds, alternating.`,
        results: [
          { who: 'muster', [`${commands} commands, s`]: round(own), 'tasks, s': round(ownTasks) },
          { who: 'Ansible, raw', [`${commands} commands, s`]: round(of('commands ansible raw')), 'tasks, s': null },
          {
            who: 'Ansible, command',
            [`${commands} commands, s`]: round(of('commands ansible command')),
            'tasks, s': round(of('tasks ansible')),
          },
        ],
        goals: [
          goal('commands: times as fast as Ansible, raw', of('commands ansible raw') / own, 5),
          goal('commands: times as fast as Ansible, command', of('commands ansible command') / own, 5),
          goal('tasks: times as fast as Ansible', of('tasks ansible') / ownTasks, 5),
        ],
      };
    } finally {
      await stores.stop();
      await hosts.stop();
    }
  },
};
