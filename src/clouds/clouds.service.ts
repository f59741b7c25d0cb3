import { MusterError } from '../error.js';
import type { ImagesService } from '../images/index.js';
import type { LxdCloud, LxdClouds } from './lxd/lxd-cloud.js';
import { LxdProvider } from './lxd/lxd.provider.js';
import type { CloudProvider } from './provider.js';

/** Where nodes come from, by name. */
export class Clouds implements LxdClouds {
  constructor(
    private readonly metal: CloudProvider,
    private readonly localhost: LxdCloud,
    private readonly images: ImagesService,
  ) {}

  provider(name: string): Promise<CloudProvider> {
    if (name === 'metal') return Promise.resolve(this.metal);
    if (name === 'localhost') return Promise.resolve(new LxdProvider('localhost', this.localhost, this.images));
    throw unknown(name);
  }

  lxd(name: string): Promise<LxdCloud> {
    if (name === 'localhost') return Promise.resolve(this.localhost);
    throw unknown(name);
  }
}

function unknown(name: string): MusterError {
  return new MusterError('invalid', `cannot use a cloud named "${name}"`, { hint: 'known are metal, localhost' });
}
