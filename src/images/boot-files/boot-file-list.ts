import { parse } from 'yaml';
import { z } from 'zod';
import { MusterError } from '../../error.js';

const source = {
  /** What firmware asks for; nothing but these names is ever served. */
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/),
  package: z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/),
  architecture: z.enum(['amd64', 'arm64']),
};

const listSchema = z.strictObject({
  files: z.array(
    z.union([
      z.strictObject({ ...source, path: z.string().startsWith('/') }),
      z.strictObject({
        ...source,
        /** Made by grub-mkimage from the package's modules. */
        build: z.strictObject({ format: z.string(), config: z.string(), modules: z.array(z.string()) }),
      }),
    ]),
  ),
});

export type BootFileSource = z.infer<typeof listSchema>['files'][number];
export type BootArchitecture = BootFileSource['architecture'];

/** `tftp/manifest.yaml`: which boot file comes from which package. */
export function parseBootFileList(text: string): BootFileSource[] {
  const result = listSchema.safeParse(parse(text, { maxAliasCount: 0 }));
  if (result.success) return result.data.files;
  throw new MusterError('invalid', 'cannot read the list of boot files', { details: detailsOf(result.error) });
}

const gatheredSchema = z.array(
  z.strictObject({
    name: source.name,
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    sizeBytes: z.number().int().nonnegative(),
    package: z.string(),
    version: z.string(),
  }),
);

/** A line of `boot-files/manifest.json`. */
export type GatheredFile = z.infer<typeof gatheredSchema>[number];

export function parseGathered(text: string): GatheredFile[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MusterError('internal', 'cannot read the manifest of the boot files: it is not JSON', { cause: error });
  }
  const result = gatheredSchema.safeParse(value);
  if (result.success) return result.data;
  throw new MusterError('internal', 'cannot read the manifest of the boot files: it has another form', {
    details: detailsOf(result.error),
  });
}

const detailsOf = (error: z.ZodError) =>
  error.issues.map((issue) => ({ at: issue.path.join('.'), message: issue.message }));
