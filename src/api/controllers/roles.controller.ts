import { Controller, Inject, Param } from '@nestjs/common';
import { readOwnRoles, SHARED_FOLDER, type RoleDefinition } from '../../bundles/index.js';
import { BundleLibrary } from '../../deployments/index.js';
import { MusterError } from '../../error.js';
import { rolesRoutes, type BodyOf, type ResponseOf, type RoleDetail } from '../contract/index.js';
import { Endpoint, GivenBody } from '../endpoint.js';
import { diagnosticView } from '../views/deployment-view.js';

@Controller()
export class RolesController {
  constructor(@Inject(BundleLibrary) private readonly library: BundleLibrary) {}

  @Endpoint(rolesRoutes.list)
  list(): ResponseOf<typeof rolesRoutes.list> {
    return { items: [...this.library.roles.values()].map(summaryOf) };
  }

  @Endpoint(rolesRoutes.show)
  show(@Param('role') name: string): ResponseOf<typeof rolesRoutes.show> {
    return detailOf(this.library.role(name), this.library.roleTest(name));
  }

  @Endpoint(rolesRoutes.inspect)
  inspect(@GivenBody() body: BodyOf<typeof rolesRoutes.inspect>): ResponseOf<typeof rolesRoutes.inspect> {
    const folder = `roles/${body.role}/`;
    const files = body.files.map(({ path, ...file }) => ({ name: path, ...file }));
    const { roles, diagnostics } = readOwnRoles(files);
    const own = diagnostics.filter(({ file }) =>
      [folder, `roles/${SHARED_FOLDER}/`].some((part) => file.startsWith(part)),
    );
    const role = roles.get(body.role);
    if (role === undefined && own.length === 0)
      throw new MusterError('not-found', `cannot find ${folder}role.yaml among the files`);
    const test = files.find(({ name }) => name === `${folder}test.yaml`)?.text ?? null;
    return { role: role === undefined ? null : detailOf(role, test), diagnostics: own.map(diagnosticView) };
  }
}

function detailOf(role: RoleDefinition, test: string | null): RoleDetail {
  return {
    ...summaryOf(role),
    options: [...role.options].map(([option, { type, default: value, choices, description }]) => ({
      name: option,
      type,
      default: value,
      choices,
      description,
    })),
    requires: endpointsOf(role.requires),
    provides: endpointsOf(role.provides),
    peers: endpointsOf(role.peers),
    steps: [...role.steps.values()].map(({ name: step, title, on }) => ({ name: step, title, on })),
    test,
  };
}

function summaryOf({ name, summary, subordinate, bases }: RoleDefinition) {
  return { name, summary, subordinate, bases: bases.map(({ os, release }) => `${os}@${release}`) };
}

function endpointsOf(endpoints: ReadonlyMap<string, string>) {
  return [...endpoints].map(([name, kind]) => ({ name, interface: kind }));
}
