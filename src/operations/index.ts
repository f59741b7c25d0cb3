export type { DeployWishes } from './deploy-wishes.js';
export { imageBuildStep } from './images/image-build.handler.js';
export { imageSyncStep } from './images/image-sync.handler.js';
export { ImageOperationsModule } from './images/image-operations.module.js';
export type { MachineArgument, OperationPlace } from './machine-step.js';
export { machineHandlers, type OperationParts } from './handlers/index.js';
export { OperationsModule } from './operations.module.js';
export { OperationsService, type Operation } from './operations.service.js';
export { commissionSteps, type CommissionOptions, deploySteps, releaseSteps } from './plans.js';
