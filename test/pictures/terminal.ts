/** A run of characters in one colour. */
interface Span {
  column: number;
  text: string;
  colour: string;
  bold: boolean;
}

interface Cell {
  character: string;
  colour: string;
  bold: boolean;
}

const PLAIN = '#d4d4d4';
/** By SGR number (ECMA-48, 8.3.117): what `muster` paints with. */
const COLOURS: Readonly<Record<number, string>> = {
  31: '#f47067',
  32: '#57ab5a',
  33: '#c69026',
  34: '#6cb6ff',
  90: '#8b949e',
};

/** A control sequence, or one character. */
const PARTS = /\u001b\[[\d;?]*[A-Za-z]|[\s\S]/gu; // eslint-disable-line no-control-regex -- control sequences begin with one

/** As much of a terminal as the command line uses: line ends, the line that is drawn again, colours. */
export class Terminal {
  private readonly rows: Cell[][] = [[]];
  private column = 0;
  private colour = PLAIN;
  private bold = false;

  constructor(private readonly columns: number) {}

  write(text: string): void {
    for (const [part] of text.matchAll(PARTS)) {
      if (part.startsWith('\u001b[')) this.control(part.slice(2, -1), part.at(-1) ?? '');
      else this.put(part);
    }
  }

  /** What the last `rows` rows show, without trailing blanks. */
  lines(rows = Infinity): string[] {
    return this.last(rows).map((row) =>
      row
        .map((cell) => cell.character)
        .join('')
        .trimEnd(),
    );
  }

  /** The last `rows` rows as spans. */
  spans(rows: number): Span[][] {
    return this.last(rows).map(spansOf);
  }

  private last(rows: number): Cell[][] {
    const used = this.rows.at(-1)?.length === 0 ? this.rows.slice(0, -1) : this.rows;
    return used.slice(Math.max(0, used.length - rows));
  }

  private put(character: string): void {
    if (character === '\r') this.column = 0;
    else if (character === '\n') this.rows.push([]);
    else {
      if (this.column === this.columns) this.newRow();
      const row = this.rows.at(-1) ?? [];
      while (row.length < this.column) row.push({ character: ' ', colour: PLAIN, bold: false });
      row[this.column] = { character, colour: this.colour, bold: this.bold };
      this.column += 1;
    }
  }

  /** What does not fit goes on below. */
  private newRow(): void {
    this.rows.push([]);
    this.column = 0;
  }

  private control(parameters: string, final: string): void {
    if (final === 'K' && parameters === '2') this.rows[this.rows.length - 1] = [];
    else if (final === 'm') for (const number of parameters.split(';')) this.paint(Number(number));
    else throw new Error(`cannot draw the control sequence ESC [ ${parameters}${final}`);
  }

  private paint(number: number): void {
    if (number === 0) [this.colour, this.bold] = [PLAIN, false];
    else if (number === 1) this.bold = true;
    else if (number in COLOURS) this.colour = COLOURS[number] ?? PLAIN;
    else throw new Error(`cannot draw SGR ${number}`);
  }
}

const FONT_PX = 14;
const ADVANCE_PX = 8.4;
const LINE_PX = 19;
const MARGIN_PX = 16;

/** A picture of the terminal's last rows. */
export function svgOf(terminal: Terminal, title: string, rows: number): string {
  const lines = terminal.spans(rows);
  const ends = lines.flat().map((span) => span.column + span.text.length);
  const width = Math.ceil(Math.max(...ends) * ADVANCE_PX + 2 * MARGIN_PX);
  const height = lines.length * LINE_PX + 2 * MARGIN_PX;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<rect width="100%" height="100%" rx="8" fill="#1c2128"/>`,
    `<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="${FONT_PX}">`,
    ...lines.flatMap((line, row) => line.map((span) => textOf(span, MARGIN_PX + FONT_PX + row * LINE_PX))),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

/** Every span has its place and length, so that columns stand below each other in any font. */
function textOf({ column, text, colour, bold }: Span, y: number): string {
  const x = (MARGIN_PX + column * ADVANCE_PX).toFixed(1);
  const length = (text.length * ADVANCE_PX).toFixed(1);
  const weight = bold ? ' font-weight="bold"' : '';
  return `<text x="${x}" y="${y}" textLength="${length}" lengthAdjust="spacingAndGlyphs" fill="${colour}"${weight}>${escape(text)}</text>`;
}

function spansOf(row: readonly Cell[]): Span[] {
  const spans: Span[] = [];
  for (const [column, { character, colour, bold }] of row.entries()) {
    const last = spans.at(-1);
    const goesOn = last?.colour === colour && last.bold === bold;
    // Two blanks part columns: what follows gets a place of its own.
    if (last !== undefined && goesOn && !(character !== ' ' && last.text.endsWith('  '))) last.text += character;
    else spans.push({ column, text: character, colour, bold });
  }
  return spans.map(withoutBlanks).filter((span) => span.text !== '');
}

function withoutBlanks(span: Span): Span {
  const text = span.text.trimStart();
  return { ...span, column: span.column + span.text.length - text.length, text: text.trimEnd() };
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
