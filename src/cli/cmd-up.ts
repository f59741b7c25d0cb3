import { Option, type Command } from 'commander';
import { deploymentsRoutes, type RunDetail } from '../api/contract/index.js';
import { askUp } from './ask-up.js';
import { readBundle } from './bundle-files.js';
import type { CliContext, Register } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { followRun } from './follow-run.js';
import { headlessCommand, MUSTERFILE, openSettings, readMusterfile, settingsOf, type UpChoices } from './musterfile.js';
import { collect } from './options.js';
import { ensureServer } from './own-server.js';
import { nothingText, planText } from './plan-text.js';

interface SourceOptions {
  on?: string;
  set?: string[];
  name?: string;
  overlay?: string[];
  layout?: 'flat' | 'lvm';
  base?: string;
  replace?: string[];
}

/** `muster up` and `muster plan`. */
export const registerUp: Register = (program, context) => {
  withSource(program.command('up [bundle]'))
    .summary('take a bundle to a running cluster; again: apply what changed')
    .option('-y, --yes', 'do not ask')
    .option('-d, --detach', 'do not wait for the run')
    .addHelpText(
      'after',
      `
BUNDLE is the name of a shipped bundle (muster bundles list), a file, or a folder with a bundle.yaml. Without it the
Musterfile of this folder says what to do (YAML: bundle, on, name, set, overlays), and nothing is asked unless data would
be lost. On a terminal, without --yes, muster asks what is not said, and prints the command that does the same. \`muster NAME\` is \`muster up NAME\`.

Examples:
  muster up lxd-fan --on metal
  muster up ./bundle.yaml --name prod --overlay sizes.yaml
  muster up ubuntu --on localhost          in containers; starts a server where none runs (as root)
  muster up lxd-fan --set lxd.storage=dir --yes
  muster up ubuntu --yes --detach`,
    )
    .action(async (bundle: string | undefined, given: SourceOptions & { yes?: boolean; detach?: boolean }) => {
      const { choices, isFile } = await chosen(context, bundle, given);
      const body = await sourceOf(context, choices, given);
      const isSaid = given.yes === true || isFile;
      await ensureServer(context, { on: body.on, yes: isSaid });
      const plan = await context.api.call(deploymentsRoutes.plan, { body });
      if (plan.steps.length === 0 && plan.changes.length === 0) {
        context.show({ plan, run: null }, () => nothingText(plan));
        return;
      }
      if (!context.json) context.tell(planText(plan, { colours: context.colours, steps: false }));
      const isSafe = plan.destroys.length === 0;
      await context.confirm(isSafe ? 'Do this?' : 'Do this? Data will be lost.', { yes: isSafe ? isSaid : given.yes });
      const started = await context.api.call(deploymentsRoutes.up, { body: { ...body, planHash: plan.planHash } });
      if (given.detach === true) {
        context.show(started, () => `run ${started.run.id} has begun; muster logs -f ${started.run.id}`);
        return;
      }
      const isOwn = body.bundle === undefined;
      const run = await followRun(context, started.run.id, (failed) => (isOwn ? hintOfOwn(failed) : null));
      const { name } = started.deployment;
      context.show({ deployment: started.deployment, run }, () => `${name} is up. muster status ${name}`);
    });

  withSource(program.command('plan [bundle]'))
    .summary('show what `up` would do, and do nothing')
    .addHelpText('after', '\nExamples:\n  muster plan kubernetes-core --on metal\n  muster plan ./bundle.yaml --json')
    .action(async (bundle: string | undefined, options: SourceOptions) => {
      await showPlan(context, await sourceOf(context, said(bundle, options).choices, options));
    });
};

/** A retry runs the scripts as they were sent; who mends them sends them again. */
function hintOfOwn({ id, status }: RunDetail): string {
  const first = status === 'paused' ? `muster cancel ${id}, and ` : '';
  return `muster logs ${id}; mend the files, then ${first}muster up again: what succeeded stays (muster retry ${id} takes the files as they were)`;
}

/** What was said on the line, or in the Musterfile where no bundle stands on the line. */
function said(bundle: string | undefined, options: SourceOptions): { choices: UpChoices; isFile: boolean } {
  const { on, name, set = [], overlay = [] } = options;
  const file = bundle === undefined ? readMusterfile() : null;
  if (file === null) return { choices: { bundle, on, name, set, literal: [], overlay }, isFile: false };
  const choices = {
    ...{ bundle: file.bundle, on: on ?? file.on, name: name ?? file.name },
    ...{ set, literal: file.literal, overlay: [...file.overlay, ...overlay] },
  };
  return { choices, isFile: true };
}

/** As said; on a terminal the rest is asked, unless --yes or a Musterfile says that nothing is. */
async function chosen(
  context: CliContext,
  bundle: string | undefined,
  options: SourceOptions & { yes?: boolean; detach?: boolean },
): Promise<{ choices: UpChoices; isFile: boolean }> {
  const { choices, isFile } = said(bundle, options);
  if (isFile || options.yes === true || !context.io.canAsk || !context.io.isTty || context.json)
    return { choices, isFile };
  const asked = await askUp(context, choices);
  const { base, layout, replace } = options;
  context.tell(
    `The same without questions:\n  ${headlessCommand(asked, { base, layout, replace, api: context.givenApi })}`,
  );
  return { choices: asked, isFile };
}

async function showPlan(context: CliContext, body: Awaited<ReturnType<typeof sourceOf>>): Promise<void> {
  const plan = await context.api.call(deploymentsRoutes.plan, { body });
  context.show(plan, () => planText(plan, { colours: context.colours, steps: true }));
}

function withSource(command: Command): Command {
  return command
    .option('--on <cloud>', 'where: metal (the default), localhost, or a cloud of `muster clouds list`')
    .option('--set <app.option=value>', 'an option of an application; may be repeated', collect)
    .option('--name <name>', "the deployment's name (default: the bundle's)")
    .option('--overlay <file>', 'a bundle to lay over it; may be repeated', collect)
    .addOption(new Option('--layout <layout>', 'disk layout of metal nodes').choices(['flat', 'lvm']))
    .option('--base <os>', "instead of the bundle's base: debian@12")
    .option('--replace <node>', 'make this node anew, with the loss of what is on it; may be repeated', collect);
}

async function sourceOf(
  context: CliContext,
  { bundle, on, name, set, literal, overlay }: UpChoices,
  { layout, base, replace }: SourceOptions,
) {
  if (bundle === undefined)
    throw new CliError(EXIT.usage, 'cannot tell which bundle is meant', `name it, or write a ${MUSTERFILE}`);
  const settings = [...settingsOf(literal), ...(await openSettings(context, settingsOf(set)))];
  return { ...readBundle(bundle, overlay), settings, on: on ?? 'metal', name, layout, base, replace };
}
