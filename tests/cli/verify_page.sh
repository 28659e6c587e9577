#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `sotto verify-page` against a real relay: the release itself, and each way of serving another.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null && command -v openssl >/dev/null || exit 77
PROXY_PID=
trap 'stop_proxy; cleanup' EXIT

stop_proxy() {
    [ -z "$PROXY_PID" ] || kill "$PROXY_PID" 2>/dev/null
    PROXY_PID=
}

# ---- a page, its release and its signature ------------------------------------------------------

P="$T/page"
mkdir "$P"
sha384() { openssl dgst -sha384 -binary "$1" | base64 -w0; }
public() { openssl pkey -in "$1" -pubout -outform DER | tail -c 32; }
bytes() { printf '\001'; public "$1"; }
key_id() { { printf 'sotto-page\n'; bytes "$1"; } | openssl dgst -sha256 -binary | head -c 4; }
key_text() { echo "sotto-page+$(key_id "$1" | od -An -tx1 | tr -d ' \n')+$(bytes "$1" | base64 -w0)"; }
list() {
    for f in index.html main-ABCDEFG2.js sw.js; do
        printf '%s{"path":"/%s","bytes":%s,"sha384":"%s"}' "${comma:-}" $f "$(wc -c <"$P/$f")" "$(sha384 "$P/$f")"
        comma=,
    done
}
sign() {
    printf 'sotto page 1.2.3\nsha256 %s\n' "$(openssl dgst -sha256 -binary "$P/release.json" | base64 -w0)" >"$T/note"
    openssl pkeyutl -sign -rawin -inkey "$1" -in "$T/note" -out "$T/signature"
    printf '\n\342\200\224 sotto-page %s\n' "$({ key_id "$1"; cat "$T/signature"; } | base64 -w0)" |
        cat "$T/note" - >"$P/release.json.sig"
}

echo 'document.title = "a page"' >"$P/main-ABCDEFG2.js"
gzip -9nk "$P/main-ABCDEFG2.js"
echo '// nothing' >"$P/sw.js"
cat >"$P/index.html" <<HTML
<!doctype html>
<html lang="en">
<head>
<title>sotto</title>
<script type="module" src="/main-ABCDEFG2.js" integrity="sha384-$(sha384 "$P/main-ABCDEFG2.js")" crossorigin="anonymous"></script>
</head>
<body><div id="app"></div></body>
</html>
HTML
printf '{"version":"1.2.3","files":[%s]}\n' "$(list)" >"$P/release.json"
cp "$P/release.json" "$T/manifest"
openssl genpkey -algorithm ed25519 -out "$T/key.pem" 2>/dev/null
openssl genpkey -algorithm ed25519 -out "$T/other.pem" 2>/dev/null
sign "$T/key.pem"
KEY=$(key_text "$T/key.pem")
HASH=$(openssl dgst -sha256 -r "$P/release.json" | cut -c1-64)

relay_start 0 --plain-port 0 --page "$P"
PLAIN=$(sed -n 's,.*http://localhost:\([0-9]*\)/.*,\1,p' "$T/relay.log")
PIN=$(sed -n 's/.*key pin \([0-9a-f]*\).*/\1/p' "$T/relay.log")
reload() {
    before=$(grep -c 'reloaded:' "$T/relay.log")
    kill -HUP "$RELAY_PID"
    tries=0
    until [ "$(grep -c 'reloaded:' "$T/relay.log")" -gt "$before" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || fail "the relay does not reload"
        sleep 0.1
    done
}

# ---- the release itself -------------------------------------------------------------------------

URL=https://127.0.0.1:$RELAY_PORT
run 0 verify-page "$URL" --pin "$PIN" --manifest "$T/manifest"
out_has 'the one of your manifest'
out_has 'all 3 are the release'
run 0 verify-page "http://localhost:$PLAIN/" --release-key "$KEY"
out_has 'signed by sotto-page'
run 0 verify-page "http://localhost:$PLAIN/#anything" --hash "$HASH"
key_text "$T/key.pem" >"$T/key"
run 0 verify-page "$URL/" --pin "$PIN" --release-key "$T/key" --manifest "$T/manifest" --hash "$HASH" --json
json_is good true
json_is problems 0
json_is hash "$HASH"
json_is version 1.2.3

# ---- not the relay, not asked rightly -----------------------------------------------------------

run 5 verify-page "$URL" --hash "$HASH" # a certificate that nobody vouches for
err_has '--pin'
run 5 verify-page "$URL" --hash "$HASH" --pin "$HASH"
run 5 verify-page http://127.0.0.1:1 --hash "$HASH"
run 2 verify-page
for url in relay.example ftp://relay.example https:// https://relay.example/page 'https://a@b/' 'https://a/?x'; do
    run 2 verify-page "$url" --hash "$HASH"
done
run 2 verify-page "$URL" --hash 12
run 2 verify-page "$URL" --pin x --hash "$HASH"
run 2 verify-page "$URL" --release-key 'sotto-page+00000000+AA=='
run 2 verify-page "$URL" --manifest "$P/sw.js"
run 1 verify-page "$URL" --manifest "$T/nothing"

# ---- another page than was released -------------------------------------------------------------

run 12 verify-page "http://localhost:$PLAIN" --hash "$(printf '%064d' 0)"
out_has 'it is not the hash that you gave'
run 12 verify-page "http://localhost:$PLAIN" --release-key "$(key_text "$T/other.pem")"
out_has 'it is not signed by sotto-page'
sign "$T/other.pem"
reload
run 12 verify-page "http://localhost:$PLAIN" --release-key "$KEY"
sign "$T/key.pem"
sed 's/1.2.3/1.2.4/' "$T/manifest" >"$P/release.json"
reload
run 12 verify-page "http://localhost:$PLAIN" --release-key "$KEY"
out_has 'it has no signature about this page'
run 12 verify-page "http://localhost:$PLAIN" --manifest "$T/manifest"
cp "$T/manifest" "$P/release.json"
reload
run 0 verify-page "http://localhost:$PLAIN" --release-key "$KEY" --manifest "$T/manifest"

# One file; and one only as it is compressed.
echo 'document.title = "b page"' >"$P/main-ABCDEFG2.js"
reload
run 12 verify-page "http://localhost:$PLAIN" --hash "$HASH"
out_has '/main-ABCDEFG2.js (br) is another file'
echo 'document.title = "a page"' >"$P/main-ABCDEFG2.js"
echo 'alert(1)' | gzip -9n >"$P/main-ABCDEFG2.js.gz"
reload
run 12 verify-page "http://localhost:$PLAIN" --hash "$HASH" --json
json_is problems 1
rm "$P/main-ABCDEFG2.js.gz"
# A file too many.
echo 'alert(1)' >"$P/worker.js"
reload
run 12 verify-page "http://localhost:$PLAIN" --hash "$HASH"
out_has '/worker.js is not in the release'
rm "$P/worker.js"
reload
run 0 verify-page "http://localhost:$PLAIN" --hash "$HASH"

# ---- altered on the way -------------------------------------------------------------------------

# altered SENTENCE RULE...: what is said of it.
altered() {
    sentence=$1
    shift
    mkfifo "$T/port"
    python3 "$(dirname "$0")/altering_proxy.py" "$PLAIN" "$@" >"$T/port" 2>"$T/proxy.log" &
    PROXY_PID=$!
    read -r proxy <"$T/port"
    rm "$T/port"
    if [ -z "$sentence" ]; then
        run 0 verify-page "http://127.0.0.1:$proxy" --hash "$HASH"
    else
        run 12 verify-page "http://127.0.0.1:$proxy" --hash "$HASH"
        tr '\n' ' ' <"$T/out" | tr -s ' ' | grep -qF -e "$sentence" || fail "lacks '$sentence'"
    fi
    stop_proxy
}
altered ''
altered 'lacks a content-security-policy' :drop=Content-Security-Policy
altered "default-src" ":set=Content-Security-Policy=default-src *"
altered 'cross-origin-opener-policy' /:drop=Cross-Origin-Opener-Policy
altered 'it has a header link' '/:set=Link=</x.js>; rel=modulepreload'
altered 'it has a header set-cookie' '/sw.js:set=Set-Cookie=a=b'
altered 'content-type' '/sw.js:set=Content-Type=text/html'
altered '/ (br) is another file' '/@User-Agent=iPhone:body=<script>alert(1)</script>' # to telephones only
altered '/sw.js (identity) is another file' '/sw.js@Accept-Encoding=identity:body=x'
altered 'the relay answers 302' /index.html:status=302
altered 'relay.json speaks of another release' '/relay.json:body={"origin":"x:1","release":{"sha256":"0"}}'
altered 'there is no relay.json' /relay.json:status=404
exit 0
