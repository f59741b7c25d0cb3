import { Controller, Header, Inject, Param, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Principal } from '../../access/index.js';
import {
  bundleGraph,
  bundleJsonSchema,
  compileBundle,
  hasErrors,
  loadBundle,
  roleJsonSchema,
} from '../../bundles/index.js';
import { ArchivesService, BundleLibrary, compileDeployment, sourceFiles } from '../../deployments/index.js';
import { RunsService, type RunEntity } from '../../pipeline/index.js';
import { bundlesRoutes, type BodyOf, type ResponseOf, type Run } from '../contract/index.js';
import { AuditNote, Endpoint, GivenBody, Who } from '../endpoint.js';
import { ImageUploads } from '../image-uploads.js';
import { sendFrom } from '../send-bytes.js';
import { diagnosticView, fileOfStep } from '../views/deployment-view.js';
import { runView } from '../views/run-view.js';

@Controller()
export class BundlesController {
  constructor(
    @Inject(BundleLibrary) private readonly library: BundleLibrary,
    @Inject(ArchivesService) private readonly archives: ArchivesService,
    @Inject(ImageUploads) private readonly uploads: ImageUploads,
    @Inject(RunsService) private readonly runs: RunsService,
  ) {}

  @Endpoint(bundlesRoutes.list)
  list(): ResponseOf<typeof bundlesRoutes.list> {
    const items = this.library.names().map((name) => {
      const { bundle } = loadBundle(this.library.get(name), this.library.roles);
      const roles = [...(bundle?.applications.values() ?? [])].map((application) => application.role.value);
      return {
        name,
        description: bundle?.description ?? null,
        roles: [...new Set(roles)].sort(),
        brought: this.library.isBrought(name),
      };
    });
    return { items };
  }

  @Endpoint(bundlesRoutes.show)
  show(@Param('bundle') name: string): ResponseOf<typeof bundlesRoutes.show> {
    const [{ text }] = this.library.get(name);
    return { name, text };
  }

  @Endpoint(bundlesRoutes.check)
  check(@GivenBody() body: BodyOf<typeof bundlesRoutes.check>): ResponseOf<typeof bundlesRoutes.check> {
    const { bundle, roles, diagnostics } = loadBundle(sourceFiles(body, this.library), this.library.roles);
    const compiled = bundle === null ? [] : compileBundle({ bundle, roles, options: {} }).diagnostics;
    const all = [...diagnostics, ...compiled];
    const questions = (bundle?.settings.questions ?? []).map(({ set, ...rest }) => ({ ...rest, set: set.value }));
    return { ok: bundle !== null && !hasErrors(all), diagnostics: all.map(diagnosticView), questions };
  }

  @Endpoint(bundlesRoutes.graph)
  @Header('content-type', 'text/plain; charset=utf-8')
  graph(@GivenBody() body: BodyOf<typeof bundlesRoutes.graph>): string {
    const files = sourceFiles(body, this.library);
    return bundleGraph(compileDeployment(files, this.library.roles, {}).compiled, body.format, body.detail);
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
