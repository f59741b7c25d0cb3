import { Controller, Inject, Param } from '@nestjs/common';
import { DeploymentsService, ExportService } from '../../deployments/index.js';
import { exportsRoutes, type BodyOf, type ExportedBundle } from '../contract/index.js';
import { Endpoint, GivenBody } from '../endpoint.js';

/** What a deployment gives to those who go on with it elsewhere. */
@Controller()
export class ExportsController {
  constructor(
    @Inject(DeploymentsService) private readonly deployments: DeploymentsService,
    @Inject(ExportService) private readonly exports: ExportService,
  ) {}

  @Endpoint(exportsRoutes.bundle)
  async bundle(
    @Param('deployment') reference: string,
    @GivenBody() { withSecrets }: BodyOf<typeof exportsRoutes.bundle>,
  ): Promise<ExportedBundle> {
    const { text, files } = this.exports.export(await this.deployments.get(reference));
    const shown = (file: (typeof files)[number]) => withSecrets || file.kind !== 'secret';
    return { text, files: files.map((file) => (shown(file) ? file : { ...file, text: null })) };
  }
}
