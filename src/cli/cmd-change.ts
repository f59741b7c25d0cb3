import type { Command } from 'commander';
import { changesRoutes, deploymentsRoutes, type Setting } from '../api/contract/index.js';
import { readBundle } from './bundle-files.js';
import { carryOut, type ChangeOptions } from './change-plan.js';
import type { CliContext, Register } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { openSettings } from './musterfile.js';
import { collect } from './options.js';
import { nothingText, planText } from './plan-text.js';
import { onlyDeploymentWith } from './references.js';

interface OfOptions extends ChangeOptions {
  deployment?: string;
}

/** `muster set`, `muster scale` and `muster diff`. */
export const registerChange: Register = (program, context) => {
  changing(program.command('set <settings...>'))
    .summary('set options of an application, and apply the difference')
    .addHelpText(
      'after',
      `
The plan is shown first. What is set stays over the bundle until the next "muster up".

Examples:
  muster set etcd port=2381
  muster set etcd.port=2381 web.workers=8 --yes
  muster set web config=@nginx.conf -D prod`,
    )
    .action(async (words: string[], options: OfOptions) => {
      await change(context, 'set', await openSettings(context, settingsOf(words)), options);
    });

  changing(program.command('scale <settings...>'))
    .summary('set the number of units of applications: more are laid down, the highest numbers go')
    .addHelpText(
      'after',
      `
Units that go are drained and removed by their role's own steps, then nodes that nothing is on any more are given back.

Examples:
  muster scale web=5
  muster scale web=2 etcd=3 -D prod --yes`,
    )
    .action(async (words: string[], options: OfOptions) => {
      await change(context, 'scale', words.map(unitsOf), options);
    });

  program
    .command('diff <deployment> [bundle]')
    .summary('show what a bundle (or its own) wants otherwise than the deployment stands; exits 1 where it does')
    .option('--overlay <file>', 'a bundle to lay over it; may be repeated', collect)
    .addHelpText('after', '\nExamples:\n  muster diff prod ./bundle.yaml\n  muster diff prod --json')
    .action(async (name: string, bundle: string | undefined, options: { overlay?: string[] }) => {
      const plan =
        bundle === undefined
          ? await context.api.call(changesRoutes.plan, { params: { deployment: name }, body: {} })
          : await planOf(context, name, bundle, options.overlay ?? []);
      const differs = plan.steps.length > 0 || plan.diff.outdated.length > 0;
      if (differs) context.exitCode = EXIT.failed;
      context.show(plan.diff, () =>
        plan.steps.length === 0 ? nothingText(plan) : planText(plan, { colours: context.colours, steps: false }),
      );
    });
};

async function planOf(context: CliContext, name: string, bundle: string, overlays: string[]) {
  const { cloud } = await context.api.call(deploymentsRoutes.show, { params: { deployment: name } });
  return context.api.call(deploymentsRoutes.plan, { body: { ...readBundle(bundle, overlays), name, on: cloud } });
}

function changing(command: Command): Command {
  return command
    .option('-D, --deployment <name>', 'of which deployment (default: the only one with such an application)')
    .option('-y, --yes', 'do not ask')
    .option('-d, --detach', 'do not wait for the run');
}

async function change(
  context: CliContext,
  action: 'set' | 'scale',
  settings: Setting[],
  options: OfOptions,
): Promise<void> {
  const deployment =
    options.deployment ??
    (await onlyDeploymentWith(context, [...new Set(settings.map(({ application }) => application))]));
  const params = { deployment };
  const plan = await context.api.call(changesRoutes.plan, { params, body: { settings } });
  const begin = async () => {
    const body = { settings, action, planHash: plan.planHash };
    return (await context.api.call(changesRoutes.apply, { params, body })).run;
  };
  await carryOut(context, plan, begin, options);
}

/** `etcd.port=1`, or an application first and then `port=1`. */
function settingsOf(words: readonly string[]): Setting[] {
  const [first = '', ...rest] = words;
  const application = first.includes('=') ? null : first;
  const pairs = application === null ? words : rest;
  if (pairs.length === 0) throw new CliError(EXIT.usage, `cannot set anything of ${first}`, 'give option=value');
  return pairs.map((pair) => {
    const [, of, option, value] = /^(?:([^.=\s]+)\.)?([^.=\s]+)=([^]*)$/.exec(pair) ?? [];
    const name = of ?? application;
    if (name === null || option === undefined || value === undefined)
      throw new CliError(
        EXIT.usage,
        `cannot read "${pair}"`,
        'give APPLICATION option=value, or application.option=value',
      );
    return { application: name, option, value };
  });
}

function unitsOf(word: string): Setting {
  const [, application, count] = /^([^.=\s]+)=(\d{1,6})$/.exec(word) ?? [];
  if (application === undefined || count === undefined)
    throw new CliError(EXIT.usage, `cannot read "${word}"`, 'give APPLICATION=NUMBER, as web=3');
  return { application, option: 'num_units', value: count };
}
