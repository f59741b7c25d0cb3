import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { lockTokens, type TokensService } from './tokens.service.js';

/** Where the local CLI finds the first token. */
export function firstTokenFile(dataDir: string): string {
  return join(dataDir, 'admin.token');
}

/**
 * There is no default password: where no living admin token exists, one is made, told through `print` this once, and
 * written 0600 for the CLI of this computer. Safe where several processes start together. True where one was made.
 */
export async function ensureFirstToken(options: {
  dataSource: DataSource;
  tokens: TokensService;
  dataDir: string;
  print: (text: string) => void;
}): Promise<boolean> {
  const { dataSource, tokens, dataDir } = options;
  const text = await dataSource.transaction(async (manager) => {
    await lockTokens(manager);
    if ((await tokens.livingAdmins(manager)) > 0) return null;
    const wanted = { name: 'first-admin', role: 'admin', pool: null, expiresInSeconds: null } as const;
    const made = await tokens.create({ ...wanted, createdBy: 'muster' }, manager);
    // Before the commit: a token that is valid but written nowhere would lock everybody out.
    writePrivately(firstTokenFile(dataDir), `${made.text}\n`, dataDir);
    return made.text;
  });
  if (text === null) return false;
  options.print(`Admin token (shown this once, kept in ${firstTokenFile(dataDir)}): ${text}`);
  return true;
}

function writePrivately(path: string, content: string, dir: string): void {
  mkdirSync(dir, { recursive: true });
  const temporary = `${path}.new`;
  writeFileSync(temporary, content, { mode: 0o600 });
  // The mode above counts only where the file was not there before.
  chmodSync(temporary, 0o600);
  renameSync(temporary, path);
}
