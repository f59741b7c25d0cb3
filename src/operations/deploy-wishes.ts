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
  /** Id of the sealed user-data; null: ours. */
  userData: z.string().nullable(),
});
export type DeployWishes = z.infer<typeof deployWishes>;
