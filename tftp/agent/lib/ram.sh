# shellcheck shell=dash
# Booting into memory: the image's squashfs below an overlay, no disk touched. The result is posted before the switch:
# afterwards there is no agent.

RAM=/ram

order_boot_ram() {
  hostname=$(parameter hostname)
  [ "$(parameter image_form)" = squashfs ] || fail_permanent "cannot boot into memory from $(parameter image_form): a squashfs is needed"
  check_memory
  load_extra_drivers loop squashfs overlay
  mkdir -p "$RAM"
  grep -q " $RAM " /proc/mounts || mount -t tmpfs -o size=90%,mode=0755 tmpfs "$RAM"
  mkdir -p "$RAM/lower" "$RAM/upper" "$RAM/work" "$RAM/root"
  progress 5 'fetching the image'
  fetch_image store_in_memory 5 90
  { mount -t squashfs -o loop,ro "$RAM/image" "$RAM/lower" &&
    mount -t overlay -o "lowerdir=$RAM/lower,upperdir=$RAM/upper,workdir=$RAM/work" overlay "$RAM/root"; } ||
    fail_permanent 'cannot mount the image'
  # Often a link, whose target means the image's own root.
  [ -e "$RAM/root/sbin/init" ] || [ -L "$RAM/root/sbin/init" ] || fail_permanent 'the image holds no /sbin/init'
  make_host_keys
  write_identity "$RAM/root"
  write_seed "$RAM/root"
  write_host_keys "$RAM/root"
  printf 'overlay / overlay defaults 0 0\n' > "$RAM/root/etc/fstab"
  progress 98 'ready to switch'
  echo ram > "$ORDER/then"
  succeed "$(jq -n --rawfile keys "$HOST_KEYS/public" '{hostKeys: ($keys | split("\n") | map(select(. != "")))}')"
}

check_memory() {
  available=$(awk '/^MemAvailable/ {print $2}' /proc/meminfo)
  needed=$(($(parameter image_sizeBytes) / 1024 + 262144))
  [ "$available" -ge "$needed" ] ||
    fail_permanent "too little memory: $((available / 1024)) MiB available, this image needs $((needed / 1024)) MiB"
}

store_in_memory() { decompress > "$RAM/image"; }

# In memory there is nothing to undo but the memory itself. Called by fetch_image through undo_write, which finds no disk.
switch_to_ram() {
  say 'switching to the image'
  # The image's udev renames cards, and the kernel renames none that is up: its network would wait for that for ever.
  for card in /sys/class/net/*; do
    ip address flush dev "${card##*/}" 2> /dev/null
    ip link set dev "${card##*/}" down
  done
  new=/ram/root
  # Where the image was built for another kernel than the one that runs, ours has the modules.
  release=$(uname -r)
  mkdir -p "$new/run" "$new/proc" "$new/sys" "$new/dev" /run/muster-tools
  [ -d "$new/lib/modules/$release" ] || {
    mkdir -p "$new/lib/modules"
    ln -s "/run/muster-tools/lib/modules/$release" "$new/lib/modules/$release"
  }
  rm -rf /run/muster
  trap - EXIT
  # The shell that runs this is the static one of the initramfs: it does not need /usr.
  /busybox mount --move /usr /run/muster-tools
  for folder in run dev; do /busybox mount --move "/$folder" "$new/$folder"; done
  /busybox umount /proc /sys
  exec /busybox switch_root "$new" /sbin/init
}
