import { expect, it } from 'vitest';
import { nothingText } from './plan-text.js';

it('tells which nodes stay as they were made, and how they are made anew', () => {
  const outdated = [
    { node: '0', what: 'base' as const, made: 'debian@12', wanted: 'ubuntu@24.04' },
    { node: '0', what: 'constraints' as const, made: '', wanted: 'cores=2' },
    { node: 'etcd-1', what: 'base' as const, made: 'debian@12', wanted: 'ubuntu@24.04' },
  ];
  const diff = { skipped: [], outdated };
  expect(nothingText({ deployment: 'prod', diff }).split('\n')).toEqual([
    'prod: nothing to do',
    '  = node 0 stays as it was made: base debian@12, wanted ubuntu@24.04',
    '  = node 0 stays as it was made: constraints none, wanted cores=2',
    '  = node etcd-1 stays as it was made: base debian@12, wanted ubuntu@24.04',
    '    made anew, with the loss of what is on it, by: muster up BUNDLE --replace 0 --replace etcd-1',
  ]);
});
