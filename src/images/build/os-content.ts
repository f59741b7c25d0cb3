/** What every operating system image holds besides its kernel: enough to boot, to be reached and to be looked after. */
export const OS_PACKAGES = [
  'ca-certificates',
  'cloud-guest-utils',
  'cloud-init',
  'curl',
  'dbus',
  'dosfstools',
  'e2fsprogs',
  'grub-common',
  'grub-efi-amd64-bin',
  'grub-efi-amd64-signed',
  'grub-pc-bin',
  'grub2-common',
  'initramfs-tools',
  'iproute2',
  'iputils-ping',
  'kmod',
  'less',
  'lvm2',
  'netbase',
  'netplan.io',
  'openssh-server',
  'procps',
  'shim-signed',
  'sudo',
  'systemd',
  'systemd-resolved',
  'systemd-sysv',
  'systemd-timesyncd',
  'udev',
  'zstd',
];

/** Each of these takes the place of systemd-timesyncd, and cannot be beside it. */
export const TIME_DAEMONS = ['chrony', 'ntpsec', 'openntpd'];

/** A container has no disk, no firmware and no clock of its own, and muster puts in what cloud-init would. */
export const CONTAINER_PACKAGES = [
  ...OS_PACKAGES.filter(
    (name) =>
      !/^(grub|shim|initramfs|lvm2|dosfstools|e2fsprogs|cloud-|netplan|systemd-timesyncd)/.test(name) &&
      name !== 'zstd',
  ),
  'python3',
];

/** Read by no machine; they double the size. */
export const LEFT_OUT = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/info/*', '/usr/share/locale/*'];

/** Copyright files must stay with what they are about. */
export const KEPT = ['/usr/share/doc/*/copyright'];
