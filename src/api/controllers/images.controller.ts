import { Controller, Inject, Param } from '@nestjs/common';
import type { Principal } from '../../access/index.js';
import { ArchivesService, BundleLibrary, sourceFiles } from '../../deployments/index.js';
import { MusterError } from '../../error.js';
import { ImagesService, type Image as StoredImage } from '../../images/index.js';
import { imageBuildStep, imageSyncStep } from '../../operations/index.js';
import { RunsService } from '../../pipeline/index.js';
import type { StepSpec } from '../../plan/index.js';
import { imagesRoutes, type BodyOf, type Image, type QueryOf, type ResponseOf, type Run } from '../contract/index.js';
import { AuditNote, Endpoint, GivenBody, GivenQuery, Who } from '../endpoint.js';
import { ImageUploads } from '../image-uploads.js';
import { fileOfStep } from '../views/deployment-view.js';
import { runView } from '../views/run-view.js';

@Controller()
export class ImagesController {
  constructor(
    @Inject(ImagesService) private readonly images: ImagesService,
    @Inject(ImageUploads) private readonly uploads: ImageUploads,
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(BundleLibrary) private readonly library: BundleLibrary,
    @Inject(ArchivesService) private readonly archives: ArchivesService,
  ) {}

  @Endpoint(imagesRoutes.list)
  async list(): Promise<ResponseOf<typeof imagesRoutes.list>> {
    return { items: (await this.images.list()).map(imageView) };
  }

  @Endpoint(imagesRoutes.show)
  async show(@Param('image') id: string): Promise<Image> {
    return imageView(await this.images.get(checkedId(id)));
  }

  @Endpoint(imagesRoutes.build)
  async build(
    @GivenBody() body: BodyOf<typeof imagesRoutes.build>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<ResponseOf<typeof imagesRoutes.build>> {
    const run = await this.submit(body.target, `build ${body.target}`, imageBuildStep(body), who, note);
    return { run };
  }

  @Endpoint(imagesRoutes.bake)
  async bake(
    @GivenBody() body: BodyOf<typeof imagesRoutes.bake>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<ResponseOf<typeof imagesRoutes.bake>> {
    const { roles, bundle, mirror, kernel } = body;
    const image = body.image === undefined ? undefined : (await this.images.get(checkedId(body.image))).id;
    for (const role of roles) this.library.role(role);
    const files = bundle === undefined ? [] : sourceFiles(bundle, this.library);
    const name = body.name ?? (roles.join(', ') || (bundle?.bundle ?? files[0]?.name ?? 'a bundle'));
    note.subject = `images/${image ?? body.target ?? ''}`;
    const input = { image, target: body.target, kernel, roles, files: files.map(fileOfStep), name, mirror };
    const run = await note.change((manager) => this.archives.bake(manager, input, who.name));
    await this.runs.nudge(run.id);
    return { run: runView(await this.runs.get(run.id), run.subjectId) };
  }

  @Endpoint(imagesRoutes.sync)
  async sync(
    @GivenBody() body: BodyOf<typeof imagesRoutes.sync>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<ResponseOf<typeof imagesRoutes.sync>> {
    return { run: await this.submit('sync', 'fetch images', imageSyncStep(body), who, note) };
  }

  private async submit(subject: string, title: string, step: StepSpec, who: Principal, note: AuditNote): Promise<Run> {
    const run = await note.change((manager) =>
      this.runs.submit(manager, {
        subject: { kind: 'image', id: subject },
        action: subject === 'sync' ? 'sync' : 'build',
        title,
        plan: { steps: [step] },
        actor: who.name,
      }),
    );
    await this.runs.nudge(run.id);
    return runView(await this.runs.get(run.id), subject);
  }

  @Endpoint(imagesRoutes.startUpload)
  async startUpload(
    @GivenBody() body: BodyOf<typeof imagesRoutes.startUpload>,
  ): Promise<ResponseOf<typeof imagesRoutes.startUpload>> {
    return { upload: await this.uploads.begin(body), receivedBytes: 0 };
  }

  @Endpoint(imagesRoutes.uploadPiece)
  async uploadPiece(
    @Param('upload') upload: string,
    @GivenQuery() query: QueryOf<typeof imagesRoutes.uploadPiece>,
    @GivenBody() bytes: unknown,
  ): Promise<ResponseOf<typeof imagesRoutes.uploadPiece>> {
    if (!Buffer.isBuffer(bytes)) {
      throw new MusterError('invalid', 'cannot take this piece: it is not application/octet-stream');
    }
    return { receivedBytes: await this.uploads.add(upload, query.offset, bytes) };
  }

  @Endpoint(imagesRoutes.import)
  async import(@GivenBody() body: BodyOf<typeof imagesRoutes.import>, @AuditNote() note: AuditNote): Promise<Image> {
    const { path, sha256 } = await this.uploads.finished(body.upload);
    const [os = '', release = ''] = body.os.split('@');
    const { architecture, variant } = body;
    const brought = await this.images.takeIn({ path, sha256, os, release, architecture, variant });
    const image = await note.change(async (manager) => {
      const recorded = imageView(await this.images.record(brought, manager));
      note.subject = `images/${recorded.name}`;
      note.after = recorded;
      return recorded;
    });
    await this.uploads.forget(body.upload);
    return image;
  }

  @Endpoint(imagesRoutes.verify)
  async verify(): Promise<ResponseOf<typeof imagesRoutes.verify>> {
    const damaged = await this.images.verify();
    return { ok: damaged.length === 0, damaged };
  }

  @Endpoint(imagesRoutes.delete)
  async delete(@Param('image') id: string, @AuditNote() note: AuditNote): Promise<void> {
    note.before = imageView(await this.images.get(checkedId(id)));
    await note.change((manager) => this.images.delete(id, manager));
    await this.images.collect();
  }
}

function imageView(image: StoredImage): Image {
  const { id, kind, os, release, architecture, variant, version, source } = image;
  const files = image.files.map(({ role, sha256, sizeBytes }) => ({ role, sha256, sizeBytes }));
  return {
    ...{ id, kind, os, release, architecture, variant, version, source, files },
    name: kind === 'memory' ? 'memory' : `${os}@${release}`,
    sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    createdAt: image.createdAt.toISOString(),
  };
}

function checkedId(id: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return id;
  throw new MusterError('not-found', `cannot find image ${id}`, { hint: 'an image is known by its id: muster images' });
}
