import type { MachineFacts } from '../facts.js';

/** Facts of a small machine, for tests. */
export function factsOf(
  options: { cores?: number; memoryMegabytes?: number; diskBytes?: number[]; mac?: string; uuid?: string } = {},
): MachineFacts {
  return {
    architecture: 'amd64',
    cpu: { model: 'QEMU', sockets: 1, cores: options.cores ?? 1, threads: options.cores ?? 1, flags: [] },
    memoryMegabytes: options.memoryMegabytes ?? 1024,
    numaNodes: 1,
    disks: (options.diskBytes ?? [8e9]).map((sizeBytes, index) => ({
      name: `vd${'abcdef'[index] ?? 'z'}`,
      serial: `serial-${index}`,
      wwn: null,
      model: null,
      sizeBytes,
      rotational: false,
      bus: 'virtio',
    })),
    nics: [
      {
        name: 'eth0',
        mac: options.mac ?? '52:54:00:00:00:01',
        driver: 'virtio_net',
        speedMbps: null,
        link: true,
        boot: true,
        lldp: null,
      },
    ],
    pci: [],
    usb: [],
    firmware: { mode: 'bios', vendor: 'SeaBIOS', version: '1.16', date: null, secureBoot: null },
    system: { vendor: 'QEMU', product: 'Standard PC', serial: null, uuid: options.uuid ?? null },
    bmc: null,
    tpm: null,
    virtualization: 'qemu',
    kernel: '6.1.0',
  };
}
