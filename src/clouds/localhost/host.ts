/** What only root may do on this computer, so that it can hold containers. */
export interface Host {
  /** Installs LXD or Incus from the distribution's packages. Throws with what to do where it cannot. */
  installLxd(tell: Tell, signal: AbortSignal): Promise<void>;
  /** Raises kernel limits that many containers run into. */
  raiseLimits(tell: Tell, signal: AbortSignal): Promise<void>;
}

export type Tell = (line: string) => void;

/** Where LXD's and Incus' packages put their socket; the first that is there is used. */
export const SOCKETS = [
  '/var/lib/lxd/unix.socket',
  '/var/snap/lxd/common/lxd/unix.socket',
  '/var/lib/incus/unix.socket',
] as const;
