import { MusterError } from '../error.js';
import {
  fillInOutputs,
  outputReferencesIn,
  type JsonObject,
  type JsonValue,
  type OutputReference,
} from '../plan/index.js';
import type { Sql } from './database.js';
import type { SecretBox } from './outside.js';

type Reference = OutputReference['$output'];

interface OutputRow {
  id: string;
  step: string;
  name: string;
  value: JsonValue;
  sealed: string | null;
}

/** A step's input with what earlier steps published in the place of its references; secrets are opened in memory only. */
export async function resolveInput(
  sql: Sql,
  secrets: SecretBox,
  runId: string,
  input: JsonObject,
): Promise<{ input: JsonObject; secrets: string[] }> {
  const references = outputReferencesIn(input);
  if (references.length === 0) return { input, secrets: [] };
  const found = new Map((await rowsOf(sql, runId, references)).map((row) => [nameOf(row), row]));
  const opened: string[] = [];
  const filled = fillInOutputs(input, (reference) => {
    const row = found.get(nameOf({ ...reference, stepId: reference.stepId ?? null }));
    if (row === undefined) {
      throw new MusterError('invalid', `cannot find "${reference.name}", which step ${reference.step} was to publish`, {
        hint: `if ${reference.step} was skipped, retry it, or skip this step too`,
      });
    }
    if (row.sealed === null) return row.value;
    const secret = secrets.open(row.sealed, row.id);
    opened.push(secret);
    return secret;
  });
  return { input: filled, secrets: opened };
}

const nameOf = (output: { step: string; name: string; stepId: string | null }) =>
  JSON.stringify(output.stepId === null ? [output.step, output.name] : [output.stepId, output.name, 'stored']);

type NamedRow = OutputRow & { stepId: string | null };

/** What steps of this run published, and what stored references name: only of runs about the same subject. */
async function rowsOf(sql: Sql, runId: string, references: readonly Reference[]): Promise<NamedRow[]> {
  const stored = references.flatMap(({ stepId }) => (stepId === undefined ? [] : [stepId]));
  const here = references.filter(({ stepId }) => stepId === undefined).map(({ step }) => step);
  const rows =
    here.length === 0
      ? []
      : await sql.query<NamedRow>(
          `select output.id, step.key as step, output.name, output.value, output.sealed, null as "stepId"
           from output join step on step.id = output.step_id
           where output.run_id = $1 and step.key = any($2)`,
          [runId, here],
        );
  if (stored.length === 0) return rows;
  const earlier = await sql.query<NamedRow>(
    `select output.id, step.key as step, output.name, output.value, output.sealed, step.id as "stepId"
     from run as this join run as earlier using (subject_kind, subject_id)
       join output on output.run_id = earlier.id join step on step.id = output.step_id
     where this.id = $1 and output.step_id = any($2::uuid[])`,
    [runId, stored],
  );
  return [...rows, ...earlier];
}

/** What a run's steps have published. Secret values are left out; `open` gives them too. */
export async function readOutputs(
  sql: Sql,
  runId: string,
  open: SecretBox | null = null,
): Promise<{ step: string; name: string; secret: boolean; value: JsonValue }[]> {
  const rows = await sql.query<OutputRow>(
    `select output.id, step.key as step, output.name, output.value, output.sealed
     from output join step on step.id = output.step_id
     where output.run_id = $1 and not output.given order by step.position, output.name`,
    [runId],
  );
  return rows.map((row) => ({
    step: row.step,
    name: row.name,
    secret: row.sealed !== null,
    value: row.sealed === null ? row.value : (open?.open(row.sealed, row.id) ?? null),
  }));
}

/** What these steps published, whatever run they are of; secret values opened, for use in memory alone. */
export async function readOutputsOfSteps(
  sql: Sql,
  stepIds: readonly string[],
  secrets: SecretBox,
): Promise<{ stepId: string; name: string; secret: boolean; value: JsonValue }[]> {
  const rows = await sql.query<Omit<OutputRow, 'step'> & { stepId: string }>(
    `select id, step_id as "stepId", name, value, sealed from output
     where step_id = any($1::uuid[]) and not given order by name`,
    [stepIds],
  );
  return rows.map(({ id, stepId, name, value, sealed }) => ({
    ...{ stepId, name, secret: sealed !== null },
    value: sealed === null ? value : secrets.open(sealed, id),
  }));
}
