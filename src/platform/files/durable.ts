import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes a rename or link in this folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a file by one step: readers see all of the old or all of the new, also after a power cut. */
export async function writeDurably(
  path: string,
  contents: string | Buffer,
  mode = 0o644,
  owner?: { uid: number; gid: number },
): Promise<void> {
  const temporary = await writeTemporary(path, contents, mode, owner);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Writes a file that must be made only once, however many processes start together. Answers whether it was this call
 * that made it; if not, the existing file is left as it is.
 */
export async function createOnceDurably(path: string, contents: string | Buffer, mode = 0o600): Promise<boolean> {
  const temporary = await writeTemporary(path, contents, mode);
  try {
    // link(2), unlike rename(2), refuses to replace.
    await link(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
    await syncFolder(dirname(path));
  }
}

async function writeTemporary(
  path: string,
  contents: string | Buffer,
  mode: number,
  owner?: { uid: number; gid: number },
): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`;
  const handle = await open(temporary, 'wx', mode);
  try {
    await handle.writeFile(contents);
    await handle.chmod(mode);
    if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return temporary;
}
