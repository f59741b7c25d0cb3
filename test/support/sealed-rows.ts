import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { userDataRow } from '../../src/operations/deploy-wishes.js';
import type { SecretBox } from '../../src/platform/secrets/index.js';
import { inventoryOn } from './inventory.js';

/** Something sealed in every place that muster has, written as muster writes it where that is simple. */
export async function sealOneOfEach(dataSource: DataSource, box: SecretBox): Promise<void> {
  const { machines, orders, tokens } = inventoryOn(dataSource, box);
  const power = { driver: 'ipmi', parameters: { host: '10.0.0.1' }, secrets: { password: 'hunter2' } };
  const machine = await machines.declare({ name: 'n1', power }, 'test');
  await orders.enqueue({ machineId: machine.id, key: 'k', kind: 'facts', parameters: {}, timeoutSeconds: 60 });
  await tokens.issue(machine.id, () => ({ metaData: '', userData: 'hunter2', networkConfig: '' }), 3600);
  await insert(dataSource, 'deployment', (id) => ({
    ...{ name: 'd', cloud: 'metal', bundle: 'b', files: {}, ssh_public_key: 'ssh-ed25519 A', created_by: 'test' },
    ssh_private_key: box.seal('hunter2', id),
  }));
  await insert(dataSource, 'cloud', (id) => ({
    ...{ name: 'c', kind: 'ssh', config: { publicKey: 'ssh-ed25519 A' }, created_by: 'test' },
    private_key: box.seal('hunter2', id),
  }));
  const runId = await insert(dataSource, 'run', () => ({
    ...{ subject_kind: 'machine', subject_id: machine.id, action: 'deploy', title: 't', actor: 'a', status: 'running' },
    ...{ context: {}, mutating: true, cancelling: false, created_at: new Date() },
  }));
  const stepId = await insert(dataSource, 'step', () => ({
    ...{
      run_id: runId,
      position: 0,
      key: 'install',
      kind: 'machine.install',
      title: 't',
      status: 'waiting',
      state: {},
    },
    ...{ timeout_seconds: 1, stall_seconds: 1, retries: 0, repeatable: false, destructive: true, pending: 1 },
    ...{ fence: 0, attempt: 0, failures: 0, delivery: 0, rings: 0, percent: 0 },
    ...{ log_bytes: 0, log_source: 0, log_capped: false, cancel_tries: 0 },
    input: { machineId: machine.id, deploy: { userData: box.seal('hunter2', userDataRow(machine.id)) } },
  }));
  await insert(dataSource, 'output', (id) => ({
    ...{ run_id: runId, step_id: stepId, name: 'password' },
    sealed: box.seal('hunter2', id),
  }));
}

/** Many rows fast: metadata tokens of no machine. */
export async function sealMany(dataSource: DataSource, box: SecretBox, count: number): Promise<void> {
  const ids = Array.from({ length: count }, () => randomUUID());
  await dataSource.query(
    `insert into metadata_token (id, hash, machine_id, seed, expires_at)
     select id, id::text, gen_random_uuid(), seed, now() from unnest($1::uuid[], $2::text[]) as given (id, seed)`,
    [ids, ids.map((id) => box.seal('hunter2', id))],
  );
}

async function insert(
  dataSource: DataSource,
  table: string,
  rowOf: (id: string) => Record<string, unknown>,
): Promise<string> {
  const id = randomUUID();
  const row = { id, ...rowOf(id) };
  const columns = Object.keys(row);
  await dataSource.query(
    `insert into ${table} (${columns.join()}) values (${columns.map((_, at) => `$${at + 1}`).join()})`,
    Object.values(row),
  );
  return id;
}
