import { Option } from 'commander';
import { machinesRoutes, type MachineEvent } from '../api/contract/index.js';
import type { CliContext, Register } from './context.js';
import { paint, plain } from './format.js';

const COLOURS = { info: 'grey', warning: 'yellow', question: 'yellow', alert: 'red' } as const;

/** `muster machines events`: what happened to a machine, who did it, and what somebody should look at. */
export const registerMachineEvents: Register = (machines, context) => {
  machines
    .command('events <machine>')
    .summary('show what happened to a machine and who did it; questions and alerts want somebody to look')
    .addOption(new Option('--only <level>', 'of this level').choices(Object.keys(COLOURS)))
    .addHelpText('after', '\nExamples:\n  muster machines events n1\n  muster machines events n1 --only alert')
    .action(async (machine: string, options: { only?: string }) => {
      const { items } = await context.api.call(machinesRoutes.events, { params: { machine } });
      const wanted = items.filter((event) => options.only === undefined || event.level === options.only);
      context.show(wanted, () => text(wanted, machine, context));
    });
};

function text(events: readonly MachineEvent[], machine: string, context: CliContext): string {
  if (events.length === 0) return `nothing has happened to ${machine}`;
  return events.map((event) => line(event, context.colours)).join('\n');
}

function line({ at, level, actor, message }: MachineEvent, colours: boolean): string {
  return `${at}  ${paint(COLOURS[level], level.padEnd(8), colours)}  ${plain(actor).padEnd(10)}  ${plain(message)}`;
}
