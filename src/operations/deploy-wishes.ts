import { z } from 'zod';

/** What is to be put on a machine. */
export const deployWishes = z.object({
  os: z.string(),
  release: z.string(),
  target: z.enum(['disk', 'ram']),
  layout: z.enum(['flat', 'lvm']),
  hostname: z.string(),
  authorizedKeys: z.array(z.string()),
  /** Kernel name or path of the disk; null: the smallest that is large enough. */
  disk: z.string().nullable(),
  kernelArguments: z.array(z.string()),
  /** The operator's own, sealed for the machine ({@link userDataRow}); null: none. */
  userData: z.string().nullable(),
});
export type DeployWishes = z.infer<typeof deployWishes>;

/** What the operator's user-data is sealed for: it does not open for another machine. */
export const userDataRow = (machineId: string) => `user-data ${machineId}`;
