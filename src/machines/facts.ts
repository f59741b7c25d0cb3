import { z } from 'zod';

const text = z.string().max(500).nullable();

const diskFacts = z.object({
  /** Kernel name, without `/dev/`. */
  name: z.string().max(64),
  serial: text,
  wwn: text,
  model: text,
  sizeBytes: z.number(),
  rotational: z.boolean().nullable(),
  /** `virtio`, `nvme`, `ata`, `scsi` … */
  bus: text,
});

const nicFacts = z.object({
  name: z.string().max(64),
  mac: z.string().max(17),
  driver: text,
  speedMbps: z.number().nullable(),
  link: z.boolean().nullable(),
  /** True for the NIC that the machine booted from. */
  boot: z.boolean(),
  /** The LLDP neighbour, where one spoke. */
  lldp: z.object({ chassis: text, port: text, system: text }).nullable(),
});

/** What commissioning finds, posted by the agent as the output of a `facts` order: `{facts: {…}}`. */
export const machineFacts = z.object({
  architecture: z.string().max(16),
  cpu: z.object({
    model: text,
    sockets: z.number().int(),
    cores: z.number().int(),
    threads: z.number().int(),
    flags: z.array(z.string().max(64)).max(500),
  }),
  memoryMegabytes: z.number(),
  numaNodes: z.number().int(),
  disks: z.array(diskFacts).max(512),
  nics: z.array(nicFacts).max(256),
  pci: z.array(z.object({ address: z.string().max(32), class: text, vendor: text, device: text })).max(2000),
  usb: z.array(z.object({ vendor: text, product: text, name: text })).max(500),
  firmware: z.object({
    mode: z.enum(['bios', 'uefi']),
    vendor: text,
    version: text,
    date: text,
    secureBoot: z.boolean().nullable(),
  }),
  system: z.object({ vendor: text, product: text, serial: text, uuid: text }),
  bmc: z.object({ type: text, address: text }).nullable(),
  tpm: z.object({ version: text }).nullable(),
  virtualization: text,
  kernel: text,
});
export type MachineFacts = z.infer<typeof machineFacts>;
