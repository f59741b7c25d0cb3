import type { Command } from 'commander';
import { CommanderError } from 'commander';

/** A piece of code in a page: a line of a block, or a span in a sentence (which may name a command without its arguments). */
interface CodePiece {
  line: number;
  text: string;
  inline: boolean;
}

/** One call of `muster` or `npm`, as the shell would see it. */
interface Call {
  words: string[];
  inline: boolean;
}

export interface Programs {
  /** The program, fresh at every call: commander keeps what it parsed. */
  muster: () => Command;
  npmScripts: readonly string[];
}

/** What is wrong with the command lines of a page: `12: error: unknown option '--fast' (muster up x --fast)`. */
export async function commandFaults(page: string, programs: Programs): Promise<string[]> {
  const faults: string[] = [];
  for (const piece of codeOf(page)) {
    for (const call of callsIn(piece)) {
      const fault = await faultOf(call, programs);
      if (fault !== null) faults.push(`${piece.line}: ${fault} (${call.words.join(' ')})`);
    }
  }
  return faults;
}

/** How many command lines a page has: a reader of pages that finds none would find no fault either. */
export function countCalls(page: string): number {
  return codeOf(page).flatMap(callsIn).length;
}

/** Why commander refuses these words, or null. */
export async function refusalOf(program: Command, words: readonly string[], inline: boolean): Promise<string | null> {
  silence(program);
  const asksHelp = words.includes('--help');
  // With --help commander looks at nothing else.
  const argv = words.filter((word) => word !== '--help');
  try {
    await program.parseAsync(argv, { from: 'user' });
    return null;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return forgiven(error, inline || asksHelp) ? null : error.message;
  }
}

function codeOf(page: string): CodePiece[] {
  const lines = page.split('\n');
  const blocks: CodePiece[] = [];
  let fence = false;
  let before = '';
  const prose = lines.map((text, at) => {
    const isFence = /^\s*```/.test(text);
    const indented = /^ {4}/.test(text) && (before === '' || /^ {4}/.test(before));
    before = text;
    if (!fence && !isFence && !indented) return text;
    if (isFence) fence = !fence;
    else blocks.push({ line: at + 1, text, inline: false });
    return '';
  });
  return [...blocks, ...spansOf(prose.join('\n'))].sort((a, b) => a.line - b.line);
}

function spansOf(prose: string): CodePiece[] {
  return [...prose.matchAll(/(`+)([^`]+)\1/g)].map((match) => ({
    line: prose.slice(0, match.index).split('\n').length,
    // In a table a bar is escaped; a span may go over the end of a line.
    text: match[2]!.replaceAll('\\|', '|').replace(/\s+/g, ' '),
    inline: true,
  }));
}

function callsIn({ text, inline }: CodePiece): Call[] {
  return text
    .replace(/(^|\s)(#|>>?\s).*$/, '')
    .split(/\s(?:&&|\|\||\||;)\s|\$\(|\)/)
    .map((part) => programAndWords(part))
    .filter((words) => words[0] === 'muster' || words[0] === 'npm')
    .map((words) => ({ words, inline }));
}

function programAndWords(part: string): string[] {
  const words = [...part.trim().matchAll(/(?:'[^']*'|"[^"]*"|\S)+/g)].map(([word]) => word.replace(/["']/g, ''));
  while (words[0] === 'sudo' || /^[A-Z_]+=/.test(words[0] ?? '')) words.shift();
  const [program = '', ...rest] = words;
  return [program.replace(/^.*\//, ''), ...rest.flatMap(plainWord)];
}

/** `[--watch]` is read as given, `a|b` as the first of them; `…` stands for what nobody wrote. */
function plainWord(word: string): string[] {
  const plain = word.replace(/^\[|\]$/g, '').replace(/\|.*$/, '');
  return plain === '…' || plain === '' ? [] : [plain];
}

async function faultOf({ words: [name, ...words], inline }: Call, programs: Programs): Promise<string | null> {
  if (name === 'muster') return refusalOf(programs.muster(), words, inline);
  const [command = '', ...rest] = words;
  const script = command === 'run' ? (rest.shift() ?? '') : command;
  if (command !== 'run' && ['install', 'ci', ''].includes(command)) return null;
  if (!programs.npmScripts.includes(script)) return `package.json has no script "${script}"`;
  const given = rest.slice(rest.indexOf('--') + 1);
  return script === 'lab' && rest.includes('--') ? refusalOf(programs.muster(), ['lab', ...given], inline) : null;
}

/** Commands are only looked up, never run. */
function silence(command: Command): void {
  command.exitOverride().configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  // A group without a default shows its help, which is right as long as it has no action.
  if (command.commands.length === 0) command.action(() => undefined);
  command.commands.forEach(silence);
}

function forgiven(error: CommanderError, mention: boolean): boolean {
  if (isPlaceholder(/'([^']*)'\.?/.exec(error.message)?.[1] ?? '')) {
    return error.code === 'commander.unknownCommand' || error.code === 'commander.invalidArgument';
  }
  const incomplete = ['commander.missingArgument', 'commander.missingMandatoryOptionValue', 'commander.help'];
  return mention && incomplete.includes(error.code);
}

/** COMMAND, NAME, N: for the reader to fill in. */
function isPlaceholder(word: string): boolean {
  return /^[A-Z][A-Z_]*$/.test(word);
}
