#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The other suite, WebSocket, the echo, a program that is killed.
. "$(dirname "$0")/lib_call.sh"

relay_start
person kyiv ottawa
link=$(number kyiv Ottawa)
speech 3 "$T/three.wav"

# --- cnsa2, over WebSocket ---
start kyiv listen --accept --once --json --suite cnsa2 --mic silence --speaker none
kyiv=$PID
listening kyiv
run 6 call "$link" --store "$T/ottawa" --mic silence --speaker none
start ottawa call "$link" --json --suite cnsa2 --websocket --mic silence --speaker none \
    --max-seconds 2
ends "$PID" 0
ends "$kyiv" 0
[ "$(event ottawa '"event":"secure"' group)" = MLKEM1024 ] || fail_of "group"
[ "$(event ottawa '"state":"ended"' statistics.transport)" = websocket ] || fail_of "transport"

# --- the echo gives back what was said ---
start kyiv echo --once --json --summary
kyiv=$PID
listening kyiv
run 0 call "$link" --store "$T/ottawa" --mic "$T/three.wav" --speaker "$T/echo.wav" \
    --hangup-after-mic --summary
out_has 'secured by'
out_has 'until it rang'
ends "$kyiv" 0
heard "$T/three.wav" "$T/echo.wav"

# --- statistics: a line a second for each call; what cannot be written stops nothing ---
: >"$T/kyiv.out"
"$SOTTO" echo --store "$T/kyiv" --json --stats "$T/kyiv.csv" >"$T/kyiv.out" 2>"$T/kyiv.err" </dev/null &
kyiv=$!
PIDS="$PIDS $kyiv"
listening kyiv
run 0 call "$link" --store "$T/ottawa" --mic "$T/three.wav" --speaker none --max-seconds 4 \
    --no-neural --stats "$T/ottawa.csv"
[ "$(stat -c %a "$T/ottawa.csv")" = 600 ] || fail_of "others can read it"
lines=$(wc -l <"$T/ottawa.csv")
[ "$lines" -ge 5 ] && [ "$lines" -le 7 ] || fail_of "$lines lines for four seconds"
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; width = NF; next }
    NF != width { exit 1 }
    { sent += $column["cells_sent"]; played += $column["played"]; rtt = $column["rtt_ms"]
      state = $column["state"]; neural = $column["neural"] }
    END { exit !(neural == "unwanted" && sent > 150 && sent < 300 && played > 100 && rtt > 0 && state == "ended") }' \
    "$T/ottawa.csv" || fail_of "statistics: $(cat "$T/ottawa.csv")"
echo "a letter" >"$T/letter"
run 0 call "$link" --store "$T/ottawa" --mic silence --speaker none --max-seconds 2 \
    --stats "$T/letter"
out_has 'is there already'
[ "$(cat "$T/letter")" = "a letter" ] || fail_of "somebody's letter was overwritten"
run 0 call "$link" --store "$T/ottawa" --json --mic silence --speaker none --max-seconds 2 \
    --stats /dev/full
out_has '"statistics_failed"'
run 2 call "$link" --store "$T/ottawa" --stats --json
err_has 'needs a value'
kill -9 "$kyiv"
wait "$kyiv" 2>/dev/null
[ "$(tail -c 1 "$T/kyiv.csv" | od -An -tu1 | tr -d ' ')" = 10 ] || fail_of "half a line"
[ "$(cut -d, -f2 "$T/kyiv.csv" | sort -u | wc -l)" -eq 4 ] || fail_of "not three calls"

# --- killed in mid-call: the recording is whole, the other side ends by itself ---
start kyiv listen --accept --json --mic "$T/three.wav" --mic-loop --speaker none
kyiv=$PID
listening kyiv
"$SOTTO" call "$link" --store "$T/ottawa" --json --mic silence --speaker "$T/killed.wav" \
    >"$T/ottawa.out" 2>"$T/ottawa.err" </dev/null &
victim=$!
until_has ottawa '"event":"speaker_started"'
sleep 2
kill -9 "$victim"
wait "$victim" 2>/dev/null
heard "$T/killed.wav" "$T/killed.wav"
kill "$kyiv"
ends "$kyiv" 0

# --- polite end by a signal: the other side hears of it at once ---
start kyiv listen --accept --once --json --mic silence --speaker none
kyiv=$PID
listening kyiv
start ottawa call "$link" --json --mic silence --speaker none
caller=$PID
until_has ottawa '"event":"mic_started"'
pkill -INT -P "$(pgrep -P "$caller" timeout || echo "$caller")" sotto 2>/dev/null || kill -INT "$caller"
ends "$caller" 0
ends "$kyiv" 0
[ "$(event kyiv '"state":"ended"' end)" = peer_hangup ] || fail_of "end"
