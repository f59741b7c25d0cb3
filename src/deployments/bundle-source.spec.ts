import { expect, it } from 'vitest';
import { BundleLibrary } from './bundle-library.js';
import { sourceFiles } from './bundle-source.js';
import { compileDeployment } from './compile-deployment.js';

const library = new BundleLibrary();

it('settings go over a bundle and its overlays, shipped ones too', () => {
  const source = {
    bundle: 'lxd-fan',
    files: [{ path: 'overlay.yaml', text: 'applications: {lxd: {options: {storage: btrfs}}}\n' }],
    overlays: ['overlay.yaml'],
    settings: [{ application: 'lxd', option: 'storage', value: 'dir' }],
  };
  const files = sourceFiles(source, library);
  expect(files.map(({ name }) => name)).toEqual(['lxd-fan/bundle.yaml', 'overlay.yaml', 'given-settings.yaml']);
  const { bundle } = compileDeployment(files, library.roles, {});
  expect(bundle.applications.get('lxd')?.options.get('storage')?.value.value).toBe('dir');
});

it('a setting that no role has is told at its place', () => {
  const settings = [{ application: 'lxd', option: 'storrage', value: 'dir' }];
  const files = sourceFiles({ bundle: 'lxd-fan', settings }, library);
  expect(() => compileDeployment(files, library.roles, {})).toThrow('cannot use this bundle: 1 problem');
});
