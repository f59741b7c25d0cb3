import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, MusterError } from '../../error.js';
import { createOnceDurably, writeDurably } from '../files/index.js';
import { SecretBox } from './secret-box.js';

/** Where the key-encryption key is: the operator's file, or one in the data folder made at the first start. */
export interface KeyFileSettings {
  dataDir: string;
  secrets: { keyFile?: string };
}

/** A sealed value in some table. */
export interface SealedRow {
  id: string;
  sealed: string;
}

export interface RotatableRows {
  /** Every sealed value; may answer in any order. */
  list(): Promise<SealedRow[]>;
  /** Stores `sealed` where the row still holds `previous`; false when someone else changed it meanwhile. */
  replace(row: SealedRow, previous: string): Promise<boolean>;
}

export async function openSecretBox(settings: KeyFileSettings): Promise<SecretBox> {
  const given = settings.secrets.keyFile;
  const path = given ?? join(settings.dataDir, 'secrets.key');
  if (given === undefined) await createOnceDurably(path, `${newKey()}\n`);
  return new SecretBox(await readKeys(path));
}

/**
 * Replaces the key-encryption key: the new one is put first in the file, every row is wrapped again, then the old ones
 * are dropped. It may be stopped and started again at any point; rows stay readable throughout. To be called while no
 * server runs: one that still holds the old key would go on sealing with it.
 */
export async function rotateKey(settings: KeyFileSettings, rows: RotatableRows): Promise<{ rewrapped: number }> {
  const path = settings.secrets.keyFile ?? join(settings.dataDir, 'secrets.key');
  const old = await readKeys(path);
  const keys = [Buffer.from(newKey(), 'hex'), ...old];
  await writeKeys(path, keys);
  const rewrapped = await rewrapAll(new SecretBox(keys), rows);
  await writeKeys(path, keys.slice(0, 1));
  return { rewrapped };
}

async function rewrapAll(box: SecretBox, rows: RotatableRows): Promise<number> {
  let rewrapped = 0;
  // A row that changed under our hands is read again; a pass that finds nothing to do is the last.
  for (;;) {
    let left = 0;
    for (const row of await rows.list()) {
      const sealed = box.rewrap(row.sealed, row.id);
      if (sealed === row.sealed) continue;
      left += 1;
      if (await rows.replace({ id: row.id, sealed }, row.sealed)) rewrapped += 1;
    }
    if (left === 0) return rewrapped;
  }
}

const newKey = () => randomBytes(32).toString('hex');

function writeKeys(path: string, keys: readonly Buffer[]): Promise<void> {
  return writeDurably(path, keys.map((key) => `${key.toString('hex')}\n`).join(''), 0o600);
}

async function readKeys(path: string): Promise<Buffer[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
    if (((await stat(path)).mode & 0o077) !== 0) {
      throw new MusterError('invalid', `cannot use ${path} as key file: others on this computer may read it`, {
        hint: `chmod 600 ${path}`,
      });
    }
  } catch (error) {
    if (error instanceof MusterError) throw error;
    throw new MusterError('invalid', `cannot read the key file ${path}: ${messageOf(error)}`, { cause: error });
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0 || lines.some((line) => !/^[0-9a-f]{64}$/i.test(line.trim()))) {
    throw new MusterError('invalid', `cannot use ${path} as key file: it must hold 32 bytes in hex a line`, {
      hint: 'openssl rand -hex 32',
    });
  }
  return lines.map((line) => Buffer.from(line.trim(), 'hex'));
}
