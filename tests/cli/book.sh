#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What calls do to the book: a number binds, is refused in other hands, is bound anew, is used up,
# is revoked while its owner listens. Without sound.
. "$(dirname "$0")/lib.sh"

A="$T/donald" B="$T/angela" C="$T/boris"
QUIET='--mic silence --speaker none'
relay_start
run 0 init --store "$A" --no-passphrase --name Donald "$(invite)"
run 0 init --store "$B" --no-passphrase
run 0 init --store "$C" --no-passphrase
run 0 number new --store "$A" Angela --json
link=$(json link)
run 0 contact add --store "$B" "$link"
run 0 contact add --store "$C" "$link" # she has passed it on

LISTEN_PID=
listen() {
    "$SOTTO" listen --store "$A" --plain --accept --max-seconds 100 $QUIET >"$T/listen" 2>&1 \
        </dev/null &
    LISTEN_PID=$!
    tries=0
    until "$SOTTOD" stats --data "$T/relay" --json 2>/dev/null | grep -q '"lines_online": *1'; do
        tries=$((tries + 1))
        [ "$tries" -lt 150 ] || fail "the line is not ready: $(cat "$T/listen")"
        sleep 0.1
    done
}
listen_stop() {
    kill "$LISTEN_PID"
    wait "$LISTEN_PID"
    LISTEN_PID=
}
call() { # CODE STORE WHOM
    run "$1" call --store "$2" "$3" --max-seconds 1 $QUIET
}
number_is() { # PATH VALUE, of Angela's number in the owner's store
    run 0 number show --store "$A" Angela --json
    json_is "$1" "$2"
}

# Nobody there.
call 7 "$B" Donald
number_is state fresh

listen
call 0 "$B" Donald
number_is state bound
number_is calls_used 1
angela=$("$SOTTO" id --store "$B" --json | "$JSON_GET" fingerprint)
number_is bound_to "$angela"
call 0 "$B" Donald

# In other hands.
call 6 "$C" Donald
number_is state leaked
number_is leaks 1
number_is bound_to "$angela"
boris=$("$SOTTO" id --store "$C" --json | "$JSON_GET" fingerprint)
number_is leaked_to "$boris"
call 0 "$B" Donald # she still gets through

run 0 log --store "$A" --json
cp "$T/out" "$T/log"
for kind in bound leak call; do grep -q "\"$kind\"" "$T/log" || fail "the log lacks $kind"; done
run 0 log --store "$A"
out_has LEAKED
run 0 log --store "$B" --json
json_is log.0.kind call
json_is log.0.answered true
json_is log.0.end hangup
json_is log.0.quality.group SecP384r1MLKEM1024

# Bound anew while `listen` runs: the next one who calls is in.
run 0 number rebind --store "$A" Angela --yes --json
json_is state fresh
call 0 "$C" Donald
number_is bound_to "$boris"
call 6 "$B" Donald

# Revoked while `listen` runs.
run 0 number revoke --store "$A" Angela --json
json_is pending none
call 6 "$C" Donald

# Used up.
run 0 number new --store "$A" Angela --one-call --json
link=$(json link)
run 0 contact add --store "$B" "$link"
call 0 "$B" Donald
number_is state used_up
call 6 "$B" Donald
listen_stop

# Made while the relay was away; `listen` publishes it.
relay_stop
run 5 number new --store "$A" Angela
relay_start "$RELAY_PORT"
listen
tries=0
until "$SOTTO" number list --store "$A" --json | "$JSON_GET" numbers.0.pending | grep -q none; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail "listen does not publish"
    sleep 0.1
done
run 0 log --store "$A" clear --yes
listen_stop
exit 0
