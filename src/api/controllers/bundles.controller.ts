import { Controller, Inject, Param } from '@nestjs/common';
import { compileBundle, hasErrors, loadBundle } from '../../bundles/index.js';
import { BundleLibrary, sourceFiles } from '../../deployments/index.js';
import { bundlesRoutes, type BodyOf, type ResponseOf } from '../contract/index.js';
import { Endpoint, GivenBody } from '../endpoint.js';
import { diagnosticView } from '../views/deployment-view.js';

@Controller()
export class BundlesController {
  constructor(@Inject(BundleLibrary) private readonly library: BundleLibrary) {}

  @Endpoint(bundlesRoutes.list)
  list(): ResponseOf<typeof bundlesRoutes.list> {
    const items = this.library.names().map((name) => {
      const { bundle } = loadBundle([this.library.get(name)], this.library.roles);
      return { name, description: bundle?.description ?? null };
    });
    return { items };
  }

  @Endpoint(bundlesRoutes.show)
  show(@Param('bundle') name: string): ResponseOf<typeof bundlesRoutes.show> {
    return { name, text: this.library.get(name).text };
  }

  @Endpoint(bundlesRoutes.check)
  check(@GivenBody() body: BodyOf<typeof bundlesRoutes.check>): ResponseOf<typeof bundlesRoutes.check> {
    const { bundle, roles, diagnostics } = loadBundle(sourceFiles(body, this.library), this.library.roles);
    const compiled = bundle === null ? [] : compileBundle({ bundle, roles, options: {} }).diagnostics;
    const all = [...diagnostics, ...compiled];
    return { ok: bundle !== null && !hasErrors(all), diagnostics: all.map(diagnosticView) };
  }
}
