import { createSocket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import { messageOf } from '../../error.js';
import { magicPacket, WAKE_ON_LAN_PORT } from '../../protocol/wol/index.js';
import { checkPort } from '../parameter-checks.js';
import { PowerError } from '../power-error.js';
import type { PowerDriver, PowerParameter, PowerState, PowerTarget } from '../power.js';

/** Nobody acknowledges a magic packet, and a switch port that just came up may lose the first. */
const REPEATS = 3;

/** Machines that wake when their NIC hears its own MAC. It can only switch on; a person does the rest. */
export class WakeOnLanPowerDriver implements PowerDriver {
  readonly name = 'wake-on-lan';
  readonly parameters: readonly PowerParameter[] = [
    { name: 'mac', required: true, secret: false, summary: 'MAC of the NIC that wakes', check: checkSixBytes },
    {
      name: 'broadcast',
      required: false,
      secret: false,
      summary: "Broadcast address of the machine's subnet (255.255.255.255)",
      check: (value) => (isIPv4(value) ? null : `is no IPv4 address: ${value}`),
    },
    { name: 'port', required: false, secret: false, summary: 'UDP port (9)', check: checkPort },
    { name: 'password', required: false, secret: true, summary: 'SecureOn password, six bytes', check: checkSixBytes },
  ];

  async on(target: PowerTarget, signal: AbortSignal): Promise<void> {
    const { mac = '', broadcast = '255.255.255.255', port = String(WAKE_ON_LAN_PORT), password } = target.parameters;
    const packet = magicPacket(mac, password);
    for (let sent = 0; sent < REPEATS; sent += 1) {
      signal.throwIfAborted();
      await broadcastOnce(packet, Number(port), broadcast);
    }
  }

  off(): Promise<void> {
    return Promise.reject(needsPerson('off'));
  }

  cycle(): Promise<void> {
    return Promise.reject(needsPerson('off and on again'));
  }

  status(): Promise<PowerState> {
    return Promise.resolve('unknown');
  }

  bootOnceFromNetwork(): Promise<boolean> {
    return Promise.resolve(false);
  }

  uuid(): Promise<string | null> {
    return Promise.resolve(null);
  }
}

function checkSixBytes(value: string): string | null {
  try {
    magicPacket(value);
    return null;
  } catch {
    return 'is not six bytes in hex, such as 52:54:00:00:00:01'; // the value may be a password
  }
}

function broadcastOnce(packet: Buffer, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const end = (error: Error | null) => {
      socket.close();
      if (error === null) resolve();
      else reject(new PowerError('unreachable', `cannot send a magic packet to ${address}: ${messageOf(error)}`));
    };
    socket.once('error', end);
    socket.bind(0, () => {
      socket.setBroadcast(true);
      socket.send(packet, port, address, (error) => end(error));
    });
  });
}

function needsPerson(what: string): PowerError {
  return new PowerError('needs-operator', `cannot switch it ${what}: Wake-on-LAN only switches on`, {
    hint: `switch the machine ${what} by hand, then retry the step`,
  });
}
