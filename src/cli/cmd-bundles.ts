import { bundlesRoutes } from '../api/contract/index.js';
import { readBundle } from './bundle-files.js';
import type { Register } from './context.js';
import { EXIT } from './exit-code.js';
import { table } from './format.js';
import { collect } from './options.js';
import { diagnosticText } from './plan-text.js';

/** `muster bundles`: what can be laid down. */
export const registerBundles: Register = (program, context) => {
  const bundles = program.command('bundles').alias('bundle').summary('what can be laid down');
  bundles
    .command('list', { isDefault: true })
    .summary('show the bundles that muster ships')
    .action(async () => {
      const { items } = await context.api.call(bundlesRoutes.list, {});
      const rows = items.map((bundle) => [bundle.name, bundle.description]);
      context.show(items, () => table(['bundle', 'description'], rows));
    });
  bundles
    .command('show <bundle>')
    .summary('print a shipped bundle')
    .action(async (bundle: string) => {
      const found = await context.api.call(bundlesRoutes.show, { params: { bundle } });
      context.show(found, () => found.text);
    });
  bundles
    .command('check <bundle>')
    .summary('tell all problems of a bundle at once; exit code 1 where it has errors')
    .option('--overlay <file>', 'a bundle to lay over it; may be repeated', collect)
    .action(async (bundle: string, options: { overlay?: string[] }) => {
      const body = readBundle(bundle, options.overlay ?? []);
      const result = await context.api.call(bundlesRoutes.check, { body });
      if (!result.ok) context.exitCode = EXIT.failed;
      context.show(result, () => {
        const lines = result.diagnostics.map(diagnosticText);
        return [...lines, result.ok ? `${bundle} is good` : `${bundle} has errors`].join('\n');
      });
    });
};
