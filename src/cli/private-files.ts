import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CliError, EXIT } from './exit-code.js';

/** Writes a file that only its owner can read, whatever its mode was; makes its folder. */
export function writePrivate(path: string, content: string | Buffer, mode: 0o600 | 0o700 = 0o600): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // A file that is there already keeps its mode.
    writeFileSync(path, '', { mode });
    chmodSync(path, mode);
    writeFileSync(path, content);
  } catch (error) {
    throw new CliError(EXIT.failed, `cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Something else is there under this path. */
export function differs(path: string, content: Buffer): boolean {
  return existsSync(path) && !readFileSync(path).equals(content);
}
