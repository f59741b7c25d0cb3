export { BundleLibrary } from './bundle-library.js';
export { sourceFiles, type BundleSource } from './bundle-source.js';
export type { CompiledDeployment } from './compile-deployment.js';
export { Deployment, type DeploymentOptions } from './deployment.entity.js';
export { DeploymentsModule } from './deployments.module.js';
export { DeploymentsService, type DeploymentPreview, type UpRequest } from './deployments.service.js';
export { Node } from './node.entity.js';
