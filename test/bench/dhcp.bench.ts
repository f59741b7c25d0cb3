import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { SubnetService } from '../../src/networks/index.js';
import { Datastores } from '../support/datastores.js';
import { addCable, enterNewNetwork, type Host } from '../support/network-namespace.js';
import { goal, median, round, type Bench, type Row } from './bench.js';
import { fetchPeers, listens, ownProgram, peer, RunningServer } from './peers.js';

const RATES = [500, 2000, 5000, 10_000];
const SECONDS = 5;
const ROUNDS = 3;
const SERVER = '10.98.0.1';
const POOL = { first: '10.98.1.0', last: '10.98.250.250' };

interface Server {
  name: string;
  argv: (dir: string) => Promise<string[]> | string[];
  /** It hears packets, not datagrams: no port tells that it is there. */
  raw?: true;
}

interface Figure {
  perSecond: number;
  dropsPercent: number;
  delayMs: number;
}

function kea(dir: string): string[] {
  const configuration = {
    Dhcp4: {
      'interfaces-config': { interfaces: ['cable0'] },
      'lease-database': { type: 'memfile', persist: true, name: join(dir, 'leases.csv') },
      'valid-lifetime': 3600,
      subnet4: [{ id: 1, subnet: '10.98.0.0/16', pools: [{ pool: `${POOL.first} - ${POOL.last}` }] }],
      loggers: [{ name: 'kea-dhcp4', severity: 'ERROR', output_options: [{ output: 'stderr' }] }],
    },
  };
  writeFileSync(join(dir, 'kea.json'), JSON.stringify(configuration));
  // Debian's build writes its lock and its identity there and nowhere else.
  mkdirSync('/run/kea', { recursive: true });
  mkdirSync('/var/lib/kea', { recursive: true });
  const [env = '', ...argv] = peer('kea-dhcp4-server', 'kea-dhcp4', '-c', join(dir, 'kea.json'));
  const [, , cleaner = ''] = peer('kea-common', 'kea-lfc');
  return [env, `KEA_LFC_EXECUTABLE=${cleaner}`, ...argv];
}

function isc(dir: string): string[] {
  const subnet = `subnet 10.98.0.0 netmask 255.255.0.0 { range ${POOL.first} ${POOL.last}; }`;
  writeFileSync(join(dir, 'dhcpd.conf'), `default-lease-time 3600; ping-check false; authoritative;\n${subnet}\n`);
  writeFileSync(join(dir, 'dhcpd.leases'), '');
  const files = ['-cf', join(dir, 'dhcpd.conf'), '-lf', join(dir, 'dhcpd.leases'), '-pf', join(dir, 'dhcpd.pid')];
  return peer('isc-dhcp-server', 'dhcpd', '-4', '-f', '-q', ...files, 'cable0');
}

function dnsmasq(dir: string): string[] {
  const range = `--dhcp-range=${POOL.first},${POOL.last},255.255.0.0,1h`;
  const files = ['-C', '/dev/null', `--dhcp-leasefile=${join(dir, 'leases')}`, '-u', 'root', '-p', '0'];
  return peer(
    'dnsmasq-base',
    'dnsmasq',
    '-k',
    ...files,
    range,
    '--dhcp-lease-max=70000',
    '--no-ping',
    '--dhcp-authoritative',
    '-i',
    'cable0',
  );
}

/** perfdhcp's own count of DISCOVER-OFFER-REQUEST-ACK exchanges. */
async function load(client: Host, rate: number): Promise<Figure & { acknowledged: number }> {
  const argv = peer(
    'kea-admin',
    'perfdhcp',
    '-4',
    '-r',
    String(rate),
    '-p',
    String(SECONDS),
    '-R',
    '1000000',
    '-l',
    'eth0',
    SERVER,
  );
  const { stdout } = await client.run(argv, { timeoutMs: 60_000, allow: [0, 1, 3] });
  const [, request = ''] = stdout.split('Statistics for: REQUEST-ACK');
  const figure = (text: string, name: RegExp) => Number(name.exec(text)?.[1] ?? Number.NaN);
  const acknowledged = figure(request, /received packets:\s*(\d+)/);
  const discovers = figure(stdout, /sent packets:\s*(\d+)/);
  return {
    perSecond: figure(stdout, /Rate:\s*([\d.]+)/),
    dropsPercent: Math.max(0, (1 - acknowledged / discovers) * 100),
    delayMs: figure(request, /avg delay:\s*([\d.]+)/),
    acknowledged,
  };
}

/** Lines of muster's journal after the server was killed: one for each lease that it ever acknowledged. */
function journalLines(dir: string): number {
  return readFileSync(join(dir, 'journal'), 'utf8').split('\n').length - 1;
}

class Suite {
  readonly figures = new Map<string, Figure[]>();
  /** Acknowledged leases that were not in the journal after SIGKILL. */
  lost = 0;
  private runs = 0;

  constructor(
    private readonly client: Host,
    private readonly dir: string,
    private readonly servers: readonly Server[],
  ) {}

  async round(say: (line: string) => void): Promise<void> {
    for (const server of this.servers) {
      for (const rate of RATES) {
        const dir = join(this.dir, String(this.runs++));
        mkdirSync(dir);
        const running = await RunningServer.start(await server.argv(dir), () =>
          server.raw === true ? Promise.resolve(true) : listens(67),
        );
        // Listening and ready to answer are not the same for all of them.
        await new Promise((resolve) => setTimeout(resolve, 1000));
        const figure = await load(this.client, rate).finally(() => running.stop('SIGKILL'));
        say(`${server.name}, ${rate}/s offered: ${round(figure.perSecond)}/s, ${round(figure.dropsPercent)} % lost`);
        const key = `${server.name} ${rate}`;
        this.figures.set(key, [...(this.figures.get(key) ?? []), figure]);
        if (server.name === 'muster') this.lost += Math.max(0, figure.acknowledged - journalLines(dir));
      }
    }
  }

  median(server: string, rate: number, of: keyof Figure): number {
    return median((this.figures.get(`${server} ${rate}`) ?? []).map((figure) => figure[of]));
  }
}

export const bench: Bench = {
  name: 'dhcp',
  async run(say) {
    const libraries = ['libmariadb3', 'liblog4cplus-2.0.5'];
    await fetchPeers(['kea-dhcp4-server', 'kea-common', 'kea-admin', 'isc-dhcp-server', 'dnsmasq-base', ...libraries]);
    await enterNewNetwork();
    const client = await addCable('wire-bench', `${SERVER}/16`, '10.98.0.2/16');
    const dir = mkdtempSync(join(tmpdir(), 'muster-bench-'));
    const stores = await Datastores.start();
    const muster = async (own: string) => {
      const { url, dataSource } = await stores.createDatabase();
      const range = { cidr: '10.98.0.0/16', dynamicRanges: [`${POOL.first}-${POOL.last}`] };
      await new SubnetService(dataSource).create({ name: 'bench', mode: 'serve', ...range });
      await dataSource.destroy();
      return ownProgram('boot-server.ts', 'dhcp', url, own);
    };
    const servers: Server[] = [
      { name: 'muster', argv: muster },
      { name: 'Kea', argv: kea },
      { name: 'dnsmasq', argv: dnsmasq },
      { name: 'ISC', argv: isc, raw: true },
    ];
    const suite = new Suite(client, dir, servers);
    try {
      for (let turn = 1; turn <= ROUNDS; turn++)
        await suite.round((line) => say(`round ${turn} of ${ROUNDS}: ${line}`));
    } finally {
      await client.remove();
      await stores.stop();
      rmSync(dir, { recursive: true, force: true });
    }
    const row = ({ name }: Server): Row => ({
      server: name,
      ...Object.fromEntries(RATES.map((rate) => [`${rate}/s offered`, round(suite.median(name, rate, 'perSecond'))])),
      'lost at 5000/s, %': round(suite.median(name, 5000, 'dropsPercent')),
      'REQUEST to ACK at 5000/s, ms': round(suite.median(name, 5000, 'delayMs')),
    });
    const most = (name: string) => Math.max(...RATES.map((rate) => suite.median(name, rate, 'perSecond')));
    return {
      load:
        `perfdhcp for ${SECONDS} s at each rate, every exchange a new client, from an empty pool, as a relay; a veth between ` +
        `two namespaces, ${cpus().length} cores; medians of ${ROUNDS} rounds. muster fsyncs each lease before its ACK, in groups; ` +
        'Kea (memfile, persisted) and dnsmasq do not; ISC does, one by one.',
      results: servers.map(row),
      goals: [
        goal(
          '5000/s offered: level with Kea',
          suite.median('muster', 5000, 'perSecond') / suite.median('Kea', 5000, 'perSecond'),
          0.95,
        ),
        goal('most exchanges a second: level with Kea', most('muster') / most('Kea'), 0.95),
        goal('acknowledged leases there after SIGKILL, negative: lost', -suite.lost, 0),
      ],
    };
  },
};
