import { MusterError } from '../../error.js';
import type { MachinesService, MetadataTokens, Seed } from '../../machines/index.js';
import type { Clock } from '../../platform/clock.js';
import type { BootObserver } from '../boot-client.js';
import { readBody, type Exchange, type Route, sendNothing, sendText } from './exchange.js';

export interface MetadataParts {
  tokens: MetadataTokens;
  machines: MachinesService;
  observer: BootObserver;
  clock: Clock;
}

const TOKEN = '(?<token>[A-Za-z0-9_-]{43})';
const LONGEST_CALL_BYTES = 64 * 1024;

/** cloud-init's NoCloud documents, and the call that says a deployed machine is up. */
export function metadataRoutes(parts: MetadataParts): Route[] {
  return [
    {
      methods: ['GET', 'HEAD'],
      pattern: new RegExp(`^/metadata/v1/${TOKEN}/(?<name>meta-data|user-data|vendor-data|network-config)$`),
      run: (exchange) => serveDocument(parts, exchange),
    },
    {
      methods: ['POST'],
      pattern: new RegExp(`^/metadata/v1/${TOKEN}/phone-home/?$`),
      run: (exchange) => phoneHome(parts, exchange),
    },
  ];
}

async function serveDocument(parts: MetadataParts, exchange: Exchange): Promise<void> {
  const { seed } = await parts.tokens.seedFor(exchange.path.token ?? '', exchange.client);
  sendText(exchange, documentOf(seed, exchange.path.name ?? ''));
}

function documentOf(seed: Seed, name: string): string {
  switch (name) {
    case 'meta-data':
      return seed.metaData;
    case 'user-data':
      return seed.userData;
    case 'network-config':
      return seed.networkConfig;
    case 'vendor-data':
      return '#cloud-config\n{}\n';
    default:
      throw new MusterError('not-found', 'not found');
  }
}

async function phoneHome(parts: MetadataParts, exchange: Exchange): Promise<void> {
  await readBody(exchange.request, LONGEST_CALL_BYTES);
  const { machineId } = await parts.tokens.phoneHome(exchange.path.token ?? '', exchange.client);
  await parts.machines.setAddress(machineId, exchange.client);
  sendNothing(exchange, 204);
  const machine = await parts.machines.get(machineId);
  const mac = machine.nics.find((nic) => nic.boot)?.mac ?? machine.nics[0]?.mac ?? null;
  const { uuid } = machine;
  const details = {};
  parts.observer.seen({
    at: parts.clock.now(),
    mac,
    uuid,
    address: exchange.client,
    stage: 'cloud-init',
    message: 'called home',
    details,
  });
}
