#!/bin/bash
# Fuzzes each target in turn: fuzz/run.sh BUILD_DIR SECONDS [TARGET...]
#
# The inputs of fuzz/corpus/TARGET are the start; what is new is kept in BUILD_DIR/corpus/TARGET. A
# finding is written to BUILD_DIR/findings/TARGET and ends the run: keep its input in
# fuzz/corpus/TARGET when it is fixed.
set -euo pipefail

build=$(cd "$1" && pwd)
seconds=$2
shift 2
cd "$(dirname "$0")"

targets=("$@")
[ $# -gt 0 ] || for f in *_fuzz.c; do [ -e "$f" ] && targets+=("${f%_fuzz.c}"); done
[ ${#targets[@]} -gt 0 ] || { echo 'there is no fuzz target'; exit 1; }

failed=()
for target in "${targets[@]}"; do
    mkdir -p "$build/corpus/$target" "$build/findings/$target" "corpus/$target"
    echo "== $target: $seconds s"
    "$build/fuzz/${target}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -verbosity=0 -fork="$(nproc)" -ignore_crashes=0 \
        -artifact_prefix="$build/findings/$target/" "$build/corpus/$target" "corpus/$target" ||
        failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] || { echo "findings in: ${failed[*]} (see $build/findings)"; exit 1; }
echo "no findings in ${#targets[@]} targets"
