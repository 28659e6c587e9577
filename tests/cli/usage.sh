#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Help, suggestions, completion, errors as text and as JSON: without store and relay.
. "$(dirname "$0")/lib.sh"

run 0
out_has 'Usage: sotto COMMAND'
run 0 --version
out_has 'sotto 0.'

# Every command and subcommand has help, in three ways.
"$SOTTO" | sed -n '/^Usage/,/^With every/s/^  \([a-z]\{1,\}\) .*/\1/p' >"$T/commands"
[ "$(wc -l <"$T/commands")" -ge 9 ] || fail "too few commands in the overview"
while read -r command; do
    run 0 "$command" --help
    out_has "Usage: sotto $command"
    cp "$T/out" "$T/first"
    run 0 help "$command"
    cmp -s "$T/out" "$T/first" || fail "help $command and $command --help differ"
    run 0 --help "$command"
    cmp -s "$T/out" "$T/first" || fail "--help $command differs"
    sed -n '/^Commands:/,/^$/s/^  \([a-z]\{1,\}\) .*/\1/p' "$T/first" >"$T/subcommands"
    while read -r sub; do
        run 0 "$command" "$sub" --help
        out_has "Usage: sotto $command $sub"
        run 0 help "$command" "$sub"
        out_has "Usage: sotto $command $sub"
    done <"$T/subcommands"
    awk 'length > 80 { exit 1 }' "$T/first" || fail "help of $command is wider than 80 columns"
done <"$T/commands"

run 2 nubmer list
err_has 'Did you mean `sotto number`?'
run 2 number lsit
err_has 'Did you mean `sotto number list`?'
run 2 number
err_has 'needs a command'
run 2 number new --exipres 3d x
err_has 'did you mean --expires?'
run 2 number new
err_has 'something is missing'
run 2 number new Angela Merkel
err_has 'quote names with spaces'
run 2 number new Angela --expires soon
err_has "'soon' is not a time"
run 2 number new Angela --calls 0
run 2 --stroe x id
err_has 'did you mean --store?'
run 2 completion tcsh

# Errors as JSON.
run 2 --json nubmer
json_is error.exit 2
json_is error.code usage
run 2 number new --json --calls x y
json_is error.code usage
run 3 id --json
json_is error.exit 3
json_is error.code not_initialised
[ ! -s "$T/err" ] || fail "something on standard error beside JSON"

# Without a store.
for command in id 'number list' 'number new x' 'number show x' 'number revoke x' 'number rebind x' \
    'number label x y' 'contact list' 'contact add x' 'contact show x' 'contact remove x' log \
    'log clear' status passphrase; do
    run 3 $command
    err_has 'sotto init'
done
[ ! -e "$T/.local" ] || fail "a command that failed made a directory"

# Where the store is.
run 3 id --store "$T/one"
err_has "$T/one"
SOTTO_STORE="$T/two" run 3 id
err_has "$T/two"
XDG_DATA_HOME="$T/three" run 3 id
err_has "$T/three/sotto"
XDG_DATA_HOME=relative run 3 id
err_has "$T/.local/share/sotto"

for shell in bash zsh fish; do
    run 0 completion $shell
    ! command -v $shell >/dev/null || $shell -n "$T/out" || fail "the $shell completion is wrong"
    cp "$T/out" "$T/completion.$shell"
done
cat >"$T/ask" <<'END'
. "$1"
complete_line() { COMP_WORDS=($1 "$2"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=(); _sotto; echo "${COMPREPLY[*]}"; }
complete_line 'sotto' 'nu'
complete_line 'sotto number' 're'
complete_line 'sotto --store /tmp number new' '--ex'
complete_line 'sotto contact add x' '--na'
END
bash "$T/ask" "$T/completion.bash" >"$T/out"
[ "$(cat "$T/out")" = "number
revoke rebind
--expires
--name" ] || fail "bash completes wrongly"

# Somebody who does not read: a full output is not a success.
if [ -w /dev/full ]; then
    "$SOTTO" help >/dev/full 2>"$T/err" && fail "help into a full disk succeeded"
fi
exit 0
