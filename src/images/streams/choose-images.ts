import type { ImageFileRole } from '../image-file.entity.js';
import { compareVersions, type ImageForm, ROLE_OF_FORM } from '../select-image.js';
import type { StreamFile, StreamImage } from './stream-format.js';

/** Fields that are absent, and empty lists, let everything pass. */
export interface StreamFilter {
  /** Numbers or code names: `24.04`, `noble`. */
  releases?: readonly string[];
  architectures?: readonly string[];
  variants?: readonly string[];
  labels?: readonly string[];
  /** Of each product; 1 by default. */
  newestVersions?: number;
  /** Forms of the root to fetch, as far as they are offered; by default the first that is: squashfs, tar, disk. */
  forms?: readonly ImageForm[];
}

export interface ChosenFile extends StreamFile {
  role: ImageFileRole;
}
export interface ChosenImage extends Omit<StreamImage, 'files'> {
  files: ChosenFile[];
}

const FORM_PREFERENCE: readonly ImageForm[] = ['squashfs', 'tar', 'raw'];

/** Best first, where a version offers several of the same kind. */
const ROOT_TYPES: Record<ImageForm, readonly string[]> = {
  // No stream offers a bare file system.
  ext4: [],
  squashfs: ['squashfs'],
  tar: ['root.tar.xz', 'root-tgz', 'root-txz', 'tar.xz'],
  raw: ['disk1.img', 'disk.img', 'uefi1.img', 'root-dd.xz', 'root-dd.gz', 'root-dd', 'dd-raw'],
};

/** The newest versions that pass, oldest first, with the files to fetch. Versions without a root are left out. */
export function chooseImages(images: readonly StreamImage[], filter: StreamFilter): ChosenImage[] {
  const complete = images
    .filter((image) => passes(image, filter))
    .map((image) => ({ ...image, files: chooseFiles(image.files, filter.forms) }))
    .filter((image) => image.files.some((file) => file.role !== 'kernel' && file.role !== 'initrd'));
  return [...groupByIdentity(complete).values()].flatMap((group) =>
    withoutTwins(group)
      .sort((a, b) => compareVersions(a.version, b.version))
      .slice(-(filter.newestVersions ?? 1)),
  );
}

type Identified = Pick<StreamImage, 'os' | 'release' | 'architecture' | 'variant'>;

/** Versions of the same image together. Two products that would be stored as the same image are one here. */
export function groupByIdentity<T extends Identified>(images: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const image of images) groups.set(identityOf(image), [...(groups.get(identityOf(image)) ?? []), image]);
  return groups;
}

export function identityOf(image: Identified): string {
  return [image.os, image.release, image.architecture, image.variant].join(' ');
}

/** The first product that has a version is the one to take it from. */
function withoutTwins(group: readonly ChosenImage[]): ChosenImage[] {
  return group.filter((image, at) => group.findIndex((other) => other.version === image.version) === at);
}

function passes(image: StreamImage, filter: StreamFilter): boolean {
  return (
    (allows(filter.releases, image.release) || allows(filter.releases, image.codename)) &&
    allows(filter.architectures, image.architecture) &&
    allows(filter.variants, image.variant) &&
    allows(filter.labels, image.label)
  );
}

const allows = (list: readonly string[] | undefined, value: string) =>
  list === undefined || list.length === 0 || list.includes(value);

function chooseFiles(files: readonly StreamFile[], forms: readonly ImageForm[] | undefined): ChosenFile[] {
  const roots = (forms ?? FORM_PREFERENCE).flatMap((form) => findRoot(files, form));
  const boot = [findAs(files, ['boot-kernel'], 'kernel'), findAs(files, ['boot-initrd'], 'initrd')].flat();
  return [...boot, ...(forms === undefined ? roots.slice(0, 1) : roots)];
}

const findRoot = (files: readonly StreamFile[], form: ImageForm) => findAs(files, ROOT_TYPES[form], ROLE_OF_FORM[form]);

function findAs(files: readonly StreamFile[], types: readonly string[], role: ImageFileRole): ChosenFile[] {
  for (const type of types) {
    const file = files.find(({ ftype }) => ftype === type);
    if (file !== undefined) return [{ ...file, role }];
  }
  return [];
}
