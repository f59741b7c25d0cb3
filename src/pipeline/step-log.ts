import { fenceOf, FENCED, type Fence } from './claim.js';
import type { Sql } from './database.js';
import { SupersededError } from './settle-step.js';

export interface LogAppend {
  /** What to store; NULs are left out, Postgres cannot hold them. */
  text: string;
  /** Where the log's source has been read to; null where there is no source. */
  source: { from: number; to: number } | null;
  now: Date;
  /** Counts as a sign of life. */
  isSign: boolean;
  capBytes: number;
}

/**
 * Appends to a step's log, under the fence. With a source, it is appended only if the log is read to
 * exactly `source.from`: the same bytes twice are stored once. Over the cap one marker is stored, and then nothing.
 */
export async function appendLog(sql: Sql, claim: Fence & { attempt: number }, append: LogAppend): Promise<void> {
  const text = append.text.replaceAll('\0', '');
  const marker = `\n[muster: the log is longer than ${Math.round(append.capBytes / 1024)} KiB; the rest is not kept]\n`;
  const rows = await sql.query<{ moved: boolean }>(
    `with old as (
       select id, log_bytes, log_capped, log_source from step where ${FENCED} for update
     ), piece as (
       select *, ($7::bigint is null or log_source = $7) as moved,
         case when log_capped then '' when log_bytes + octet_length($4) > $9 then $10 else $4 end as text,
         log_capped or log_bytes + octet_length($4) > $9 as capped
       from old
     ), grown as (
       update step set last_sign_at = case when $11 then $5 else last_sign_at end,
         log_bytes = step.log_bytes + case when moved then octet_length(piece.text) else 0 end,
         log_capped = case when moved then piece.capped else step.log_capped end,
         log_source = case when moved then coalesce($8, step.log_source) else step.log_source end
       from piece where step.id = piece.id
     ), stored as (
       insert into log_chunk (step_id, start, attempt, at, text)
       select id, log_bytes, $6, $5, text from piece where moved and text <> ''
     )
     select moved from piece`,
    [
      ...fenceOf(claim),
      text,
      append.now,
      claim.attempt,
      append.source?.from ?? null,
      append.source?.to ?? null,
      append.capBytes,
      marker,
      append.isSign,
    ],
  );
  if (rows.length === 0) throw new SupersededError(claim);
}

export interface LogPiece {
  /** Offset of the first byte of `text` in the step's log. */
  offset: number;
  attempt: number;
  at: Date;
  text: string;
}

/** A step's log from a byte offset on, in order. A piece that begins before the offset is cut. */
export async function readLog(sql: Sql, stepId: string, offset: number, limit = 500): Promise<LogPiece[]> {
  const rows = await sql.query<{ start: string; attempt: number; at: Date; text: string }>(
    `select start, attempt, at, text from log_chunk
     where step_id = $1 and start >= coalesce(
       (select max(start) from log_chunk where step_id = $1 and start <= $2), 0)
     order by start limit $3`,
    [stepId, offset, limit],
  );
  return rows.map((row) => cut(row, offset)).filter((piece) => piece.text !== '');
}

function cut(row: { start: string; attempt: number; at: Date; text: string }, offset: number): LogPiece {
  const start = Number(row.start);
  if (start >= offset) return { offset: start, attempt: row.attempt, at: row.at, text: row.text };
  const text = Buffer.from(row.text)
    .subarray(offset - start)
    .toString();
  return { offset, attempt: row.attempt, at: row.at, text };
}
