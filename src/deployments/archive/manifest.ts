import { z } from 'zod';
import { MusterError } from '../../error.js';
import { COMPRESSIONS, FILE_ROLES } from '../../images/index.js';

/**
 * What an archive holds. It is a tar of plain files: `manifest.json` first, then exactly the files that this names, in
 * its order, `bundle/<path>` and `content/<sha256>`, each with the size and the SHA-256 that stand here.
 */
const FORMAT = 'muster-archive-1';
export const MANIFEST = 'manifest.json';

const sum = z.string().regex(/^[0-9a-f]{64}$/);
const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const word = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+~-]{0,99}$/);
const base = z.string().regex(/^[a-z][a-z0-9-]*@[A-Za-z0-9.]+$/);
const url = z
  .string()
  .regex(/^https?:\/\/\S+$/)
  .max(4000);
const fileName = z.string().regex(/^[A-Za-z0-9_+~-][A-Za-z0-9._+~-]{0,199}$/);
/** As the API takes them. */
const path = z
  .string()
  .max(500)
  .regex(/^(?!\/)(?!(.*\/)?\.{1,2}(\/|$))[^\\\p{Cc}]+(?<!\/)$/u);
export const bundleName = z
  .string()
  .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/)
  .max(64);

const image = z.strictObject({
  kind: z.enum(['os', 'memory']),
  os: word,
  release: word,
  architecture: word,
  variant: word,
  version: word,
  labels: z.record(z.string().max(100), z.string().max(1000)),
  createdAt: z.iso.datetime(),
  files: z
    .array(
      z.strictObject({
        role: z.enum(FILE_ROLES),
        sha256: sum,
        compression: z.enum(COMPRESSIONS),
        unpackedBytes: size.nullable(),
      }),
    )
    .min(1)
    .max(FILE_ROLES.length),
});

/** Packages, and all that they need on a base. */
const packageSet = z.strictObject({
  base,
  architecture: word,
  names: z.array(z.string().regex(/^[a-z0-9][a-z0-9+.-]{1,99}$/)).max(1000),
  /** A `Packages` file. */
  index: sum,
  files: z.array(z.strictObject({ fileName, sha256: sum })).max(20_000),
});
export type PackageSetEntry = z.infer<typeof packageSet>;

const manifestSchema = z.strictObject({
  format: z.literal(FORMAT),
  name: bundleName,
  createdAt: z.iso.datetime(),
  bases: z.array(base).min(1).max(100),
  /** The bundle first, then what it includes and its roles. */
  bundle: z
    .array(
      z.strictObject({
        path,
        encoding: z.literal('base64').optional(),
        sha256: sum,
        sizeBytes: size.max(2 * 2 ** 20),
      }),
    )
    .min(1)
    .max(2000),
  artifacts: z.array(z.strictObject({ url, sha256: sum })).max(10_000),
  images: z.array(image).max(1000),
  packages: z.array(packageSet).max(10_000),
  contents: z.array(z.strictObject({ sha256: sum, sizeBytes: size })).max(100_000),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** A file of the archive, in its order. */
export interface ArchivedFile {
  name: string;
  sha256: string;
  sizeBytes: number;
}

export function newManifest(parts: Omit<Manifest, 'format'>): Manifest {
  return { format: FORMAT, ...parts };
}

export function filesOf({ bundle, contents }: Manifest): ArchivedFile[] {
  return [
    ...bundle.map(({ path: name, sha256, sizeBytes }) => ({ name: `bundle/${name}`, sha256, sizeBytes })),
    ...contents.map(({ sha256, sizeBytes }) => ({ name: `content/${sha256}`, sha256, sizeBytes })),
  ];
}

/** Throws where it is no manifest, or names something that the archive does not hold, or holds something unnamed. */
export function readManifest(text: string): Manifest {
  const parsed = manifestSchema.safeParse(jsonOf(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new MusterError(
      'invalid',
      `cannot read the archive's ${MANIFEST}: ${issue?.path.join('.')}: ${issue?.message}`,
      {
        hint: 'it is no archive of `muster bundles export`, or one of a newer muster',
      },
    );
  }
  const manifest = parsed.data;
  refuseTwice(manifest.bundle.map((file) => file.path));
  refuseTwice(manifest.contents.map((file) => file.sha256));
  const held = new Set(manifest.contents.map((file) => file.sha256));
  const named = new Set(sumsNamed(manifest));
  const missing = [...named].find((each) => !held.has(each));
  if (missing !== undefined)
    throw new MusterError('invalid', `cannot use this archive: it names ${missing}, and has it not`);
  const unnamed = [...held].find((each) => !named.has(each));
  if (unnamed !== undefined)
    throw new MusterError('invalid', `cannot use this archive: nothing in it needs ${unnamed}`);
  return manifest;
}

/** Every content that something in the manifest is. */
function sumsNamed({ artifacts, images, packages }: Manifest): string[] {
  return [
    ...artifacts.map(({ sha256 }) => sha256),
    ...images.flatMap(({ files }) => files.map(({ sha256 }) => sha256)),
    ...packages.flatMap(({ index, files }) => [index, ...files.map(({ sha256 }) => sha256)]),
  ];
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refuseTwice(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new MusterError('invalid', `cannot use this archive: it has ${name} twice`);
    seen.add(name);
  }
}
