import { pathFrom, type BundleFile } from './bundle-file.js';
import type { Diagnostics } from './diagnostics.js';
import { expectedNames } from './near-miss.js';
import type { Located } from './source.js';

/** What an option says to have a file in its place. */
export const INCLUDE = /^include-(file|base64):\/\/(.*)$/s;

/** `include-file://` and `include-base64://` in values of options and annotations. */
export class Includes {
  private readonly files: ReadonlyMap<string, BundleFile>;

  constructor(
    files: readonly BundleFile[],
    private readonly diagnostics: Diagnostics,
  ) {
    this.files = new Map(files.map((file) => [file.name, file]));
  }

  /** The text that a value stands for: itself, or what it includes; null where that cannot be had, which is told. */
  resolve({ value, at }: Located<string>): string | null {
    const [, how, path] = INCLUDE.exec(value) ?? [];
    if (path === undefined) return value;
    const name = pathFrom(at.source.name, path);
    if (name === null) {
      this.diagnostics.error(at, `cannot include "${path}": it is outside the folder of ${at.source.name}`);
      return null;
    }
    const file = this.files.get(name);
    if (file === undefined) {
      this.diagnostics.error(at, `there is no file "${name}" to include`, () =>
        expectedNames(name, this.files.keys(), 'files'),
      );
      return null;
    }
    if (how === 'base64') return base64Of(file);
    if (file.encoding === undefined) return file.text;
    this.diagnostics.error(at, `cannot include "${path}": it is not text`, 'include-base64:// takes any file');
    return null;
  }
}

function base64Of({ text, encoding }: BundleFile): string {
  return encoding === 'base64' ? text : Buffer.from(text).toString('base64');
}
