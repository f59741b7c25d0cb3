import { Inject, Injectable } from '@nestjs/common';
import {
  bundleGraph,
  compileBundle,
  hasErrors,
  loadBundle,
  readOwnRoles,
  SHARED_FOLDER,
  type RoleDefinition,
} from '../bundles/index.js';
import { BundleLibrary, compileDeployment, sourceFiles } from '../deployments/index.js';
import { MusterError } from '../error.js';
import { bundlesRoutes, rolesRoutes, type BodyOf, type ResponseOf, type RoleDetail } from './contract/index.js';
import { paramViews } from './views/action-view.js';
import { diagnosticView } from './views/deployment-view.js';

/**
 * What is said of bundles and roles from the library alone: no database, no cloud. A server answers with it, and so does a
 * command line that finds no server.
 */
@Injectable()
export class LibraryAnswers {
  constructor(@Inject(BundleLibrary) private readonly library: BundleLibrary) {}

  bundles(): ResponseOf<typeof bundlesRoutes.list> {
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

  bundle(name: string): ResponseOf<typeof bundlesRoutes.show> {
    const [{ text }] = this.library.get(name);
    return { name, text };
  }

  check(body: BodyOf<typeof bundlesRoutes.check>): ResponseOf<typeof bundlesRoutes.check> {
    const { bundle, roles, diagnostics } = loadBundle(sourceFiles(body, this.library), this.library.roles);
    const compiled = bundle === null ? [] : compileBundle({ bundle, roles, options: {} }).diagnostics;
    const all = [...diagnostics, ...compiled];
    const questions = (bundle?.settings.questions ?? []).map(({ set, ...rest }) => ({ ...rest, set: set.value }));
    return { ok: bundle !== null && !hasErrors(all), diagnostics: all.map(diagnosticView), questions };
  }

  graph(body: BodyOf<typeof bundlesRoutes.graph>): ResponseOf<typeof bundlesRoutes.graph> {
    const files = sourceFiles(body, this.library);
    return bundleGraph(compileDeployment(files, this.library.roles, {}).compiled, body.format, body.detail);
  }

  roles(): ResponseOf<typeof rolesRoutes.list> {
    return { items: [...this.library.roles.values()].map(summaryOf) };
  }

  role(name: string): ResponseOf<typeof rolesRoutes.show> {
    return detailOf(this.library.role(name), this.library.roleTest(name));
  }

  /** A role that came with the request, and what is wrong with it. */
  inspect(body: BodyOf<typeof rolesRoutes.inspect>): ResponseOf<typeof rolesRoutes.inspect> {
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
    options: [...role.options].map(([option, { type, default: value, choices, description, secret }]) => ({
      ...{ name: option, type, default: value },
      ...{ choices, description, secret },
    })),
    requires: endpointsOf(role.requires),
    provides: endpointsOf(role.provides),
    peers: endpointsOf(role.peers),
    steps: [...role.steps.values()].flatMap(({ name: step, title, on }) =>
      on === 'action' ? [] : [{ name: step, title, on }],
    ),
    actions: [...role.actions.values()].map(({ name, summary, params }) => ({
      name,
      summary,
      params: paramViews(params),
    })),
    test,
  };
}

function summaryOf({ name, summary, subordinate, bases }: RoleDefinition) {
  return { name, summary, subordinate, bases: bases.map(({ os, release }) => `${os}@${release}`) };
}

function endpointsOf(endpoints: ReadonlyMap<string, string>) {
  return [...endpoints].map(([name, kind]) => ({ name, interface: kind }));
}
