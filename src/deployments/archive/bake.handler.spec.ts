import { expect, it } from 'vitest';
import { shippedBundle } from '../../../test/support/shipped-bundles.js';
import type { BundleFile } from '../../bundles/index.js';
import type { BakeRequest, Image } from '../../images/index.js';
import type { StepContext } from '../../pipeline/index.js';
import type { JsonObject } from '../../plan/index.js';
import { systemClock } from '../../platform/clock.js';
import { BundleLibrary } from '../bundle-library.js';
import { ImageBakeHandler, type BakeInput } from './bake.handler.js';

const sum = 'a'.repeat(64);
const overlay: BundleFile = {
  name: 'site.yaml',
  text: 'applications: {kubernetes-control-plane: {options: {version: 1.20.2}}, kubernetes-worker: {options: {version: 1.20.2}}, coredns: }',
};
const kubernetes = { roles: [], files: [shippedBundle('kubernetes-core'), overlay], name: 'kubernetes-core' };

/** What the builders were asked for. */
async function bake(input: BakeInput): Promise<BakeRequest> {
  const asked: BakeRequest[] = [];
  const images = {
    get: (): Promise<Image> => Promise.reject(new Error('there is no image')),
    bake: (request: BakeRequest) => {
      asked.push(request);
      return Promise.resolve({ id: 'i', version: 'v' } as Image);
    },
  };
  const sources = {
    pins: { sumOf: () => Promise.resolve(sum) },
    artifacts: {
      fetch: (url: string) => Promise.resolve({ path: `/cache/${new URL(url).pathname.slice(1)}`, sizeBytes: 1 }),
    },
  } as unknown as ConstructorParameters<typeof ImageBakeHandler>[2];
  const done = () => Promise.resolve();
  const context = {
    input: JSON.parse(JSON.stringify(input)) as JsonObject,
    ...{ clock: systemClock, signal: new AbortController().signal, log: done, progress: done },
  } as unknown as StepContext;
  const outcome = await new ImageBakeHandler(images, new BundleLibrary(), sources).run(context);
  expect(outcome).toEqual({ kind: 'done', outputs: { image: 'i', version: 'v' } });
  return asked[0]!;
}

it('for machines: what the bundle asks for with its overlay, and what runs containers where it places units in some', async () => {
  const { like, packages, baked } = await bake({ target: 'debian@12', kernel: 'cloud', ...kubernetes });
  expect(like).toMatchObject({ os: 'debian', release: '12', kernel: 'cloud', from: null });
  expect(packages).toEqual(expect.arrayContaining(['lxd', 'squashfs-tools', 'etcd-server', 'jq', 'containerd']));
  expect(baked).toEqual({
    masked: ['etcd.service'],
    files: [
      {
        path: '/cache/v1.20.2/kubernetes-server-linux-amd64.tar.gz',
        sha256: sum,
        fileName: 'kubernetes-server-linux-amd64.tar.gz',
      },
    ],
  });
});

it('for containers: without what runs containers', async () => {
  const { packages } = await bake({ target: 'debian@12', kernel: 'none', ...kubernetes });
  expect(packages).toContain('etcd-server');
  expect(packages).not.toContain('lxd');
});

it('refuses what is no base, and a role on a base that is none of its own', async () => {
  await expect(bake({ target: 'memory', ...kubernetes })).rejects.toThrow(/"memory": it is no base/);
  const role = { target: 'debian@7', roles: ['etcd'], files: [], name: 'etcd' };
  await expect(bake(role)).rejects.toThrow(/etcd into debian@7/);
});
