import type { ImageFileRole } from './image-file.entity.js';
import type { Image, ImageKind } from './image.entity.js';

/** What an installer can write: the root as an ext4 file system, a tar or a squashfs, or a whole disk. */
export type ImageForm = 'ext4' | 'tar' | 'squashfs' | 'raw';

/** Best first, where the caller does not say: what is written fastest and fits any disk. */
export const ALL_FORMS: readonly ImageForm[] = ['ext4', 'tar', 'squashfs', 'raw'];

export const ROLE_OF_FORM: Record<ImageForm, ImageFileRole> = {
  ext4: 'root-ext4',
  tar: 'root-tar',
  squashfs: 'root-squashfs',
  raw: 'disk',
};

/** Of images that no machine can boot: only who asks for this variant is given one. */
export const CONTAINER_VARIANT = 'container';

/** Fields that are absent do not matter. */
export interface ImageWish {
  kind?: ImageKind;
  os?: string;
  release?: string;
  architecture: string;
  variant?: string;
  version?: string;
  /** Of an `os` image: it must hold one of these forms. */
  forms?: readonly ImageForm[];
}

/**
 * The newest image that fits, or null: the one made last, then the highest version, then the `default` variant, then by
 * id. Not by version first, because a local build is numbered by its content.
 */
export function selectImage(images: readonly Image[], wish: ImageWish): Image | null {
  const [best] = images.filter((image) => fits(image, wish)).sort(newestFirst);
  return best ?? null;
}

export function newestFirst(a: Image, b: Image): number {
  return (
    b.createdAt.getTime() - a.createdAt.getTime() ||
    compareVersions(b.version, a.version) ||
    Number(b.variant === 'default') - Number(a.variant === 'default') ||
    (a.id < b.id ? -1 : 1)
  );
}

function fits(image: Image, wish: ImageWish): boolean {
  const kind = wish.kind ?? 'os';
  if (image.kind !== kind || image.architecture !== wish.architecture) return false;
  if (wish.os !== undefined && image.os !== wish.os) return false;
  if (wish.release !== undefined && image.release !== wish.release) return false;
  if (wish.variant === undefined ? image.variant === CONTAINER_VARIANT : image.variant !== wish.variant) return false;
  if (wish.version !== undefined && image.version !== wish.version) return false;
  const has = (role: ImageFileRole) => image.files.some((file) => file.role === role);
  if (kind === 'memory') return has('kernel') && has('initrd');
  return (wish.forms ?? ALL_FORMS).some((form) => has(ROLE_OF_FORM[form]));
}

/** Number by number, text by text: `20261121.10` is after `20261121.9`; a longer version is after its beginning. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [x, y] = [left[at], right[at]];
    if (x === y) continue;
    if (x === undefined) return -1;
    if (y === undefined) return 1;
    const numeric = /^\d/.test(x) && /^\d/.test(y);
    const difference = numeric ? Number(BigInt(x) - BigInt(y)) : x < y ? -1 : 1;
    if (difference !== 0) return difference;
  }
  return 0;
}

const partsOf = (version: string): string[] => version.match(/\d+|[^\d.]+/g) ?? [];
