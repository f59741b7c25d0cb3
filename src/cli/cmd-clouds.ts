import { InvalidArgumentError, Option } from 'commander';
import { cloudsRoutes, type BodyInputOf } from '../api/contract/index.js';
import type { CliContext, Register } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { table } from './format.js';
import { collect } from './options.js';

interface Host {
  address: string;
  port: number;
  user: string;
}

interface AddOptions {
  type: 'ssh' | 'lxd';
  host?: Host[];
  hostKey?: string[];
  key?: string;
  url?: string;
  token?: string;
  address?: string;
  project?: string;
  bridge?: string;
  pool?: string;
}

/** `muster clouds`: where nodes come from. */
export const registerClouds: Register = (program, context) => {
  const clouds = program.command('clouds').alias('cloud').summary('where nodes come from');
  clouds
    .command('list', { isDefault: true })
    .summary('show clouds')
    .action(async () => {
      const { items } = await context.api.call(cloudsRoutes.list, {});
      context.show(items, () =>
        table(
          ['cloud', 'kind', 'what'],
          items.map((each) => [each.name, each.kind, each.what]),
        ),
      );
    });
  clouds
    .command('add <name>')
    .summary('add hosts that you have (ssh), or an LXD elsewhere (lxd)')
    .addOption(new Option('--type <type>', 'what it is').choices(['ssh', 'lxd']).makeOptionMandatory())
    .option('--host <user@address[:port]>', 'ssh: a host; may be repeated', collectHosts)
    .option(
      '--host-key <line>',
      'ssh: a host key to accept, as in known_hosts without the name; may be repeated',
      collect,
    )
    .option('--key <key>', 'ssh: private key to log in with: @FILE or - (default: a new one, its public half is shown)')
    .option('--url <url>', 'lxd: https://host:8443 (default: as the token says)')
    .option('--token <token>', 'lxd: what `lxc config trust add` printed; - reads it from standard input')
    .option('--project <project>', 'lxd: project for all that is ours (default: muster)')
    .option('--bridge <name>', "lxd: the nodes' bridge (default: muster0)")
    .option('--address <address>', "lxd: the bridge's address (default: 10.178.0.1/22)")
    .option('--pool <pool>', 'lxd: storage pool (default: muster)')
    .addHelpText(
      'after',
      `
Host keys that are not given are shown and asked about; without a terminal they have to be given.

Examples:
  muster clouds add rack --type ssh --host root@10.0.0.5 --host admin@10.0.0.6:2222 --key @deploy.key
  muster clouds add big --type lxd --url https://10.0.0.9:8443 --token -`,
    )
    .action(async (name: string, options: AddOptions) => {
      const body =
        options.type === 'ssh' ? await sshBody(context, name, options) : await lxdBody(context, name, options);
      const made = await context.api.call(cloudsRoutes.add, { body });
      context.show(made, () => {
        const line =
          made.publicKey === null || options.key !== undefined
            ? ''
            : `let this key in on every host:\n${made.publicKey}\n`;
        return `${line}${name} is added; muster clouds check ${name}`;
      });
    });
  clouds
    .command('check <cloud>')
    .summary('see whether nodes could be made there; looks at every host of a list again')
    .action(async (cloud: string) => {
      const checked = await context.api.call(cloudsRoutes.check, { params: { cloud } });
      const rows = checked.findings.map(({ ok, what, message }) => [ok ? 'ok' : 'FAIL', what, message]);
      context.show(checked, () => table(['', 'what', 'found'], rows));
      if (!checked.ok) context.exitCode = EXIT.failed;
    });
  clouds
    .command('accept-key <cloud> <host>')
    .summary('hold a host to the key that it shows now: one of those given for it when it was added')
    .addHelpText('after', '\nExample:\n  muster clouds accept-key rack 10.0.0.6:2222')
    .action(async (cloud: string, host: string) => {
      const { address, port } = readHost(host);
      const accepted = await context.api.call(cloudsRoutes.acceptKey, { params: { cloud }, body: { address, port } });
      context.show(accepted, () => `${accepted.host} is held to ${accepted.fingerprint}`);
    });
  clouds
    .command('remove <cloud>')
    .summary('forget a cloud that nothing is deployed on')
    .option('-y, --yes', 'do not ask')
    .action(async (cloud: string, options: { yes?: boolean }) => {
      await context.confirm(`Forget the cloud ${cloud}?`, options);
      await context.api.call(cloudsRoutes.remove, { params: { cloud } });
      context.show({ removed: cloud }, () => `${cloud} is forgotten`);
    });
};

type Body = BodyInputOf<typeof cloudsRoutes.add>;

async function lxdBody(context: CliContext, name: string, options: AddOptions): Promise<Body> {
  const { url, token, project, bridge, address, pool } = options;
  if (token === undefined)
    throw new CliError(EXIT.usage, 'cannot add an LXD without --token', 'lxc config trust add --name muster');
  return { name, kind: 'lxd', token: await context.openValue(token), url, project, bridge, address, pool };
}

async function sshBody(
  context: CliContext,
  name: string,
  { host: hosts = [], hostKey = [], key }: AddOptions,
): Promise<Body> {
  if (hosts.length === 0)
    throw new CliError(EXIT.usage, 'cannot add a cloud without hosts', 'as in --host root@10.0.0.5');
  const privateKey = key === undefined ? undefined : await context.openValue(key);
  const keys = hostKey.length > 0 ? hosts.map(() => hostKey) : await confirmedKeys(context, hosts);
  return { name, kind: 'ssh', privateKey, hosts: hosts.map((host, at) => ({ ...host, hostKeys: keys[at] ?? [] })) };
}

/** A key that is seen for the first time counts when a person says so. */
async function confirmedKeys(context: CliContext, hosts: readonly Host[]): Promise<string[][]> {
  const places = hosts.map(({ address, port }) => ({ address, port }));
  const { items } = await context.api.call(cloudsRoutes.hostKeys, { body: { hosts: places } });
  const silent = items.filter(({ hostKey }) => hostKey === null);
  if (silent.length > 0) {
    const details = silent.map(({ address, port, problem }) => ({ at: `${address}:${port}`, message: problem ?? '' }));
    throw new CliError(EXIT.failed, 'cannot see the host keys of all hosts', 'give them: --host-key', details);
  }
  for (const { address, port, fingerprint } of items) context.tell(`${address}:${port} shows ${fingerprint ?? ''}`);
  context.tell('Compare with what the hosts say of themselves: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub');
  await context.confirm('Are these the keys of your hosts?', {});
  return items.map(({ hostKey }) => (hostKey === null ? [] : [hostKey]));
}

function collectHosts(text: string, before: Host[] = []): Host[] {
  return [...before, readHost(text)];
}

function readHost(text: string): Host {
  const [, user, bracketed, plain, port] =
    /^(?:([a-z_][a-z0-9_-]*)@)?(?:\[([0-9a-fA-F:]+)\]|([^@:\s]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  if (address === undefined) throw new InvalidArgumentError('as in root@10.0.0.5 or admin@host.example:2222');
  return { address, port: Number(port ?? 22), user: user ?? 'root' };
}
