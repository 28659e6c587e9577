#!/bin/sh
# A seed does exactly the same in another process, alone or after others: replay.sh SIM
set -eu
sim=$1
trace() { "$sim" -v "$@" | sed -n "s/^seed $seed: trace //p"; }
for seed in 7 12; do
    alone=$(trace --seed $seed)
    [ -n "$alone" ]
    [ "$alone" = "$(trace --seed $seed)" ]
    [ "$alone" = "$(trace --seed $((seed - 2)) --count 3)" ]
done
# Another seed does something else.
seed=8
[ "$alone" != "$(trace --seed $seed)" ]
