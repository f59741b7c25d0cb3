#!/bin/bash
# Applies the manifests that the option names, and takes away what the last ones had and these have not.
set -euo pipefail
. ./kubernetes.sh
. ./manifests-list.sh

[ -z "$OPT_MANIFESTS" ] || [ -s "${ARTIFACT_MANIFESTS:-}" ] || fail "the manifests could not be had from $OPT_MANIFESTS"
apply() { kubectl apply --server-side --force-conflicts --field-manager=muster -R -f "$1"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
applied_objects >"$work/before"
: >"$work/now"
if [ -n "$OPT_MANIFESTS" ]; then
  mkdir "$work/files"
  # An archive of files, or one file.
  tar -xf "$ARTIFACT_MANIFESTS" -C "$work/files" --no-same-owner 2>/dev/null || cp "$ARTIFACT_MANIFESTS" "$work/files/manifests.yaml"
  # A kind that the same file defines is not known at once.
  until_true 60 'the API server takes all of the manifests' apply "$work/files"
  objects_in "$work/files" | sort -u >"$work/now"
fi
remember "$work/now"
grep -Fxv -f "$work/now" "$work/before" >"$work/gone" || true
delete_objects "$work/gone"
echo "$(wc -l <"$work/now") objects of the manifests are there, $(wc -l <"$work/gone") are gone"
