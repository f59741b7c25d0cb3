import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { PowerError } from '../power-error.js';
import type { PowerDriver, PowerParameter, PowerState, PowerTarget } from '../power.js';
import { QmpClient } from './qmp-client.js';

/** Run states in which no guest instruction runs and the machine's owner would call it off. */
const OFF = new Set(['prelaunch', 'paused', 'shutdown']);

/**
 * Virtual machines whose QEMU process stays, like a mains-powered board, and is switched by QMP alone. It is started
 * with `-S -action shutdown=pause`: powered off at first, and off again when the guest powers down.
 */
export class QemuPowerDriver implements PowerDriver {
  readonly name = 'qemu';
  readonly parameters: readonly PowerParameter[] = [
    {
      name: 'socket',
      required: true,
      secret: false,
      summary: 'Path of the QMP unix socket',
      check: (value) => (isAbsolute(value) ? null : `is not an absolute path: ${value}`),
    },
  ];

  async on(target: PowerTarget, signal: AbortSignal): Promise<void> {
    await this.withSession(target, signal, async (qmp) => {
      if ((await stateOf(qmp)) === 'on') return;
      await startAfresh(qmp);
    });
  }

  async off(target: PowerTarget, signal: AbortSignal): Promise<void> {
    await this.withSession(target, signal, async (qmp) => {
      await qmp.execute('stop');
      // Nothing of the guest may be left for whoever is switched on next.
      await qmp.execute('system_reset');
    });
  }

  async cycle(target: PowerTarget, signal: AbortSignal): Promise<void> {
    await this.withSession(target, signal, async (qmp) => {
      await qmp.execute('stop');
      await startAfresh(qmp);
    });
  }

  status(target: PowerTarget, signal: AbortSignal): Promise<PowerState> {
    return this.withSession(target, signal, stateOf);
  }

  /** QEMU fixes the order at start, so this only tells whether the network already comes first. */
  bootOnceFromNetwork(target: PowerTarget, signal: AbortSignal): Promise<boolean> {
    return this.withSession(target, signal, async (qmp) => {
      const devices = await bootDevices(qmp);
      const first = devices.sort((a, b) => a.bootIndex - b.bootIndex)[0];
      return first?.isNetwork ?? false;
    });
  }

  uuid(target: PowerTarget, signal: AbortSignal): Promise<string | null> {
    return this.withSession(target, signal, async (qmp) => {
      const reply = read(z.object({ UUID: z.guid() }), await qmp.execute('query-uuid'));
      return reply.UUID.toLowerCase();
    });
  }

  private async withSession<T>(
    target: PowerTarget,
    signal: AbortSignal,
    act: (qmp: QmpClient) => Promise<T>,
  ): Promise<T> {
    const qmp = await QmpClient.open(target.parameters['socket'] ?? '', signal);
    try {
      return await act(qmp);
    } finally {
      qmp.close();
    }
  }
}

async function stateOf(qmp: QmpClient): Promise<PowerState> {
  const { status } = read(z.object({ status: z.string() }), await qmp.execute('query-status'));
  // A panicked guest or one stopped by a disk error still hums.
  return OFF.has(status) ? 'off' : 'on';
}

/** A guest that has shut down cannot continue: it is reset first, which also drops its old state. */
async function startAfresh(qmp: QmpClient): Promise<void> {
  await qmp.execute('system_reset');
  await qmp.execute('cont');
}

async function bootDevices(qmp: QmpClient): Promise<{ bootIndex: number; isNetwork: boolean }[]> {
  const listed = read(
    z.array(z.object({ name: z.string(), type: z.string() })),
    await list(qmp, '/machine/peripheral'),
  );
  const devices: { bootIndex: number; isNetwork: boolean }[] = [];
  for (const { name, type } of listed) {
    if (!type.startsWith('child<')) continue;
    const path = `/machine/peripheral/${name}`;
    const properties = read(z.array(z.object({ name: z.string() })), await list(qmp, path)).map((each) => each.name);
    if (!properties.includes('bootindex')) continue;
    const bootIndex = read(z.number(), await qmp.execute('qom-get', { path, property: 'bootindex' }));
    if (bootIndex >= 0) devices.push({ bootIndex, isNetwork: properties.includes('netdev') });
  }
  return devices;
}

function list(qmp: QmpClient, path: string): Promise<unknown> {
  return qmp.execute('qom-list', { path });
}

function read<T>(schema: z.ZodType<T>, reply: unknown): T {
  const parsed = schema.safeParse(reply);
  if (!parsed.success) throw new PowerError('refused', `cannot read QEMU's answer: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
