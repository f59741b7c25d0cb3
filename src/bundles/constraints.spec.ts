import { expect, it } from 'vitest';
import { formatConstraints, parseConstraints } from './constraints.js';
import { Diagnostics } from './diagnostics.js';

function read(text: string) {
  const diagnostics = new Diagnostics();
  const source = { name: 'bundle.yaml', text };
  const constraints = parseConstraints(text, { source, start: 0, end: text.length }, diagnostics);
  expect(diagnostics.list()).toEqual([]);
  return constraints;
}

const ALL =
  'allocate-public-ip=true arch=arm64 container=lxd cores=2 cpu-power=9 disks=3 gpu=h100 image-id=i instance-role=r ' +
  'instance-type=t link-speed=10000 mem=4G nics=2 pool=p root-disk-source=s root-disk=1500M spaces=^db,dmz tags=a,b ' +
  'virt-type=v zones=z facts.load10<0.25';

it('are written as they are read, in one order', () => {
  expect(formatConstraints(read(ALL))).toBe(ALL);
  expect(formatConstraints(read('mem=4096M tags=b,a cpu-cores=2 zones=a\\ b'))).toBe(
    'cores=2 mem=4G tags=a,b zones=a\\ b',
  );
  expect(formatConstraints({})).toBe('');
});
