#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The store: made, protected, damaged, full. Without a relay.
. "$(dirname "$0")/lib.sh"

S="$T/.local/share/sotto"
run 4 init </dev/null # nobody to ask for a passphrase
err_has '--passphrase-file'
[ ! -e "$S/sotto.db" ] || fail "a store was made all the same"

printf 'short\n' >"$T/short"
printf 'correct horse battery\nsecond line\n' >"$T/pass"
printf 'something else\r\n' >"$T/other"
run 4 init --passphrase-file "$T/short"
err_has 'too short'
run 4 init --passphrase-file "$T/missing"
run 4 init --passphrase-file /dev/null
err_has 'empty first line'
run 2 init --passphrase-file "$T/pass" --name "$(printf 'two\nlines')"
[ ! -e "$S/sotto.db" ] || fail "a store was made all the same"

run 0 init --passphrase-file "$T/pass" --name 'Élysée' --json
json_is name 'Élysée'
json_is line null
json_is store "$S"
fingerprint=$(json fingerprint)
[ "$(stat -c %a "$S")" = 700 ] || fail "mode of the directory"
[ "$(stat -c %a "$S/sotto.db")" = 600 ] || fail "mode of the file"
! grep -rqF 'lys' "$S" || fail "the name is readable in the store"

run 11 init --passphrase-file "$T/pass"
err_has 'nothing was changed'
run 4 id
run 4 id --passphrase-file "$T/other"
err_has 'wrong passphrase'
run 0 id --passphrase-file "$T/pass" --json
json_is fingerprint "$fingerprint"
SOTTO_PASSPHRASE_FILE="$T/pass" run 0 id
out_has "$fingerprint"
setsid -w "$SOTTO" id --passphrase-file - <"$T/pass" >"$T/out" || fail "passphrase on standard input"
out_has "$fingerprint"

setsid -w "$SOTTO" id --passphrase-file /dev/fd/7 7<"$T/pass" >"$T/out" || fail "a descriptor"
out_has "$fingerprint"

run 4 passphrase --passphrase-file "$T/other" --new-passphrase-file "$T/other"
run 4 passphrase --passphrase-file "$T/pass" --new-passphrase-file "$T/short"
run 0 passphrase --passphrase-file "$T/pass" --new-passphrase-file "$T/other" --json
json_is passphrase true
run 4 id --passphrase-file "$T/pass"
run 0 id --passphrase-file "$T/other"
run 2 passphrase --none --new-passphrase-file "$T/other" --passphrase-file "$T/other"
run 0 passphrase --none --passphrase-file "$T/other" --json
json_is passphrase false
run 0 id --json
json_is fingerprint "$fingerprint"

run 1 number new Angela
err_has 'no line'
run 0 number list --json
json_is 'numbers.#' 0
run 0 log --json
json_is 'log.#' 0
run 2 log clear
err_has '--yes'
run 0 log clear --yes --json
json_is removed 0
run 9 number show nobody
run 9 contact show nobody

run 0 status --json
json_is relay null
json_is numbers.fresh 0
json_is contacts 0
run 0 doctor --json
json_is problems 0
chmod 755 "$S"
run 12 doctor
out_has 'open to other users'
out_has 'chmod 700'
chmod 700 "$S"

# What is left of a store that cannot be read is never replaced.
cp -r "$S" "$T/damaged"
head -c 8192 /dev/urandom >"$T/damaged/sotto.db"
rm -f "$T/damaged/sotto.db-wal"
run 8 id --store "$T/damaged"
err_has 'doctor'
run 8 init --store "$T/damaged" --no-passphrase
run 12 doctor --store "$T/damaged"
out_has 'cannot be opened'
run 0 id

# A full disk: said so, and nothing is lost.
(
    ulimit -f 8 # of 512 or 1024 bytes
    run 8 init --store "$T/full" --no-passphrase
    err_has 'full'
    err_has 'nothing is lost'
) || exit 1
run 0 init --store "$T/full" --no-passphrase
run 0 id --store "$T/full"
