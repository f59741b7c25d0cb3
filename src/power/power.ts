export type PowerState = 'on' | 'off' | 'unknown';

/** A machine's power record as a driver gets it: its parameters, with the secret ones already opened. */
export interface PowerTarget {
  machineId: string;
  driver: string;
  parameters: Record<string, string>;
}

/** What a driver can do. Each call is bounded in time by the signal and throws PowerError with a reason. */
export interface PowerDriver {
  readonly name: string;
  /** Names of parameters, which of them are needed, which are secret. */
  readonly parameters: readonly { name: string; required: boolean; secret: boolean; summary: string }[];
  on(target: PowerTarget, signal: AbortSignal): Promise<void>;
  off(target: PowerTarget, signal: AbortSignal): Promise<void>;
  /** Off, then on; a machine that is off is switched on. */
  cycle(target: PowerTarget, signal: AbortSignal): Promise<void>;
  status(target: PowerTarget, signal: AbortSignal): Promise<PowerState>;
  /** Network as the next boot's device, once. False where the driver cannot. */
  bootOnceFromNetwork(target: PowerTarget, signal: AbortSignal): Promise<boolean>;
  /** The SMBIOS UUID, lower case with dashes, where the driver can tell it. */
  uuid(target: PowerTarget, signal: AbortSignal): Promise<string | null>;
}
