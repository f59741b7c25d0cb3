import { AccessToken, AuditEntry, KeyHolder, SecretKey } from './access/index.js';
import { ArtifactPin } from './artifacts/artifact-pin.entity.js';
import { AppliedStepEntity } from './deployments/applied-step.entity.js';
import { DeploymentVersion } from './deployments/deployment-version.entity.js';
import { Cloud } from './clouds/cloud.entity.js';
import { CloudHost } from './clouds/ssh/cloud-host.entity.js';
import { Deployment } from './deployments/deployment.entity.js';
import { ScheduleFiring } from './deployments/schedules/schedule-firing.entity.js';
import { Schedule } from './deployments/schedules/schedule.entity.js';
import { Node } from './deployments/node.entity.js';
import { ImageFile } from './images/image-file.entity.js';
import { Image } from './images/image.entity.js';
import { MACHINE_ENTITIES } from './machines/entities.js';
import { NETWORK_ENTITIES } from './networks/entities.js';
import { PIPELINE_ENTITIES } from './pipeline/entities.js';

/** Every entity of every room, for the data source. */
export const ENTITIES: (abstract new (...args: never[]) => object)[] = [
  ...PIPELINE_ENTITIES,
  AccessToken,
  AuditEntry,
  KeyHolder,
  SecretKey,
  ...MACHINE_ENTITIES,
  ...NETWORK_ENTITIES,
  ArtifactPin,
  Image,
  ImageFile,
  Cloud,
  CloudHost,
  Deployment,
  DeploymentVersion,
  AppliedStepEntity,
  Schedule,
  ScheduleFiring,
  Node,
];
