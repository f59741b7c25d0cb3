import { deploymentsRoutes } from '../api/contract/index.js';
import type { CliContext, Register } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { fields } from './format.js';
import { writePrivate } from './private-files.js';

/** `muster outputs`: what a bundle gives to those who use it, such as a cluster's kubeconfig. */
export const registerOutputs: Register = (program, context) => {
  program
    .command('outputs <deployment> [name]')
    .summary("what a deployment's bundle gives out: all of it, or one, secrets too")
    .option('--save <file>', 'write it to this file, which only you can read, instead of showing it')
    .addHelpText('after', '\nExample:\n  muster outputs kubernetes-core kubeconfig --save ~/.kube/kubernetes-core')
    .action(async (deployment: string, name: string | undefined, { save }: { save?: string }) => {
      if (name === undefined) await list(context, deployment, save);
      else await open(context, deployment, name, save);
    });
};

async function list(context: CliContext, deployment: string, save: string | undefined): Promise<void> {
  if (save !== undefined) throw new CliError(EXIT.usage, 'cannot save all outputs to one file', 'name one of them');
  const { outputs } = await context.api.call(deploymentsRoutes.show, { params: { deployment } });
  if (context.json) {
    context.print(JSON.stringify(outputs));
    return;
  }
  const shown = Object.entries(outputs).map(
    ([key, value]) => [key, value === null ? '(secret)' : text(value)] as const,
  );
  context.print(shown.length === 0 ? `${deployment} has no outputs` : fields(shown));
}

async function open(context: CliContext, deployment: string, name: string, save: string | undefined): Promise<void> {
  const output = await context.api.call(deploymentsRoutes.openOutput, { params: { deployment, output: name } });
  if (save === undefined) {
    context.print(context.json ? JSON.stringify(output) : text(output.value));
    return;
  }
  writePrivate(save, `${text(output.value)}\n`);
  context.show({ name, file: save }, () => `${name} is in ${save}`);
}

const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
