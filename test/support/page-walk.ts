import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** What a reader of a page does: writes a file that it shows in full, or types commands and looks for what is shown. */
export type PageStep =
  | { kind: 'file'; line: number; path: string; text: string }
  | { kind: 'commands'; line: number; text: string; shows: string[] };

/**
 * The steps of a page: a block after a line that is nothing but a file's name and a colon is that file; a `bash` block
 * is typed; the `text` block after it is shown.
 */
export function pageSteps(page: string): PageStep[] {
  const steps: PageStep[] = [];
  for (const { line, before, language, text } of blocksOf(page)) {
    const [, path] = /^`([^`]+)`:$/.exec(before) ?? [];
    const last = steps.at(-1);
    if (path !== undefined) steps.push({ kind: 'file', line, path, text });
    else if (language === 'bash') steps.push({ kind: 'commands', line, text, shows: [] });
    else if (language === 'text' && last?.kind === 'commands') last.shows.push(...text.trim().split('\n'));
    else throw new Error(`line ${line}: a block that is neither a file, commands nor what they show`);
  }
  return steps;
}

interface Block {
  line: number;
  /** The last line before it that is not empty. */
  before: string;
  language: string;
  text: string;
}

function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | null = null;
  let before = '';
  for (const [index, line] of page.split('\n').entries()) {
    const [, language] = /^```(\w*)$/.exec(line) ?? [];
    if (open !== null && language === '') {
      blocks.push(open);
      open = null;
      before = '';
    } else if (open !== null) open.text += `${line}\n`;
    else if (language !== undefined) open = { line: index + 1, before, language, text: '' };
    else if (line.trim() !== '') before = line.trim();
  }
  return blocks;
}

/** One reader at one shell: folder and environment go on from block to block. */
export class PageWalk {
  private readonly folder = mkdtempSync(join(tmpdir(), 'muster-page-'));

  constructor(
    private cwd: string,
    private readonly environment: NodeJS.ProcessEnv,
  ) {
    writeFileSync(this.exports, '');
  }

  private get exports(): string {
    return join(this.folder, 'exports');
  }

  /** Throws where a command fails, or a line that the page shows is not in what they say, in order (`…`: anything). */
  async do(step: PageStep): Promise<void> {
    if (step.kind === 'file') {
      mkdirSync(dirname(join(this.cwd, step.path)), { recursive: true });
      writeFileSync(join(this.cwd, step.path), step.text);
      return;
    }
    const { code, said } = await this.type(step.text);
    if (code !== 0) throw new Error(`line ${step.line}: exit code ${code}\n${said}`);
    const missing = firstMissing(step.shows, said);
    if (missing !== null)
      throw new Error(`line ${step.line}: "${missing}" is not in, or not after the others in\n${said}`);
  }

  private async type(commands: string): Promise<{ code: number | null; said: string }> {
    const script = `exec 2>&1\nset -eo pipefail\n. "${this.exports}"\n${commands}\nexport -p >"${this.exports}"\npwd >"${this.exports}.pwd"\n`;
    const child = spawn('bash', ['-c', script], {
      cwd: this.cwd,
      // What a page puts into a temporary folder goes with the walk.
      env: { ...this.environment, TMPDIR: this.folder },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    if (code === 0) this.cwd = readFileSync(`${this.exports}.pwd`, 'utf8').trimEnd();
    return { code, said };
  }

  end(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function firstMissing(shows: readonly string[], said: string): string | null {
  let rest = said;
  for (const line of shows) {
    const pattern = line
      .trim()
      .split('…')
      .map((part) => part.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*');
    const found = new RegExp(pattern).exec(rest);
    if (found === null) return line;
    rest = rest.slice(found.index + found[0].length);
  }
  return null;
}
