#!/bin/bash
# Makes an image of the root that was sent: a split one, its metadata beside the squashfs.
set -euo pipefail
. ./engine.sh

bash container-image-check.sh && exit 0
case $ARCH in amd64) kernel=x86_64 ;; arm64) kernel=aarch64 ;; *) kernel=$ARCH ;; esac
cat >metadata.yaml <<METADATA
architecture: $kernel
creation_date: $CREATED
properties: {os: "$OS", release: "$RELEASE", description: "$OS $RELEASE, of muster's store"}
METADATA
tar --format=ustar --owner=0 --group=0 --numeric-owner --mode=0644 --mtime="@$CREATED" -cf metadata.tar metadata.yaml
fingerprint=$(cat metadata.tar "$ARTIFACT_ROOT" | sha256sum | cut -c1-64)
if lxc image info "$fingerprint" >/dev/null 2>&1; then
  # An earlier import was cut short before the name.
  lxc image alias create "$ALIAS" "$fingerprint"
else
  lxc image import metadata.tar "$ARTIFACT_ROOT" --alias "$ALIAS"
fi
