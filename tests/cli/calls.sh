#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two people talk; a stranger who got hold of the number does not.
. "$(dirname "$0")/lib_call.sh"

relay_start
person kyiv ottawa eve
link=$(number kyiv Ottawa)
speech 1 "$T/one.wav"
speech 2 "$T/two.wav"

# --- nobody there, wrong targets, wrong sound ---
run 7 call "$link" --store "$T/ottawa" --mic silence --speaker none
out_has 'none of its owner'
run 9 call Paris --store "$T/ottawa" --mic silence --speaker none
echo "$link" | "$SOTTO" call - --store "$T/ottawa" --mic silence --speaker none >"$T/out" 2>"$T/err"
out_has "none of its owner"
run 10 call "${link%?????}" --store "$T/ottawa" --mic silence --speaker none
run 2 call "$link" --store "$T/kyiv" --mic silence --speaker none
err_has 'your own line'
run 2 call "$link" --store "$T/ottawa" --mic "$T/nothing.wav" --speaker none
err_has 'No such file'
run 2 call "$link" --store "$T/ottawa" --mic headset --speaker none
err_has 'device:NAME'
run 2 call "$link" --store "$T/ottawa" --mic silence --speaker "$T/none/x.wav"
err_has 'cannot be written'

# --- a conversation ---
start kyiv listen --accept --once --json --mic "$T/one.wav" --speaker "$T/at-kyiv.wav"
kyiv=$PID
listening kyiv
run 11 listen --store "$T/kyiv" --accept --mic silence --speaker none
err_has 'listens on this line already'
start ottawa call "$link" --json --mic "$T/two.wav" --speaker "$T/at-ottawa.wav" --hangup-after-mic
ends "$PID" 0
ends "$kyiv" 0
heard "$T/two.wav" "$T/at-kyiv.wav"
heard "$T/one.wav" "$T/at-ottawa.wav"
! "$LIKENESS" "$T/one.wav" "$T/at-kyiv.wav" --at-least 0.4 >/dev/null ||
    fail "kyiv hears itself"
has kyiv '"event":"number_bound"'
[ "$(event kyiv '"event":"secure"' words)" = "$(event ottawa '"event":"secure"' words)" ] ||
    fail_of "the words differ"
[ "$(event ottawa '"event":"secure"' group)" = SecP384r1MLKEM1024 ] || fail_of "group"
# The microphone opens after the answer, on both sides.
for who in kyiv ottawa; do
    active=$(line_of $who '"state":"active"')
    opened=$(line_of $who '"event":"mic"')
    [ "$opened" -gt "$active" ] || fail_of "$who opened the microphone too early"
done
[ "$(event ottawa '"state":"ended"' end)" = hangup ] || fail_of "end"
[ "$(event kyiv '"state":"ended"' end)" = peer_hangup ] || fail_of "end"
[ "$(event ottawa '"state":"ended"' statistics.cells.sent)" -gt 150 ] || fail_of "cells"
run 0 log --store "$T/kyiv"
out_has 'Ottawa'
out_has 'ms delay'
run 0 log --store "$T/kyiv" --json
# Both entries may be of the same second: that the number was bound, and the call.
entry=0
[ "$(json log.0.kind)" = call ] || entry=1
[ "$(json log.$entry.quality.delay_us)" -gt 20000 ] || fail_of "the log lacks the delay"

# --- the number in other hands ---
start kyiv listen --json --mic silence --speaker none
kyiv=$PID
listening kyiv
run 6 call "$link" --store "$T/eve" --mic silence --speaker none
out_has 'refused the call'
until_has kyiv '"event":"number_leaked"'
lacks kyiv '"event":"incoming"'
"$SOTTO" id --store "$T/eve" --json >"$T/out"
stranger=$(json fingerprint)
[ "$(event kyiv '"event":"number_leaked"' peer)" = "$stranger" ] || fail_of "not named"

# --- revoked by another process, seen by the one that listens ---
run 0 number revoke Ottawa --store "$T/kyiv"
run 6 call "$link" --store "$T/ottawa" --mic silence --speaker none
out_has 'withdrawn'
kill "$kyiv"
ends "$kyiv" 0
lacks kyiv '"event":"incoming"'

# --- the relay is gone ---
relay_stop
run 5 call "$link" --store "$T/ottawa" --mic silence --speaker none
out_has 'relay cannot be reached'

# --- somebody known who tries with another's number is called by name ---
relay_start "$RELAY_PORT"
ottawa_link=$(number kyiv 'Ottawa again')
paris_link=$(number kyiv Paris)
start kyiv listen --accept --json --mic silence --speaker none
kyiv=$PID
listening kyiv
run 0 call "$ottawa_link" --store "$T/ottawa" --mic silence --speaker none --max-seconds 1
run 0 call "$paris_link" --store "$T/eve" --mic silence --speaker none --max-seconds 1
run 6 call "$paris_link" --store "$T/ottawa" --mic silence --speaker none
until_has kyiv '"event":"number_leaked"'
event kyiv '"event":"number_leaked"' who >"$T/out"
out_has 'Ottawa'
kill "$kyiv"
ends "$kyiv" 0
