import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PageFile {
  type: string;
  content: Buffer;
}

const FILES = {
  'index.html': 'text/html; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
  'app.mjs': 'text/javascript; charset=utf-8',
} as const;
export type PageFileName = keyof typeof FILES;

/** The page's files, read once. They are not compiled, so they are found from the folder of our package.json. */
export function readPageFiles(): Record<PageFileName, PageFile> {
  const folder = join(packageFolder(), 'src', 'web', 'static');
  const read = (name: PageFileName): PageFile => ({ type: FILES[name], content: readFileSync(join(folder, name)) });
  return { 'index.html': read('index.html'), 'style.css': read('style.css'), 'app.mjs': read('app.mjs') };
}

function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}
