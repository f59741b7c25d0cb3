#!/bin/bash
# What the manifests brought is there, and what of it runs pods has them ready.
set -euo pipefail
. ./kubernetes.sh
. ./manifests-list.sh

count=0
while IFS=$'\t' read -r _ kind namespace name; do
  count=$((count + 1))
  case $kind in
    Deployment | DaemonSet | StatefulSet)
      kubectl -n "$namespace" rollout status "$kind/$name" --timeout="${OPT_VERIFY_SECONDS}s" ||
        { kubectl -n "$namespace" get pods -o wide; exit 1; }
      ;;
  esac
done < <(applied_objects)
echo "$count objects of the manifests"
