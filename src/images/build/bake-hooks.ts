import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MusterError } from '../../error.js';
import type { Baked } from './build-types.js';
import { describeFile } from './built-file.js';

const UNIT = /^[A-Za-z0-9][A-Za-z0-9:_.@-]{0,99}$/;
const FILE_NAME = /^[A-Za-z0-9_+~-][A-Za-z0-9._+~-]{0,199}$/;

/**
 * Commands for mmdebstrap that put these into a new root, which is their `$1`. Artifacts are copied to `work` first: who
 * asks for an image may be less than root, so a file goes in only where its sum is known to who asks.
 */
export async function bakeHooks({ masked, files }: Baked, work: string): Promise<string[]> {
  const wrong = [...masked.filter((unit) => !UNIT.test(unit)), ...files.flatMap(wrongIn)];
  if (wrong.length > 0) throw new MusterError('invalid', `cannot bake ${wrong.join(', ')}: it is no name`);
  const folder = join(work, 'artifacts');
  await mkdir(folder);
  for (const { path, sha256 } of files) await copyChecked(path, join(folder, sha256), sha256);
  return [
    ...masked.map((unit) => `mkdir -p "$1/etc/systemd/system" && ln -sfn /dev/null "$1/etc/systemd/system/${unit}"`),
    ...files.map(({ sha256, fileName }) => {
      const target = `$1/var/lib/muster/artifacts/${sha256}`;
      return `install -D -m 0644 '${join(folder, sha256)}' "${target}/${fileName}"`;
    }),
    // The step runner's own folders, as it makes them; and the copies are of no more use.
    ...(files.length === 0
      ? []
      : ['chmod 0700 "$1/var/lib/muster" "$1/var/lib/muster/artifacts"', `rm -r '${folder}'`]),
  ];
}

const wrongIn = ({ sha256, fileName }: { sha256: string; fileName: string }) =>
  /^[0-9a-f]{64}$/.test(sha256) && FILE_NAME.test(fileName) ? [] : [fileName];

async function copyChecked(from: string, to: string, sha256: string): Promise<void> {
  const source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const target = await open(to, 'wx', 0o600);
  await pipeline(source.createReadStream(), target.createWriteStream());
  if ((await describeFile(to)).sha256 === sha256) return;
  throw new MusterError('invalid', `cannot bake ${from}: its SHA-256 is not ${sha256}`);
}
