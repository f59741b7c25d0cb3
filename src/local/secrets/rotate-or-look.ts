import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { AuditEntry, AuditService } from '../../access/index.js';
import { messageOf, MusterError } from '../../error.js';
import { systemClock } from '../../platform/clock.js';
import type { Settings } from '../../platform/config/index.js';
import { createDataSource, embeddedPostgresUrl } from '../../platform/database/index.js';
import { KeyFile } from '../../platform/secrets/index.js';
import { readSchemaState, refuseNewerSchema } from '../migrate.js';
import { KeyRegister } from './key-register.js';
import { countSealed, type PlaceCount } from './rewrap.js';
import { rotateKeys, type RotationReport } from './rotate-keys.js';

/** Changes the key in the database of these settings, or says what there would be to do. `wait`: as typed, in seconds. */
export async function rotateOrLook(
  settings: Settings,
  { dryRun, wait, json }: { dryRun: boolean; wait: string; json: boolean },
): Promise<void> {
  await withDatabase(settings, async (dataSource) => {
    if (dryRun) show(await look(dataSource), json, describeLook);
    else show(await rotate(dataSource, settings, secondsOf(wait)), json, describeRotation);
  });
}

async function look(dataSource: DataSource) {
  const sealed = await countSealed(dataSource, null);
  const processes = (await new KeyRegister(dataSource).holders()).map((holder) => holder.name);
  return { dryRun: true, sealed, processes };
}

async function rotate(dataSource: DataSource, settings: Settings, waitSeconds: number): Promise<RotationReport> {
  const report = await rotateKeys({
    dataSource,
    keyFile: KeyFile.of(settings),
    clock: systemClock,
    waitMs: waitSeconds * 1000,
    tell: (text) => process.stderr.write(`${text}\n`),
  });
  await new AuditService(dataSource, systemClock).append({
    principal: null,
    action: 'secrets.rotate',
    subject: `key ${report.current}`,
    outcome: 'done',
    before: { keys: report.retired },
    after: { keys: [report.current], rewrapped: report.rewrapped },
    source: `${userInfo().username} on the server`,
  });
  return report;
}

/** The given database, or the one of the server that runs here. */
async function withDatabase(settings: Settings, use: (dataSource: DataSource) => Promise<void>): Promise<void> {
  const url = settings.databaseUrl ?? embeddedPostgresUrl(join(settings.dataDir, 'postgres'));
  const dataSource = createDataSource({ url, entities: [AuditEntry], migrations: [], poolSize: 3 });
  try {
    await dataSource.initialize();
  } catch (error) {
    throw new MusterError('unavailable', `cannot reach the database: ${messageOf(error)}`, {
      hint: settings.databaseUrl === undefined ? 'muster serve starts it' : 'check DATABASE_URL',
      cause: error,
    });
  }
  try {
    await checkSchema(dataSource);
    await use(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

async function checkSchema(dataSource: DataSource): Promise<void> {
  const state = await readSchemaState(dataSource);
  refuseNewerSchema(state);
  if (state.pending.length === 0) return;
  throw new MusterError('conflict', `cannot use this database: it lacks ${state.pending.join(', ')}`, {
    hint: 'muster db migrate, or start the server of this version',
  });
}

function secondsOf(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new MusterError('invalid', `cannot wait for "${text}": --wait takes whole seconds`);
}

function show<T>(value: T, json: boolean, asText: (value: T) => string): void {
  process.stdout.write(`${json ? JSON.stringify(value, null, 2) : asText(value)}\n`);
}

function describeLook({ sealed, processes }: Awaited<ReturnType<typeof look>>): string {
  return [...linesOf(sealed), `running processes, which load the new key first: ${processes.length}`].join('\n');
}

function describeRotation({ retired, current, resumed, rewrapped }: RotationReport): string {
  const how = resumed ? 'finished what an earlier call began: ' : '';
  return [...linesOf(rewrapped), `${how}key ${current} seals; gone: ${retired.join(', ')}`].join('\n');
}

function linesOf(counts: readonly PlaceCount[]): string[] {
  const total = counts.reduce((sum, { rows }) => sum + rows, 0);
  return [...counts, { what: 'in all', rows: total }].map(({ what, rows }) => `${what.padEnd(30)} ${rows}`);
}
