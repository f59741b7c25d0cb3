import { dirname, join } from 'node:path';
import { exportsRoutes, type ExportedBundle } from '../api/contract/index.js';
import type { CliContext, Register } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { differs, writePrivate } from './private-files.js';

interface ExportOptions {
  output?: string;
  withSecrets?: boolean;
}

/** `muster export`: a deployment as a bundle again. */
export const registerExport: Register = (program, context) => {
  program
    .command('export <deployment>')
    .summary('write a bundle that gives the same plan: overlays and settings are laid into it')
    .option('-o, --output <file>', 'write it to this file, which only you can read; what belongs to it goes beside it')
    .option('--with-secrets', 'with the values of options that are secret, each in a file beside it')
    .addHelpText(
      'after',
      `
What a deployment was scaled and set to, its overlays and what it includes stand in the one bundle. Its own roles go to
roles/ beside it. Options that their role calls secret are left out: the bundle names a file for each in values/.

Examples:
  muster export prod --output prod/bundle.yaml
  muster diff prod prod/bundle.yaml
  muster up prod/bundle.yaml --name staging --on localhost`,
    )
    .action(async (deployment: string, options: ExportOptions) => {
      const body = { withSecrets: options.withSecrets };
      const exported = await context.api.call(exportsRoutes.bundle, { params: { deployment }, body });
      if (options.output === undefined) print(context, exported);
      else write(context, exported, options.output);
    });
};

function print(context: CliContext, exported: ExportedBundle): void {
  context.show(exported, () => exported.text);
  if (exported.files.length === 0 || context.json) return;
  context.tell(`beside it belong ${names(exported.files)}; --output FILE writes them, too`);
}

function write(context: CliContext, { text, files }: ExportedBundle, output: string): void {
  const folder = dirname(output);
  const beside = files.flatMap((file) =>
    file.text === null
      ? []
      : [{ path: join(folder, file.path), content: Buffer.from(file.text, file.encoding ?? 'utf8') }],
  );
  const other = beside.find(({ path, content }) => differs(path, content));
  if (other !== undefined)
    throw new CliError(EXIT.refused, `cannot write ${other.path}: another is there`, 'give a file in an empty folder');
  for (const { path, content } of beside) writePrivate(path, content);
  writePrivate(output, text);
  const missing = files.filter((file) => file.text === null);
  context.show({ output, beside: beside.map(({ path }) => path), missing: missing.map(({ path }) => path) }, () =>
    [output, ...beside.map(({ path }) => path)].join('\n'),
  );
  if (missing.length > 0) context.tell(`left out, for you to put there: ${names(missing)} (or --with-secrets)`);
}

const names = (files: ExportedBundle['files']) => files.map(({ path }) => path).join(', ');
