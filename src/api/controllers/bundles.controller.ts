import { Controller, Header, Inject, Param, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Principal } from '../../access/index.js';
import { bundleJsonSchema, roleJsonSchema } from '../../bundles/index.js';
import { ArchivesService, BundleLibrary, sourceFiles } from '../../deployments/index.js';
import { RunsService, type RunEntity } from '../../pipeline/index.js';
import { bundlesRoutes, type BodyOf, type ResponseOf, type Run } from '../contract/index.js';
import { AuditNote, Endpoint, GivenBody, Who } from '../endpoint.js';
import { ImageUploads } from '../image-uploads.js';
import { LibraryAnswers } from '../library-answers.js';
import { sendFrom } from '../send-bytes.js';
import { fileOfStep } from '../views/deployment-view.js';
import { runView } from '../views/run-view.js';

@Controller()
export class BundlesController {
  constructor(
    @Inject(BundleLibrary) private readonly library: BundleLibrary,
    @Inject(LibraryAnswers) private readonly answers: LibraryAnswers,
    @Inject(ArchivesService) private readonly archives: ArchivesService,
    @Inject(ImageUploads) private readonly uploads: ImageUploads,
    @Inject(RunsService) private readonly runs: RunsService,
  ) {}

  @Endpoint(bundlesRoutes.list)
  list(): ResponseOf<typeof bundlesRoutes.list> {
    return this.answers.bundles();
  }

  @Endpoint(bundlesRoutes.show)
  show(@Param('bundle') name: string): ResponseOf<typeof bundlesRoutes.show> {
    return this.answers.bundle(name);
  }

  @Endpoint(bundlesRoutes.check)
  check(@GivenBody() body: BodyOf<typeof bundlesRoutes.check>): ResponseOf<typeof bundlesRoutes.check> {
    return this.answers.check(body);
  }

  @Endpoint(bundlesRoutes.graph)
  @Header('content-type', 'text/plain; charset=utf-8')
  graph(@GivenBody() body: BodyOf<typeof bundlesRoutes.graph>): string {
    return this.answers.graph(body);
  }

  @Endpoint(bundlesRoutes.export)
  async export(
    @GivenBody() body: BodyOf<typeof bundlesRoutes.export>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<ResponseOf<typeof bundlesRoutes.export>> {
    const { bundle, files: given, ...wish } = body;
    const files = sourceFiles({ bundle, files: given, overlays: [] }, this.library);
    note.subject = `bundles/${bundle ?? files[0]?.name ?? ''}`;
    const input = {
      ...wish,
      files: files.map(fileOfStep),
    };
    const run = await note.change((manager) => this.archives.export(manager, input, who.name));
    return this.started(run);
  }

  @Endpoint(bundlesRoutes.archive)
  async archive(@Param('run') run: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    const { name, sizeBytes, bytes } = await this.archives.open(run);
    await sendFrom({ request, response }, { fileName: `${name}.muster.tar`, sizeBytes, bytes });
  }

  @Endpoint(bundlesRoutes.import)
  async import(
    @GivenBody() { upload, dryRun }: BodyOf<typeof bundlesRoutes.import>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<ResponseOf<typeof bundlesRoutes.import>> {
    const archive = await this.uploads.archiveOf(upload);
    note.subject = 'bundles/import';
    note.after = { sha256: archive.sha256, dryRun };
    const run = await note.change((manager) => this.archives.import(manager, { ...archive, dryRun }, who.name));
    await this.uploads.handOver(upload);
    return this.started(run);
  }

  @Endpoint(bundlesRoutes.delete)
  async delete(@Param('bundle') name: string): Promise<void> {
    await this.archives.delete(name);
  }

  private async started({ id, subjectId }: RunEntity): Promise<{ run: Run }> {
    await this.runs.nudge(id);
    return { run: runView(await this.runs.get(id), subjectId) };
  }

  @Endpoint(bundlesRoutes.bundleSchema)
  bundleSchema(): Record<string, unknown> {
    return bundleJsonSchema();
  }

  @Endpoint(bundlesRoutes.roleSchema)
  roleSchema(): Record<string, unknown> {
    return roleJsonSchema();
  }
}
