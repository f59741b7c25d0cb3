#!/bin/bash
set -euo pipefail

if ! command -v openssl >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update
  apt-get -q install -y --no-install-recommends openssl
fi
openssl version
