import { runsRoutes } from '../api/contract/index.js';
import type { Register } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { plainLog } from './format.js';
import { getRun } from './references.js';

/** `muster logs`: what the steps of a run wrote. */
export const registerLogs: Register = (program, context) => {
  program
    .command('logs <run>')
    .summary('show the log of a run; -f follows it, and exits 1 where the run did not succeed')
    .option('-f, --follow', 'until the run ends')
    .option('--step <key>', 'only of this step')
    .addHelpText(
      'after',
      `
RUN is an id, or the name of a deployment or machine: its latest run.

Examples:
  muster logs -f lxd-fan
  muster logs lxd-fan --step machine/0:install`,
    )
    .action(async (reference: string, options: { follow?: boolean; step?: string }) => {
      const { id } = await getRun(context, reference);
      const query = { step: options.step, follow: options.follow ?? false };
      const printer = new LogPrinter((text) => context.io.stdout.write(text), options.step === undefined);
      const signal = context.io.signal;
      for await (const chunk of context.api.stream(runsRoutes.log, { params: { run: id }, query }, { signal })) {
        if (context.json) context.print(JSON.stringify(chunk));
        else printer.add(chunk);
      }
      printer.end();
      if (signal.aborted) {
        throw new CliError(EXIT.interrupted, 'interrupted; the run goes on', `muster logs -f ${id}`);
      }
      if (options.follow === true && (await getRun(context, id)).status !== 'succeeded') context.exitCode = EXIT.failed;
    });
};

/**
 * Prints whole lines with their step before them. A stream that was lost begins anew, so what was printed before is left
 * out.
 */
export class LogPrinter {
  private readonly printedBytes = new Map<string, number>();
  private readonly rest = new Map<string, string>();

  constructor(
    private readonly write: (text: string) => void,
    private readonly withKeys: boolean,
  ) {}

  add(chunk: { stepKey: string; offset: number; text: string }): void {
    const { stepKey, offset } = chunk;
    const bytes = Buffer.from(chunk.text, 'utf8');
    const printed = this.printedBytes.get(stepKey) ?? offset;
    const fresh = bytes.subarray(Math.max(0, printed - offset));
    if (fresh.length === 0) return;
    this.printedBytes.set(stepKey, offset + bytes.length);
    const lines = ((this.rest.get(stepKey) ?? '') + plainLog(fresh.toString('utf8'))).split('\n');
    this.rest.set(stepKey, lines.pop() ?? '');
    for (const line of lines) this.writeLine(stepKey, line);
  }

  end(): void {
    for (const [stepKey, line] of this.rest) if (line !== '') this.writeLine(stepKey, line);
    this.rest.clear();
  }

  private writeLine(stepKey: string, line: string): void {
    this.write(`${this.withKeys ? `${stepKey} | ` : ''}${line}\n`);
  }
}
