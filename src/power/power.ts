export type PowerState = 'on' | 'off' | 'unknown';

/** A machine's power record as a driver gets it: its parameters, with the secret ones already opened. */
export interface PowerTarget {
  machineId: string;
  driver: string;
  parameters: Record<string, string>;
}

/** One parameter of a driver, as forms, the CLI and validation see it. */
export interface PowerParameter {
  name: string;
  required: boolean;
  /** Sealed at rest and never shown again. */
  secret: boolean;
  summary: string;
  /** What is wrong with a value, or null. */
  check?: (value: string) => string | null;
}

/** What a driver can do. Each call is bounded in time by the signal and throws PowerError with a reason. */
export interface PowerDriver {
  readonly name: string;
  /** Names of parameters, which of them are needed, which are secret. */
  readonly parameters: readonly PowerParameter[];
  /** A machine that is on stays as it is. */
  on(target: PowerTarget, signal: AbortSignal): Promise<void>;
  /** At once, as if the plug were pulled. */
  off(target: PowerTarget, signal: AbortSignal): Promise<void>;
  /** Off, then on; a machine that is off is switched on. */
  cycle(target: PowerTarget, signal: AbortSignal): Promise<void>;
  /** `unknown` where the driver has no way to tell. */
  status(target: PowerTarget, signal: AbortSignal): Promise<PowerState>;
  /** Network as the next boot's device, once. False where the driver cannot. */
  bootOnceFromNetwork(target: PowerTarget, signal: AbortSignal): Promise<boolean>;
  /** The SMBIOS UUID, lower case with dashes, where the driver can tell it. */
  uuid(target: PowerTarget, signal: AbortSignal): Promise<string | null>;
}
