import { expect, it } from 'vitest';
import { BuildForServer } from './build-for-server.js';
import type { MemoryEnvironment, OsImage, OsImageOptions } from './build/index.js';
import type { ImageBuilders } from './image-builders.js';
import { SupervisedBuilders } from './supervised-builders.js';

/** Both ends, joined as a process channel joins them: messages are copied. */
function joined(builders: Partial<ImageBuilders>) {
  let toServer: (message: unknown) => void = () => undefined;
  const unexpected = () => Promise.reject(new Error('not expected'));
  const supervisor = new BuildForServer('/cache', (message) => toServer(structuredClone(message)), {
    buildMemoryEnvironment: unexpected,
    buildOsImage: unexpected,
    ...builders,
  });
  return new SupervisedBuilders({
    send: (message) => supervisor.hear(JSON.parse(JSON.stringify(message))),
    onMessage: (listener) => (toServer = listener),
  });
}

it('has the supervisor build, with its cache and the progress told', async () => {
  const seen: string[] = [];
  const server = joined({
    buildOsImage: (options: OsImageOptions) => {
      options.onProgress?.(40, 'unpacking');
      return Promise.resolve({ os: options.os, release: options.release, version: options.cacheDir } as OsImage);
    },
  });
  const options = {
    cacheDir: '/elsewhere',
    include: ['lxd'],
    onProgress: (percent: number) => seen.push(`${percent}`),
  };
  expect(await server.buildOsImage({ os: 'debian', release: '12', ...options })).toEqual({
    ...{ os: 'debian', release: '12', version: '/cache' },
  });
  expect(seen).toEqual(['40']);
});

it('carries a failure with its hint', async () => {
  const server = joined({ buildMemoryEnvironment: () => Promise.reject(new Error('cannot run mmdebstrap')) });
  await expect(server.buildMemoryEnvironment({ cacheDir: '/x' })).rejects.toThrow('cannot run mmdebstrap');
});

it('refuses what is no package name, whoever asks', async () => {
  const server = joined({ buildMemoryEnvironment: () => Promise.resolve({} as MemoryEnvironment) });
  await expect(server.buildMemoryEnvironment({ cacheDir: '/x', include: ['lxd --hook=reboot'] })).rejects.toThrow();
  await expect(server.buildMemoryEnvironment({ cacheDir: '/x', mirror: 'file:///etc' })).rejects.toThrow();
});

it('stops a build when the server gives it up', async () => {
  const stopping = new AbortController();
  const server = joined({
    buildMemoryEnvironment: ({ signal }) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('stopped')))),
  });
  const building = server.buildMemoryEnvironment({ cacheDir: '/x', signal: stopping.signal });
  stopping.abort();
  await expect(building).rejects.toThrow('stopped');
});
