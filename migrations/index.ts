import type { MigrationInterface } from 'typeorm';
import { Pipeline1790000001000 } from './1790000001000-pipeline.js';
import { Machines1790000002000 } from './1790000002000-machines.js';
import { Booting1790000002001 } from './1790000002001-booting.js';
import { Agent1790000002002 } from './1790000002002-agent.js';
import { Networks1790000003000 } from './1790000003000-networks.js';
import { Images1790000004000 } from './1790000004000-images.js';
import { Access1790000005000 } from './1790000005000-access.js';
import { Deployments1790000006000 } from './1790000006000-deployments.js';
import { PowerReadings1790000007000 } from './1790000007000-power-readings.js';
import { StormIndexes1790000008000 } from './1790000008000-storm-indexes.js';
import { SecretKeys1790000009000 } from './1790000009000-secret-keys.js';
import { Artifacts1790000020000 } from './1790000020000-artifacts.js';
import { NodesOnHosts1790000021000 } from './1790000021000-nodes-on-hosts.js';
import { Clouds1790000025000 } from './1790000025000-clouds.js';
import { DeploymentState1790000030000 } from './1790000030000-deployment-state.js';
import { Schedules1790000031000 } from './1790000031000-schedules.js';
import { Canaries1790000032000 } from './1790000032000-canaries.js';
import { MachineSubnets1790000033000 } from './1790000033000-machine-subnets.js';
import { NodeClones1790000034000 } from './1790000034000-node-clones.js';
import { StepsThatMayFail1790000040000 } from './1790000040000-steps-that-may-fail.js';
import { VersionsToGoBackTo1790000041000 } from './1790000041000-versions-to-go-back-to.js';
import { StepsLeftOut1790000042000 } from './1790000042000-steps-left-out.js';
import { WhatNodesWereMadeWith1790000043000 } from './1790000043000-what-nodes-were-made-with.js';
import { KeysThatHostsShowed1790000044000 } from './1790000044000-keys-that-hosts-showed.js';
import { ValuesGivenToSteps1790000045000 } from './1790000045000-values-given-to-steps.js';

/** Every migration, oldest first. */
export const MIGRATIONS: (new () => MigrationInterface)[] = [
  Pipeline1790000001000,
  Machines1790000002000,
  Booting1790000002001,
  Agent1790000002002,
  Networks1790000003000,
  Images1790000004000,
  Access1790000005000,
  Deployments1790000006000,
  PowerReadings1790000007000,
  StormIndexes1790000008000,
  SecretKeys1790000009000,
  Artifacts1790000020000,
  NodesOnHosts1790000021000,
  Clouds1790000025000,
  DeploymentState1790000030000,
  Schedules1790000031000,
  Canaries1790000032000,
  MachineSubnets1790000033000,
  NodeClones1790000034000,
  StepsThatMayFail1790000040000,
  VersionsToGoBackTo1790000041000,
  StepsLeftOut1790000042000,
  WhatNodesWereMadeWith1790000043000,
  KeysThatHostsShowed1790000044000,
  ValuesGivenToSteps1790000045000,
];
