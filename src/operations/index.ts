export { imageBuildStep } from './images/image-build.handler.js';
export { ImageOperationsModule } from './images/image-operations.module.js';
