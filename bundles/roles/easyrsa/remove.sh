#!/bin/bash
set -euo pipefail

rm -rf "${MUSTER_AUTHORITY_DIRECTORY:-/etc/muster/authority}"
