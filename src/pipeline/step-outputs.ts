import { MusterError } from '../error.js';
import { fillInOutputs, outputReferencesIn, type JsonObject, type JsonValue } from '../plan/index.js';
import type { Sql } from './database.js';
import type { SecretBox } from './outside.js';

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
  const rows = await sql.query<OutputRow>(
    `select output.id, step.key as step, output.name, output.value, output.sealed
     from output join step on step.id = output.step_id
     where output.run_id = $1 and step.key = any($2)`,
    [runId, references.map((reference) => reference.step)],
  );
  const found = new Map(rows.map((row) => [nameOf(row), row]));
  const opened: string[] = [];
  const filled = fillInOutputs(input, (reference) => {
    const row = found.get(nameOf(reference));
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

const nameOf = (output: { step: string; name: string }) => JSON.stringify([output.step, output.name]);

/** What a run's steps have published. Secret values are left out; `open` gives them too. */
export async function readOutputs(
  sql: Sql,
  runId: string,
  open: SecretBox | null = null,
): Promise<{ step: string; name: string; secret: boolean; value: JsonValue }[]> {
  const rows = await sql.query<OutputRow>(
    `select output.id, step.key as step, output.name, output.value, output.sealed
     from output join step on step.id = output.step_id
     where output.run_id = $1 order by step.position, output.name`,
    [runId],
  );
  return rows.map((row) => ({
    step: row.step,
    name: row.name,
    secret: row.sealed !== null,
    value: row.sealed === null ? row.value : (open?.open(row.sealed, row.id) ?? null),
  }));
}
