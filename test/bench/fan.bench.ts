import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { runProcess } from '../../src/platform/process/index.js';
import { NamespaceRack, type NamespaceHost } from '../support/namespace-rack.js';
import { shippedRoles } from '../support/shipped-bundles.js';
import { goal, median, round, type Bench } from './bench.js';

const ROUNDS = 5;
const SECONDS = 4;
const PAYLOAD_BYTES = 64 * 1024 * 1024;
const NUMBERS = [21, 22] as const;
const PROGRAM = '/usr/local/lib/muster/fan';
const RECIPES = ['plain', 'routes', 'ebpf', 'direct'] as const;
type Recipe = (typeof RECIPES)[number];

/** Two hosts on one switch, a container's network on the fan's bridge of each. */
class Topology {
  private constructor(
    private readonly rack: NamespaceRack,
    private readonly hosts: NamespaceHost[],
  ) {}

  static async create(): Promise<Topology> {
    const rack = await NamespaceRack.create('mfb');
    const topology = new Topology(rack, [await rack.add(NUMBERS[0]), await rack.add(NUMBERS[1])]);
    await topology.each((_, index) => topology.addContainer(index));
    return topology;
  }

  private async each(work: (host: NamespaceHost, index: number) => Promise<unknown>): Promise<void> {
    for (const [index, host] of this.hosts.entries()) await work(host, index);
  }

  private async addContainer(index: number): Promise<void> {
    const [name, host] = [containerOf(index), this.hosts[index]];
    const role = shippedRoles().get('fan');
    const [program, object] = ['fan', 'fan.bpf.base64'].map(
      (file) => role?.files.find((each) => each.name === file)?.text ?? '',
    );
    await runProcess(['ip', 'netns', 'add', name]);
    const number = NUMBERS[index];
    await host?.exec('sh', ['-c', INSTALL], { PROGRAM: program ?? '', OBJECT: object ?? '' });
    const steps = [
      `ip link add fan-250 type bridge`,
      `ip addr add 250.${number}.0.1/16 dev fan-250`,
      `ip link set fan-250 up`,
      `sysctl -qw net.ipv4.ip_forward=1`,
      `ip link add inner type veth peer name eth0 netns ${name}`,
      `ip link set inner master fan-250 up`,
    ];
    for (const step of steps) await runProcess(['ip', 'netns', 'exec', host?.name ?? '', ...step.split(' ')]);
    for (const step of [`addr add 250.${number}.0.10/16 dev eth0`, 'link set eth0 up', 'link set lo up'])
      await runProcess(['ip', '-n', name, ...step.split(' ')]);
    await runProcess(['ip', '-n', name, ...`route add 250.0.0.0/8 via 250.${number}.0.1`.split(' ')]);
  }

  /** Puts a recipe in the place of the one before. */
  async use(recipe: Recipe): Promise<void> {
    await this.each(async (host, index) => {
      const peer = this.hosts[1 - index]?.address ?? '';
      const settings = `OVERLAY=250.0.0.0/8\nADDRESS=${host.address}\nMODE=${recipe === 'plain' ? 'routes' : recipe}\n`;
      await host.exec('sh', ['-c', SETTINGS], { SETTINGS: settings, PEER: peer });
      // Taking the fan away takes its bridge: the container's end is kept, and plugged in again.
      await host.exec('sh', ['-c', `ip link set inner nomaster; bash ${PROGRAM} down 250`]);
      const bridge = [
        'ip link add fan-250 type bridge',
        `ip addr add 250.${NUMBERS[index]}.0.1/16 dev fan-250`,
        'ip link set fan-250 up',
      ];
      const lay =
        recipe === 'plain'
          ? [...bridge, `ip route add 250.${NUMBERS[1 - index]}.0.0/16 via ${peer}`]
          : [`bash ${PROGRAM} up 250`];
      await host.exec('sh', ['-ec', [...lay, 'ip link set inner master fan-250 up'].join('\n')]);
      const mtu = recipe === 'plain' || recipe === 'direct' ? 1500 : 1464;
      await runProcess(['ip', '-n', containerOf(index), 'link', 'set', 'eth0', 'mtu', String(mtu)]);
      // The bridge is another one now, with another hardware address.
      await runProcess(['ip', '-n', containerOf(index), 'neigh', 'flush', 'dev', 'eth0']);
    });
    await this.in(0, 'ping', '-c', '2', '-W', '5', containerAddress(1));
  }

  in(index: number, ...argv: string[]) {
    return runProcess(['ip', 'netns', 'exec', containerOf(index), ...argv], { timeoutMs: 60_000 });
  }

  /** Sends random bytes from one container to the other and compares what arrived. */
  async checkBytes(): Promise<void> {
    const file = join(this.hosts[0]?.folder ?? '/tmp', 'payload');
    writeFileSync(file, randomBytes(PAYLOAD_BYTES));
    const arrived = this.in(1, 'sh', '-c', 'timeout 50 socat -u TCP-LISTEN:9000,reuseaddr STDOUT | sha256sum');
    await this.in(
      0,
      'sh',
      '-c',
      `for try in $(seq 100); do socat -u FILE:${file} TCP:${containerAddress(1)}:9000 2>/dev/null && break; sleep 0.1; done`,
    );
    const sent = (await runProcess(['sha256sum', file])).stdout.slice(0, 64);
    const got = (await arrived).stdout.slice(0, 64);
    if (sent !== got) throw new Error(`bytes differ: ${sent} was sent, ${got} arrived`);
  }

  /** Gbit/s of one TCP stream. */
  async stream(): Promise<number> {
    const server = this.in(1, 'iperf3', '-s', '-1');
    await this.in(1, 'sh', '-c', 'until ss -Hltn | grep -q :5201; do sleep 0.1; done');
    const { stdout } = await this.in(0, 'iperf3', '-J', '-t', String(SECONDS), '-c', containerAddress(1));
    await server;
    const report = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } };
    return report.end.sum_received.bits_per_second / 1e9;
  }

  async destroy(): Promise<void> {
    for (const index of [0, 1]) await runProcess(['ip', 'netns', 'del', containerOf(index)]);
    await this.rack.destroy();
  }
}

const containerOf = (index: number) => `mfb-c${NUMBERS[index]}`;
const containerAddress = (index: number) => `250.${NUMBERS[index]}.0.10`;
const INSTALL = `mkdir -p /usr/local/lib/muster /etc/muster/fan
printf %s "$PROGRAM" >${PROGRAM}
printf %s "$OBJECT" >/usr/local/lib/muster/fan.bpf.base64`;
const SETTINGS = 'printf %s "$SETTINGS" >/etc/muster/fan/250.conf; echo "$PEER" >/etc/muster/fan/250.peers';

/** One TCP stream from container to container, by each of the fan's recipes and by a plain route between the same hosts. */
export const bench: Bench = {
  name: 'fan',
  async run(say) {
    const topology = await Topology.create();
    const figures = new Map<Recipe, number[]>();
    try {
      for (let number = 0; number < ROUNDS; number += 1)
        for (const recipe of RECIPES) {
          await topology.use(recipe);
          await topology.checkBytes();
          const gigabits = await topology.stream();
          figures.set(recipe, [...(figures.get(recipe) ?? []), gigabits]);
          say(`${recipe}: ${gigabits.toFixed(1)} Gbit/s`);
        }
    } finally {
      await topology.destroy();
    }
    const of = (recipe: Recipe) => median(figures.get(recipe) ?? []);
    const share = (recipe: Recipe) => of(recipe) / of('plain');
    return {
      load:
        `One TCP stream (iperf3, ${SECONDS} s) from a container on one host to a container on another; hosts and containers are network ` +
        `namespaces joined by veth and bridges, ${cpus().length} cores; plain is a route without a fan between the same hosts. Before each ` +
        `stream ${PAYLOAD_BYTES / 1024 ** 2} MiB are sent and compared by their hash. Medians of ${ROUNDS} rounds, alternating.`,
      results: RECIPES.map((recipe) => ({
        recipe,
        'Gbit/s': round(of(recipe)),
        least: round(Math.min(...(figures.get(recipe) ?? []))),
        most: round(Math.max(...(figures.get(recipe) ?? []))),
        'of plain': round(share(recipe)),
      })),
      goals: [
        goal('routes: of plain', share('routes'), 0.9),
        goal('ebpf: of plain', share('ebpf'), 0.9),
        goal('direct: of plain', share('direct'), 0.9),
      ],
    };
  },
};
