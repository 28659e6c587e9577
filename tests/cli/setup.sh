#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `sotto setup` puts an invitation and numbers together into one link, and refuses what is none.
. "$(dirname "$0")/lib.sh"

A="$T/donald"
relay_start
run 0 init --store "$A" --no-passphrase --name Donald "$(invite)"
run 0 number new --store "$A" Justin --json
number=$(json link)
invitation=$(invite)
base=${invitation%%#*}

# Nothing but the invitation: the same link.
run 0 setup "$invitation" --json
json_is link "$invitation"

# A name and contacts; what could be taken for the link's own marks is escaped.
run 0 setup "$invitation" --name 'Justin T.' 'Donald & ~co' "$number" 'Échо' "$number" --json
escaped=$(printf %s "$number" | sed 's/:/%3A/g; s,/,%2F,g; s/#/%23/')
json_is link "$invitation&name=Justin%20T.&contact=Donald%20%26%20%7Eco~$escaped&contact=%C3%89ch%D0%BE~$escaped"

# Another address of the page.
for page in http://localhost:8080 http://localhost:8080/; do
    run 0 setup "$invitation" --page "$page" --json
    json_is link "http://localhost:8080/#${invitation#*#}"
done
[ "$base" != http://localhost:8080/ ] || fail "the test says nothing"

# For people: the link, and a QR code if it fits.
run 0 setup "$invitation"
out_has "$invitation"
out_has '█'

# What is wrong is said.
run 10 setup "$number"
run 10 setup "$invitation" Donald "$invitation"
run 10 setup 'https://127.0.0.1/#damaged'
run 2 setup "$invitation" Donald
run 2 setup
run 2 setup "$invitation" --page 'ftp://x'
run 2 setup "$invitation" --page 'https://x/#y'
setsid -w "$SOTTO" setup "$invitation" "$(printf 'a\tb')" "$number" >"$T/out" 2>"$T/err" && fail "a label with a tab"
exit 0
