import type { BuildProgress } from './build-types.js';

/** mmdebstrap's own announcements, in order, with the share of its time that lies behind when each comes (measured). */
const STAGES: readonly [RegExp, number, string][] = [
  [/I: running apt-get update/, 0.02, 'reading the package lists'],
  [/I: downloading packages with apt/, 0.1, 'fetching the essential packages'],
  [/I: extracting archives/, 0.15, 'unpacking the essential packages'],
  [/I: installing essential packages/, 0.2, 'installing the essential packages'],
  [/I: downloading .*remaining|I: installing remaining packages/, 0.35, 'fetching and installing packages'],
  [/Setting up systemd /, 0.55, 'configuring packages'],
  [/Setting up cloud-init/, 0.7, 'configuring packages'],
  [/update-initramfs: Generating/, 0.8, 'making the initramfs'],
  [/I: cleaning package lists/, 0.92, 'tidying up'],
  [/I: creating tarball/, 0.95, 'writing the root'],
];

/** Listens to mmdebstrap and tells how far it is, between two percentages, never backwards. */
export function mmdebstrapProgress(progress: BuildProgress, from: number, to: number): (text: string) => void {
  let reached = 0;
  return (text) => {
    for (const [pattern, share, message] of STAGES) {
      if (share <= reached || !pattern.test(text)) continue;
      reached = share;
      progress(Math.round(from + (to - from) * share), message);
    }
  };
}
