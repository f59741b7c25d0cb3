import { expect, it } from 'vitest';
import { mmdebstrapProgress } from './mmdebstrap-progress.js';

it('tells the stages of a build once each, and never goes backwards', () => {
  const told: [number, string][] = [];
  const listen = mmdebstrapProgress((percent, message) => told.push([percent, message]), 0, 100);
  listen('I: automatically chosen mode: root\nI: running apt-get update...\n');
  listen('I: installing essential packages...\n');
  listen('I: downloading packages with apt...\n');
  listen('I: installing essential packages...\n');
  listen('I: creating tarball...\n');
  expect(told).toEqual([
    [2, 'reading the package lists'],
    [20, 'installing the essential packages'],
    [95, 'writing the root'],
  ]);
});
