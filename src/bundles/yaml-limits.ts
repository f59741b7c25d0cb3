import { Lexer } from 'yaml';
import type { Diagnostics } from './diagnostics.js';
import type { SourceFile } from './source.js';

export const MAX_FILE_BYTES = 1024 * 1024;
export const MAX_DEPTH = 64;
export const MAX_ALIASES = 100;
export const MAX_NODES = 50_000;

/**
 * The lexer sees a nesting twice where a key and its `:` both open one, so its bound is wider than {@link MAX_DEPTH}
 * (which holds exactly for the tree): it need only keep the recursive parser from exhausting the stack.
 */
const MAX_LEXED_DEPTH = 4 * MAX_DEPTH;

/** yaml's lexer marks, with these, the start of a document, an error in flow style and that a scalar follows. */
const DOCUMENT_MARK = '\u0002';
const FLOW_ERROR_MARK = '\u0018';
const SCALAR_MARK = '\u001f';

const CORE_TAG = /^!!(?:str|int|float|bool|null|map|seq)$/;

/**
 * Refuses what must not reach the parser: too long, too deep, too many nodes or aliases, custom tags. `yaml` composes
 * recursively and can end the process on a few kilobytes of nested brackets; its lexer is a loop, and safe.
 *
 * @returns true where the file may be parsed
 */
export function checkLimits(source: SourceFile, diagnostics: Diagnostics): boolean {
  const bytes = Buffer.byteLength(source.text);
  if (bytes > MAX_FILE_BYTES) {
    diagnostics.error(
      { source, start: 0, end: 1 },
      `the file is ${bytes} bytes long`,
      `at most ${MAX_FILE_BYTES} bytes are read`,
    );
    return false;
  }
  return new LimitCheck(source, diagnostics).run();
}

/** One pass over the lexer's tokens. Nesting is the brackets open plus the columns at which block entries opened. */
class LimitCheck {
  private offset = 0;
  private lineStart = 0;
  private brackets = 0;
  private readonly columns: number[] = [];
  private nodes = 0;
  private aliases = 0;
  private scalarFollows = false;
  private sound = true;

  constructor(
    private readonly source: SourceFile,
    private readonly diagnostics: Diagnostics,
  ) {}

  run(): boolean {
    for (const token of new Lexer().lex(this.source.text)) {
      if (token === DOCUMENT_MARK || token === FLOW_ERROR_MARK) continue;
      if (token === SCALAR_MARK) {
        this.scalarFollows = true;
        continue;
      }
      if (!this.take(token)) return false;
      this.advance(token);
    }
    return this.sound;
  }

  private take(token: string): boolean {
    if (this.scalarFollows) {
      this.scalarFollows = false;
      return this.node(token);
    }
    const first = token.charAt(0);
    switch (first) {
      case '[':
      case '{':
        this.brackets++;
        return this.depth(token) && this.node(token);
      case ']':
      case '}':
        this.brackets = Math.max(0, this.brackets - 1);
        return true;
      case '-':
      case '?':
      case ':':
        if (token.length === 1) return this.block(token);
        if (token === '---') this.columns.length = 0;
        return true;
      case '"':
      case "'":
        return this.node(token);
      case '*':
        this.aliases++;
        if (this.aliases > MAX_ALIASES) return this.refuse(token, 'too many aliases', `at most ${MAX_ALIASES}`);
        return this.node(token);
      case '!':
        if (!CORE_TAG.test(token)) this.refuse(token, `custom tag ${quoted(token)}`, 'tags are not used in bundles');
        return true;
      case '%':
        this.refuse(token, `YAML directive ${quoted(token)}`, 'directives are not used in bundles');
        return true;
      default:
        return true;
    }
  }

  private block(token: string): boolean {
    if (this.brackets > 0) return true;
    const column = this.offset - this.lineStart;
    while (this.columns.length > 0 && (this.columns.at(-1) ?? 0) >= column) this.columns.pop();
    this.columns.push(column);
    return this.depth(token);
  }

  private depth(token: string): boolean {
    if (this.brackets <= MAX_DEPTH && this.columns.length + this.brackets <= MAX_LEXED_DEPTH) return true;
    return this.refuse(token, 'nested too deeply', `at most ${MAX_DEPTH} levels`);
  }

  private node(token: string): boolean {
    this.nodes++;
    if (this.nodes <= MAX_NODES) return true;
    return this.refuse(token, 'too many values', `at most ${MAX_NODES} in a file`);
  }

  private refuse(token: string, message: string, hint: string): false {
    const start = this.offset;
    this.diagnostics.error({ source: this.source, start, end: start + Math.max(1, token.length) }, message, hint);
    this.sound = false;
    return false;
  }

  private advance(token: string): void {
    const lineEnd = token.lastIndexOf('\n');
    if (lineEnd !== -1) this.lineStart = this.offset + lineEnd + 1;
    this.offset += token.length;
  }
}

function quoted(token: string): string {
  return JSON.stringify(token.length > 40 ? `${token.slice(0, 40)}…` : token);
}
