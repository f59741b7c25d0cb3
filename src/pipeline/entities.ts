import { AttemptEntity, LogChunkEntity } from './attempt.entity.js';
import { EventEntity } from './event.entity.js';
import { OutputEntity } from './output.entity.js';
import { RunEntity } from './run.entity.js';
import { StepEdgeEntity, StepEntity } from './step.entity.js';

export const PIPELINE_ENTITIES = [
  RunEntity,
  StepEntity,
  StepEdgeEntity,
  AttemptEntity,
  LogChunkEntity,
  OutputEntity,
  EventEntity,
];
