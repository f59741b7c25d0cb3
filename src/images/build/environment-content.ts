import type { KernelFlavour } from './build-types.js';

/** What the memory environment is made of. Everything comes from the distribution's packages. */

export const KERNEL_PACKAGES: Record<string, Record<Exclude<KernelFlavour, 'none'>, string>> = {
  debian: { generic: 'linux-image-amd64', cloud: 'linux-image-cloud-amd64' },
  ubuntu: { generic: 'linux-image-generic', cloud: 'linux-image-kvm' },
};

export const ENVIRONMENT_PACKAGES = [
  'busybox-static',
  'coreutils',
  'curl',
  'dmidecode',
  'dosfstools',
  'e2fsprogs',
  'efibootmgr',
  'gdisk',
  'hdparm',
  'ipmitool',
  'jq',
  'kmod',
  'lvm2',
  'memtester',
  'nvme-cli',
  'openssh-client',
  'openssh-server',
  'openssh-sftp-server',
  'tar',
  'tcpdump',
  'util-linux',
  'zstd',
];

/** Firmware that NICs and disk controllers fetch from the system; `non-free-firmware` of Debian 12 and later. */
export const FIRMWARE_PACKAGES = [
  'firmware-bnx2',
  'firmware-bnx2x',
  'firmware-cavium',
  'firmware-misc-nonfree',
  'firmware-netxen',
  'firmware-qlogic',
  'firmware-realtek',
];
/** Below `lib/firmware`: network and storage; graphics, sound and wireless stay out. */
export const FIRMWARE_FOLDERS = [
  'bnx2',
  'bnx2x',
  'cxgb3',
  'cxgb4',
  'e100',
  'intel/ice',
  'liquidio',
  'mellanox',
  'netronome',
  'qed',
  'qlogic',
  'rtl_nic',
  'tigon',
];

/** Programs that are copied with the libraries they need; busybox gives the rest. */
export const PROGRAMS = [
  'blkdiscard',
  'curl',
  'dmidecode',
  'e2fsck',
  'efibootmgr',
  'hdparm',
  'ipmitool',
  'jq',
  'kmod',
  'lvm',
  'memtester',
  'mke2fs',
  'mkfs.vfat',
  'nvme',
  'resize2fs',
  'scp',
  'sgdisk',
  'sha256sum',
  'ssh-keygen',
  'sshd',
  'tar',
  'tcpdump',
  'tee',
  'tune2fs',
  'wipefs',
  'zstd',
];

/** Names that lead to one of {@link PROGRAMS}. */
export const PROGRAM_LINKS: Record<string, string> = {
  depmod: 'kmod',
  insmod: 'kmod',
  lsmod: 'kmod',
  lvcreate: 'lvm',
  lvs: 'lvm',
  'mkfs.ext4': 'mke2fs',
  modinfo: 'kmod',
  modprobe: 'kmod',
  pvcreate: 'lvm',
  rmmod: 'kmod',
  vgchange: 'lvm',
  vgcreate: 'lvm',
  vgremove: 'lvm',
};

/** Loaded by init before the rest of the system is there: it lies in a squashfs. */
export const CORE_MODULES = ['loop', 'squashfs', 'xxhash_generic'];

/** Folders below `kernel/` (ending in `/`) and modules by name; what they need comes along. */
export const MODULES = [
  'arch/x86/crypto/',
  'crypto/',
  'drivers/acpi/',
  'drivers/ata/',
  'drivers/block/',
  'drivers/char/hw_random/',
  'drivers/char/ipmi/',
  'drivers/char/tpm/',
  'drivers/dax/',
  'drivers/firmware/',
  'drivers/hv/',
  'drivers/md/',
  'drivers/message/',
  'drivers/net/bonding/',
  'drivers/net/ethernet/',
  'drivers/net/hyperv/',
  'drivers/net/mdio/',
  'drivers/net/phy/',
  'drivers/net/vmxnet3/',
  'drivers/nvdimm/',
  'drivers/nvme/',
  'drivers/pci/',
  'drivers/scsi/',
  'drivers/usb/host/',
  'drivers/usb/storage/',
  'drivers/virtio/',
  'drivers/xen/',
  'btrfs',
  'fs/efivarfs/',
  'fs/ext4/',
  'fs/fat/',
  'fs/isofs/',
  'fs/overlayfs/',
  'fs/squashfs/',
  'fs/xfs/',
  '8021q',
  'atkbd',
  'dm_thin_pool',
  'hid_generic',
  'hyperv_keyboard',
  'i8042',
  'loop',
  'mmc_block',
  'nls_ascii',
  'nls_cp437',
  'nls_iso8859_1',
  'nls_utf8',
  'sdhci_acpi',
  'sdhci_pci',
  'usbhid',
  'virtio_net',
  'xen_netfront',
];

/** Storage and networks of other kinds, with what they bring along. */
export const UNWANTED_MODULES = [
  'drivers/block/drbd/',
  'drivers/infiniband/',
  'drivers/net/ethernet/netronome/',
  'drivers/nvme/target/',
  'drivers/target/',
  'drivers/usb/gadget/',
  'net/ceph/',
  'net/rxrpc/',
];
