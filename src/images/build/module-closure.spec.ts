import { describe, expect, it } from 'vitest';
import { loadOrder, moduleClosure, parseModuleDependencies } from './module-closure.js';

const DEPENDENCIES = parseModuleDependencies(
  [
    'kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko',
    'kernel/fs/jbd2/jbd2.ko:',
    'kernel/fs/mbcache.ko:',
    'kernel/lib/crc16.ko:',
    'kernel/drivers/net/ethernet/intel/e1000/e1000.ko:',
    'kernel/drivers/net/ethernet/amd/pcnet32.ko: kernel/drivers/net/mii.ko',
    'kernel/drivers/net/mii.ko:',
    'kernel/drivers/block/rbd.ko: kernel/net/ceph/libceph.ko',
    'kernel/net/ceph/libceph.ko:',
    'kernel/drivers/block/virtio_blk.ko.xz:',
    '',
  ].join('\n'),
);

describe('the modules of the memory environment', () => {
  it('are those of the wanted folders and names, and all they need', () => {
    expect(moduleClosure(DEPENDENCIES, ['drivers/net/ethernet/', 'ext4'])).toEqual([
      'kernel/drivers/net/ethernet/amd/pcnet32.ko',
      'kernel/drivers/net/ethernet/intel/e1000/e1000.ko',
      'kernel/drivers/net/mii.ko',
      'kernel/fs/ext4/ext4.ko',
      'kernel/fs/jbd2/jbd2.ko',
      'kernel/fs/mbcache.ko',
      'kernel/lib/crc16.ko',
    ]);
  });

  it('leave out what is named, with what only that needs', () => {
    expect(moduleClosure(DEPENDENCIES, ['drivers/block/'], ['rbd'])).toEqual(['kernel/drivers/block/virtio_blk.ko.xz']);
  });

  it('may be named with either sign and compressed in any way', () => {
    expect(moduleClosure(DEPENDENCIES, ['virtio-blk'])).toEqual(['kernel/drivers/block/virtio_blk.ko.xz']);
  });

  it('are loaded after what they need', () => {
    const order = loadOrder(DEPENDENCIES, 'ext4');
    expect(order.at(-1)).toBe('kernel/fs/ext4/ext4.ko');
    expect(order).toHaveLength(4);
    expect(loadOrder(DEPENDENCIES, 'not-there')).toEqual([]);
  });
});
