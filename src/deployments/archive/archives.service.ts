import type { EntityManager } from 'typeorm';
import type { ContentStore } from '../../images/index.js';
import type { RunEntity, RunsService } from '../../pipeline/index.js';
import type { ArchiveShelf } from './archive-shelf.js';
import { keptOf } from './archive-import.js';
import { exportStep, importStep, type ExportInput, type ImportInput } from './archive-steps.js';
import { bakeStep, type BakeInput } from './bake.handler.js';
import type { BroughtBundles } from './brought-bundles.js';

/** Bundles with all that they need, as one file. */
export class ArchivesService {
  constructor(
    private readonly runs: RunsService,
    private readonly shelf: ArchiveShelf,
    private readonly brought: BroughtBundles,
    private readonly kept: ContentStore,
  ) {}

  /** The run that puts an archive together; `open` then gives it, by the run's id. */
  export(manager: EntityManager, input: ExportInput, actor: string): Promise<RunEntity> {
    const id = input.name ?? input.files[0]?.name ?? 'bundle';
    const title = `export ${id}`;
    return this.runs.submit(manager, {
      subject: { kind: 'bundle', id },
      ...{ action: 'export', title, plan: { steps: [exportStep(input)] }, actor },
    });
  }

  /** The run that makes an image with what roles need in it already. */
  bake(manager: EntityManager, input: BakeInput, actor: string): Promise<RunEntity> {
    return this.runs.submit(manager, {
      subject: { kind: 'image', id: `bake ${input.name}` },
      ...{ action: 'bake', title: `bake an image with ${input.name}`, plan: { steps: [bakeStep(input)] }, actor },
    });
  }

  open(run: string): ReturnType<ArchiveShelf['open']> {
    return this.shelf.open(run);
  }

  /** The run that takes an archive in. The file is taken over, and removed when that has succeeded. */
  import(manager: EntityManager, archive: ImportInput, actor: string): Promise<RunEntity> {
    const title = archive.dryRun ? 'check an archive' : 'import an archive';
    return this.runs.submit(manager, {
      subject: { kind: 'bundle', id: 'import' },
      ...{ action: 'import', title, plan: { steps: [importStep(archive)] }, actor },
    });
  }

  /** Forgets a bundle that an archive brought, with its artifacts and packages; images stay. */
  async delete(name: string): Promise<void> {
    const going = this.brought.has(name) ? keptOf(this.brought.manifest(name)) : [];
    await this.brought.delete(name);
    const needed = new Set(this.brought.manifests().flatMap(({ manifest }) => keptOf(manifest)));
    for (const sha256 of going) if (!needed.has(sha256)) await this.kept.remove(sha256);
  }
}
