#!/bin/bash
# What a page has to compute, beside the same natively: bench/page.sh NATIVE WASM, both of
# bench/page_bench.c. Fails when WebAssembly is over a limit (means, in milliseconds, on one core).
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -e "$2" ]; then
    echo "$2 is not built: make wasm"
    exit 77
fi
export SOTTO_WEIGHTS
SOTTO_WEIGHTS=$(dirname "$2")/../core/media/voice.weights
native=$("$1")
wasm=$(node --no-warnings tests/wasm/run.mjs "$2")
printf '%-24s %10s %10s %10s\n' 'ms, mean' native wasm limit
# Whoever waits for a handshake hears it ring; a frame has to be ready within its 20 ms, beside others:
# that goes for the worst one too (frame-...: all that voice takes in 20 ms of a call, "worst" the dearest).
join <(sort <<<"$native") <(sort <<<"$wasm") | awk '
    { limit = $1 ~ /^handshake/ ? 60 : 4 }
    { printf "%-24s %10.2f %10.2f %10.0f%s\n", $1, $2, $3, limit, ($3 > limit) ? "  OVER" : "" }
    ($3 > limit) { over = 1 }
    END { exit (over || NR < 5) }'
