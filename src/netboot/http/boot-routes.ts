import { MusterError } from '../../error.js';
import { serveFile, type ServableFile } from '../../images/index.js';
import { type BootNonces, usableMac, usableUuid } from '../../machines/index.js';
import type { Clock } from '../../platform/clock.js';
import type { BootEvent, BootObserver, BootStage } from '../boot-client.js';
import { type BootContent, memoryFileFor } from '../boot-content.js';
import { agentUrl, bootUrl } from '../boot-file.js';
import { type BootScripts, scriptEvent, type ScriptRequest } from '../boot-scripts.js';
import { grubStub } from '../grub-config.js';
import { type Exchange, type Route, sendText } from './exchange.js';
import { Turnstile } from './turnstile.js';

export interface BootRoutesParts {
  scripts: BootScripts;
  nonces: BootNonces;
  content: BootContent;
  observer: BootObserver;
  clock: Clock;
  certificatePem: string;
  httpPort: number;
  agentPort: number;
}

type ServingParts = Pick<BootRoutesParts, 'observer' | 'clock'> & { content: Pick<BootContent, 'image'> };

const READ = ['GET', 'HEAD'];
const MAC = '(?<mac>[0-9A-Fa-f:-]{12,17})';

/**
 * The door: with its script a machine begins to cost something. iPXE waits for as long as the connection stands, and a
 * waiting plain connection is the cheapest that a machine can do, so the line is long.
 */
const SCRIPTS = { atOnce: 16, inLine: 6000, waitMs: 50_000 };

/** What firmware, iPXE, GRUB and the memory environment fetch over plain HTTP: exact names, read-only. */
export function bootRoutes(parts: BootRoutesParts): Route[] {
  const door = new Turnstile(SCRIPTS);
  const script = (language: 'ipxe' | 'grub') => (exchange: Exchange) =>
    door.pass(
      () => serveScript(parts, exchange, language),
      () => exchange.response.destroyed,
    );
  return [
    { methods: READ, pattern: new RegExp(`^/boot/ipxe/${MAC}$`), run: script('ipxe') },
    { methods: READ, pattern: new RegExp(`^/boot/grub/${MAC}/grub\\.cfg$`), run: script('grub') },
    {
      methods: READ,
      pattern: /^\/boot\/(files\/)?grub\/grub\.cfg$/,
      run: (exchange) => {
        sendText(exchange, grubStub(bootUrl(exchange.server, parts.httpPort), 'http'));
        return Promise.resolve();
      },
    },
    {
      methods: READ,
      pattern: /^\/boot\/n\/(?<nonce>[A-Za-z0-9_-]{43})\/(?<name>vmlinuz|initrd)$/,
      run: (exchange) => serveMemory(parts, exchange),
    },
    {
      methods: READ,
      pattern: /^\/boot\/files\/(?<name>[A-Za-z0-9._-]{1,64})$/,
      run: (exchange) => serveBootFile(parts, exchange),
    },
    imageRoute(parts),
    {
      methods: READ,
      pattern: /^\/boot\/ca\.pem$/,
      run: (exchange) => {
        sendText(exchange, parts.certificatePem, 'application/x-pem-file');
        return Promise.resolve();
      },
    },
  ];
}

/** Images by their hash: the hash is the name and, for whoever checks it, the proof. */
export function imageRoute(parts: ServingParts): Route {
  return {
    methods: READ,
    pattern: /^\/boot\/images\/(?<sha256>[0-9a-f]{64})$/,
    run: async (exchange) => {
      const file = found(await parts.content.image(exchange.path.sha256 ?? ''), 'image');
      await serveAndTell(parts, exchange, file, 'root', 'image', null);
    },
  };
}

async function serveScript(parts: BootRoutesParts, exchange: Exchange, language: 'ipxe' | 'grub'): Promise<void> {
  const mac = usableMac(exchange.path.mac ?? '');
  if (mac === null) throw new MusterError('not-found', 'not found');
  const uuid = usableUuid(exchange.query.get('uuid'));
  const request = scriptRequest(parts, exchange, language, mac, uuid);
  const { text, decision } = await parts.scripts.scriptFor(request);
  sendText(exchange, text);
  if (exchange.isHead) return;
  tell(parts, exchange, { mac, uuid, ...scriptEvent(language, decision) });
}

function scriptRequest(
  parts: BootRoutesParts,
  exchange: Exchange,
  language: 'ipxe' | 'grub',
  mac: string,
  uuid: string | null,
): ScriptRequest {
  const base = bootUrl(exchange.server, parts.httpPort);
  const architecture = exchange.query.get('arch');
  // Built anew from what was understood: nothing of the query gets into a script as it came.
  const query = new URLSearchParams();
  if (uuid !== null) query.set('uuid', uuid);
  if (architecture !== null && /^[a-z0-9_]{1,8}$/.test(architecture)) query.set('arch', architecture);
  const choice = exchange.query.get('choice');
  return {
    language,
    transport: 'http',
    mac,
    uuid,
    architecture,
    choice: choice !== null && /^[a-z0-9:@._-]{1,100}$/.test(choice) ? choice : null,
    client: exchange.client,
    bootUrl: base,
    agentUrl: agentUrl(exchange.server, parts.agentPort),
    scriptUrl: `${base}/boot/ipxe/${mac}${query.size === 0 ? '' : `?${query.toString()}`}`,
    isHead: exchange.isHead,
  };
}

async function serveMemory(parts: BootRoutesParts, exchange: Exchange): Promise<void> {
  const nonce = await parts.nonces.findLive(exchange.path.nonce ?? '');
  if (nonce === null) throw new MusterError('not-found', 'not found');
  const role = exchange.path.name === 'vmlinuz' ? 'kernel' : 'initrd';
  const file = await memoryFileFor(parts.content, nonce, role);
  await serveAndTell(parts, exchange, file, role, role, nonce.mac);
}

async function serveBootFile(parts: BootRoutesParts, exchange: Exchange): Promise<void> {
  const name = exchange.path.name ?? '';
  const file = found(parts.content.bootFile(name), name);
  // The last program before the disk is not a new boot.
  if (name === 'local-boot.efi') return serveFile(exchange.request, exchange.response, file);
  await serveAndTell(parts, exchange, file, 'boot file', name, null);
}

async function serveAndTell(
  parts: Pick<BootRoutesParts, 'observer' | 'clock'>,
  exchange: Exchange,
  file: ServableFile,
  stage: BootStage,
  name: string,
  mac: string | null,
): Promise<void> {
  await serveFile(exchange.request, exchange.response, file);
  if (exchange.isHead) return;
  const aborted = !exchange.response.writableFinished;
  const message = aborted ? `broke off while fetching ${name}` : `fetched ${name} (${file.sizeBytes} bytes)`;
  tell(parts, exchange, { stage, mac, uuid: null, message, details: { file: name, bytes: file.sizeBytes, aborted } });
}

function tell(
  parts: Pick<BootRoutesParts, 'observer' | 'clock'>,
  exchange: Exchange,
  event: Omit<BootEvent, 'at' | 'address'>,
): void {
  parts.observer.seen({ ...event, at: parts.clock.now(), address: exchange.client });
}

function found<Value>(value: Value | null, name: string): Value {
  if (value === null) throw new MusterError('not-found', `cannot find ${name}`);
  return value;
}
