#!/bin/bash
# run.sh SCRIPT.mjs [ARGUMENTS...]: a browser test, with its packages installed first. 77: skipped.
set -euo pipefail
arguments=()
for argument in "$@"; do
    [ ! -e "$argument" ] || argument=$(realpath "$argument")
    arguments+=("$argument")
done
cd "$(dirname "$0")"
command -v node >/dev/null || { echo "skipped: there is no node"; exit 77; }
(
    flock 9
    if [ ! -d node_modules/playwright-core-firefox ]; then
        command -v npm >/dev/null || { echo "skipped: there is no npm"; exit 77; }
        PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund
    fi
) 9>"${TMPDIR:-/tmp}/sotto-browser-npm.lock"
exec node "${arguments[@]}"
