/** What the caller of a build hears: how far it is, in percent of this build, and what is being done. */
export type BuildProgress = (percent: number, message: string) => void;

/**
 * `generic` has the drivers for real hardware; `cloud` knows virtio alone and starts sooner (for the lab); `none` is for
 * system containers, which run on their host's: no boot loader either, and no file system for a disk.
 */
export type KernelFlavour = 'generic' | 'cloud' | 'none';

interface BuildOptions {
  /** Where the result is kept, and found again while nothing it was made from has changed. */
  cacheDir: string;
  kernel?: KernelFlavour;
  /** Debian packages on top of the standard list. */
  include?: readonly string[];
  /** The archive to take packages from; default: the one in this computer's own apt sources. */
  mirror?: string;
  /** Keyring that signs the archive; default: the one of the distribution's keyring package. */
  keyring?: string;
  onProgress?: BuildProgress;
  signal?: AbortSignal;
}

export type MemoryEnvironmentOptions = BuildOptions;

/** One file that a build made, ready for the image store. */
export interface BuiltFile {
  path: string;
  /** Hex. */
  sha256: string;
  sizeBytes: number;
}

export interface MemoryEnvironment {
  kernel: BuiltFile;
  initrd: BuiltFile;
  /** Kernel release, then a hash of everything else that is in it: `6.1.0-40-amd64+1a2b3c4d`. */
  version: string;
  kernelVersion: string;
  architecture: 'amd64';
}

/** What is in an image already for the roles that will be laid down on it, beside their packages. */
export interface Baked {
  /** Units of systemd that must not start by themselves. */
  masked: readonly string[];
  /** Artifacts, to where the step runner looks for them. */
  files: readonly { path: string; sha256: string; fileName: string }[];
}

export interface OsImageOptions extends BuildOptions {
  os: 'debian' | 'ubuntu';
  /** `12`, `24.04`. */
  release: string;
  baked?: Baked;
}

export interface OsImage {
  os: 'debian' | 'ubuntu';
  release: string;
  architecture: 'amd64';
  /** Changes whenever the content does. */
  version: string;
  kernelVersion: string;
  /** The root as an ext4 file system, compressed with zstd: what `install` writes and grows to the disk's size. */
  fileSystem: BuiltFile | null;
  fileSystemBytes: number;
  /** The same root for booting into memory, and for containers. */
  squashfs: BuiltFile;
  /** What the root takes as files. */
  unpackedBytes: number;
}
