# SPDX-License-Identifier: Apache-2.0
# Sourced by the tests of calls, instead of lib.sh. Needs LIKENESS too.
. "$(dirname "$0")/lib.sh"

PIDS=
finish() {
    for pid in $PIDS; do kill "$pid" 2>/dev/null; done
    for pid in $PIDS; do wait "$pid" 2>/dev/null; done
    cleanup
}
trap finish EXIT

# person NAME...: a store $T/NAME with a line.
person() {
    for name in "$@"; do
        run 0 init --store "$T/$name" --no-passphrase --name "$name" "$(invite)"
    done
}

# number OWNER LABEL [OPTIONS]: a link.
number() {
    owner=$1 label=$2
    shift 2
    "$SOTTO" number new "$label" --store "$T/$owner" --json --no-qr "$@" | "$JSON_GET" link
}

# start NAME ARGUMENTS...: sotto in the background with the store of NAME; its output is
# $T/NAME.out and $T/NAME.err; PID. The test ends it, if it does not end by itself.
start() {
    who=$1
    shift
    : >"$T/$who.out" # nobody shall read what an earlier one wrote
    setsid -w timeout 120 "$SOTTO" "$@" --store "$T/$who" >"$T/$who.out" 2>"$T/$who.err" </dev/null &
    PID=$!
    PIDS="$PIDS $PID"
}

# on_terminal NAME ARGUMENTS...: the same on a terminal; standard input is the dialog.
on_terminal() {
    who=$1
    shift
    cat >"$T/$who.dialog"
    : >"$T/$who.out"
    timeout 120 "$PTY" "$T/$who.dialog" "$SOTTO" "$@" --store "$T/$who" \
        >"$T/$who.out" 2>"$T/$who.err" </dev/null &
    PID=$!
    PIDS="$PIDS $PID"
}

# ends PID CODE
ends() {
    wait "$1"
    code=$?
    [ "$code" -eq "$2" ] || fail_of "a process ended with $code, not $2"
}

fail_of() {
    for f in "$T"/*.out "$T"/*.err; do
        [ ! -s "$f" ] || { echo "  $f:" && tail -n 25 "$f" | cut -c1-2000 | sed 's/^/    /'; } >&2
    done
    fail "$*"
}

# until_has NAME TEXT: what NAME's process writes contains TEXT, at last.
until_has() {
    tries=0
    until grep -qF -e "$2" "$T/$1.out" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || fail_of "$1 never wrote '$2'"
        sleep 0.1
    done
}
has() { grep -qF -e "$2" "$T/$1.out" || fail_of "$1 did not write '$2'"; }
lacks() { ! grep -qF -e "$2" "$T/$1.out" || fail_of "$1 wrote '$2'"; }

# event NAME PATTERN PATH: a field of the first JSON line that has PATTERN.
event() { grep -m1 -F -e "$2" "$T/$1.out" | "$JSON_GET" "$3"; }

# line_of NAME PATTERN: which line has it first.
line_of() { grep -n -m1 -F -e "$2" "$T/$1.out" | cut -d: -f1; }

listening() { until_has "$1" '"state":"ready"'; }

speech() { "$LIKENESS" --speech "$1" "$2" || fail "no speech"; }
# heard SPOKEN HEARD: the same speech, though on a busy machine not the best of it: there jitter
# buffers move it back and forth, by tens of milliseconds within a second; an echo passes two of them.
# So each syllable is compared where it is. Measured like this: 0.85 and more, 0.68 beside compilers
# and a disk that is kept busy, and less than 0.2 for other speech.
heard() {
    "$LIKENESS" "$1" "$2" --stretch 200 --at-least 0.6 >"$T/likeness" ||
        fail_of "$2 is not what was spoken: $(tr -s ' \n' ' ' <"$T/likeness")"
}
