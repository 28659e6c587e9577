#!/bin/bash
# Builds each variant named (see packaging/setup.sh) and runs every test in it. Whatever happens,
# the last line is the sum: "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/.."

passed=0 failed=0 skipped=0
for variant in "$@"; do
    printf '\n== %s\n' "$variant"
    log=build/$variant/meson-logs/testlog.json
    rm -f "$log"
    if ! { packaging/setup.sh "$variant" && ninja -C "build/$variant" --quiet; }; then
        echo "== $variant could not be built"
        failed=$((failed + 1))
        continue
    fi
    meson test -C "build/$variant" --no-rebuild --print-errorlogs
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
done

echo
echo "$passed passed, $failed failed, $skipped skipped"
# Nothing tested is not a success.
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
