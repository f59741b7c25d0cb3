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

/** The file of key-encryption keys, one in hex a line: the first seals, all of them open. */
export class KeyFile {
  constructor(readonly path: string) {}

  static of(settings: KeyFileSettings): KeyFile {
    return new KeyFile(settings.secrets.keyFile ?? join(settings.dataDir, 'secrets.key'));
  }

  /** Throws where others may read the file, or where it is not whole. */
  read(): Promise<Buffer[]> {
    return readKeys(this.path);
  }

  /** By one step, and for the same owner: root may change the keys of servers that run as somebody else. */
  async write(keys: readonly Buffer[]): Promise<void> {
    const { uid, gid } = await stat(this.path);
    await writeDurably(this.path, keys.map((key) => `${key.toString('hex')}\n`).join(''), 0o600, { uid, gid });
  }
}

export async function openSecretBox(settings: KeyFileSettings): Promise<SecretBox> {
  const file = KeyFile.of(settings);
  if (settings.secrets.keyFile === undefined) await createOnceDurably(file.path, `${newKey().toString('hex')}\n`);
  return new SecretBox(await file.read());
}

export function newKey(): Buffer {
  return randomBytes(32);
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
