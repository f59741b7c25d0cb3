import { Controller, Inject, Param } from '@nestjs/common';
import { DeploymentsService, ExportService, ReachService } from '../../deployments/index.js';
import { exportsRoutes, type BodyOf, type DeploymentReach, type ExportedBundle } from '../contract/index.js';
import { Endpoint, GivenBody } from '../endpoint.js';

/** What a deployment gives to those who go on with it elsewhere. */
@Controller()
export class ExportsController {
  constructor(
    @Inject(DeploymentsService) private readonly deployments: DeploymentsService,
    @Inject(ExportService) private readonly exports: ExportService,
    @Inject(ReachService) private readonly reaching: ReachService,
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

  @Endpoint(exportsRoutes.reach)
  async reach(@Param('deployment') reference: string): Promise<DeploymentReach> {
    return this.reaching.of(await this.deployments.get(reference));
  }
}
