import { join } from 'node:path';
import { packageRoot } from '../../platform/files/index.js';

/** Where a lab lives on this computer. */
export interface LabPlaces {
  /** The network namespace. */
  namespace: string;
  /** The rack's folder; everything below it goes when the lab goes. */
  dir: string;
  /** What may be kept between labs: built images, and how long things took. */
  cacheDir: string;
}

export function labPlaces(environment: Readonly<Record<string, string | undefined>>): LabPlaces {
  return {
    namespace: environment['MUSTER_LAB_NAME'] ?? 'muster-lab',
    dir: environment['MUSTER_LAB_DIR'] ?? '/var/lib/muster-lab',
    cacheDir: environment['MUSTER_LAB_CACHE_DIR'] ?? '/var/cache/muster-lab',
  };
}

export const inLab = {
  dataDir: (places: LabPlaces) => join(places.dir, 'data'),
  serverLog: (places: LabPlaces) => join(places.dir, 'server.log'),
  routerLog: (places: LabPlaces) => join(places.dir, 'router.log'),
  gatewayLog: (places: LabPlaces) => join(places.dir, 'gateway.log'),
  gatewaySocket: (places: LabPlaces) => join(places.dir, 'gateway.sock'),
  /** The command, as one types it to look around. */
  command: (places: LabPlaces) => join(places.dir, 'muster'),
  times: (places: LabPlaces) => join(places.cacheDir, 'times.json'),
  imageCache: (places: LabPlaces) => join(places.cacheDir, 'images'),
};

/** The built command of this copy of muster, as `bin/muster` runs it; a busy one may use more memory to be fast. */
export function musterCommand({ busy = false } = {}): string[] {
  const flags = busy ? [] : ['--max-semi-space-size=1', '--optimize-for-size'];
  return [process.execPath, '--enable-source-maps', ...flags, join(packageRoot(), 'dist/src/cli.js')];
}
