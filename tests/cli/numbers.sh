#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lines, numbers and contacts with a real relay, which comes and goes.
. "$(dirname "$0")/lib.sh"

A="$T/donald" B="$T/angela"
relay_start
first=$(invite)
second=$(invite)
run 10 init --store "$A" --no-passphrase "${first%????}"
err_has 'truncated or was altered'
run 10 init --store "$A" --no-passphrase 'https://relay.example/'
run 10 init --store "$A" --no-passphrase "$first?" 
[ ! -e "$A/sotto.db" ] || fail "a store was made all the same"
run 0 init --store "$A" --no-passphrase --name Donald --json "$first"
json_is line.registered true
json_is line.relay.port "$RELAY_PORT"
json_is line.relay.pinned true
run 11 init --store "$A" "$second"

# A number, its link, its terms.
run 0 number new --store "$A" Angela --expires 30d --calls 3 --json
json_is state fresh
json_is pending none
json_is calls_max 3
link=$(json link)
id=$(json id)
case $link in https://127.0.0.1:$RELAY_PORT/#*) ;; *) fail "the link is $link" ;; esac
run 11 number new --store "$A" Angela
run 0 number new --store "$A" 'The plumber' --one-call
out_has 'Calls:  1, 0 used'
run 2 number new --store "$A" "$(printf 'a\tb')"
run 0 number list --store "$A" --json
json_is 'numbers.#' 2
json_is numbers.0.link null
run 0 number show --store "$A" "$id" --json
json_is link "$link"
run 0 number show --store "$A" the # any case, the beginning
out_has 'The plumber'
run 0 number label --store "$A" the 'Tony' --json
json_is label Tony
run 11 number label --store "$A" Tony Angela
run 9 number show --store "$A" plumber
run 0 number rebind --store "$A" Angela --yes # not bound: nothing to do
run 10 contact add --store "$A" "$second"
err_has 'invitation'
run 6 contact add --store "$A" "$link"
err_has 'of your own'

# Contacts of the other side, who has no line.
run 0 init --store "$B" --no-passphrase
run 10 init --store "$B" "$link"
err_has 'not an invitation'
run 0 contact add --store "$B" "  <$link> " --json # as people paste
json_is label Donald
json_is verified false
run 0 contact add --store "$B" "$link" --name 'The President'
out_has 'know them already'
run 0 contact list --store "$B" --json
json_is 'contacts.#' 1
json_is contacts.0.label 'The President'
json_is contacts.0.has_number true
run 10 contact add --store "$B" "${link%???}"
err_has 'truncated or was altered'
run 10 contact add --store "$B" 'hello'
err_has 'not a sotto link'
changed=$(printf '%s' "$link" | sed 's/\(.*\)\(.\)\(...........\)$/\1@\3/; s/@/A/')
[ "$changed" = "$link" ] || run 10 contact add --store "$B" "$changed"
run 0 contact rename --store "$B" 'the pres' Donald --json
json_is label Donald
# The terms are in the link, for whoever it is given to.
run 0 contact show --store "$B" Donald --json
json_is calls_max 3
run 0 contact show --store "$B" Donald
out_has 'handed out for 3 calls'
run 0 number new --store "$A" Once --one-call --json
run 0 contact add --store "$B" "$(json link)"
out_has 'without an end, handed out for one call'
run 0 number new --store "$A" Always --json
run 0 contact add --store "$B" "$(json link)" --json
json_is calls_max null
run 0 contact add --store "$B" "$link"
run 0 number new --store "$A" Soon --expires 1s --json
soon=$(json link)
sleep 2
run 6 contact add --store "$B" "$soon"
err_has 'expired'
run 0 number show --store "$A" Soon --json
json_is state expired
setsid -w "$SOTTO" contact add --store "$B" - --json >"$T/out" 2>"$T/err" <<END || fail "link on standard input"
$link
END
json_is label Donald
run 0 contact remove --store "$B" donald --json
json_is removed Donald
run 9 contact show --store "$B" donald

# An invitation is good once; then another one completes the store.
run 6 init --store "$T/third" --no-passphrase "$first"
err_has 'another invitation'
run 0 id --store "$T/third" --json
json_is line.registered false
run 1 number new --store "$B" x
run 0 init --store "$T/third" "$second" --json
json_is line.registered true
run 0 init --store "$B" "$(invite)" --json # a line for somebody who had none
json_is line.registered true

# The relay is gone: nothing is promised, nothing is lost.
relay_stop
run 5 number new --store "$A" Boris
err_has 'does not know the number yet'
out_lacks 'https://'
run 0 number revoke --store "$A" Angela --json
json_is state revoked
json_is pending withdraw
run 5 number show --store "$A" Boris
run 5 status --store "$A" --json
json_is relay.reachable false
json_is numbers.pending 2
run 12 doctor --store "$A"
out_has 'cannot be used'
run 5 init --store "$T/fourth" --no-passphrase "$first"
err_has 'sotto init'

# It is back: whatever was pending is done by the next command that talks to it.
relay_start "$RELAY_PORT"
run 0 number show --store "$A" Boris --json
json_is pending none
run 0 number list --store "$A" --json
for i in 0 1 2 3; do json_is "numbers.$i.pending" none; done
run 0 status --store "$A" --json
json_is relay.reachable true
json_is relay.transport quic
run 0 --websocket status --store "$A" --json
json_is relay.transport websocket
run 0 doctor --store "$A" --json
json_is problems 0
run 0 number new --store "$A" Angela # the label is free again
run 6 number rebind --store "$A" "$id" --yes
err_has 'revoked'

# Two devices of one store at once.
pids=
for i in 1 2 3 4 5 6; do
    timeout 60 "$SOTTO" number new --store "$A" "n$i" --no-qr >"$T/n$i" 2>&1 </dev/null &
    pids="$pids $!"
done
for pid in $pids; do wait "$pid" || fail "one of several at once failed"; done
for i in 1 2 3 4 5 6; do
    run 0 number show --store "$A" "n$i" --json
    json_is pending none
done

# The relay forgets our line.
line=$("$SOTTO" id --store "$A" --json | "$JSON_GET" line.id)
"$SOTTOD" revoke-line "$line" --name 127.0.0.1 --data "$T/relay" >"$T/out" 2>&1 || fail "revoke-line"
run 6 number new --store "$A" Nobody
err_has 'does not know this line'
run 6 status --store "$A"
run 12 doctor --store "$A"

# Another key than the link says: somebody in between.
relay_stop
rm -rf "$T/relay"
relay_start "$RELAY_PORT"
run 5 status --store "$A"
run 12 doctor --store "$A"
out_has 'key'
run 5 number new --store "$A" Nobody2
exit 0
