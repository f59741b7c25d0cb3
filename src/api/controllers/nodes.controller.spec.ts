import { describe, expect, it } from 'vitest';
import type { EntityManager } from 'typeorm';
import type { Principal } from '../../access/index.js';
import type { ContainersService, Deployment, DeploymentsService } from '../../deployments/index.js';
import type { DeploymentRuns } from '../deployment-runs.js';
import type { AuditNote } from '../endpoint.js';
import { NodesController } from './nodes.controller.js';

/** Services that note what they are asked, in order; another run ends with each of them. */
function controller() {
  const asked: string[] = [];
  let ended = 0;
  const planned = (what: string) => () => {
    asked.push(what);
    ended += 1;
    return Promise.resolve({ steps: [], plan: { steps: [] }, planHash: 'x' });
  };
  const containers = {
    moment: () => Promise.resolve(`after ${ended}`),
    planSnapshot: planned('snapshot'),
    planClone: planned('clone'),
    planDelete: planned('delete-clone'),
    planMove: planned('move'),
    submit: (_manager: unknown, _deployment: unknown, { action, since }: { action: string; since: string }) => {
      asked.push(`${action} ${since}`);
      return Promise.resolve({ id: 'run' });
    },
  };
  const started = {
    begin: async (
      _reference: string,
      _note: unknown,
      prepare: (deployment: Deployment) => Promise<(manager: EntityManager) => Promise<unknown>>,
    ) => (await prepare({ id: 'd' } as Deployment))({} as EntityManager),
  };
  const nodes = new NodesController(
    {} as DeploymentsService,
    containers as unknown as ContainersService,
    started as unknown as DeploymentRuns,
  );
  return { nodes, asked };
}

const who = { name: 'admin' } as Principal;
const note = {} as AuditNote;

describe('what is done to containers', () => {
  it.each([
    ['snapshot', (nodes: NodesController) => nodes.snapshot('d', 'n', { action: 'create', snapshot: 's' }, who, note)],
    ['clone', (nodes: NodesController) => nodes.clone('d', 'n', { name: 'c' }, who, note)],
    ['delete-clone', (nodes: NodesController) => nodes.delete('d', 'n', who, note)],
    ['move', (nodes: NodesController) => nodes.move('d', { node: 'n' }, who, note)],
  ])('%s is told what there was before it was planned', async (action, act) => {
    const { nodes, asked } = controller();
    await act(nodes);
    expect(asked).toEqual([action, `${action} after 0`]);
  });
});
