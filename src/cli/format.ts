import Table from 'cli-table3';

type Cell = string | number | null | undefined;

/** Columns without rules, as kubectl and juju print them: readable, and easy to cut up. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) return '(none)';
  const none = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '' };
  const sides = { 'bottom-left': '', 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '' };
  const view = new Table({
    head: head.map((title) => title.toUpperCase()),
    chars: { ...none, ...sides, right: '', 'right-mid': '', middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) view.push(row.map((cell) => plain(cell === null || cell === undefined ? '-' : String(cell))));
  return view
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Names and values below each other. */
export function fields(pairs: readonly (readonly [name: string, value: Cell])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([name, value]) => `${name.padEnd(width)}  ${plain(String(value))}`)
    .join('\n');
}

/** What came from a machine or a user must not steer the terminal. */
export function plain(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\uFFFD'); // eslint-disable-line no-control-regex -- control characters are what is taken out
}

/** As {@link plain}, for a log: line ends and tabs stay, a carriage return becomes a line end. */
export function plainLog(text: string): string {
  return plain(text.replace(/\r\n?/g, '\n'));
}

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')}m`;
  return `${Math.floor(whole / 86_400)}d${Math.floor((whole % 86_400) / 3600)}h`;
}

/** How long ago, or in how long. */
export function age(time: string | null, now: Date): string {
  if (time === null) return '-';
  const seconds = (now.getTime() - new Date(time).getTime()) / 1000;
  return seconds >= 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
}

export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

/** `1h30m`, `45s`, `90d` in seconds; null where it is none. */
export function parseDuration(text: string): number | null {
  if (!/^(\d+[smhdw])+$/.test(text)) return null;
  const seconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
  return [...text.matchAll(/(\d+)([smhdw])/g)].reduce(
    (sum, match) => sum + Number(match[1]) * (seconds[match[2] ?? ''] ?? 0),
    0,
  );
}

const PAINT = { red: 31, green: 32, yellow: 33, blue: 34, grey: 90, bold: 1 };

export function paint(colour: keyof typeof PAINT, text: string, enabled: boolean): string {
  return enabled ? `\u001b[${PAINT[colour]}m${text}\u001b[0m` : text;
}
