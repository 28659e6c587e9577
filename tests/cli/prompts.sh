#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is asked on a terminal.
. "$(dirname "$0")/lib.sh"

# talk CODE ARGUMENTS...: sotto on a terminal, with the dialog on standard input.
talk() {
    expected=$1
    shift
    cat >"$T/dialog"
    timeout 60 "$PTY" "$T/dialog" "$SOTTO" "$@" >"$T/out" 2>"$T/err"
    code=$?
    [ "$code" -eq "$expected" ] || fail "sotto $* exited with $code, not $expected"
}

talk 0 init <<'END'
expect Invitation
send 
expect New passphrase:
send correct horse battery
expect The same again:
send correct horse battery
expect Fingerprint
END
out_lacks 'horse'

talk 4 init --store "$T/x" <<'END'
expect Invitation
send 
expect New passphrase:
send correct horse battery
expect The same again:
send correct horse batteri
expect not the same
expect New passphrase:
key 3
expect no passphrase was given
END
talk 4 init --store "$T/x" <<'END'
expect Invitation
send 
expect New passphrase:
send short
expect too short
expect New passphrase:
send short
expect too short
expect New passphrase:
send short
expect the passphrase is too short
END
talk 10 init --store "$T/x" <<'END'
expect Invitation
send rubbish
expect not a sotto link
END
talk 4 init --store "$T/x" <<'END'
expect Invitation
send 
expect New passphrase:
key 3
expect no passphrase was given
END
[ ! -e "$T/x" ] || fail "a store was made all the same"

# Editing: Backspace takes a whole character, Ctrl-U everything.
talk 0 id <<'END'
expect Passphrase:
key 120
key 21
key 99
key 111
key 195
key 169
key 127
send rrect horse battery
expect Fingerprint
END
talk 0 id <<'END'
expect Passphrase:
send wrong one
expect Wrong. Passphrase:
send correct horse battery
expect Fingerprint
END
talk 4 id <<'END'
expect Passphrase:
send wrong one
expect Wrong
send wrong one
expect Wrong
send wrong one
expect wrong passphrase
END
talk 1 log clear <<'END'
expect Passphrase:
send correct horse battery
expect [y/N]
send n
expect nothing was done
END
talk 0 log clear <<'END'
expect Passphrase:
send correct horse battery
expect [y/N]
send y
expect erased
END

# The QR code: exact colours on a terminal, characters where there are none.
relay_start
talk 0 init "$(invite)" <<'END'
expect Passphrase:
send correct horse battery
expect Fingerprint
END
talk 0 number new Angela <<'END'
expect Passphrase:
send correct horse battery
expect 48;5;231m
expect nobody else
END
export NO_COLOR=1
talk 0 number show Angela <<'END'
expect Passphrase:
send correct horse battery
expect █▀
expect nobody else
END
out_lacks '48;5;231m'
exit 0
