import { rm } from 'node:fs/promises';
import { z } from 'zod';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { step, type JsonObject, type JsonValue, type StepSpec } from '../../plan/index.js';
import { gatherArchive, type ContentSources } from './archive-contents.js';
import { importArchive, type ImportParts } from './archive-import.js';
import type { ArchiveShelf } from './archive-shelf.js';
import type { Manifest } from './manifest.js';
import { bundleFile, reporter } from './step-parts.js';

const exportInput = z.object({
  files: z.array(bundleFile),
  name: z.string().optional(),
  bases: z.array(z.string()),
  architecture: z.string(),
  withArtifacts: z.boolean(),
  withImages: z.boolean(),
  mirror: z.string().optional(),
});
export type ExportInput = z.infer<typeof exportInput>;

const importInput = z.object({
  /** Of the archive; removed when it was taken in. */
  path: z.string(),
  sizeBytes: z.number(),
  /** Of all of it, as who sent it says. */
  sha256: z.string(),
  dryRun: z.boolean(),
});
export type ImportInput = z.infer<typeof importInput>;

export function exportStep(input: ExportInput): StepSpec {
  return step({
    key: 'bundle:export',
    kind: 'bundle.export',
    title: `put together an archive${input.name === undefined ? '' : ` of ${input.name}`}`,
    lane: 'bundle-export',
    input: JSON.parse(JSON.stringify(input)) as JsonObject,
    timeoutSeconds: 6 * 3600,
    stallSeconds: 1800,
    retries: 2,
    repeatable: true,
  });
}

export function importStep(input: ImportInput): StepSpec {
  return step({
    key: 'bundle:import',
    kind: 'bundle.import',
    title: input.dryRun ? 'check an archive' : 'import an archive',
    // One at a time: what one removes after a failure another may have found.
    lane: 'bundle-import',
    input: { ...input },
    timeoutSeconds: 6 * 3600,
    stallSeconds: 600,
    retries: 0,
    repeatable: true,
  });
}

export class BundleExportHandler implements StepHandler {
  readonly kind = 'bundle.export';

  constructor(
    private readonly sources: ContentSources,
    private readonly shelf: ArchiveShelf,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const report = reporter(context);
    const parts = await gatherArchive(exportInput.parse(context.input), this.sources, {
      signal: context.signal,
      tell: report.tell,
    });
    const manifest = await this.shelf.put(context.runId, parts);
    await report.told();
    await context.log(textOf(manifest));
    return { kind: 'done', outputs: summaryOf(manifest) };
  }
}

export class BundleImportHandler implements StepHandler {
  readonly kind = 'bundle.import';

  constructor(private readonly parts: ImportParts) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { path, sizeBytes, sha256, dryRun } = importInput.parse(context.input);
    const report = reporter(context);
    const manifest = await importArchive(path, this.parts, {
      dryRun,
      sha256,
      signal: context.signal,
      onBytes: (bytes) => report.tell((bytes / sizeBytes) * 100, 'checking every sum'),
    });
    await report.told();
    await rm(path, { force: true });
    await context.log(textOf(manifest));
    return { kind: 'done', outputs: summaryOf(manifest) };
  }
}

/** What an archive brings, a line each. */
function textOf(manifest: Manifest): string {
  const { name, bases, bundle, artifacts, images, packages, contents } = manifest;
  const roles = bundle.flatMap(({ path }) => /^roles\/([^/]+)\/role\.yaml$/.exec(path)?.[1] ?? []);
  const lines = [
    `bundle ${name} for ${bases.join(', ')}, with the roles ${roles.join(', ') || 'none'}`,
    ...artifacts.map(({ url, sha256 }) => `artifact ${url} ${sha256}`),
    ...images.map(({ kind, os, release, variant, version }) => `image ${kind} ${os}@${release} ${variant} ${version}`),
    ...packages.map(({ base, names, files }) => `${files.length} packages for ${names.join(' ')} on ${base}`),
    `${contents.length} files of ${contents.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)} bytes`,
  ];
  return `${lines.join('\n')}\n`;
}

function summaryOf({ name, bases, artifacts, images, packages }: Manifest): Record<string, JsonValue> {
  const files = new Set(packages.flatMap((set) => set.files.map(({ sha256 }) => sha256)));
  return { name, bases, artifacts: artifacts.length, images: images.length, packages: files.size };
}
