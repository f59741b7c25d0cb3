export { clientKey } from './ssh/client-key.js';
export { nameOf } from './ssh/ssh-hosts.js';
export { Clouds, type CloudSummary } from './clouds.service.js';
export { CloudsModule } from './clouds.module.js';
export {
  type CloudProvider,
  type ExistingNode,
  type NodePreview,
  type NodeRequest,
  type NodeSteps,
} from './provider.js';
export { containerRoot } from './lxd/container-root.js';
export { aliasOf } from './lxd/image-upload.js';
export { instanceName } from './lxd/instance.js';
