import { buildOsImage } from '../../src/images/build/index.js';
import type { ImagesService } from '../../src/images/index.js';

/** Roots that survive a test run: a build takes a minute. */
const CACHE = '/var/cache/muster-test/images.root';

type Part = Pick<ImagesService, 'list' | 'buildable' | 'build' | 'findContainerRoot'>;

/** The image store as providers use it, with a real root of Debian 12 for containers in it. */
export function containerImages(): ImagesService {
  let built: Awaited<ReturnType<typeof buildOsImage>> | null = null;
  const part: Part = {
    list: () => Promise.resolve([]),
    buildable: () => [{ os: 'debian', release: '12' }],
    build: async (_, options) => {
      built = await buildOsImage({ os: 'debian', release: '12', kernel: 'none', cacheDir: CACHE, ...options });
      return undefined as never;
    },
    findContainerRoot: () => {
      if (built === null) return Promise.resolve(null);
      const { os, release, architecture, squashfs } = built;
      return Promise.resolve({ os, release, architecture, createdAt: new Date(1_790_000_000_000), ...squashfs });
    },
  };
  return part as ImagesService;
}
