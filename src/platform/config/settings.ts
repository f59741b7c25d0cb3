import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65535);
const role = z.enum(['api', 'boot', 'worker', 'scheduler']);
/** A process of muster runs one or more of these; all in one by default. */
export type Role = z.infer<typeof role>;
const ALL_ROLES: readonly Role[] = role.options;

const list = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').filter((part) => part !== '') : value),
  z.array(z.string()),
);

/** In the environment: `PREFIX=TARGET`, several with spaces between. */
const mirrors = z.preprocess(
  (value) => {
    if (typeof value !== 'string') return value;
    const pairs = value.split(/\s+/).filter((pair) => pair !== '');
    return Object.fromEntries(
      pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    );
  },
  z.record(
    // With the slash after its host, or "https://dl.k8s.io" would stand for "https://dl.k8s.io.example" too; or every host.
    z.string().regex(/^https?:\/\/([^/]+\/.*)?$/, {
      error: 'expected the beginning of a URL, such as https://dl.k8s.io/, or https:// for every host',
    }),
    z.string().regex(/^(https?:\/\/|\/)/, { error: 'expected a URL or an absolute path' }),
  ),
);

/** Every setting, its default and its bounds. Environment names are `MUSTER_` and the path in capitals: `MUSTER_API_PORT`. */
export const settingsSchema = z.strictObject({
  dataDir: z.string().default('/var/lib/muster').describe('Everything muster keeps on this computer'),
  databaseUrl: z.string().optional().describe('Postgres to use; without it muster runs its own'),
  redisUrl: z.string().optional().describe('Redis to use; without it muster runs its own'),
  roles: z
    .preprocess((value) => (typeof value === 'string' ? value.split(',') : value), z.array(role).min(1))
    .default([...ALL_ROLES]),
  user: z.string().default('muster').describe('The unprivileged user that a server started as root becomes'),
  log: z
    .strictObject({
      level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
      format: z.enum(['json', 'pretty']).default('json'),
    })
    .prefault({}),
  api: z
    .strictObject({
      host: z.string().default('0.0.0.0'),
      port: port.default(7443),
      certificateFile: z.string().optional(),
      keyFile: z.string().optional(),
    })
    .prefault({}),
  artifactMirrors: mirrors
    .default({})
    .describe('URL prefixes of artifacts, and the prefix or the folder of this computer that stands in their place'),
  artifactMaxGiB: z.coerce.number().positive().default(8).describe('No artifact may be larger'),
  artifactCacheGiB: z.coerce.number().positive().default(64).describe('Above it artifacts not used lately are removed'),
  boot: z
    .strictObject({
      interfaces: list
        .default([])
        .describe('Interfaces to answer on; empty: those that hold an address of a known subnet'),
      httpPort: port.default(7480).describe('Boot files, scripts and images, over HTTP'),
      agentPort: port.default(7481).describe('The agent and metadata, over HTTPS'),
      dhcpPort: port.default(67),
      proxyPort: port.default(4011),
      tftpPort: port.default(69),
      filesDir: z
        .string()
        .optional()
        .describe('A folder of boot files given by the operator, instead of the gathered ones'),
      architectures: z
        .preprocess(
          (value) => (typeof value === 'string' ? value.split(',') : value),
          z.array(z.enum(['amd64', 'arm64'])),
        )
        .default(['amd64'])
        .describe('Architectures to gather boot files for'),
      kernelArguments: list.default([]).describe('Added to the memory environment: console=ttyS0'),
      unknownMachines: z
        .enum(['enlist', 'menu', 'ignore'])
        .default('enlist')
        .describe('What a machine that nobody knows is given when it boots from the network'),
      secureBoot: z
        .preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean())
        .default(false)
        .describe("Give UEFI machines the distribution's signed shim and GRUB instead of iPXE"),
      callHomeSeconds: z.coerce
        .number()
        .int()
        .min(30)
        .default(900)
        .describe('From power-on until the agent of a machine calls; firmware of servers alone can take five minutes'),
      menuTimeoutSeconds: z.coerce.number().int().min(0).default(30),
      menuSshKeys: list
        .default([])
        .describe('Public keys let into what the boot menu rescues or installs; without any it offers neither'),
      requestsPerSecondPerSource: z.coerce.number().int().min(1).default(200),
      lookForOtherDhcpSeconds: z.coerce
        .number()
        .int()
        .min(0)
        .max(86_400)
        .default(600)
        .describe('How often other DHCP servers are asked for where all addresses are ours to give; 0: never'),
    })
    .prefault({}),
  images: z
    .strictObject({
      streamUrl: z.string().default('https://images.maas.io/ephemeral-v3/stable/'),
      keyring: z.string().optional().describe('Keyring to check the stream with; default: the shipped one'),
      allowLocalStream: z
        .union([z.boolean(), z.stringbool()])
        .default(false)
        .describe('Whether the stream may be on this computer itself'),
      handOffPrefix: z
        .string()
        .regex(/^\/.*[^/]$/)
        .optional()
        .describe('Internal location of an nginx in front that sends images itself (X-Accel-Redirect)'),
      cacheDir: z
        .string()
        .optional()
        .describe('Where builds keep what can be made again; what root builds for the server is in DIR.root'),
    })
    .prefault({}),
  localhost: z
    .strictObject({
      enabled: z
        .union([z.boolean(), z.stringbool()])
        .default(false)
        .describe(
          'Whether deployments may make containers on this computer; who may deploy can then become root on it',
        ),
      socket: z.string().optional().describe("LXD's or Incus' unix socket; default: where their packages put it"),
      project: z.string().default('muster').describe('The LXD project that holds everything of ours'),
      bridge: z.string().max(15).default('muster0').describe('The bridge of the nodes'),
      address: z
        .string()
        .default('10.178.0.1/22')
        .describe('Its address; refused where this computer has a route there'),
      pool: z.string().default('muster').describe('The storage pool of the nodes, made where it is not there'),
      poolDriver: z.enum(['dir', 'btrfs', 'zfs', 'lvm']).default('dir').describe('What a new pool is made with'),
    })
    .prefault({}),
  pipeline: z
    .strictObject({
      concurrency: z.coerce.number().int().min(1).default(50).describe('Deliveries at once in one worker process'),
      stepsPerRun: z.coerce.number().int().min(1).default(50),
      destructiveAtOnce: z.coerce.number().int().min(1).default(20),
      leaseSeconds: z.coerce
        .number()
        .int()
        .min(2)
        .default(10)
        .describe('A step whose worker is silent for this long is taken over'),
      answerSeconds: z.coerce
        .number()
        .int()
        .min(5)
        .default(60)
        .describe('How long `verify` and actions wait for a node that does not answer, which may be rebooting'),
      sweepMs: z.coerce.number().int().min(50).default(1000),
      logKibPerStep: z.coerce.number().int().min(64).default(16_384).describe('The rest of a longer log is not kept'),
      retentionDays: z.coerce.number().int().min(1).default(90).describe('Logs and events of older runs are forgotten'),
      queuePrefix: z.string().default('muster').describe('Keeps several installations on one Redis apart'),
    })
    .prefault({}),
  power: z
    .strictObject({
      allowLocalAddresses: z
        .stringbool()
        .or(z.boolean())
        .default(false)
        .describe('Whether webhooks and Redfish services may be on loopback or link-local addresses'),
      lookEverySeconds: z.coerce
        .number()
        .int()
        .min(0)
        .default(60)
        .describe('How often a machine is asked whether it is on; 0: never'),
    })
    .prefault({}),
  secrets: z
    .strictObject({
      keyFile: z
        .string()
        .optional()
        .describe('Key-encryption keys, 32 bytes in hex a line, the first seals; default: made in the data folder'),
    })
    .prefault({}),
});

export type Settings = z.infer<typeof settingsSchema>;
