import { z } from 'zod';
import { MusterError } from '../../error.js';

// Simple streams (the simplestreams project, doc/README): an index names product files, those hold products, their
// versions, and each version's items. What is said further out holds further in as well, unless it is said again there.

const tag = z.union([z.string(), z.number(), z.boolean()]).optional().catch(undefined);
const tags = {
  arch: tag,
  os: tag,
  release: tag,
  version: tag,
  label: tag,
  subarch: tag,
  variant: tag,
};

const itemSchema = z.looseObject({
  ftype: z.string().optional(),
  path: z.string().optional(),
  sha256: z.string().optional(),
  size: z.coerce.number().optional(),
});
const versionSchema = z.looseObject({ ...tags, items: z.record(z.string(), itemSchema).default({}) });
const productSchema = z.looseObject({ ...tags, versions: z.record(z.string(), versionSchema).default({}) });
const productsSchema = z.looseObject({
  ...tags,
  format: z.literal('products:1.0'),
  products: z.record(z.string(), productSchema),
});
const indexSchema = z.looseObject({
  format: z.literal('index:1.0'),
  index: z.record(z.string(), z.looseObject({ path: z.string(), format: z.string().optional(), datatype: tag })),
});

/** A file that the stream offers. */
export interface StreamFile {
  ftype: string;
  /** Relative to the stream's base URL. */
  path: string;
  sha256: string;
  sizeBytes: number;
}

/** One version of one product. */
export interface StreamImage {
  product: string;
  os: string;
  release: string;
  /** `jammy` */
  codename: string;
  architecture: string;
  variant: string;
  label: string;
  version: string;
  files: StreamFile[];
}

/** The paths of the product files that may hold images to download. */
export function parseIndex(url: string, text: string): string[] {
  const { index } = parseAs(url, text, indexSchema);
  return Object.values(index)
    .filter((entry) => entry.datatype === undefined || entry.datatype === 'image-downloads')
    .map((entry) => entry.path);
}

/** Every version of every product, in the order of the file. Items without a hash, size or path are left out. */
export function parseProducts(url: string, text: string): StreamImage[] {
  const stream = parseAs(url, text, productsSchema);
  return Object.entries(stream.products).flatMap(([name, product]) =>
    Object.entries(product.versions).map(([version, entry]) => imageOf(name, version, [entry, product, stream])),
  );
}

type Tags = Partial<Record<keyof typeof tags, string | number | boolean | undefined>>;

function imageOf(product: string, version: string, scopes: [z.infer<typeof versionSchema>, Tags, Tags]): StreamImage {
  const tagged = (name: keyof typeof tags) => {
    const value = scopes.map((scope) => scope[name]).find((found) => found !== undefined);
    return value === undefined ? undefined : String(value);
  };
  const codename = tagged('release') ?? '';
  const number = tagged('version');
  return {
    product,
    os: tagged('os') ?? 'ubuntu',
    release: number !== undefined && /^\d+(\.\d+)*$/.test(number) ? number : codename,
    codename,
    architecture: tagged('arch') ?? '',
    variant: variantOf(product, tagged('variant'), tagged('subarch')),
    label: tagged('label') ?? '',
    version,
    files: Object.values(scopes[0].items).flatMap(fileOf),
  };
}

/**
 * Cloud images name the variant in the product (`com.ubuntu.cloud:minimal:24.04:amd64`), MAAS's streams the kernel
 * (`ga-24.04`, the release's own, is the default).
 */
function variantOf(product: string, variant: string | undefined, subarch: string | undefined): string {
  if (variant !== undefined) return variant;
  if (product.includes(':minimal:')) return 'minimal';
  return subarch === undefined || /^(generic|ga-\d+\.\d+)$/.test(subarch) ? 'default' : subarch;
}

function fileOf(item: z.infer<typeof itemSchema>): StreamFile[] {
  const { ftype, path, sha256, size } = item;
  if (ftype === undefined || path === undefined || sha256 === undefined || size === undefined) return [];
  if (!/^[0-9a-f]{64}$/.test(sha256) || !Number.isSafeInteger(size) || size < 0) return [];
  return [{ ftype, path, sha256, sizeBytes: size }];
}

function parseAs<T>(url: string, text: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MusterError('invalid', `cannot read ${url}: it is not JSON`, { cause: error });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const details = result.error.issues
    .slice(0, 20)
    .map((issue) => ({ at: issue.path.join('.'), message: issue.message }));
  throw new MusterError('invalid', `cannot read ${url}: it is no simplestreams document`, { details });
}
