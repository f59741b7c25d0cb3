import { input, select } from '@inquirer/prompts';
import { bundlesRoutes } from '../api/contract/index.js';
import { readBundle } from './bundle-files.js';
import type { CliContext } from './context.js';
import { settingsOf, type UpChoices } from './musterfile.js';

/** Asked where nothing was said of the cloud. */
const CLOUDS = [
  { value: 'localhost', description: 'containers on this computer' },
  { value: 'metal', description: 'machines that muster boots' },
];

/** Asks on a terminal what is not said yet: which bundle, where, and what the bundle itself asks. */
export async function askUp(context: CliContext, said: UpChoices): Promise<UpChoices & { bundle: string }> {
  const ask = { input: context.io.stdin, output: process.stderr, signal: context.io.signal };
  const bundle = said.bundle ?? (await askBundle(context, ask));
  const on = said.on ?? (await select({ message: 'Where?', choices: CLOUDS }, ask));
  const literal = [...said.literal];
  const body = readBundle(bundle, said.overlay);
  const { questions } = await context.look(bundlesRoutes.check, { body });
  const given = new Set(
    settingsOf([...said.set, ...literal]).map(({ application, option }) => `${application}.${option}`),
  );
  for (const question of questions) {
    if (given.has(question.set)) continue;
    const answer =
      question.choices.length > 0
        ? await select(
            { message: question.ask, choices: question.choices, default: question.default ?? undefined },
            ask,
          )
        : await input({ message: question.ask, default: question.default ?? undefined }, ask);
    // The default need not be said again.
    if (answer !== (question.default ?? '')) literal.push(`${question.set}=${answer}`);
  }
  return { ...said, bundle, on, literal };
}

type Ask = { input: CliContext['io']['stdin']; output: NodeJS.WritableStream; signal: AbortSignal };

async function askBundle(context: CliContext, ask: Ask): Promise<string> {
  const { items } = await context.look(bundlesRoutes.list, {});
  const choices = items.map(({ name, description }) => ({ value: name, description: description ?? undefined }));
  return select({ message: 'Which bundle?', choices }, ask);
}
