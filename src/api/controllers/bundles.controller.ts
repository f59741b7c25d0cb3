import { Controller, Header, Inject, Param } from '@nestjs/common';
import {
  bundleGraph,
  bundleJsonSchema,
  compileBundle,
  hasErrors,
  loadBundle,
  roleJsonSchema,
} from '../../bundles/index.js';
import { BundleLibrary, compileDeployment, sourceFiles } from '../../deployments/index.js';
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
      const roles = [...(bundle?.applications.values() ?? [])].map((application) => application.role.value);
      return { name, description: bundle?.description ?? null, roles: [...new Set(roles)].sort() };
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
    const questions = (bundle?.settings.questions ?? []).map(({ set, ...rest }) => ({ ...rest, set: set.value }));
    return { ok: bundle !== null && !hasErrors(all), diagnostics: all.map(diagnosticView), questions };
  }

  @Endpoint(bundlesRoutes.graph)
  @Header('content-type', 'text/plain; charset=utf-8')
  graph(@GivenBody() body: BodyOf<typeof bundlesRoutes.graph>): string {
    const files = sourceFiles(body, this.library);
    return bundleGraph(compileDeployment(files, this.library.roles, {}).compiled, body.format, body.detail);
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
