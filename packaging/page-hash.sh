#!/bin/sh
# page-hash.sh RELEASE_JSON HEADER: the hash of the page that was built before, for `sotto verify-page`.
set -eu
hash=$([ ! -e "$1" ] || sha256sum "$1" | cut -c1-64)
text="#define PAGE_BUILT_HASH \"$hash\""
[ "$(cat "$2" 2>/dev/null || true)" = "$text" ] || printf '%s\n' "$text" >"$2"
