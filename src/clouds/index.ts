export {
  CLOUD_PROVIDERS,
  type CloudKind,
  type CloudProvider,
  type ExistingNode,
  type NodeConstraints,
  type NodePreview,
  type NodeRequest,
  type NodeSteps,
} from './provider.js';
export { CloudsModule } from './clouds.module.js';
