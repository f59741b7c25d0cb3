import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** Relative links and pictures of a page that lead nowhere: `12: no such file: boots.md`. */
export function linkFaults(page: string, file: string, root: string): string[] {
  const faults: string[] = [];
  const lines = withoutBlocks(page).split('\n');
  for (const [at, line] of lines.entries()) {
    for (const target of targetsIn(line)) {
      const fault = faultOf(target, page, file, root);
      if (fault !== null) faults.push(`${at + 1}: ${fault}`);
    }
  }
  return faults;
}

function targetsIn(line: string): string[] {
  const text = line.replace(/`[^`]*`(?!\])/g, '');
  const found = [...text.matchAll(/\]\(([^)\s]+)\)/g), ...text.matchAll(/(?:src|href)="([^"]+)"/g)];
  return found.map((match) => match[1]!).filter((target) => !/^[a-z]+:/.test(target));
}

function faultOf(target: string, page: string, file: string, root: string): string | null {
  const [path = '', anchor] = target.split('#');
  const found = path.startsWith('/') ? join(root, path) : resolve(dirname(file), path);
  if (path !== '' && !existsSync(found)) return `no such file: ${path}`;
  if (anchor === undefined || (path !== '' && !path.endsWith('.md'))) return null;
  const headings = headingsOf(path === '' ? page : readFileSync(found, 'utf8'));
  return headings.includes(anchor) ? null : `no such heading: ${target}`;
}

/** As GitHub names them: lower case, hyphens for blanks, no other punctuation. */
function headingsOf(page: string): string[] {
  return [...withoutBlocks(page).matchAll(/^#+ (.*)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function withoutBlocks(page: string): string {
  return page.replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]/g, ''));
}
