import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { bundlesRoutes, runsRoutes } from '../api/contract/index.js';
import { readBundle } from './bundle-files.js';
import type { CliContext } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { followRun } from './follow-run.js';
import { bytes } from './format.js';
import { collect } from './options.js';
import { fetchArchive, hashOf, sendFile } from './transfer.js';

/** `muster bundles export|import|delete`: bundles with all that they need, as one file. */
export function registerArchives(bundles: Command, context: CliContext): void {
  registerExport(bundles, context);
  registerImport(bundles, context);
  registerDelete(bundles, context);
}

interface ExportOptions {
  withArtifacts?: boolean;
  base?: string[];
  arch: 'amd64' | 'arm64';
  output?: string;
  images: boolean;
  mirror?: string;
  name?: string;
  run?: string;
}

function registerExport(bundles: Command, context: CliContext): void {
  bundles
    .command('export <bundle>')
    .summary('write a bundle and its roles to one file, with all that they need offline')
    .option('--with-artifacts', 'with its artifacts, the images of its bases, and the packages that its roles ask for')
    .option(
      '--base <base>',
      'for these bases (default: the first that the store has an image of); may be repeated',
      collect,
    )
    .addOption(new Option('--arch <arch>', 'for nodes of this kind').choices(['amd64', 'arm64']).default('amd64'))
    .option(
      '--no-images',
      'leave the images out, for hosts that are there; then all packages come, whatever these have',
    )
    .option('--mirror <url>', 'where packages come from')
    .option('--name <name>', 'what the bundle is called where it is imported')
    .option('-o, --output <file>', 'default: NAME.muster.tar')
    .option('--run <run>', 'fetch what this run of an earlier export has made')
    .addHelpText(
      'after',
      `
Examples:
  muster bundles export docker-fan --with-artifacts --base debian@12
  muster bundles export ./bundle.yaml --with-artifacts --output /media/usb/shop.tar`,
    )
    .action(async (bundle: string, options: ExportOptions) => {
      const run = options.run ?? (await beginExport(context, bundle, options));
      await followRun(context, run).catch((error: unknown) => {
        if (!(error instanceof CliError) || error.code !== EXIT.interrupted) throw error;
        throw new CliError(error.code, error.message, `fetch it later: muster bundles export ${bundle} --run ${run}`);
      });
      const file = options.output ?? `${options.name ?? nameOf(bundle)}.muster.tar`;
      await fetchArchive(context, run, resolve(file));
      const result = { file, sizeBytes: statSync(file).size, sha256: await hashOf(file) };
      context.show(result, () => `${file}: ${bytes(result.sizeBytes)}\nSHA-256 ${result.sha256}`);
    });
}

/** Gives the run that makes the archive. */
async function beginExport(context: CliContext, bundle: string, options: ExportOptions): Promise<string> {
  const { overlays: _, ...source } = readBundle(bundle);
  const { name, base: bases = [], arch: architecture, images, mirror, withArtifacts = false } = options;
  const wish = { name, bases, architecture, withArtifacts, withImages: images, mirror };
  return (await context.api.call(bundlesRoutes.export, { body: { ...source, ...wish } })).run.id;
}

function registerImport(bundles: Command, context: CliContext): void {
  bundles
    .command('import <file>')
    .summary('take in what `bundles export` wrote: bundle, roles, artifacts, images and packages')
    .option('--dry-run', 'check all of it, show what it would bring, and keep nothing')
    .option('--sha256 <sum>', 'what the export said; another file is refused')
    .addHelpText(
      'after',
      `
Who imports an archive trusts who made it: its roles are run as root on nodes.

Examples:
  muster bundles import shop.tar --dry-run
  muster bundles import shop.tar --sha256 SUM && muster up shop --on localhost`,
    )
    .action(async (file: string, options: { dryRun?: boolean; sha256?: string }) => {
      if (!existsSync(file)) throw new CliError(EXIT.notFound, `cannot find ${file}`);
      const { upload } = await sendFile(context, file, options.sha256?.toLowerCase());
      const body = { upload, dryRun: options.dryRun === true };
      const { run } = await context.api.call(bundlesRoutes.import, { body });
      await followRun(context, run.id, () => 'the file has to be sent again');
      const lines = await logOf(context, run.id);
      context.show({ dryRun: body.dryRun, brings: lines }, () => lines.join('\n'));
    });
}

/** What the run says that the archive brings. */
async function logOf(context: CliContext, run: string): Promise<string[]> {
  let text = '';
  const input = { params: { run }, query: { step: 'bundle:import', follow: true } };
  for await (const piece of context.api.stream(runsRoutes.log, input, { signal: context.io.signal }))
    text += piece.text;
  return text.split('\n').filter((line) => line !== '');
}

function registerDelete(bundles: Command, context: CliContext): void {
  bundles
    .command('delete <bundle>')
    .summary('forget a bundle that an archive brought, with its artifacts and packages')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nIts images stay: muster images delete.\n\nExample:\n  muster bundles delete shop')
    .action(async (bundle: string, options: { yes?: boolean }) => {
      await context.confirm(`Forget the bundle ${bundle}, its artifacts and packages?`, options);
      await context.api.call(bundlesRoutes.delete, { params: { bundle } });
      context.show({ deleted: bundle }, () => 'removed');
    });
}

/** `docker-fan`, or what a file or folder is called. */
function nameOf(bundle: string): string {
  const path = resolve(bundle).replace(/\/bundle\.ya?ml$/, '');
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.ya?ml$/, '');
}
