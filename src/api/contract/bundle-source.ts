import { z } from 'zod';

export const bundleFile = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(500)
    .regex(/^(?!\/)(?!(.*\/)?\.{1,2}(\/|$))[^\\\p{Cc}]+$/u, "a path from the bundle's folder, without .."),
  text: z.string().max(1.5 * 1024 * 1024),
  encoding: z.literal('base64').optional().describe('How `text` stands for bytes that are not text'),
});

/** A bundle as it is sent: its text, the files that it and its overlays include, and its own roles. */
export const bundleSource = z.strictObject({
  /** A bundle that muster ships, by its name (`files` are then its overlays); or `files` with the one to begin with first. */
  bundle: z.string().max(200).optional(),
  files: z.array(bundleFile).max(500).default([]),
  overlays: z.array(z.string().max(500)).max(20).default([]).describe('Paths among `files`, in order'),
});
