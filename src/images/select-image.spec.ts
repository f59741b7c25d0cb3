import { describe, expect, it } from 'vitest';
import type { ImageFileRole } from './image-file.entity.js';
import type { Image } from './image.entity.js';
import { compareVersions, selectImage } from './select-image.js';

function image(given: Partial<Omit<Image, 'files' | 'createdAt'>> & { day?: number; roles?: ImageFileRole[] }): Image {
  const { day = 1, roles = ['root-tar'], ...rest } = given;
  return {
    id: 'a',
    kind: 'os',
    os: 'debian',
    release: '12',
    architecture: 'amd64',
    variant: 'default',
    version: '1',
    source: 'build',
    labels: {},
    createdAt: new Date(Date.UTC(2026, 0, day)),
    ...rest,
    files: roles.map((role) => ({ role })) as Image['files'],
  };
}
const debian = { os: 'debian', release: '12', architecture: 'amd64' };

describe('choosing an image', () => {
  it('takes the one made last', () => {
    const images = [image({ id: 'old', day: 1, version: '9' }), image({ id: 'new', day: 2, version: '1' })];
    expect(selectImage(images, debian)?.id).toBe('new');
  });

  it('goes by version, variant and id among those made together', () => {
    const images = [
      image({ id: 'c', version: '20261121.9' }),
      image({ id: 'b', version: '20261121.10', variant: 'minimal' }),
      image({ id: 'a', version: '20261121.10' }),
    ];
    expect(selectImage(images, debian)?.id).toBe('a');
    expect(selectImage(images, { ...debian, variant: 'minimal' })?.id).toBe('b');
    expect(selectImage(images, { ...debian, version: '20261121.9' })?.id).toBe('c');
  });

  it('gives nothing rather than something else', () => {
    const images = [image({}), image({ kind: 'memory', roles: ['kernel'] })];
    for (const wish of [
      { ...debian, os: 'ubuntu' },
      { ...debian, release: '11' },
      { ...debian, architecture: 'arm64' },
      { ...debian, forms: ['raw'] as const },
      { kind: 'memory' as const, architecture: 'amd64' },
    ]) {
      expect(selectImage(images, wish)).toBeNull();
    }
  });

  it('finds a memory environment with its two files, and never deploys it', () => {
    const images = [image({ id: 'memory', kind: 'memory', roles: ['kernel', 'initrd'] })];
    expect(selectImage(images, { kind: 'memory', architecture: 'amd64' })?.id).toBe('memory');
    expect(selectImage(images, debian)).toBeNull();
  });
});

it('orders versions number by number', () => {
  const sorted = ['20250101', '20250101.2', '20250101.10', '20260101', '20260101-rc1', '99999999999999999999'];
  expect([...sorted].reverse().sort(compareVersions)).toEqual(sorted);
  expect(compareVersions('1.0', '1.0')).toBe(0);
});
