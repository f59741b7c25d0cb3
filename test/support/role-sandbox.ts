import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ROLES = join(import.meta.dirname, '../../bundles/roles');
/** Folders of the system, named from the root. */
const SYSTEM = /(?<![\w.])\/(var|etc|run|opt|usr\/local|proc)\//g;

export interface ScriptResult {
  status: number | null;
  stderr: string;
  /** What stand-in programs were called with, one a line. */
  calls: string;
}

/** Runs a shipped role's own script with the system's folders below one of this test's, and stand-in programs. */
export class RoleSandbox {
  readonly dir = mkdtempSync(join(tmpdir(), 'muster-role-'));

  constructor(...quiet: string[]) {
    for (const name of quiet) this.stub(name, 'exit 0');
  }

  write(path: string, text: string, mode = 0o644): void {
    mkdirSync(dirname(join(this.dir, path)), { recursive: true });
    writeFileSync(join(this.dir, path), text, { mode });
  }

  read(path: string): string {
    return readFileSync(join(this.dir, path), 'utf8');
  }

  has(path: string): boolean {
    return existsSync(join(this.dir, path));
  }

  /** A program of this name is called instead of the system's. */
  stub(name: string, body: string): void {
    this.write(`bin/${name}`, `#!/bin/bash\necho "${name} $*" >>'${join(this.dir, 'calls')}'\n${body}\n`, 0o755);
  }

  /** `script` is a file of the role, or a text that begins with a line of its own. */
  run(role: string, script: string, variables: Record<string, string> = {}): ScriptResult {
    for (const folder of ['shared', role])
      for (const file of readdirSync(join(ROLES, folder)))
        this.write(`script/${file}`, this.inside(readFileSync(join(ROLES, folder, file), 'utf8')));
    rmSync(join(this.dir, 'calls'), { force: true });
    const isText = script.includes('\n');
    if (isText) this.write('script/text.sh', this.inside(script));
    const env = {
      PATH: `${this.dir}/bin:${process.env.PATH ?? ''}`,
      MUSTER_OUTPUT: join(this.dir, 'output'),
      ...variables,
    };
    const { status, stderr } = spawnSync('bash', [isText ? 'text.sh' : script], {
      cwd: join(this.dir, 'script'),
      env,
      encoding: 'utf8',
    });
    return { status, stderr, calls: this.has('calls') ? this.read('calls') : '' };
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  private inside(text: string): string {
    return text.replaceAll(SYSTEM, `${this.dir}/$1/`);
  }
}
