import { expect, it } from 'vitest';
import { MusterError } from '../../error.js';
import { requirePrograms } from './needed-programs.js';

it('names all missing packages at once, each once', () => {
  const missing = () => requirePrograms(['depmod', 'mksquashfs', 'mmdebstrap'], ['/nowhere']);
  expect(missing).toThrow(MusterError);
  expect(missing).toThrow(expect.objectContaining({ hint: 'apt-get install kmod squashfs-tools mmdebstrap' }));
});

it('is content with what every system has', () => {
  requirePrograms(['tar']);
});
