import { Deployment } from './deployments/deployment.entity.js';
import { Node } from './deployments/node.entity.js';

/** Every entity of every room, for the data source. */
export const ENTITIES: (abstract new (...args: never[]) => object)[] = [Deployment, Node];
