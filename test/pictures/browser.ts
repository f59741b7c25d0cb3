import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

interface Answer {
  id?: number;
  result?: Record<string, unknown>;
  error?: { message: string };
}

const VIEW = { width: 1200, height: 700, deviceScaleFactor: 1, mobile: false };

/** Chromium, spoken to by its DevTools protocol over a pipe: no port, and no package for it. */
export class Browser {
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private readonly profile = mkdtempSync(join(tmpdir(), 'muster-pictures-browser-'));
  private readonly child: ChildProcess;
  private nextId = 1;
  private session: string | undefined;

  private constructor(prefix: readonly string[]) {
    const flags = ['--headless=new', '--no-sandbox', '--hide-scrollbars', '--disable-gpu', '--remote-debugging-pipe'];
    // The page's certificate is of an authority that this browser does not know.
    const argv = [...prefix, 'chromium', ...flags, '--ignore-certificate-errors', `--user-data-dir=${this.profile}`];
    this.child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    void this.read(this.child.stdio[4] as Readable);
  }

  /** `prefix`: what goes before the program, such as `ip netns exec NAME`. */
  static async open(prefix: readonly string[]): Promise<Browser> {
    const browser = new Browser(prefix);
    const { targetId } = await browser.call('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await browser.call('Target.attachToTarget', { targetId, flatten: true });
    browser.session = sessionId as string;
    await browser.call('Emulation.setDeviceMetricsOverride', VIEW);
    return browser;
  }

  async goTo(url: string): Promise<void> {
    await this.call('Page.navigate', { url });
    await this.until(`document.readyState === 'complete' && location.href.startsWith(${JSON.stringify(url)})`);
  }

  async evaluate(expression: string): Promise<unknown> {
    const answer = await this.call('Runtime.evaluate', { expression, returnByValue: true });
    return (answer.result as { value?: unknown }).value;
  }

  async until(expression: string): Promise<void> {
    for (let tries = 0; tries < 150; tries++) {
      if ((await this.evaluate(expression)) === true) return;
      await sleep(200);
    }
    throw new Error(`cannot take a picture: never true in the page: ${expression}`);
  }

  /** The whole page as PNG. */
  async picture(): Promise<Buffer> {
    const height = (await this.evaluate('document.body.scrollHeight')) as number;
    await this.call('Emulation.setDeviceMetricsOverride', { ...VIEW, height });
    const { data } = await this.call('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data as string, 'base64');
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    await this.call('Browser.close', {}, true);
    await ended;
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }

  private async call(method: string, parameters: object, ofBrowser = false): Promise<Record<string, unknown>> {
    const id = this.nextId++;
    const sessionId = ofBrowser ? undefined : this.session;
    const answered = new Promise<Answer>((resolve) => this.waiting.set(id, resolve));
    (this.child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params: parameters, sessionId })}\0`);
    const { result, error } = await answered;
    if (error !== undefined) throw new Error(`cannot ${method}: ${error.message}`);
    return result ?? {};
  }

  private async read(stream: Readable): Promise<void> {
    let rest = '';
    for await (const part of stream.setEncoding('utf8')) {
      const messages = (rest + (part as string)).split('\0');
      rest = messages.pop() ?? '';
      for (const message of messages) {
        const answer = JSON.parse(message) as Answer;
        if (answer.id !== undefined) this.waiting.get(answer.id)?.(answer);
      }
    }
  }
}
