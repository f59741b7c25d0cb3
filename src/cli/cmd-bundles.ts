import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { bundlesRoutes } from '../api/contract/index.js';
import { readBundle } from './bundle-files.js';
import { registerArchives } from './cmd-bundles-archive.js';
import type { CliContext, Register } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { table } from './format.js';
import { collect } from './options.js';
import { diagnosticText } from './plan-text.js';
import { starterBundle } from './starter-bundle.js';

/** `muster bundles`: what can be laid down. */
export const registerBundles: Register = (program, context) => {
  const bundles = program.command('bundles').alias('bundle').summary('what can be laid down');
  registerLibrary(bundles, context);
  registerCheck(bundles, context);
  registerGraph(bundles, context);
  registerInit(bundles, context);
  registerArchives(bundles, context);
};

function registerLibrary(bundles: Command, context: CliContext): void {
  bundles
    .command('list', { isDefault: true })
    .summary('show the bundles that muster ships, and those that archives brought')
    .action(() => showList(context, () => true));
  bundles
    .command('search <word>')
    .summary('the bundles that muster ships with a word in their name, description or roles')
    .action((word: string) => {
      const wanted = word.toLowerCase();
      return showList(context, (texts) => texts.some((text) => text.toLowerCase().includes(wanted)));
    });
  bundles
    .command('show <bundle>')
    .summary('print a shipped bundle')
    .action(async (bundle: string) => {
      const found = await context.look(bundlesRoutes.show, { params: { bundle } });
      context.show(found, () => found.text);
    });
}

async function showList(context: CliContext, wanted: (texts: string[]) => boolean): Promise<void> {
  const { items } = await context.look(bundlesRoutes.list, {});
  const found = items.filter(({ name, description, roles }) => wanted([name, description ?? '', ...roles]));
  const rows = found.map(({ name, description, roles, brought }) => [
    name,
    description,
    roles.join(', '),
    brought ? 'an archive' : 'muster',
  ]);
  context.show(found, () => table(['bundle', 'description', 'roles', 'from'], rows));
}

function registerCheck(bundles: Command, context: CliContext): void {
  bundles
    .command('check <bundle>')
    .summary('tell all problems of a bundle at once; exit code 1 where it has errors')
    .option('--overlay <file>', 'a bundle to lay over it; may be repeated', collect)
    .addOption(new Option('--format <format>', 'json: for editors and CI').choices(['text', 'json']))
    .action(async (bundle: string, options: { overlay?: string[]; format?: 'text' | 'json' }) => {
      const body = readBundle(bundle, options.overlay ?? []);
      const result = await context.look(bundlesRoutes.check, { body });
      if (!result.ok) context.exitCode = EXIT.failed;
      if (options.format === 'json') {
        context.print(JSON.stringify(result, null, 2));
        return;
      }
      context.show(result, () => {
        const lines = result.diagnostics.map(diagnosticText);
        return [...lines, result.ok ? `${bundle} is good` : `${bundle} has errors`].join('\n');
      });
    });
}

interface GraphOptions {
  overlay?: string[];
  format: 'mermaid' | 'dot';
  steps?: boolean;
}

function registerGraph(bundles: Command, context: CliContext): void {
  bundles
    .command('graph <bundle>')
    .summary('print the plan of a bundle as text that draws it')
    .option('--overlay <file>', 'a bundle to lay over it; may be repeated', collect)
    .addOption(new Option('--format <format>', 'for which program').choices(['mermaid', 'dot']).default('mermaid'))
    .option('--steps', 'every step instead of every unit')
    .addHelpText(
      'after',
      `
Examples:
  muster bundles graph lxd-fan > plan.mmd
  muster bundles graph lxd-fan --format dot | dot -Tsvg > plan.svg`,
    )
    .action(async (bundle: string, { overlay, format, steps }: GraphOptions) => {
      const body = { ...readBundle(bundle, overlay), format, detail: steps === true ? 'steps' : 'units' } as const;
      const graph = await context.look(bundlesRoutes.graph, { body });
      context.show({ format, graph }, () => graph);
    });
}

function registerInit(bundles: Command, context: CliContext): void {
  bundles
    .command('init [folder]')
    .summary('write a first bundle with a role of its own')
    .option('--name <name>', "the bundle's name (default: the folder's)")
    .addHelpText('after', '\nExample:\n  muster bundles init greetings')
    .action((folder: string | undefined, options: { name?: string }) => {
      const root = resolve(folder ?? '.');
      const name = options.name ?? nameFrom(basename(root));
      if (nameFrom(name) !== name)
        throw new CliError(
          EXIT.usage,
          `cannot call a bundle "${name}"`,
          `small letters, digits, hyphens: ${nameFrom(name)}`,
        );
      const files = starterBundle(name, `${context.apiUrl}/schemas`);
      const there = files.find((file) => existsSync(join(root, file.path)));
      if (there) throw new CliError(EXIT.refused, `cannot write ${join(root, there.path)}: it is there already`);
      for (const file of files) {
        mkdirSync(dirname(join(root, file.path)), { recursive: true });
        writeFileSync(join(root, file.path), file.text, { flag: 'wx' });
      }
      const paths = files.map((file) => join(folder ?? '.', file.path));
      context.show({ name, files: paths }, () => {
        const next = `muster bundles check ${folder ?? '.'}, then muster plan ${folder ?? '.'} --on localhost`;
        return `${paths.join('\n')}\nNext: ${next}`;
      });
    });
}

function nameFrom(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[-0-9]+|-+$/g, '');
  return name === '' ? 'bundle' : name;
}
