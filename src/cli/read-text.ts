import { readFileSync } from 'node:fs';
import { CliError, EXIT } from './exit-code.js';

/** A file that was named on the line. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliError(EXIT.usage, `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
