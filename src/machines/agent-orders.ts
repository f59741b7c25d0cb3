import { z } from 'zod';

/**
 * What the agent in the memory environment can be told to do. The agent asks for one order at a time, reports progress
 * and log, and posts one result; every call may be repeated.
 */

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Which disk an install may write to; the agent refuses where the serial or the size does not fit. */
export const diskChoice = z.object({
  /** `/dev/disk/by-…` or kernel name; null: the smallest disk that is large enough. */
  path: z.string().nullable(),
  /** Checked against what the disk itself says; null where the disk has none. */
  serial: z.string().nullable(),
  minimumBytes: z.number().int().positive(),
});

export const imageSource = z.object({
  /** The root as an ext4 file system to be grown, as a tar or a squashfs, or a whole disk. */
  form: z.enum(['ext4', 'tar', 'squashfs', 'raw']),
  compression: z.enum(['none', 'gzip', 'zstd']),
  /** Where to fetch it; plain HTTP is fine, every byte is checked against the hash. */
  url: z.string(),
  sha256,
  sizeBytes: z.number().int().positive(),
  os: z.string(),
  release: z.string(),
});

/** NoCloud files, written 0600 to the disk's seed. */
export const cloudSeed = z.object({ metaData: z.string(), userData: z.string(), networkConfig: z.string() });

export const orderParameters = {
  facts: z.object({}),
  'test-memory': z.object({ megabytes: z.number().int().positive().nullable() }),
  'test-disk': z.object({ path: z.string().nullable() }),
  install: z.object({
    disk: diskChoice,
    layout: z.enum(['flat', 'lvm']),
    image: imageSource,
    hostname: z.string(),
    seed: cloudSeed,
    authorizedKeys: z.array(z.string()),
    kernelArguments: z.array(z.string()),
  }),
  /** Fetches a squashfs into memory and goes over to it; the result is posted before the switch. */
  'boot-ram': z.object({
    image: imageSource,
    hostname: z.string(),
    seed: cloudSeed,
    authorizedKeys: z.array(z.string()),
  }),
  erase: z.object({ mode: z.enum(['quick', 'secure', 'full']) }),
  /** Starts an SSH server for repair. */
  rescue: z.object({ authorizedKeys: z.array(z.string()) }),
  reboot: z.object({}),
  'power-off': z.object({}),
} as const;

export type OrderKind = keyof typeof orderParameters;
export type OrderParameters<Kind extends OrderKind> = z.infer<(typeof orderParameters)[Kind]>;

/** What `install`, `boot-ram` and `rescue` report: the public halves of the host keys made in memory. */
export const hostKeysResult = z.object({ hostKeys: z.array(z.string()).min(1) });

/** The body of `POST /agent/v1/orders/:id/result`. */
export const orderResult = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), output: z.record(z.string(), z.json()).default({}) }),
  z.object({
    ok: z.literal(false),
    error: z.string().max(4000),
    /** Transient: worth another try (a download broke off). Permanent: it is not (wrong checksum, no disk). */
    failure: z.enum(['transient', 'permanent']),
  }),
]);
export type OrderResult = z.infer<typeof orderResult>;

/** The body of `POST /agent/v1/session`: "here I am", with the nonce, once. */
export const sessionRequest = z.object({
  nonce: z.string().max(100),
  uuid: z.string().max(64).nullable(),
  macs: z.array(z.string().max(17)).max(64),
  /** The NIC that the machine booted from (BOOTIF). */
  bootMac: z.string().max(17),
  architecture: z.string().max(16),
  firmware: z.enum(['bios', 'uefi']),
  agentVersion: z.string().max(64),
});

export const sessionReply = z.object({
  token: z.string(),
  machine: z.object({ id: z.string(), name: z.string() }),
  /** How long `GET /agent/v1/order` may be held open. */
  waitSeconds: z.number(),
});
