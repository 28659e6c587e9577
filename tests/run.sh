#!/bin/bash
# Builds each variant named (see packaging/setup.sh) and runs its tests; `fuzz` is a short pass of every
# fuzz target, `bench` of the measurements (after `release`). Whatever happens, the last line is the
# sum: "N passed, N failed, N skipped"; before it is what failed, and why.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=0 skipped=0 why=
# What differs between compilers shows in the core. The tests that talk over networks for minutes run
# once, with sanitizers; those that are short also as they are shipped. The simulator runs with
# sanitizers, and by clang optimized; the programs are driven by scripts as gcc built them.
declare -A left_out=(
    [release]='--no-suite long --no-suite sim'
    [clang]='--no-suite system --no-suite net --no-suite browser --no-suite cli'
)

# Each line of $1 that starts with "== " was one target.
count_targets() {
    local targets
    targets=$(grep -c '^== ' <<<"$1")
    passed=$((passed + targets - $2)) failed=$((failed + $2))
}

# Every fuzz target for a few seconds: `make fuzz` is the long run.
run_fuzz() {
    local output status=0
    output=$(fuzz/run.sh build/fuzz "${FUZZ_SECONDS_SHORT:-3}" 2>&1) || status=1
    [ "$status" -eq 0 ] || printf '%s\n' "$output"
    count_targets "$output" "$status"
    tail -n 1 <<<"$output"
}

# That each measurement still measures; what it says is `make bench`'s business.
run_bench() {
    local name output
    for name in session_bench relay_bench; do
        if output=$("build/release/bench/$name" 2>&1); then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            printf '%s\n' "$output"
        fi
    done
    for name in 'call_bench.py --calls 1 --rtt 20' 'voice/peers.py --quick --out build/voice-quick'; do
        # shellcheck disable=SC2086 # several options
        if output=$(SOTTO_BUILD=$PWD/build/release python3 bench/$name 2>&1); then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
        printf '%s\n' "$output"
    done
}

build() {
    packaging/setup.sh "$1" && ninja -C "build/$1" --quiet && return
    echo "== $1 could not be built"
    failed=$((failed + 1))
    return 1
}

run_tests() {
    local variant=$1 log=build/$1/meson-logs/testlog.json status p f s
    rm -f "$log"
    # shellcheck disable=SC2086 # several options
    meson test -C "build/$variant" --no-rebuild --print-errorlogs ${left_out[$variant]:-}
    status=$?
    # One JSON object a line; inside its strings every quote is escaped, so this matches the field.
    read -r p f s < <(awk '
        match($0, /"result": "[A-Z]*"/) {
            r = substr($0, RSTART + 11, RLENGTH - 12)
            if (r == "OK" || r == "EXPECTEDFAIL") p++; else if (r == "SKIP") s++; else f++
        }
        END { print p + 0, f + 0, s + 0 }' "$log" 2>/dev/null || echo 0 0 0)
    # meson itself may fail without a failed test in its log.
    [ "$status" -eq 0 ] || [ "$f" -gt 0 ] || f=1
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    [ "$f" -eq 0 ] || why+=$(python3 tests/failures.py "$variant" "$log" 2>&1)$'\n'
}

for variant in "$@"; do
    printf '\n== %s\n' "$variant"
    case $variant in
    bench) run_bench ;;
    fuzz) build fuzz && run_fuzz ;;
    *) build "$variant" && run_tests "$variant" ;;
    esac
done

[ -z "$why" ] || printf '\n%s' "$why"
echo
echo "$passed passed, $failed failed, $skipped skipped"
# Nothing tested is not a success.
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
