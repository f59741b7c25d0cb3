import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sumIn } from './checksum-file.js';
import { fileNameOf, placeOf } from './mirrors.js';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);

describe('a mirror', () => {
  const mirrors = {
    'https://dl.k8s.io/': '/srv/k8s',
    'https://dl.k8s.io/v1.20.2/': 'https://mirror.lan/old/',
  };

  it('stands in the place of the longest prefix', () => {
    expect(placeOf('https://dl.k8s.io/v1.34.0/a.tgz', mirrors)).toEqual({
      kind: 'file',
      path: '/srv/k8s/v1.34.0/a.tgz',
    });
    expect(placeOf('https://dl.k8s.io/v1.20.2/a.tgz', mirrors)).toMatchObject({
      url: 'https://mirror.lan/old/a.tgz',
      isMirror: true,
    });
    expect(placeOf('https://other/a', mirrors)).toEqual({ kind: 'url', url: 'https://other/a', isMirror: false });
  });

  it('that is a folder is never left', () => {
    for (const rest of [
      '../../etc/passwd',
      '..%2f..%2fetc/passwd',
      '%2e%2e/%2e%2e/etc/passwd',
      '/etc/passwd',
      'a/../../x',
    ]) {
      expect(placeOf(`https://dl.k8s.io/${rest}`, mirrors)).toMatchObject({
        path: expect.stringMatching(/^\/srv\/k8s\//) as string,
      });
    }
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), fc.string(), (url, more) => {
        const place = placeOf(`https://dl.k8s.io/${url}${more}`, mirrors);
        return place.kind === 'file' && `${place.path}/`.startsWith('/srv/k8s/') && !place.path.includes('/../');
      }),
    );
  });
});

it.each([
  ['https://a/b/kube-server.tar.gz', 'kube-server.tar.gz'],
  ['https://a/b/x%20y?z=1#q', 'x_y'],
  ['https://a/..', 'artifact'],
  ['https://a/.hidden/', 'hidden'],
  ['https://a/b%2f..%2fc', 'b_.._c'],
])('%s is called %s on nodes', (url, name) => expect(fileNameOf(url)).toBe(name));

const release = (digests: Record<string, string | null>) =>
  JSON.stringify({ tag_name: 'v1', assets: Object.entries(digests).map(([name, digest]) => ({ name, digest })) });

describe('a checksum file', () => {
  it.each([
    ['a sum alone', `${A.toUpperCase()}\n`, A],
    ['a line', `${A}  f.tgz\n`, A],
    ['lines', `${B}  e.tgz\n${A} *./dist/f.tgz\n`, A],
    ['BSD lines', `SHA256 (e.tgz) = ${B}\nSHA256 (f.tgz) = ${A}\n`, A],
    ['a line of another file', `${B}  e.tgz\n`, null],
    ['two sums without names', `${A}\n${B}\n`, null],
    ['a page that is none', '<html>not found</html>', null],
    ['a shorter sum', `${A.slice(1)}  f.tgz`, null],
    ["a release as GitHub's API tells it", release({ 'e.tgz': `sha256:${B}`, 'f.tgz': `sha256:${A}` }), A],
    ['a release without digests', release({ 'f.tgz': null }), null],
    ['a release with another digest', release({ 'f.tgz': `sha512:${A}` }), null],
    ['a release without the file', release({ 'e.tgz': `sha256:${A}` }), null],
    ['a broken release', release({ 'f.tgz': `sha256:${A}` }).slice(0, -1), null],
  ])('of %s', (_, text, sum) => expect(sumIn(text, 'f.tgz')).toBe(sum));
});
