import Table from 'cli-table3';
import type { Command } from 'commander';
import { loadSettings } from '../platform/config/index.js';
import type { Finding } from './doctor/finding.js';

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('say what keeps a server on this computer from working, and how to mend it')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExit code 1 where something failed; warnings alone give 0.\n\nExample:\n  muster doctor --json | jq',
    )
    .action(async (_options: unknown, command: Command) => {
      const { json } = command.optsWithGlobals<{ json?: boolean }>();
      const { examine } = await import('./doctor/doctor.js');
      const findings = await examine(loadSettings());
      process.stdout.write(json === true ? `${JSON.stringify(findings, null, 2)}\n` : render(findings));
      process.exitCode = findings.some((finding) => finding.status === 'failed') ? 1 : 0;
    });
}

const SIGNS = { ok: 'ok', warning: 'warn', failed: 'FAIL' } as const;

function render(findings: readonly Finding[]): string {
  const table = new Table({
    head: ['', 'what', 'found', 'what to do'],
    style: { head: [], border: [] },
    wordWrap: true,
  });
  for (const { status, subject, message, fix } of findings) table.push([SIGNS[status], subject, message, fix ?? '']);
  return `${table.toString()}\n`;
}
