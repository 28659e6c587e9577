#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The screen and the keys.
. "$(dirname "$0")/lib_call.sh"

relay_start
person kyiv ottawa paris
ottawa_link=$(number kyiv Ottawa)
paris_link=$(number kyiv 'Père Noël')

# --- declined ---
on_terminal kyiv listen --once --mic silence --speaker none <<'END'
expect Waiting for calls
expect Ottawa is calling
key 100
END
kyiv=$PID
until_has kyiv 'Waiting for calls'
run 7 call "$ottawa_link" --store "$T/ottawa" --mic silence --speaker none
out_has 'declined'
ends "$kyiv" 0

# --- answered, words compared, muted, a second call, held and resumed ---
on_terminal kyiv listen --mic silence --speaker none <<'END'
expect Waiting for calls
expect Ottawa is calling
key 97
expect not verified yet
key 119
expect Read these words
key 121
expect Verified
key 109
expect muted
key 109
expect l is calling
expect words never compared
key 97
expect on hold
key 104
expect resume
key 111
expect in call
key 113
END
kyiv=$PID
until_has kyiv 'Waiting for calls'
start ottawa call "$ottawa_link" --json --mic silence --speaker none
ottawa=$PID
until_has kyiv 'muted'
start paris call "$paris_link" --json --mic silence --speaker none
paris=$PID
ends "$kyiv" 0
ends "$paris" 0
ends "$ottawa" 0
has ottawa '"event":"hold"'
[ "$(event paris '"state":"ended"' end)" = peer_hangup ] || fail_of "end of paris"
run 0 number list --store "$T/kyiv" --json
out_has '"verified": true'

# --- words that differ end it, and take the mark away ---
on_terminal kyiv listen --once --mic silence --speaker none <<'END'
expect Ottawa is calling
expect verified
key 97
expect in call
key 119
expect Read these words
key 110
END
kyiv=$PID
until_has kyiv 'line ready'
start ottawa call "$ottawa_link" --json --mic silence --speaker none
ends "$PID" 6
ends "$kyiv" 6

# --- without a screen: lines, and the same keys ---
TERM=dumb
on_terminal kyiv listen --once --mic silence --speaker none <<'END'
expect Your line is ready
expect is calling
key 97
expect In call with
key 104
END
kyiv=$PID
until_has kyiv 'line is ready'
start ottawa call "$ottawa_link" --json --mic silence --speaker none
ends "$PID" 0
ends "$kyiv" 0
! grep -q "$(printf '\033')" "$T/kyiv.out" || fail "escape sequences on a dumb terminal"

# --- both call each other from their screens, at about the same moment ---
TERM=xterm-256color
run 0 contact add "$ottawa_link" --name Kyiv --store "$T/ottawa"
back=$(number ottawa Kyiv)
run 0 contact add "$back" --name Ottawa --store "$T/kyiv"
on_terminal kyiv listen --mic silence --speaker none <<'END'
expect Waiting for calls
key 99
expect Call:
send Ottawa
expect in call
expect hung up
key 113
END
kyiv=$PID
on_terminal ottawa listen --mic silence --speaker none <<'END'
expect Waiting for calls
key 99
expect Call:
send Kyiv
expect in call
key 119
expect Read these words
key 109
expect muted
key 113
END
ottawa=$PID
ends "$kyiv" 0
ends "$ottawa" 0
