#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A device whose clock is a day off. CLOCK_SHIFT: the library to preload; "" if it cannot be.
. "$(dirname "$0")/lib.sh"
[ -n "$CLOCK_SHIFT" ] || exit 77

relay_start
run 0 init --no-passphrase "$(invite)"
shifted() {
    LD_PRELOAD=$CLOCK_SHIFT SOTTO_TEST_CLOCK_SHIFT=$1
    export LD_PRELOAD SOTTO_TEST_CLOCK_SHIFT
    shift
    run "$@"
    unset LD_PRELOAD SOTTO_TEST_CLOCK_SHIFT
}
shifted 86400 12 doctor
out_has 'your clock is 1 day ahead of'
shifted -172800 12 doctor
out_has 'your clock is 2 days behind'
shifted 300 0 doctor
out_has 'your clock is 5 minutes ahead of'
run 0 doctor
out_has 'agrees with'
# Nothing else depends on it.
shifted -86400 0 number new Angela --expires 30d
shifted 86400 0 status
