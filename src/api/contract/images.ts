import { z } from 'zod';
import { bundleSource } from './bundle-source.js';
import { id, sha256, time } from './primitives.js';
import { route } from './route.js';
import { run } from './runs.js';

export const imageFile = z.object({ role: z.string(), sha256, sizeBytes: z.number() }).meta({ id: 'ImageFile' });

export const image = z
  .object({
    id,
    kind: z.enum(['os', 'memory']),
    name: z.string(),
    os: z.string(),
    release: z.string(),
    architecture: z.string(),
    variant: z.string(),
    version: z.string(),
    source: z.string(),
    sizeBytes: z.number(),
    files: z.array(imageFile),
    createdAt: time,
  })
  .meta({ id: 'Image' });
export type Image = z.infer<typeof image>;

const started = z.object({ run }).describe('The run that does it');
const buildable = /^(debian|ubuntu)@[a-z0-9.]+$/;
const kernel = z.enum(['generic', 'cloud', 'none']);
const osName = z.string().regex(/^[a-z]+@[a-z0-9.]+$/, 'name it as debian@12 or ubuntu@24.04');
const architecture = z.enum(['amd64', 'arm64']);

/** Bytes of one piece of an upload; a broken one is sent again from the offset that the server has. */
export const UPLOAD_PIECE_BYTES = 8 * 1024 * 1024;

export const imagesRoutes = {
  list: route({
    id: 'images.list',
    method: 'GET',
    path: '/v1/images',
    summary: 'Images in the store',
    role: 'viewer',
    pooled: true,
    response: z.object({ items: z.array(image) }),
  }),
  show: route({
    id: 'images.show',
    method: 'GET',
    path: '/v1/images/:image',
    summary: 'One image (by id)',
    role: 'viewer',
    pooled: true,
    response: image,
  }),
  build: route({
    id: 'images.build',
    method: 'POST',
    path: '/v1/images/build',
    summary: 'Builds an image, or the memory environment, from distribution packages',
    role: 'operator',
    body: z.strictObject({
      target: z.string().regex(/^(memory|(debian|ubuntu)@[a-z0-9.]+)$/, 'name it as debian@12, ubuntu@24.04 or memory'),
      kernel: kernel
        .optional()
        .describe('Default: generic, with the drivers of real machines; none: for system containers'),
      mirror: z.url({ protocol: /^https?$/ }).optional(),
      include: z
        .array(z.string().regex(/^[a-z0-9][a-z0-9+.-]{1,99}$/, 'name packages as dpkg does'))
        .max(200)
        .optional()
        .describe('Packages on top of the standard list'),
    }),
    response: started,
    status: 202,
  }),
  bake: route({
    id: 'images.bake',
    method: 'POST',
    path: '/v1/images/bake',
    summary: 'Makes an image like another, with the packages and artifacts of roles in it already',
    role: 'operator',
    body: z
      .strictObject({
        image: z.string().max(100).optional().describe('The id of the one that it is made like'),
        target: z
          .string()
          .regex(buildable, 'name it as debian@12 or ubuntu@24.04')
          .optional()
          .describe('In place of `image`: as it would be built anew'),
        kernel: kernel.optional().describe('Of `target`, as for a build'),
        roles: z.array(z.string().max(200)).max(100).default([]).describe("With their options' defaults"),
        bundle: bundleSource.optional().describe('In place of roles: what it uses, as it says'),
        name: z
          .string()
          .regex(/^[a-zA-Z0-9][a-zA-Z0-9., _+~-]{0,99}$/, 'letters, digits, and signs between')
          .optional()
          .describe('Where images are listed; default: the roles'),
        mirror: z.url({ protocol: /^https?$/ }).optional(),
      })
      .refine(({ roles, bundle }) => roles.length > 0 !== (bundle !== undefined), 'give `roles` or `bundle`')
      .refine(({ image, target }) => (image === undefined) !== (target === undefined), 'give `image` or `target`')
      .refine(({ target, kernel }) => kernel === undefined || target !== undefined, '`kernel` goes with `target`'),
    response: started,
    status: 202,
  }),
  sync: route({
    id: 'images.sync',
    method: 'POST',
    path: '/v1/images/sync',
    summary: 'Fetches images from a simplestreams source, signature checked',
    role: 'operator',
    body: z.strictObject({
      url: z.url({ protocol: /^https?$/ }).optional(),
      releases: z.array(z.string().max(64)).max(50).default([]),
      architectures: z.array(architecture).default([]),
      variant: z.string().max(64).optional(),
    }),
    response: started,
    status: 202,
  }),
  startUpload: route({
    id: 'images.start-upload',
    method: 'POST',
    path: '/v1/images/uploads',
    summary: 'Begins an upload',
    role: 'operator',
    body: z.strictObject({ sizeBytes: z.number().int().positive(), sha256 }),
    response: z.object({ upload: z.string(), receivedBytes: z.number() }),
    status: 201,
  }),
  uploadPiece: route({
    id: 'images.upload-piece',
    method: 'PUT',
    path: '/v1/images/uploads/:upload',
    summary: 'Adds bytes at `offset`; answers how many are there',
    role: 'operator',
    query: z.object({ offset: z.coerce.number().int().min(0) }),
    consumes: 'application/octet-stream',
    response: z.object({ receivedBytes: z.number() }),
  }),
  import: route({
    id: 'images.import',
    method: 'POST',
    path: '/v1/images/import',
    summary: 'Makes an image of a finished upload',
    role: 'operator',
    body: z.strictObject({
      upload: z.string(),
      os: osName,
      architecture: architecture.default('amd64'),
      variant: z.string().max(64).optional(),
    }),
    response: image,
    status: 201,
  }),
  verify: route({
    id: 'images.verify',
    method: 'POST',
    path: '/v1/images/verify',
    summary: 'Reads every stored file and checks its hash',
    role: 'operator',
    response: z.object({
      ok: z.boolean(),
      damaged: z.array(z.object({ sha256, problem: z.enum(['damaged', 'missing']), images: z.array(z.string()) })),
    }),
  }),
  delete: route({
    id: 'images.delete',
    method: 'DELETE',
    path: '/v1/images/:image',
    summary: 'Removes an image that nothing uses',
    role: 'admin',
  }),
};
