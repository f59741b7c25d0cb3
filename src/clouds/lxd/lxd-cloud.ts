import type { LxdClient } from './lxd-client.js';

/** One LXD (or Incus) as muster uses it. */
export interface LxdCloud {
  name: string;
  /** Throws where muster may not, or cannot, use it. */
  client(): Promise<LxdClient>;
  settings: LxdSettings;
  /** Its computer, where nodes are reached by SSH through it; null: nodes are reached at their own addresses. */
  sshHost: string | null;
  /** Brings LXD to where it answers, and its computer to where many containers can run. Absent: not ours to change. */
  prepareHost?(tell: (line: string) => Promise<void>, signal: AbortSignal): Promise<void>;
  /** What is said of {@link prepareHost} in a plan; null where nothing is missing. */
  missing?(): Promise<string | null>;
}

export interface LxdSettings {
  /** Everything of ours is in it. */
  project: string;
  /** Its own bridge, and the bridge's address: `10.178.0.1/22`. */
  bridge: string;
  address: string;
  /** A storage pool of ours, made with this driver where it is not there. */
  pool: string;
  poolDriver: 'dir' | 'btrfs' | 'zfs' | 'lvm';
}

/** Finds a cloud by its name, for the steps of a plan. Throws `not-found`. */
export interface LxdClouds {
  lxd(name: string): Promise<LxdCloud>;
}
