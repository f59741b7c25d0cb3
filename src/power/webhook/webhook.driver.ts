import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { messageOf } from '../../error.js';
import type { Clock } from '../../platform/clock.js';
import { sendRequest } from '../http-request.js';
import { PowerError } from '../power-error.js';
import type { PowerDriver, PowerParameter, PowerState, PowerTarget } from '../power.js';

type Action = 'on' | 'off' | 'cycle' | 'status' | 'boot-once-from-network' | 'uuid';

const reply = z.object({
  state: z.enum(['on', 'off', 'unknown']).optional(),
  done: z.boolean().optional(),
  uuid: z.guid().nullish(),
});

/**
 * Whatever else switches power, behind one URL of the operator's. muster sends
 * `POST {"action": "on", "machine": ID, "time": ISO 8601}` and takes 2xx for yes; `status` is answered with
 * `{"state": "on"|"off"|"unknown"}`. `X-Muster-Signature: sha256=…` is an HMAC-SHA256, with the shared secret, over the
 * body, which holds the time.
 */
export class WebhookPowerDriver implements PowerDriver {
  readonly name = 'webhook';
  readonly parameters: readonly PowerParameter[] = [
    { name: 'url', required: true, secret: false, summary: 'Where to send commands', check: checkUrl },
    { name: 'secret', required: true, secret: true, summary: 'Shared secret that signs the commands' },
  ];

  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    private readonly options: { allowLocal: boolean },
  ) {}

  async on(target: PowerTarget, signal: AbortSignal): Promise<void> {
    await this.send(target, 'on', signal);
  }

  async off(target: PowerTarget, signal: AbortSignal): Promise<void> {
    await this.send(target, 'off', signal);
  }

  async cycle(target: PowerTarget, signal: AbortSignal): Promise<void> {
    await this.send(target, 'cycle', signal);
  }

  async status(target: PowerTarget, signal: AbortSignal): Promise<PowerState> {
    return (await this.send(target, 'status', signal)).state ?? 'unknown';
  }

  async bootOnceFromNetwork(target: PowerTarget, signal: AbortSignal): Promise<boolean> {
    return (await this.send(target, 'boot-once-from-network', signal)).done ?? false;
  }

  async uuid(target: PowerTarget, signal: AbortSignal): Promise<string | null> {
    return (await this.send(target, 'uuid', signal)).uuid?.toLowerCase() ?? null;
  }

  private async send(target: PowerTarget, action: Action, signal: AbortSignal): Promise<z.infer<typeof reply>> {
    const url = new URL(target.parameters['url'] ?? '');
    const body = JSON.stringify({ action, machine: target.machineId, time: this.clock.now().toISOString() });
    const signature = createHmac('sha256', target.parameters['secret'] ?? '')
      .update(body)
      .digest('hex');
    const headers = { 'Content-Type': 'application/json', 'X-Muster-Signature': `sha256=${signature}` };
    const { allowLocal } = this.options;
    const response = await sendRequest({ method: 'POST', url, headers, body, allowLocal }, signal);
    if (response.status === 401 || response.status === 403) {
      throw new PowerError('misconfigured', `cannot use ${url.host}: it answers ${response.status}`, {
        hint: 'check the shared secret',
      });
    }
    if (response.status < 200 || response.status > 299) {
      throw new PowerError('refused', `cannot do "${action}": ${url.host} answers ${response.status}`);
    }
    return readReply(response.body, url);
  }
}

function readReply(body: string, url: URL): z.infer<typeof reply> {
  if (body.trim() === '') return {};
  try {
    return reply.parse(JSON.parse(body));
  } catch (thrown) {
    throw new PowerError('refused', `cannot read the answer of ${url.host}: ${messageOf(thrown).slice(0, 200)}`);
  }
}

function checkUrl(value: string): string | null {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol)) return 'is no http or https URL';
  return url.username === '' && url.password === '' ? null : 'may not hold credentials: use the secret';
}
