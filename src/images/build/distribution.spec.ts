import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { MusterError } from '../../error.js';
import { hostRelease, packageSource } from './distribution.js';

const dir = mkdtempSync(join(tmpdir(), 'muster-distribution-'));
const keyring = join(dir, 'keyring.gpg');
writeFileSync(keyring, '');
mkdirSync(join(dir, 'apt', 'sources.list.d'), { recursive: true });
writeFileSync(join(dir, 'apt', 'sources.list'), 'deb http://mine.example/debian bookworm main non-free-firmware\n');
writeFileSync(join(dir, 'apt', 'sources.list.d', 'readme.txt'), 'deb http://not.read/debian bookworm main\n');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it("takes this computer's own archives for a release that they have", () => {
  const source = packageSource('debian', '12', { keyring, aptFolder: join(dir, 'apt') });
  expect(source.archives).toEqual([
    { uri: 'http://mine.example/debian', suite: 'bookworm', components: ['main', 'non-free-firmware'] },
  ]);
});

it('takes the public archives, with updates and security, for others', () => {
  const source = packageSource('ubuntu', '24.04', { keyring, aptFolder: join(dir, 'apt') });
  expect(source.archives.map((a) => `${a.uri} ${a.suite}`)).toEqual([
    'http://archive.ubuntu.com/ubuntu noble',
    'http://archive.ubuntu.com/ubuntu noble-updates',
    'http://archive.ubuntu.com/ubuntu noble-security',
  ]);
});

it('takes a mirror that is named, alone', () => {
  const source = packageSource('debian', '13', { keyring, mirror: 'http://m.example/debian/' });
  expect(source.archives).toEqual([{ uri: 'http://m.example/debian', suite: 'trixie', components: ['main'] }]);
});

it('refuses an unknown release and a missing keyring, with what to do', () => {
  expect(() => packageSource('debian', '3')).toThrow(expect.objectContaining({ kind: 'invalid' }));
  expect(() => packageSource('ubuntu', '24.04', { keyring: '/nowhere.gpg' })).toThrow(MusterError);
});

it('builds the environment from its own distribution, from Debian 12 on any other', () => {
  expect(hostRelease('ID=debian\nVERSION_ID="13"\n')).toEqual({ os: 'debian', release: '13' });
  expect(hostRelease('NAME="Fedora"\nID=fedora\nVERSION_ID=41\n')).toEqual({ os: 'debian', release: '12' });
});
