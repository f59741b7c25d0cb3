#!/bin/bash
# Takes the probe and the settings away, and Docker itself where this role brought it and nobody else has anything in it.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

notes=/var/lib/muster/roles/docker file=/etc/docker/daemon.json others='' answers=''
if docker info >/dev/null 2>&1; then
  answers=1
  docker rm -f muster-probe >/dev/null 2>&1 || true
  docker rmi muster-probe >/dev/null 2>&1 || true
  others=$(docker ps -aq; docker volume ls -q)
fi
if [ -e "$file" ] && cmp -s "$file" "$notes/daemon.json"; then rm -f "$file"; fi
if [ -e "$notes/installed" ] && [ -z "$answers" ]; then
  echo 'Docker does not answer, so what is in it cannot be told: it stays; apt-get purge docker.io takes it away'
elif [ -e "$notes/installed" ] && [ -z "$others" ]; then
  apt-get -q purge -y docker.io
  rm -rf /var/lib/docker /etc/docker
  [ ! -e "$notes/containerd-too" ] || rm -rf /var/lib/containerd
elif [ -d /run/systemd/system ] && systemctl is-active --quiet docker.service; then
  systemctl restart docker.service
fi
rm -rf "$notes"
rmdir /var/lib/muster/roles 2>/dev/null || true
