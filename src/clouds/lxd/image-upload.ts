import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { runProcess } from '../../platform/process/index.js';
import type { LxdClient } from './lxd-client.js';

/** A root as muster's store has it. */
export interface RootImage {
  os: string;
  release: string;
  /** Debian's name: `amd64`. */
  architecture: string;
  createdAt: Date;
  /** Of the squashfs. */
  sha256: string;
  path: string;
  sizeBytes: number;
}

/** LXD's names for architectures are the kernel's. */
const KERNEL_NAMES: Record<string, string> = { amd64: 'x86_64', arm64: 'aarch64' };
const BOUNDARY = 'muster-7f1d0c5e9b';

const aliasEntry = z.object({ target: z.string() });

/** Under this name LXD has the image; the root's own hash is in it, so that a new build is another image. */
export function aliasOf({ os, release, sha256 }: Pick<RootImage, 'os' | 'release' | 'sha256'>): string {
  return `muster-${os}-${release}-${sha256.slice(0, 16)}`;
}

export async function hasImage(client: LxdClient, alias: string, signal?: AbortSignal): Promise<boolean> {
  return (await client.find(`/1.0/images/aliases/${alias}`, aliasEntry, signal)) !== null;
}

/** Brings a root into LXD as a split image: a tar with its metadata, and the squashfs as it is. */
export async function uploadImage(client: LxdClient, image: RootImage, signal?: AbortSignal): Promise<void> {
  const { head, tail } = multipart(await metadataTar(image));
  const length = head.length + image.sizeBytes + tail.length;
  const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, 'content-length': length };
  const alias = aliasOf(image);
  const body = Readable.from(concatenated(head, image.path, tail), { objectMode: false });
  const made = await client
    .upload('/1.0/images', headers, body, signal)
    // The same bytes are there without a name: an earlier upload was cut short between the two.
    .catch((error: unknown) => fingerprintIn(error));
  await client.change('POST', '/1.0/images/aliases', { name: alias, target: made.fingerprint }, signal);
}

function fingerprintIn(error: unknown): { fingerprint: string } {
  const [fingerprint] = error instanceof Error ? (/\b[0-9a-f]{64}\b/.exec(error.message) ?? []) : [];
  if (fingerprint === undefined) throw error;
  return { fingerprint };
}

async function metadataTar({ os, release, architecture, createdAt }: RootImage): Promise<Buffer> {
  const seconds = Math.floor(createdAt.getTime() / 1000);
  const metadata = {
    architecture: KERNEL_NAMES[architecture] ?? architecture,
    creation_date: seconds,
    properties: { os, release, description: `${os} ${release}, built by muster` },
  };
  const folder = await mkdtemp(join(tmpdir(), 'muster-lxd-'));
  try {
    // JSON is YAML.
    await writeFile(join(folder, 'metadata.yaml'), JSON.stringify(metadata));
    const owner = ['--owner=0', '--group=0', '--numeric-owner', `--mtime=@${seconds}`, '--mode=0644'];
    const { stdout } = await runProcess(['tar', '--format=ustar', ...owner, '-C', folder, '-cf', '-', 'metadata.yaml']);
    return Buffer.from(stdout, 'utf8');
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The form that LXD takes: first the part `metadata`, then `rootfs` (RFC 7578). */
function multipart(metadata: Buffer): { head: Buffer; tail: Buffer } {
  const part = (name: string, file: string) =>
    Buffer.from(
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"; filename="${file}"\r\n` +
        'Content-Type: application/octet-stream\r\n\r\n',
    );
  return {
    head: Buffer.concat([
      part('metadata', 'metadata.tar'),
      metadata,
      Buffer.from('\r\n'),
      part('rootfs', 'rootfs.squashfs'),
    ]),
    tail: Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  };
}

async function* concatenated(head: Buffer, path: string, tail: Buffer): AsyncGenerator<Buffer> {
  yield head;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) yield chunk as Buffer;
  yield tail;
}
