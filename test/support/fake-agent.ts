import { request } from 'node:https';
import type { OrderKind } from '../../src/machines/index.js';
import { factsOf } from '../../src/machines/testing/facts.js';
import type { BootServer } from './boot-server.js';

export interface FakeMachine {
  mac: string;
  uuid: string | null;
  /** Orders that it fails at, with what it says then. */
  failing?: Partial<Record<OrderKind, { error: string; failure: 'transient' | 'permanent' }>>;
}

export interface Answer {
  status: number;
  text: string;
}

export interface GivenOrder {
  id: string;
  kind: OrderKind;
  parameters: Record<string, unknown>;
}

/** A booting machine as a script: what firmware fetches, and what the agent says, over real sockets. */
export class FakeAgent {
  token = '';
  nonce = '';
  readonly carriedOut: GivenOrder[] = [];

  constructor(
    private readonly server: BootServer,
    readonly machine: FakeMachine,
  ) {}

  /** Fetches its boot script, as iPXE would; remembers the nonce in it. */
  async script(query: Record<string, string> = {}): Promise<string> {
    const parameters = new URLSearchParams({ arch: '0', ...query });
    if (this.machine.uuid !== null) parameters.set('uuid', this.machine.uuid);
    const url = `${this.server.bootUrl}/boot/ipxe/${this.machine.mac}?${parameters.toString()}`;
    const text = await (await fetch(url)).text();
    this.nonce = /muster\.nonce=(\S+)/.exec(text)?.[1] ?? '';
    return text;
  }

  /** Exchanges the nonce for a session. */
  async open(more: Record<string, unknown> = {}): Promise<Answer> {
    const { mac, uuid } = this.machine;
    const answer = await this.call('POST', '/agent/v1/session', {
      nonce: this.nonce,
      uuid,
      macs: [mac],
      bootMac: mac,
      architecture: 'amd64',
      firmware: 'bios',
      agentVersion: 'fake',
      ...more,
    });
    if (answer.status === 200) this.token = (JSON.parse(answer.text) as { token: string }).token;
    return answer;
  }

  async boot(): Promise<void> {
    await this.script();
    const { status, text } = await this.open();
    if (status !== 200) throw new Error(`the session was refused: ${status} ${text}`);
  }

  async nextOrder(waitSeconds = 0): Promise<GivenOrder | 'nothing' | 'over'> {
    const { status, text } = await this.call('GET', `/agent/v1/order?wait=${waitSeconds}`);
    if (status === 200) return JSON.parse(text) as GivenOrder;
    if (status === 204) return 'nothing';
    if (status === 410) return 'over';
    throw new Error(`asking for an order was answered ${status} ${text}`);
  }

  result(orderId: string, result: unknown): Promise<Answer> {
    return this.call('POST', `/agent/v1/orders/${orderId}/result`, result);
  }

  /** Carries an order out, as far as a script can. */
  async carryOut(order: GivenOrder): Promise<void> {
    this.carriedOut.push(order);
    await this.call('POST', `/agent/v1/orders/${order.id}/log?offset=0`, `doing ${order.kind}\n`);
    await this.call('POST', `/agent/v1/orders/${order.id}/progress`, { percent: 50, message: order.kind });
    const failure = this.machine.failing?.[order.kind];
    const { status, text } = await this.result(
      order.id,
      failure === undefined ? { ok: true, output: this.outputOf(order.kind) } : { ok: false, ...failure },
    );
    if (status !== 204) throw new Error(`the result of ${order.kind} was refused: ${status} ${text}`);
  }

  private outputOf(kind: OrderKind): Record<string, unknown> {
    const { mac, uuid } = this.machine;
    const hostKeys = [`ssh-ed25519 AAAA${mac.replaceAll(':', '')}`];
    if (kind === 'facts') return { facts: factsOf({ mac, uuid: uuid ?? undefined }) };
    if (kind === 'install')
      return { hostKeys, disk: { path: '/dev/vda', serial: null, sizeBytes: 8e9 }, bytesWritten: 1, bootMode: 'bios' };
    return kind === 'boot-ram' || kind === 'rescue' ? { hostKeys } : {};
  }

  call(method: string, path: string, body?: unknown): Promise<Answer> {
    const data = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const call = request(
        `${this.server.agentUrl}${path}`,
        {
          method,
          ca: this.server.certificatePem,
          agent: false,
          headers: {
            ...(this.token === '' ? {} : { authorization: `Bearer ${this.token}` }),
            ...(data === null ? {} : { 'content-length': Buffer.byteLength(data) }),
          },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
          response.on('error', reject);
        },
      );
      call.on('error', reject);
      call.end(data ?? undefined);
    });
  }
}
