export { databaseOf, type Database } from './database.js';
export { Engine, systemRandomness } from './engine.js';
export type { PlanEstimate } from './estimate-plan.js';
export type { EventFilter, EventView, NewEvent } from './event-log.js';
export { HandlerRegistry } from './handler-registry.js';
export { DEFAULT_ENGINE_SETTINGS, type Bell, type EngineSettings, type Outside, type Ring } from './outside.js';
export type { ArtifactSource, NodeArtifact } from './node/artifact-source.js';
export type { PackageSet, PackageSource } from './node/package-source.js';
export { withNode, type NodeDirectory } from './node/node-directory.js';
export { nodeHandlers } from './node/index.js';
export { PipelineModule } from './pipeline.module.js';
export { RunEntity } from './run.entity.js';
export type { AttemptView, RunFilter, RunSummary, RunView, StepView } from './run-views.js';
export { RunsService } from './runs.service.js';
export type { RunStatus, StepStatus } from './status.js';
export type * from './step-handler.js';
export type { LogPiece } from './step-log.js';
export {
  SubjectRegistry,
  type SkippedStep,
  type StoppedStep,
  type SubjectOwner,
  type SucceededStep,
} from './subject-registry.js';
export type { NewRun } from './submit-run.js';
