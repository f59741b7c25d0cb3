import { z } from 'zod';

/**
 * What an unprivileged server asks its supervisor to build: packages are unpacked as root. Everything is checked here
 * once more, because whoever asks may have been taken over.
 */
const packageName = z.string().regex(/^[a-z0-9][a-z0-9+.-]{1,100}$/);
const common = {
  kernel: z.enum(['generic', 'cloud', 'none']).optional(),
  include: z.array(packageName).max(500).optional(),
  mirror: z
    .url()
    .regex(/^https?:\/\//)
    .optional(),
};

export const buildRequest = z.discriminatedUnion('target', [
  z.strictObject({ target: z.literal('memory'), ...common }),
  z.strictObject({
    target: z.literal('os'),
    os: z.enum(['debian', 'ubuntu']),
    release: z.string().regex(/^[a-z0-9.]{1,20}$/),
    ...common,
    baked: z
      .strictObject({
        masked: z.array(z.string()).max(200),
        files: z
          .array(z.strictObject({ path: z.string().startsWith('/'), sha256: z.string(), fileName: z.string() }))
          .max(500),
      })
      .optional(),
  }),
]);
export type BuildOrder = z.infer<typeof buildRequest>;

/** From the server to its supervisor. */
export const builderQuestion = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('image.build'), id: z.number(), order: z.unknown() }),
  z.object({ kind: z.literal('image.build-stop'), id: z.number() }),
]);

/** From the supervisor to the server. */
export const builderAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('image.progress'), id: z.number(), percent: z.number(), message: z.string() }),
  z.object({ kind: z.literal('image.built'), id: z.number(), result: z.unknown() }),
  z.object({ kind: z.literal('image.failed'), id: z.number(), message: z.string(), hint: z.string().optional() }),
]);
