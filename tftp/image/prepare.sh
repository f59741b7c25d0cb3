#!/bin/sh
# Called by mmdebstrap before the packages are configured, with the new root: what their first configuration should find.
set -eu
root=$1
mkdir -p "$root/etc/initramfs-tools/conf.d"
# The machine is not known yet: all drivers that a root may lie behind, and the compression that unpacks fastest.
printf 'MODULES=most\nCOMPRESS=zstd\n' > "$root/etc/initramfs-tools/conf.d/muster"
