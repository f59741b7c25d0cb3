import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServableFile } from '../../src/images/index.js';
import type { BootContent } from '../../src/netboot/boot-content.js';
import { BootHttpService } from '../../src/netboot/boot-http.service.js';
import { BootRecorder } from '../../src/netboot/boot-recorder.js';
import { BootScripts, type MenuOperations } from '../../src/netboot/boot-scripts.js';
import { agentRoutes } from '../../src/netboot/http/agent-routes.js';
import { bootRoutes } from '../../src/netboot/http/boot-routes.js';
import { metadataRoutes } from '../../src/netboot/http/metadata-routes.js';
import { OrderWaiter } from '../../src/netboot/http/order-waiter.js';
import { MachineSnapshot } from '../../src/netboot/machine-snapshot.js';
import { SnapshotBootDecider } from '../../src/netboot/snapshot-boot-decider.js';
import { ChangeListener } from '../../src/platform/database/index.js';
import { silentLogger } from '../../src/platform/log/index.js';
import { CertificateAuthority } from '../../src/platform/tls/index.js';
import type { Inventory } from './inventory.js';

export interface BootServerOptions {
  unknownMachines?: 'enlist' | 'menu' | 'ignore';
  requestsPerSecondPerSource?: number;
  menu?: MenuOperations;
}

/** A boot server's HTTP side on loopback, with a few files of known content. */
export class BootServer {
  private constructor(
    readonly httpPort: number,
    readonly agentPort: number,
    readonly certificatePem: string,
    readonly snapshot: MachineSnapshot,
    readonly decider: SnapshotBootDecider,
    private readonly parts: {
      http: BootHttpService;
      waiter: OrderWaiter;
      recorder: BootRecorder;
      listener: ChangeListener;
    },
  ) {}

  static async start(inventory: Inventory, dir: string, options: BootServerOptions = {}): Promise<BootServer> {
    const { dataSource, clock, nonces, sessions, tokens, machines, agents, orders } = inventory;
    const authority = await CertificateAuthority.open(join(dir, 'tls'));
    const { certificatePem } = authority;
    const listener = new ChangeListener(dataSource, silentLogger);
    const snapshot = new MachineSnapshot(dataSource, listener, clock, silentLogger);
    const recorder = new BootRecorder(sessions, silentLogger);
    const waiter = new OrderWaiter(listener);
    const content = fixedContent(dir);
    const [httpPort, agentPort] = freePorts();
    const policy = { unknownMachines: options.unknownMachines ?? 'enlist', httpPort, secureBoot: false };
    const scripts = new BootScripts(
      snapshot,
      nonces,
      { ...policy, kernelArguments: ['console=ttyS0'], menuTimeoutSeconds: 30, caSha256: authority.caSha256() },
      clock,
      options.menu ?? null,
    );
    const boots = bootRoutes({
      scripts,
      nonces,
      content,
      observer: recorder,
      clock,
      certificatePem,
      httpPort,
      agentPort,
    });
    const metadata = metadataRoutes({ tokens, machines, observer: recorder, clock });
    const agent = agentRoutes({ agents, orders, waiter, observer: recorder, clock, httpPort });
    const http = new BootHttpService(
      {
        httpPort,
        agentPort,
        requestsPerSecondPerSource: options.requestsPerSecondPerSource ?? 10_000,
        host: '127.0.0.1',
      },
      { plain: [...boots, ...metadata], tls: [...agent, ...metadata] },
      authority,
      clock,
      silentLogger,
    );
    await snapshot.start();
    await http.start();
    const decider = new SnapshotBootDecider(snapshot, policy);
    return new BootServer(httpPort, agentPort, certificatePem, snapshot, decider, { http, waiter, recorder, listener });
  }

  get bootUrl(): string {
    return `http://127.0.0.1:${this.httpPort}`;
  }

  get agentUrl(): string {
    return `https://127.0.0.1:${this.agentPort}`;
  }

  async stop(): Promise<void> {
    const { http, waiter, recorder, listener } = this.parts;
    waiter.close();
    await http.stop();
    this.snapshot.stop();
    await recorder.close();
    await listener.close();
  }
}

let next = 20_000 + (process.pid % 2000) * 10;
/** The scripts name the port, so it must be known before it is bound. */
function freePorts(): [number, number] {
  next += 2;
  return [next - 2, next - 1];
}

export const KERNEL = 'a kernel\n';
export const INITRD = 'an initrd\n';

function fixedContent(dir: string): BootContent {
  const folder = join(dir, 'content');
  mkdirSync(folder, { recursive: true });
  const file = (name: string, text: string): ServableFile => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return { path, sizeBytes: Buffer.byteLength(text), sha256: createHash('sha256').update(text).digest('hex') };
  };
  const files = new Map([
    ['snponly.efi', file('snponly.efi', 'iPXE\n')],
    ['local-boot.efi', file('local-boot.efi', 'GRUB\n')],
  ]);
  const kernel = file('kernel', KERNEL);
  const initrd = file('initrd', INITRD);
  const image = file('image', 'an image, '.repeat(1000));
  return {
    bootFile: (name) => files.get(name) ?? null,
    memoryFile: (architecture, role) =>
      Promise.resolve(architecture === 'amd64' ? (role === 'kernel' ? kernel : initrd) : null),
    image: (sha256) => Promise.resolve(sha256 === image.sha256 ? image : null),
  };
}
