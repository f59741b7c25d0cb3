import { MusterError } from '../error.js';
import type { KernelFlavour } from './build/index.js';
import type { Image } from './image.entity.js';
import { CONTAINER_VARIANT } from './select-image.js';

/** What a baked image is like, but for what is baked in. */
export interface BakedLike {
  os: string;
  release: string;
  architecture: string;
  kernel: KernelFlavour;
  /** Packages on top of the standard list. */
  include: readonly string[];
  /** The id of the image that it is made like; null: it is made anew. */
  from: string | null;
}

/** Throws `conflict` for an image that muster did not build: something would be run as root to install more in it. */
export function bakedLike(image: Image): BakedLike {
  const { id, kind, os, release, architecture, source, labels } = image;
  if (kind !== 'os' || !/^(build|bake )/.test(source)) {
    throw new MusterError('conflict', `cannot bake image ${id}: muster has not built it`, {
      hint: 'muster images build debian@12, and bake that',
    });
  }
  const include = (labels.include ?? '').split(' ').filter((each) => each !== '');
  return { os, release, architecture, kernel: kernelOf(image), include, from: id };
}

function kernelOf({ variant, labels }: Image): KernelFlavour {
  if (variant === CONTAINER_VARIANT) return 'none';
  return labels.kernel === 'cloud' ? 'cloud' : 'generic';
}
