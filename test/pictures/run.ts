import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from './browser.js';
import { svgOf, Terminal } from './terminal.js';

/**
 * `npm run pictures`: docs/pictures from a real run. A rack of its own comes up, a bundle goes on it, and the pictures are
 * what the commands and the page showed meanwhile.
 */
const root = join(import.meta.dirname, '../..');
const pictures = join(root, 'docs/pictures');
const lab = { name: 'muster-pictures', dir: '/var/lib/muster-pictures' };
const environment = { ...process.env, MUSTER_LAB_NAME: lab.name, MUSTER_LAB_DIR: lab.dir };
const muster = join(lab.dir, 'muster');

const COLUMNS = 112;
const ROWS = 36;
/** When there is something to see: machines are being installed, some steps are done. */
const MIDDLE_PERCENT = 40;
/** A picture that is larger would make the repository heavy for ever. */
const MOST_BYTES = 300_000;

async function main(): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  runLab('up', '--bundle', 'none');
  try {
    await drawUp('lxd-fan');
    await drawCommand('status', ['status']);
  } finally {
    runLab('down');
  }
}

function runLab(...words: string[]): void {
  const argv = ['--enable-source-maps', join(root, 'dist/src/cli.js'), 'lab', ...words];
  const { status } = spawnSync(process.execPath, argv, { stdio: ['ignore', 2, 2], env: environment });
  if (status !== 0) throw new Error(`cannot go on: lab ${words.join(' ')} ended with ${status}`);
}

/** The middle of `muster up`, in the terminal, on the page and in the boot log at the same moment. */
async function drawUp(bundle: string): Promise<void> {
  const words = ['up', bundle, '--on', 'metal', '--yes'];
  const meanwhile: Promise<unknown>[] = [];
  await inTerminal(words, (terminal) => {
    const percent = Number(/(\d+)% \(/.exec(terminal.lines(1)[0] ?? '')?.[1] ?? 0);
    if (meanwhile.length > 0 || percent < MIDDLE_PERCENT) return;
    keep('up.svg', svgOf(terminal, `muster ${words.join(' ')}`, ROWS));
    // Its boot is the one that installs: the last one shows only that the disk was started.
    const drawing = Promise.all([drawPage(), drawCommand('boot-log', ['machines', 'boot-log', 'node-1'])]);
    // Awaited below; a failure meanwhile is not an unhandled one.
    drawing.catch(() => undefined);
    meanwhile.push(drawing);
  });
  if (meanwhile.length === 0) throw new Error('cannot draw the middle of the run: it was never seen');
  await Promise.all(meanwhile);
}

async function drawPage(): Promise<void> {
  const token = readFileSync(join(lab.dir, 'data/admin.token'), 'utf8').trim();
  const browser = await Browser.open(['ip', 'netns', 'exec', lab.name]);
  try {
    await browser.goTo('https://localhost:7443/');
    await browser.until(`!document.getElementById('login').hidden`);
    await browser.evaluate(`document.getElementById('token').value = ${JSON.stringify(token)}`);
    await browser.evaluate(`document.getElementById('login').requestSubmit()`);
    await browser.until(`document.querySelectorAll('#machines tbody tr').length > 0`);
    await browser.until(`document.querySelectorAll('#runs progress').length > 0`);
    keep('page.png', await browser.picture());
  } finally {
    await browser.close();
  }
}

async function drawCommand(name: string, words: readonly string[]): Promise<void> {
  const terminal = await inTerminal(words, () => undefined);
  keep(`${name}.svg`, svgOf(terminal, `muster ${words.join(' ')}`, ROWS));
}

/** Runs the command on a terminal of its own, which `script` makes. */
async function inTerminal(words: readonly string[], look: (terminal: Terminal) => void): Promise<Terminal> {
  const terminal = new Terminal(COLUMNS);
  terminal.write(`\u001b[90m$\u001b[0m \u001b[1mmuster ${words.join(' ')}\u001b[0m\r\n`);
  const command = `stty cols ${COLUMNS} rows ${ROWS}; exec ${muster} ${words.join(' ')}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    process.stderr.write(text);
    terminal.write(text);
    look(terminal);
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`cannot draw muster ${words.join(' ')}: it ended with ${String(code)}`);
  return terminal;
}

function keep(name: string, content: string | Buffer): void {
  const bytes = Buffer.byteLength(content);
  if (bytes > MOST_BYTES) throw new Error(`cannot keep ${name}: ${bytes} bytes are more than ${MOST_BYTES}`);
  writeFileSync(join(pictures, name), content);
  process.stderr.write(`\ndocs/pictures/${name}: ${bytes} bytes\n`);
}

await main();
