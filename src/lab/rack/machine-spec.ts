export type Firmware = 'bios' | 'uefi';
/** How UEFI firmware fetches its boot file; BIOS knows PXE alone. */
export type BootMethod = 'pxe' | 'http';
export type NicModel = 'virtio' | 'e1000';
export type DiskBus = 'virtio' | 'ahci' | 'nvme';
export type Accelerator = 'kvm' | 'tcg';

export interface DiskSpec {
  bus: DiskBus;
  sizeGigabytes: number;
}

/** A machine as one orders it; what is left out has the lab's defaults. */
export interface MachineSpec {
  name: string;
  firmware: Firmware;
  boot?: BootMethod;
  /** UEFI only: firmware that starts signed programs alone, with Microsoft's keys in it. */
  secureBoot?: boolean;
  nic?: NicModel;
  disks?: DiskSpec[];
  memoryMegabytes?: number;
  cores?: number;
  /** Lower case with colons; default: one of its own. */
  mac?: string;
}

/** A machine as it was built. */
export interface RackMachine {
  name: string;
  firmware: Firmware;
  boot: BootMethod;
  secureBoot: boolean;
  nic: NicModel;
  disks: DiskSpec[];
  memoryMegabytes: number;
  cores: number;
  /** SMBIOS UUID, lower case. */
  uuid: string;
  mac: string;
  tap: string;
  /** Folder of its disks, firmware variables, sockets and logs. */
  dir: string;
  /** The QMP socket: its power button. */
  socket: string;
  serialLog: string;
}

/** Where Debian and Ubuntu keep QEMU's UEFI firmware (package ovmf). */
const OVMF = '/usr/share/OVMF';

export function firmwareFiles(machine: Pick<RackMachine, 'secureBoot'>): { code: string; variables: string } {
  return machine.secureBoot
    ? { code: `${OVMF}/OVMF_CODE_4M.secboot.fd`, variables: `${OVMF}/OVMF_VARS_4M.ms.fd` }
    : { code: `${OVMF}/OVMF_CODE_4M.fd`, variables: `${OVMF}/OVMF_VARS_4M.fd` };
}

export function diskFile(machine: RackMachine, index: number): string {
  return `${machine.dir}/disk${index}.qcow2`;
}

export function variablesFile(machine: RackMachine): string {
  return `${machine.dir}/firmware-variables.fd`;
}

/**
 * QEMU's arguments for a machine that stands powered off: `-S` holds it before its first instruction, and
 * `shutdown=pause` keeps the process when the guest powers down.
 */
export function qemuArguments(machine: RackMachine, accelerator: Accelerator): string[] {
  return [
    'qemu-system-x86_64',
    ...['-name', machine.name, '-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-S', '-action', 'shutdown=pause'],
    ...['-machine', machineType(machine), '-accel', accelerator],
    ...(accelerator === 'kvm' ? ['-cpu', 'host'] : []),
    ...['-smp', String(machine.cores), '-m', String(machine.memoryMegabytes), '-uuid', machine.uuid],
    ...['-qmp', `unix:${machine.socket},server=on,wait=off`],
    ...['-chardev', `file,id=serial0,path=${machine.serialLog},append=on`, '-serial', 'chardev:serial0'],
    // Key generation in the guest waits for entropy otherwise.
    ...['-device', 'virtio-rng-pci'],
    ...firmwareArguments(machine),
    ...nicArguments(machine),
    ...machine.disks.flatMap((disk, index) => diskArguments(machine, disk, index)),
  ];
}

function machineType(machine: RackMachine): string {
  if (machine.firmware === 'bios') return 'pc,graphics=off'; // SeaBIOS then writes to the serial port
  // Secure Boot firmware keeps its variables in system management mode, out of the guest's reach.
  return machine.secureBoot ? 'q35,smm=on' : 'q35';
}

function firmwareArguments(machine: RackMachine): string[] {
  if (machine.firmware === 'bios') return [];
  const flash = (unit: number, file: string, extra: string) => `if=pflash,format=raw,unit=${unit}${extra},file=${file}`;
  return [
    ...['-drive', flash(0, firmwareFiles(machine).code, ',readonly=on')],
    ...['-drive', flash(1, variablesFile(machine), '')],
    ...(machine.secureBoot
      ? ['-global', 'driver=cfi.pflash01,property=secure,value=on', '-global', 'ICH9-LPC.disable_s3=1']
      : []),
    ...(machine.boot === 'http' ? [...without('IPv4PXESupport'), ...without('IPv6PXESupport')] : []),
  ];
}

/** OVMF reads these settings from QEMU; PXE comes before HTTP unless it is switched off. */
function without(feature: string): string[] {
  return ['-fw_cfg', `name=opt/org.tianocore/${feature},string=n`];
}

function nicArguments(machine: RackMachine): string[] {
  const model = machine.nic === 'e1000' ? 'e1000' : 'virtio-net-pci';
  // QEMU's own boot ROM would take the place of OVMF's network stack.
  const rom = machine.firmware === 'uefi' ? ',romfile=' : '';
  return [
    ...['-netdev', `tap,id=net0,ifname=${machine.tap},script=no,downscript=no`],
    ...['-device', `${model}${rom},id=nic0,netdev=net0,mac=${machine.mac},bootindex=1`],
  ];
}

function diskArguments(machine: RackMachine, disk: DiskSpec, index: number): string[] {
  const id = `disk${index}`;
  const drive = `if=none,id=${id},format=qcow2,cache=unsafe,discard=unmap,file=${diskFile(machine, index)}`;
  const common = `drive=${id},serial=${diskSerial(machine, index)},bootindex=${index + 2}`;
  switch (disk.bus) {
    case 'virtio':
      return ['-drive', drive, '-device', `virtio-blk-pci,id=d${index},${common}`];
    case 'nvme':
      return ['-drive', drive, '-device', `nvme,id=d${index},${common}`];
    case 'ahci':
      return [
        ...['-drive', drive, '-device', `ahci,id=ahci${index}`],
        ...['-device', `ide-hd,id=d${index},bus=ahci${index}.0,${common}`],
      ];
  }
}

/** At most 20 characters: what ATA and virtio have room for. */
export function diskSerial(machine: Pick<RackMachine, 'name'>, index: number): string {
  return `${machine.name.slice(0, 16)}-d${index}`;
}
