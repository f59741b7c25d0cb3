import { describe, expect, it } from 'vitest';
import { archivesOf, parseDeb822Sources, parseOneLineSources } from './apt-sources.js';

describe('one-line sources', () => {
  it('are read with options, and without comments and source packages', () => {
    const text = [
      '# deb http://old.example/debian bookworm main',
      'deb [arch=amd64 signed-by=/k.gpg] http://a.example/debian/ bookworm main contrib # ours',
      'deb-src http://a.example/debian bookworm main',
      'deb http://broken.example',
      '',
    ].join('\n');
    expect(parseOneLineSources(text)).toEqual([
      { uri: 'http://a.example/debian', suite: 'bookworm', components: ['main', 'contrib'] },
    ]);
  });
});

describe('deb822 sources', () => {
  it('give an archive for each address and suite; comments inside a stanza count for nothing', () => {
    const text = [
      'Types: deb deb-src',
      '# http://snapshot.example/',
      'URIs: http://a.example/debian http://b.example/debian/',
      'Suites: bookworm',
      ' bookworm-updates',
      'Components: main',
      'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
      '',
      'Types: deb',
      'Enabled: no',
      'URIs: http://off.example/',
      'Suites: bookworm',
      'Components: main',
    ].join('\n');
    expect(parseDeb822Sources(text).map((a) => `${a.uri} ${a.suite}`)).toEqual([
      'http://a.example/debian bookworm',
      'http://a.example/debian bookworm-updates',
      'http://b.example/debian bookworm',
      'http://b.example/debian bookworm-updates',
    ]);
  });

  it('of source packages alone, or of nothing, give none', () => {
    expect(parseDeb822Sources('Types: deb-src\nURIs: http://a.example\nSuites: sid\nComponents: main\n')).toEqual([]);
    expect(parseDeb822Sources('')).toEqual([]);
  });
});

describe('the archives of a release', () => {
  it('are its pockets in order, the first of each, without third parties', () => {
    const archive = (uri: string, suite: string, ...components: string[]) => ({ uri, suite, components });
    const found = archivesOf(
      [
        archive('http://sec', 'bookworm-security', 'main'),
        archive('http://third', 'bookworm', 'stable'),
        archive('http://a', 'bookworm', 'main'),
        archive('http://b', 'bookworm', 'main'),
        archive('http://a', 'trixie', 'main'),
      ],
      'bookworm',
    );
    expect(found.map((a) => a.uri)).toEqual(['http://a', 'http://sec']);
  });
});
