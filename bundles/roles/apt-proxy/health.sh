#!/bin/bash
# Fetches the first source's release file through the cache.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
apt-get indextargets --format '$(REPO_URI)dists/$(RELEASE)/InRelease' 'Created-By: Packages' >"$work/addresses"
address=$(grep -m 1 '^http:' "$work/addresses") || { echo 'no source is by http: there is nothing to cache' >&2; exit 1; }
/usr/lib/apt/apt-helper -o "Acquire::http::Proxy=http://$ADDRESS:$OPT_PORT" download-file "$address" "$work/InRelease"
grep -qE '^(Suite|Codename):' "$work/InRelease" || { echo "what came of $address is no release file" >&2; exit 1; }
echo "$address came through the cache"
