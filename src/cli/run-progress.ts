import type { RunDetail, Step } from '../api/contract/index.js';
import type { CliContext } from './context.js';
import { duration, paint, plain } from './format.js';

const BAR_WIDTH = 24;
/** Without a terminal: how often to say that it still goes on. */
const STILL_MS = 30_000;
const SETTLED: readonly Step['status'][] = ['succeeded', 'failed', 'skipped', 'cancelled', 'needs-operator'];

/** Draws a run for people: one line for each step that ends, and one that moves. Silent with --json. */
export class RunProgress {
  private readonly told = new Map<string, string>();
  private line = '';
  private lastWordMs = 0;

  constructor(private readonly context: CliContext) {}

  show(run: RunDetail): void {
    if (this.context.json) return;
    for (const step of run.steps) {
      const mark = `${step.status} ${step.attempts}`;
      if (!SETTLED.includes(step.status) || this.told.get(step.key) === mark) continue;
      this.told.set(step.key, mark);
      this.say(lineOf(step, titleIn(run, step), this.context.colours));
    }
    if (this.context.io.isTty) this.draw(statusLine(run, true));
    else if (Date.now() - this.lastWordMs > STILL_MS) this.say(statusLine(run, false));
  }

  lost(reason: string): void {
    if (!this.context.json && this.context.io.isTty) this.draw(`${reason}; trying again`);
  }

  end(): void {
    if (this.line !== '') this.context.io.stderr.write('\r\u001b[2K');
    this.line = '';
  }

  private say(text: string): void {
    this.end();
    this.lastWordMs = Date.now();
    this.context.tell(text);
  }

  private draw(text: string): void {
    const width = (process.stderr.columns || 80) - 1;
    const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text;
    if (cut === this.line) return;
    this.line = cut;
    this.context.io.stderr.write(`\r\u001b[2K${cut}`);
  }
}

/** Where several steps have one title, with what each is about: `write debian@12 to its disk (node/lxd-0)`. */
function titleIn(run: RunDetail, step: Step): string {
  const isShared = run.steps.some((other) => other.title === step.title && other.key !== step.key);
  return plain(isShared ? `${step.title} (${step.key.split(':')[0] ?? step.key})` : step.title);
}

/** A bar only where it moves: in a log it is a row of blocks. */
function statusLine(run: RunDetail, withBar: boolean): string {
  const filled = Math.round((run.percent / 100) * BAR_WIDTH);
  const bar = withBar ? `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ` : '';
  const left = run.secondsLeft === null ? '' : `, about ${duration(run.secondsLeft)} left`;
  const doing = run.steps.filter((step) => step.status === 'running').map((step) => doingOf(run, step));
  const more = doing.length > 2 ? ` and ${doing.length - 2} more` : '';
  const what = doing.length === 0 ? run.status : doing.slice(0, 2).join(' · ') + more;
  return plain(`${bar}${Math.floor(run.percent)}% (${run.stepsDone}/${run.stepsTotal}${left}) ${what}`);
}

function doingOf(run: RunDetail, step: Step): string {
  const percent = step.percent === null || step.percent === 0 ? '' : ` ${Math.round(step.percent)}%`;
  const again = step.attempts > 1 ? ` (try ${step.attempts})` : '';
  return `${titleIn(run, step)}${percent}${again}`;
}

function lineOf(step: Step, title: string, colours: boolean): string {
  const took =
    step.startedAt === null || step.endedAt === null
      ? ''
      : ` (${duration((Date.parse(step.endedAt) - Date.parse(step.startedAt)) / 1000)})`;
  const note = step.note === null ? '' : `: ${plain(step.note)}`;
  const reason = step.reason === null ? '' : `: ${plain(step.reason)}`;
  if (step.status === 'succeeded') return `${paint('green', '✓', colours)} ${title}${took}${note}`;
  if (step.status === 'skipped') return `${paint('yellow', '-', colours)} ${title}: skipped${reason}`;
  if (step.status === 'cancelled') return `${paint('yellow', '-', colours)} ${title}: cancelled`;
  return `${paint('red', '✗', colours)} ${title}${took}${reason}`;
}
