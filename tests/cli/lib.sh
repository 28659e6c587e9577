# SPDX-License-Identifier: Apache-2.0
# Sourced by the tests beside it. Needs SOTTO, SOTTOD, JSON_GET and PTY: paths of the programs.
set -u

T=$(mktemp -d /tmp/sotto-cli-XXXXXX)
RELAY_PID=
unset SOTTO_STORE SOTTO_PASSPHRASE_FILE XDG_DATA_HOME NO_COLOR
export HOME="$T" LC_ALL=C.UTF-8 TERM=xterm-256color TZ=UTC

cleanup() {
    [ -z "${LISTEN_PID:-}" ] || kill "$LISTEN_PID" 2>/dev/null
    [ -z "$RELAY_PID" ] || kill "$RELAY_PID" 2>/dev/null
    [ -z "$RELAY_PID" ] || wait "$RELAY_PID" 2>/dev/null
    rm -rf "$T"
}
trap cleanup EXIT

fail() {
    echo "FAILED: $*" >&2
    [ ! -e "$T/out" ] || sed 's/^/  out: /' "$T/out" >&2
    [ ! -e "$T/err" ] || sed 's/^/  err: /' "$T/err" >&2
    [ ! -e "$T/relay.log" ] || tail -n 5 "$T/relay.log" | sed 's/^/  relay: /' >&2
    exit 1
}

# run CODE ARGUMENTS...: sotto without a terminal; what it writes goes to $T/out and $T/err.
run() {
    expected=$1
    shift
    setsid -w timeout 60 "$SOTTO" "$@" >"$T/out" 2>"$T/err" </dev/null
    code=$?
    [ "$code" -eq "$expected" ] || fail "sotto $* exited with $code, not $expected"
}

out_has() { grep -qF -e "$1" "$T/out" || fail "standard output lacks '$1'"; }
err_has() { tr '\n' ' ' <"$T/err" | tr -s ' ' | grep -qF -e "$1" ||
    fail "standard error lacks '$1'"; }
out_lacks() { ! grep -qF -e "$1" "$T/out" || fail "standard output has '$1'"; }

# The value at a path of the JSON on standard output.
json() { "$JSON_GET" "$1" <"$T/out"; }
json_is() {
    value=$(json "$1") || fail "no valid JSON with $1"
    [ "$value" = "$2" ] || fail "$1 is '$value', not '$2'"
}

# relay_start [PORT [OPTIONS...]]: a relay on loopback; RELAY_PORT. relay_stop.
relay_start() {
    port=${1:-0}
    [ $# -eq 0 ] || shift
    : >"$T/relay.log"
    "$SOTTOD" run --name 127.0.0.1 --bind 127.0.0.1 --port "$port" --data "$T/relay" "$@" \
        >>"$T/relay.log" 2>&1 &
    RELAY_PID=$!
    tries=0
    until grep -q 'listening on' "$T/relay.log"; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || fail "the relay does not start"
        kill -0 "$RELAY_PID" 2>/dev/null || fail "the relay ended"
        sleep 0.1
    done
    RELAY_PORT=$(sed -n 's/.*listening on \[[^]]*\]:\([0-9]*\).*/\1/p' "$T/relay.log")
}
relay_stop() {
    kill "$RELAY_PID"
    wait "$RELAY_PID" 2>/dev/null
    RELAY_PID=
}
invite() { "$SOTTOD" invite --name 127.0.0.1 --port "$RELAY_PORT" --data "$T/relay" | grep -m1 https; }
