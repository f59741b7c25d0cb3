import { auditRoutes, systemRoutes, tokensRoutes } from './access.js';
import { actionsRoutes } from './actions.js';
import { changesRoutes } from './changes.js';
import { upgradesRoutes } from './upgrades.js';
import { cloudsRoutes } from './clouds.js';
import { bundlesRoutes, deploymentsRoutes } from './deployments.js';
import { exportsRoutes } from './exports.js';
import { imagesRoutes } from './images.js';
import { acceptRulesRoutes, machinesRoutes } from './machines.js';
import { leasesRoutes, reservationsRoutes, subnetsRoutes } from './networks.js';
import { nodesRoutes } from './nodes.js';
import { rolesRoutes } from './roles.js';
import type { Route } from './route.js';
import { eventsRoutes, runsRoutes } from './runs.js';
import { schedulesRoutes } from './schedules.js';

export * from './access.js';
export * from './actions.js';
export * from './changes.js';
export * from './upgrades.js';
export * from './clouds.js';
export * from './deployments.js';
export * from './exports.js';
export * from './images.js';
export * from './machines.js';
export * from './networks.js';
export * from './nodes.js';
export * from './problem.js';
export * from './roles.js';
export * from './route.js';
export * from './runs.js';
export * from './schedules.js';

/** The whole API. */
export const ALL_ROUTES: readonly Route[] = [
  systemRoutes,
  machinesRoutes,
  acceptRulesRoutes,
  deploymentsRoutes,
  nodesRoutes,
  changesRoutes,
  exportsRoutes,
  actionsRoutes,
  upgradesRoutes,
  schedulesRoutes,
  bundlesRoutes,
  cloudsRoutes,
  rolesRoutes,
  runsRoutes,
  eventsRoutes,
  imagesRoutes,
  subnetsRoutes,
  reservationsRoutes,
  leasesRoutes,
  tokensRoutes,
  auditRoutes,
].flatMap((group) => Object.values<Route>({ ...group }));
