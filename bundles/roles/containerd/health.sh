#!/bin/bash
set -euo pipefail

ctr -n k8s.io containers list -q >/dev/null || { echo "containerd does not answer: journalctl -u containerd" >&2; exit 1; }
echo "containerd has $(ctr -n k8s.io containers list -q | wc -l) containers"
