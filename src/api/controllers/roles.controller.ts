import { Controller, Inject, Param } from '@nestjs/common';
import type { RoleDefinition } from '../../bundles/index.js';
import { BundleLibrary } from '../../deployments/index.js';
import { rolesRoutes, type ResponseOf } from '../contract/index.js';
import { Endpoint } from '../endpoint.js';

@Controller()
export class RolesController {
  constructor(@Inject(BundleLibrary) private readonly library: BundleLibrary) {}

  @Endpoint(rolesRoutes.list)
  list(): ResponseOf<typeof rolesRoutes.list> {
    return { items: [...this.library.roles.values()].map(summaryOf) };
  }

  @Endpoint(rolesRoutes.show)
  show(@Param('role') name: string): ResponseOf<typeof rolesRoutes.show> {
    const role = this.library.role(name);
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
      test: this.library.roleTest(name),
    };
  }
}

function summaryOf({ name, summary, subordinate, bases }: RoleDefinition) {
  return { name, summary, subordinate, bases: bases.map(({ os, release }) => `${os}@${release}`) };
}

function endpointsOf(endpoints: ReadonlyMap<string, string>) {
  return [...endpoints].map(([name, kind]) => ({ name, interface: kind }));
}
