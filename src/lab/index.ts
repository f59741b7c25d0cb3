export { Rack, type RackOptions } from './rack/rack.js';
export type * from './rack/machine-spec.js';
export { registerLab } from './lab.command.js';
export { startPackageGateway } from './up/package-gateway.js';
export { describeSwarm, runSwarm, type SwarmReport } from './swarm/swarm.js';
