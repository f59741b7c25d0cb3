import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBundle } from './bundle-files.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'muster-bundle-files-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function put(path: string, content: string | Buffer = ''): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

const paths = (argument: string, overlays: string[] = []) =>
  readBundle(argument, overlays).files.map(({ path }) => path);

describe('what is sent of a bundle', () => {
  it('is the file, what it includes, and the roles beside it', () => {
    const bundle = put('b/bundle.yaml', 'a: include-file://one.txt\nb: "include-base64://deep/two words.bin"\n');
    put('b/one.txt', 'one');
    put('b/deep/two words.bin', Buffer.from([0, 255]));
    put('b/unnamed.txt');
    put('b/roles/web/role.yaml', 'role: web');
    put('b/roles/web/files/page.html', '<p>');
    put('b/roles/web/.role.yaml.swp');
    put('b/roles/web/run.sh~');
    put('b/roles/README.md');
    const { bundle: shipped, files } = readBundle(bundle);
    expect(shipped).toBeUndefined();
    expect(files.map(({ path, encoding }) => [path, encoding])).toEqual([
      ['bundle.yaml', undefined],
      ['one.txt', undefined],
      ['deep/two words.bin', 'base64'],
      ['roles/web/files/page.html', undefined],
      ['roles/web/role.yaml', undefined],
    ]);
    expect(files[2]?.text).toBe('AP8=');
  });

  it("names overlays: by their path in the bundle's folder, or by their number where they come from elsewhere", () => {
    put('b/bundle.yaml', 'name: b');
    const near = put('b/more/sizes.yaml', 'x: include-file://in.txt');
    put('b/more/in.txt');
    const far = put('other/bundle.yaml', 'x: include-file://in.txt');
    put('other/in.txt');
    const sent = readBundle(join(folder, 'b'), [near, far]);
    expect(sent.overlays).toEqual(['more/sizes.yaml', 'overlay-2/bundle.yaml']);
    expect(sent.files.map(({ path }) => path)).toEqual([
      ...['bundle.yaml', 'more/sizes.yaml', 'more/in.txt', 'overlay-2/bundle.yaml', 'overlay-2/in.txt'],
    ]);
  });

  it('may be overlays alone, over a shipped bundle', () => {
    const far = put('sizes.yaml', 'name: x');
    expect(readBundle('lxd-fan', [far])).toMatchObject({ bundle: 'lxd-fan', overlays: ['overlay-1/sizes.yaml'] });
  });

  it('never comes from outside the folder', () => {
    put('secret', 'password');
    const bundle = put('b/bundle.yaml', 'a: include-file://../secret\nb: include-file:///etc/passwd\n');
    expect(paths(bundle)).toEqual(['bundle.yaml']);
    put('b/bundle.yaml', 'name: b\na: include-file://link\n');
    symlinkSync('../secret', join(folder, 'b/link'));
    expect(() => readBundle(bundle)).toThrow(/^bundle\.yaml:2: .*link is not sent: a link leads out/);
  });

  it('never comes from outside by links among the roles', () => {
    const bundle = put('b/bundle.yaml');
    put('b/roles/web/role.yaml');
    symlinkSync('/etc', join(folder, 'b/roles/web/files'));
    expect(() => readBundle(bundle)).toThrow(/roles\/web\/files is not sent: a link leads out/);
    rmSync(join(folder, 'b/roles/web/files'));
    symlinkSync('.', join(folder, 'b/roles/web/again'));
    expect(() => readBundle(bundle)).toThrow(/lies too deep/);
  });

  it('is text, and has bounds', () => {
    const bundle = put('b/bundle.yaml');
    const program = put('b/roles/web/program', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0]));
    expect(() => readBundle(bundle)).toThrow('cannot send roles/web/program: it is not text');
    writeFileSync(program, 'x'.repeat(1024 * 1024 + 1));
    expect(() => readBundle(bundle)).toThrow('larger than 1 MiB');
    writeFileSync(program, '');
    for (let n = 0; n < 600; n++) put(`b/roles/web/${n}`);
    expect(() => readBundle(bundle)).toThrow('it is 501 files');
  });
});
