import { AllocateHandler } from '../../src/clouds/metal/allocate.handler.js';
import { MetalProvider } from '../../src/clouds/metal/metal.provider.js';
import type { ImagesService } from '../../src/images/index.js';
import { SubnetService } from '../../src/networks/index.js';
import { machineHandlers } from '../../src/operations/index.js';
import { BootServer } from '../support/boot-server.js';
import { cloudContract } from '../support/cloud-contract.js';
import { Datastores } from '../support/datastores.js';
import { inventoryOn, manualPower } from '../support/inventory.js';
import { powerOf, ScriptedMachine } from '../support/scripted-machine.js';

const image = { kind: 'os', os: 'debian', release: '12', variant: 'default' };
const images = {
  list: () => Promise.resolve([image]),
  getSelected: () => Promise.resolve({ id: 'image' }),
  getDeployable: () => ({
    ...{ form: 'tar', compression: 'zstd', sha256: 'a'.repeat(64), os: 'debian', release: '12' },
    ...{ sizeBytes: 1e8, unpackedBytes: 5e8 },
  }),
} as unknown as ImagesService;

cloudContract('metal', async () => {
  const stores = await Datastores.start();
  const inventory = inventoryOn((await stores.createDatabase()).dataSource);
  const server = await BootServer.start(inventory, stores.dir);
  const rack = new Map<string, ScriptedMachine>();
  await inventory.rules.setAcceptRule('all', 'any', 'test');
  for (const number of ['01', '02']) {
    const declared = await inventory.machines.declare({ name: `m${number}`, power: manualPower }, 'test');
    const identity = { mac: `52:54:00:00:00:${number}`, uuid: `7c1f4b9e-0000-4000-8000-0000000000${number}` };
    rack.set(declared.id, new ScriptedMachine(server, identity));
  }
  const isAnyUp = () => [...rack.values()].some((machine) => machine.isUp);
  return {
    provider: new MetalProvider(inventory.claims, images, new SubnetService(inventory.dataSource)),
    handlers: [
      new AllocateHandler(inventory.claims),
      ...machineHandlers({
        ...{ ...inventory, images, power: powerOf(rack), acceptSeconds: 2 },
        probe: () =>
          Promise.resolve(isAnyUp() ? { kind: 'pinned' } : { kind: 'unreachable', reason: 'connection refused' }),
      }),
    ],
    base: { os: 'debian', release: '12' },
    impossible: { zones: ['nowhere'] },
    isUp: ({ machineId }) => rack.get(machineId ?? '')?.isUp === true,
    stop: async () => {
      await Promise.all([...rack.values()].map((machine) => machine.stop()));
      await server.stop();
      await inventory.dataSource.destroy();
      await stores.stop();
    },
  };
});
