import { PowerError } from '../power-error.js';
import type { PowerDriver, PowerState } from '../power.js';

/** Machines that only a person can switch. The person is asked; muster goes on when the machine boots. */
export class ManualPowerDriver implements PowerDriver {
  readonly name = 'manual';
  readonly parameters = [
    { name: 'note', required: false, secret: false, summary: 'Where the machine stands, for whoever walks there' },
  ];

  on(target: { parameters: Record<string, string> }): Promise<void> {
    return Promise.reject(ask('on', target.parameters['note']));
  }

  off(target: { parameters: Record<string, string> }): Promise<void> {
    return Promise.reject(ask('off', target.parameters['note']));
  }

  cycle(target: { parameters: Record<string, string> }): Promise<void> {
    return Promise.reject(ask('off and on again', target.parameters['note']));
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

function ask(what: string, note: string | undefined): PowerError {
  return new PowerError('needs-operator', `cannot switch it ${what} without a person`, {
    hint: `switch the machine ${what} by hand${note === undefined ? '' : ` (${note})`}, then retry the step`,
  });
}
