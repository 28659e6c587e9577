#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two people swap numbers by a spoken code.
. "$(dirname "$0")/lib_call.sh"

relay_start
person kyiv ottawa

# meet LABEL: both are shown words; kyiv_words, ottawa_words: what each reads aloud.
meet() {
    rm -f "$T/kyiv.in" "$T/ottawa.in"
    mkfifo "$T/kyiv.in" "$T/ottawa.in"
    exec 8<>"$T/kyiv.in" 9<>"$T/ottawa.in"
    : >"$T/kyiv.out"
    : >"$T/ottawa.out"
    timeout 60 "$SOTTO" exchange --store "$T/kyiv" --json --label "$1" --pick-stdin \
        <"$T/kyiv.in" >"$T/kyiv.out" 2>"$T/kyiv.err" &
    kyiv=$!
    PIDS="$PIDS $kyiv"
    until_has kyiv '"event":"code"'
    code_words=$(event kyiv '"event":"code"' code)
    timeout 60 "$SOTTO" exchange --store "$T/ottawa" --json --label "$1" --pick-stdin "$code_words" \
        <"$T/ottawa.in" >"$T/ottawa.out" 2>"$T/ottawa.err" &
    ottawa=$!
    PIDS="$PIDS $ottawa"
    until_has kyiv '"event":"words"'
    until_has ottawa '"event":"words"'
    kyiv_words=$(event kyiv '"event":"words"' read_aloud)
    ottawa_words=$(event ottawa '"event":"words"' read_aloud)
}

# --- somebody hears other words: nothing is swapped, on both sides ---
meet Wrong
wrong=$(event ottawa '"event":"words"' choices.0)
[ "$wrong" != "$kyiv_words" ] || wrong=$(event ottawa '"event":"words"' choices.1)
echo "$ottawa_words" >&8
echo "$wrong" >&9
ends "$kyiv" 6
ends "$ottawa" 6
run 0 contact list --store "$T/kyiv" --json
out_lacks Wrong
run 0 number list --store "$T/kyiv" --json
out_lacks Wrong

# --- none of the choices is what was heard ---
meet None
echo 0 >&9
ends "$ottawa" 6
ends "$kyiv" 6

# --- both pick right ---
meet Friend
echo "$ottawa_words" >&8
echo "$kyiv_words" >&9
ends "$kyiv" 0
ends "$ottawa" 0
has kyiv '"published":true'
for who in kyiv ottawa; do
    run 0 contact list --store "$T/$who" --json
    out_has '"verified": true'
    run 0 number list --store "$T/$who" --json
    out_has '"state": "bound"'
done

# --- and can call each other from now on, verified from the start ---
start kyiv listen --accept --once --json --mic silence --speaker none
kyiv=$PID
listening kyiv
start ottawa call friend --json --mic silence --speaker none --max-seconds 1
ends "$PID" 0
ends "$kyiv" 0
[ "$(event ottawa '"event":"secure"' verified)" = true ] || fail_of "not verified"
[ "$(event kyiv '"event":"secure"' verified)" = true ] || fail_of "not verified"

# --- a code that is none, a label that is taken, nobody comes ---
run 2 exchange 'not a code' --store "$T/kyiv" --label X --pick 1
run 11 exchange --store "$T/kyiv" --label Friend --pick 1
timeout -s INT 2 "$SOTTO" exchange --store "$T/kyiv" --label X --pick 1 >"$T/out" 2>"$T/err" </dev/null
code=$?
[ "$code" -eq 130 ] || [ "$code" -eq 124 ] || fail "interrupted: $code"
err_has 'no numbers were swapped'
