import { type ErrorDetail, MusterError } from '../error.js';
import type { PowerDriver } from './power.js';

/** All power drivers by name. Two of one name stop the start. */
export class PowerDriverRegistry {
  private readonly drivers = new Map<string, PowerDriver>();

  constructor(drivers: readonly PowerDriver[]) {
    for (const driver of drivers) {
      if (this.drivers.has(driver.name)) {
        throw new MusterError('internal', `cannot register the power driver "${driver.name}" twice`);
      }
      this.drivers.set(driver.name, driver);
    }
  }

  list(): PowerDriver[] {
    return [...this.drivers.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  getDriver(name: string): PowerDriver {
    const driver = this.drivers.get(name);
    if (driver === undefined) {
      throw new MusterError('invalid', `cannot use the power driver "${name}": there is none of that name`, {
        hint: `drivers: ${this.list()
          .map((each) => each.name)
          .join(', ')}`,
      });
    }
    return driver;
  }

  /** Throws one error that names every problem of the parameters; returns when there is none. */
  validate(name: string, parameters: Readonly<Record<string, string>>): void {
    const driver = this.getDriver(name);
    const details = [...unknownParameters(driver, parameters), ...wrongParameters(driver, parameters)];
    if (details.length > 0) {
      const list = details.map((detail) => detail.message).join('; ');
      throw new MusterError('invalid', `cannot take the power parameters of driver "${name}": ${list}`, {
        details,
        hint: `parameters: ${driver.parameters.map((p) => (p.required ? p.name : `[${p.name}]`)).join(' ')}`,
      });
    }
  }

  /** Parts parameters into those that are kept in the clear and those that are sealed. */
  splitSecrets(
    name: string,
    parameters: Readonly<Record<string, string>>,
  ): { open: Record<string, string>; secret: Record<string, string> } {
    const secrets = new Set(
      this.getDriver(name)
        .parameters.filter((parameter) => parameter.secret)
        .map((parameter) => parameter.name),
    );
    const entries = Object.entries(parameters);
    return {
      open: Object.fromEntries(entries.filter(([key]) => !secrets.has(key))),
      secret: Object.fromEntries(entries.filter(([key]) => secrets.has(key))),
    };
  }
}

function unknownParameters(driver: PowerDriver, parameters: Readonly<Record<string, string>>): ErrorDetail[] {
  const known = new Set(driver.parameters.map((parameter) => parameter.name));
  return Object.keys(parameters)
    .filter((key) => !known.has(key))
    .sort()
    .map((key) => ({ at: key, message: `unknown parameter "${key}"` }));
}

function wrongParameters(driver: PowerDriver, parameters: Readonly<Record<string, string>>): ErrorDetail[] {
  return driver.parameters.flatMap((parameter) => {
    const value = parameters[parameter.name];
    if (value === undefined || value === '') {
      return parameter.required ? [{ at: parameter.name, message: `"${parameter.name}" is missing` }] : [];
    }
    // No parameter of any driver is longer, and control characters only ever serve an attack.
    const problem = value.length > 2000 || hasControlCharacter(value) ? 'is not plain text' : parameter.check?.(value);
    return problem == null ? [] : [{ at: parameter.name, message: `"${parameter.name}" ${problem}` }];
  });
}

function hasControlCharacter(value: string): boolean {
  return /\p{Cc}/u.test(value);
}
