#!/bin/sh
# install-page.sh FROM TO: `meson install` of the page for browsers, if it was built. TO is below the
# prefix.
set -eu
[ -e "$1/release.json" ] || { echo "no page in $1: not installed (make page)"; exit 0; }
to=$MESON_INSTALL_DESTDIR_PREFIX/$2
rm -rf "$to"
mkdir -p "$to"
for file in "$1"/*; do install -m 644 "$file" "$to/"; done
