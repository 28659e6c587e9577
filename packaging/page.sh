#!/bin/bash
# Builds build/page, what a relay serves to browsers. `make page` runs it, after deps.sh --web.
#
#   packaging/page.sh [arguments of web/page/build.mjs...]
#   packaging/page.sh test    the page's own tests instead: types, units, the build. 77: no node
#
# The telephone's module is compiled, npm's packages are installed if their lock file has changed, and
# everything is bundled. What had not changed takes no time.
set -euo pipefail
cd "$(dirname "$0")/.."
export SOTTO_DEPS="${SOTTO_DEPS:-$PWD/build/deps}"
mkdir -p build
if [ "${1:-}" = test ] && ! command -v npm >/dev/null; then
    echo "skipped: there is no npm"
    exit 77
fi

# Two at once would install into the same directory.
exec 9>build/.page.lock
flock 9
packages=web/page/node_modules
stamp="$(sha256sum web/page/package-lock.json | cut -c1-64) $(node --version)"
if [ "$(cat $packages/.installed 2>/dev/null)" != "$stamp" ]; then
    # No package runs anything at its installation; esbuild's program is a package of its own.
    (cd web/page && npm ci --ignore-scripts --no-audit --no-fund) >build/page-npm.log 2>&1 || {
        tail -n 20 build/page-npm.log >&2
        echo "page: npm could not install the page's tools; see build/page-npm.log" >&2
        exit 1
    }
    echo "$stamp" >$packages/.installed
fi
exec 9>&-

if [ "${1:-}" = test ]; then
    cd web/page
    npm run --silent check
    exec node test.mjs
fi
# meson keeps the flags, and the libraries, that a directory was first configured with.
stamp=$(cat packaging/wasm.ini packaging/setup.sh "$SOTTO_DEPS"/wasm/*/RECIPE | sha256sum | cut -c1-64)
if [ "$(cat build/wasm/.configured 2>/dev/null)" != "$stamp" ]; then
    rm -rf build/wasm
    packaging/setup.sh wasm
    echo "$stamp" >build/wasm/.configured
fi
ninja -C build/wasm web/wasm/sotto.wasm core/media/voice.weights
exec node web/page/build.mjs "$@"
