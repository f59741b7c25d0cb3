import { execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataSource } from 'typeorm';
import { generateSshKey } from '../../src/platform/remote/index.js';
import { Datastores } from '../support/datastores.js';
import { eventually } from '../support/pipeline-engine.js';
import { SshCloud } from '../support/ssh-cloud.js';

const exec = promisify(execFile);
const PROGRAM = join(import.meta.dirname, '../../dist/src/cli.js');
const ansible = ['/usr/bin/ansible', '/usr/local/bin/ansible'].find(existsSync);

let stores: Datastores;
let cloud: SshCloud;
let viewer: string;
const good = (...argv: string[]) => cloud.good(...argv);
const file = (path: string) => join(cloud.folder, path);

/** Two nodes with a unit of "web" each, and one unit of "all-in-one" on the first. */
beforeAll(async () => {
  stores = await Datastores.start();
  cloud = await SshCloud.start(stores, 2);
  for (const role of ['web', 'all-in-one']) {
    cloud.write(
      `lab/roles/${role}/role.yaml`,
      `role: ${role}\nsummary: Nothing\nbases: [debian@12, debian@13, ubuntu@22.04, ubuntu@24.04]\nsteps: {say: {run: say.sh, repeatable: true}}\n`,
    );
    cloud.write(`lab/roles/${role}/say.sh`, '#!/bin/bash\necho "$UNIT" >>~/said\n');
  }
  cloud.write(
    'lab/bundle.yaml',
    'name: lab\napplications: {web: {role: web, num_units: 2}, all-in-one: {role: all-in-one, to: [web/0]}}\n',
  );
  await good('up', file('lab'), '--on', 'rack', '--name', 'prod', '--yes');
  viewer = (await good('tokens', 'create', 'reader')).trim();
}, 120_000);
afterAll(async () => {
  await cloud.stop();
  await stores.stop();
});

/** A program with nothing of the user's own; gives what it prints. */
async function run(program: string, ...argv: string[]): Promise<string> {
  const environment = {
    PATH: `${cloud.folder}:${process.env.PATH}`,
    HOME: cloud.folder,
    MUSTER_DATA_DIR: cloud.api.dataDir,
  };
  const { stdout } = await exec(program, argv, { env: environment, timeout: 60_000 });
  return stdout;
}

/** The second node is a container on the first, as far as the records know. */
async function throughTheFirst(): Promise<void> {
  await cloud.api.app
    .get(DataSource)
    .query(`update node set host_node_id = (select id from node where key = 'web-0') where key = 'web-1'`);
}

describe('muster ssh', () => {
  it('runs what comes after the node, behind options of ssh, and ends as that does', async () => {
    const ssh = (...argv: string[]) => cloud.api.cli(['ssh', 'prod:web/0', ...argv]);
    expect((await ssh(`touch ${file('made')} && exit 7`)).code).toBe(7);
    expect(existsSync(file('made'))).toBe(true);
    expect((await ssh('--', '-T', '-o', 'BatchMode=yes', 'exit', '8')).code).toBe(8);
  });
});

describe('the key of a deployment', () => {
  it('is not for a token of a pool that the deployment goes beyond', async () => {
    const token = (await good('tokens', 'create', 'lab', '--role', 'operator', '--pool', 'lab')).trim();
    const sql = cloud.api.app.get(DataSource);
    for (const key of ['web-0', 'web-1'])
      expect((await cloud.api.cli(['machines', 'declare', key, '--power', 'manual'], { token })).code).toBe(0);
    await sql.query(`update machine set deployment_id = (select id from deployment where name = 'prod')`);
    const asks = async () => (await cloud.api.cli(['ssh', 'web-0', 'true'], { token })).code;
    await sql.query(`update node set machine_id = (select id from machine where name = 'web-0') where key = 'web-0'`);
    expect(await asks()).toBe(4);
    await sql.query(`update node set machine_id = (select id from machine where name = 'web-1') where key = 'web-1'`);
    expect(await asks()).toBe(0);
    await sql.query('update node set machine_id = null');
    await sql.query('delete from machine');
  });
});

describe('muster ssh, whose terminal is closed', () => {
  it('leaves no key behind', async () => {
    const temporary = file('temporary');
    mkdirSync(temporary);
    const { api } = cloud;
    const child = spawn(process.execPath, [PROGRAM, '--api', api.url, 'exec', 'prod:web/0', '--', 'sleep', '60'], {
      env: { ...process.env, HOME: cloud.folder, MUSTER_DATA_DIR: api.dataDir, TMPDIR: temporary },
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await eventually('the key is there', () => Promise.resolve(readdirSync(temporary).length > 0), 20_000);
    child.kill('SIGHUP');
    await ended;
    expect(readdirSync(temporary)).toEqual([]);
  });
});

describe('muster ssh-config', () => {
  const config = () => file('of-ssh/prod.conf');

  it('writes what stock ssh and scp reach nodes and units with', async () => {
    expect(await good('ssh-config', 'prod', '--output', config())).toContain('2 hosts; ssh -F');
    expect(await run('ssh', '-F', config(), 'prod.web-0', 'cat ~/said')).toBe('web/0\nall-in-one/0\n');
    for (const host of ['prod.web-1', 'prod:web/1', 'prod:web-1'])
      expect(await run('ssh', '-F', config(), host, 'cat ~/said')).toBe('web/1\n');
    expect(await run('ssh', '-F', config(), 'prod.all-in-one-0', 'cat ~/said')).toContain('all-in-one/0');
    await run('scp', '-F', config(), cloud.write('sent', 'a word\n'), 'prod.web-1:copied');
    expect(await run('ssh', '-F', config(), 'prod:web/1', 'cat copied')).toBe('a word\n');
    await run('scp', '-F', config(), 'prod.web-1:said', file('fetched'));
    expect(readFileSync(file('fetched'), 'utf8')).toBe('web/1\n');
  });

  it('keeps key, host keys and configuration to its owner', () => {
    for (const path of [config(), `${config()}.key`, `${config()}.known_hosts`])
      expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(config(), 'utf8')).not.toContain('PRIVATE KEY');
  });

  it('takes no host key but the pinned one', async () => {
    const known = `${config()}.known_hosts`;
    const keys = readFileSync(known, 'utf8');
    cloud.write('of-ssh/prod.conf.known_hosts', `muster-prod.web-0 ${generateSshKey('another').publicKey}\n`);
    await expect(run('ssh', '-F', config(), 'prod.web-0', 'true')).rejects.toThrow(
      /REMOTE HOST IDENTIFICATION|verification failed/,
    );
    await expect(run('ssh', '-F', config(), 'prod.web-1', 'true')).rejects.toThrow(/verification failed/);
    await good('ssh-config', 'prod', '--output', config());
    expect(readFileSync(known, 'utf8')).toBe(keys);
  });

  it('refuses a path that ssh does not take', async () => {
    expect(await cloud.api.cli(['ssh-config', 'prod', '-o', file('a b%')])).toMatchObject({ code: 2, stdout: '' });
    expect(existsSync(file('a b%.key'))).toBe(false);
  });

  it('goes through the host of a container', async () => {
    await throughTheFirst();
    await good('ssh-config', 'prod', '--output', config());
    expect(readFileSync(config(), 'utf8')).toContain('ProxyJump prod.web-0');
    expect(await run('ssh', '-F', config(), 'prod.web-1', 'cat ~/said; echo $SSH_CONNECTION')).toContain('web/1\n');
    await run('scp', '-F', config(), file('sent'), 'prod.web-1:again');
    const hops = await exec('ssh', ['-v', '-F', config(), 'prod.web-1', 'true'], { timeout: 60_000 });
    expect(hops.stderr).toContain('(via proxy)');
    expect(hops.stderr).toContain("Host 'muster-prod.web-0' is known");
  });

  it('without a file: into the folder of the user, and printed', async () => {
    const { stdout, stderr } = await cloud.api.cli(['ssh-config', 'prod']);
    const written = join(cloud.api.dataDir, '.config/muster/ssh/prod/config');
    expect(readFileSync(written, 'utf8')).toBe(stdout);
    expect(stderr).toContain(`Include ${written}`);
    // As who has it in his own configuration.
    cloud.write('.ssh/config', `Include ${written}\n`);
    chmodSync(file('.ssh/config'), 0o600);
    expect(await run('ssh', '-F', file('.ssh/config'), 'prod:web/1', 'cat ~/said')).toBe('web/1\n');
  });

  it('is refused to who may only read, and where there is nothing to reach; it stands in the audit without the key', async () => {
    expect(await cloud.api.cli(['ssh-config', 'prod'], { token: viewer })).toMatchObject({ code: 4, stdout: '' });
    expect((await cloud.api.cli(['ssh-config', 'nothing'])).code).toBe(3);
    const audit = await good('audit', '--json');
    expect(audit).toContain('deployments.reach');
    expect(audit).not.toContain('PRIVATE KEY');
  });
});

describe('muster inventory', () => {
  const inventory = async (...more: string[]) =>
    JSON.parse(await good('inventory', 'prod', ...more)) as Record<
      string,
      { hosts?: string[] } & Record<string, object>
    >;

  it('has applications and the cloud as groups, and what ssh needs with each host', async () => {
    const all = await inventory('--list');
    const groups = ['all_in_one', 'cloud_rack', 'deployment_prod', 'web'];
    expect(Object.keys(all)).toEqual(['_meta', 'all', ...groups]);
    expect(all.all).toEqual({ children: groups });
    expect(all.all_in_one).toEqual({ hosts: ['prod.web-0'] });
    expect(all.web).toEqual({ hosts: ['prod.web-0', 'prod.web-1'] });
    const first = await inventory('--host', 'prod.web-0');
    expect(all._meta!.hostvars).toHaveProperty(['prod.web-0'], first);
    expect(first).toMatchObject({
      ...{ ansible_host: '127.0.0.1', ansible_user: 'root', muster_node: 'web-0', muster_cloud: 'rack' },
      muster_units: ['web/0', 'all-in-one/0'],
    });
    expect(await cloud.api.cli(['inventory', 'prod', '--host', 'no'])).toMatchObject({ code: 3, stdout: '' });
    expect(await cloud.api.cli(['inventory', 'prod'], { token: viewer })).toMatchObject({ code: 4, stdout: '' });
  });

  it.skipIf(ansible === undefined)(
    'is what Ansible itself asks for, reads, and reaches the nodes by',
    async () => {
      cloud.write('muster', `#!/bin/sh\nexec ${process.execPath} ${PROGRAM} "$@"\n`);
      chmodSync(file('muster'), 0o755);
      await good('inventory', 'prod', '--script', file('prod.sh'));
      const listed = JSON.parse(await run('ansible-inventory', '-i', file('prod.sh'), '--list')) as Record<
        string,
        object
      >;
      expect(listed.web).toEqual({ hosts: ['prod.web-0', 'prod.web-1'] });
      const host = JSON.parse(await run('ansible-inventory', '-i', file('prod.sh'), '--host', 'prod.web-1')) as object;
      expect(host).toMatchObject({ muster_units: ['web/1'] });
      // The second through the first.
      const answers = await run('ansible', '-i', file('prod.sh'), 'web', '-m', 'ping', '-o');
      expect(answers).toMatch(/prod\.web-0 \| SUCCESS => .*"ping": "pong"/);
      expect(answers).toMatch(/prod\.web-1 \| SUCCESS => .*"ping": "pong"/);
      const said = await run(
        'ansible',
        '-i',
        file('prod.sh'),
        'all_in_one',
        '-m',
        'command',
        '-a',
        'cat /root/said',
        '-o',
      );
      expect(said).toContain('web/0\\nall-in-one/0');
    },
    120_000,
  );
});
