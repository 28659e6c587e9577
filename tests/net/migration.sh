#!/bin/bash
# migration.sh ECHO_SERVER MIGRATION_CLIENT [ONE_WAY_MS ...]: a client in a network namespace of its
# own loses its address, its way and its interface in the middle of a stream; the connection must stay
# one. What is lost is what was on its way: a round trip of cells, and few more.
# 77: skipped, namespaces are not permitted here.
set -euo pipefail
echo_server=$(realpath "$1")
client=$(realpath "$2")
delays=(${@:3})
[ ${#delays[@]} -gt 0 ] || delays=(25 150)
proxy=$(dirname "$(realpath "$0")")/delay_proxy.py
c=sotto-c-$$
s=sotto-s-$$
work=$(mktemp -d /tmp/sotto-migration.XXXXXX)
server_pid=''
proxy_pid=''

cleanup() {
    [ -z "$proxy_pid" ] || kill "$proxy_pid" 2>/dev/null || true
    [ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null || true
    ip netns del "$c" 2>/dev/null || true
    ip netns del "$s" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

command -v ip >/dev/null || { echo "skipped: there is no ip"; exit 77; }
ip netns add "$c" 2>/dev/null && ip netns add "$s" 2>/dev/null || { echo "skipped: no namespaces here"; exit 77; }

in_c() { ip netns exec "$c" "$@"; }
in_s() { ip netns exec "$s" "$@"; }

# net FAMILY NUMBER HOST
net() { if [ "$1" = 4 ]; then echo "10.77.$2.$3"; else echo "fd77:$2::$3"; fi; }
bits() { if [ "$1" = 4 ]; then echo 24; else echo 64; fi; }

# Two ways between the two, and the server's address on neither of them.
plug() { # plug NUMBER: both families
    local n=$1 f
    for f in 4 6; do
        in_s ip addr add "$(net $f "$n" 1)/$(bits $f)" dev "v$n" $([ $f = 4 ] || echo nodad)
        in_c ip addr add "$(net $f "$n" 2)/$(bits $f)" dev "v$n" $([ $f = 4 ] || echo nodad)
    done
}
way() { # way NUMBER: where the client's packets go
    local f
    for f in 4 6; do in_c ip -$f route replace default via "$(net $f "$1" 1)" dev "v$1"; done
}
build() {
    local n
    in_s ip link set lo up
    in_c ip link set lo up
    in_s ip addr add 10.77.0.1/32 dev lo
    in_s ip addr add fd77::1/128 dev lo
    for n in 1 2; do
        ip link add "v$n" netns "$c" type veth peer name "v$n" netns "$s"
        in_s ip link set "v$n" up
        in_c ip link set "v$n" up
        plug $n
    done
    way 1
}
build

scenario() { # scenario NAME SERVER_BINDS HOST SECONDS MOVES ONE_WAY_MS ACTIONS...
    local name=$1 bind=$2 host=$3 seconds=$4 moves=$5 delay=$6 lost client_pid status port
    shift 6
    # A cell each 20 ms, there and back, and three more; no moves: a second without any network.
    lost=$((moves > 0 ? moves * (2 * delay / 20 + 3) : 60))
    : >"$work/server" # no port of the one before
    # Not through in_s: what is killed later has to be the server, not a shell around it.
    ip netns exec "$s" "$echo_server" "$work/c.pem" "$work/c.key" 0 "$bind" >"$work/server" &
    server_pid=$!
    for _ in $(seq 100); do grep -q PORT "$work/server" && break; sleep 0.05; done
    port=$(sed -n 's/^PORT //p' "$work/server")
    if [ "$delay" -gt 0 ]; then
        : >"$work/proxy"
        ip netns exec "$s" python3 "$proxy" "$host" "$port" "$delay" >"$work/proxy" &
        proxy_pid=$!
        for _ in $(seq 100); do grep -q PORT "$work/proxy" && break; sleep 0.05; done
        port=$(sed -n 's/^PORT //p' "$work/proxy")
    fi
    echo "== $name, $host, round trip $((2 * delay)) ms"
    ip netns exec "$c" "$client" "$work/c.pem" "$host" "$port" "$seconds" "$lost" >"$work/client" &
    client_pid=$!
    "$@"
    status=0
    wait $client_pid || status=$?
    cat "$work/client"
    if [ -n "$proxy_pid" ]; then
        kill $proxy_pid
        wait $proxy_pid || true
        proxy_pid=''
    fi
    kill $server_pid
    wait $server_pid || true
    server_pid=''
    return $status
}

other_way() { # the user walks out of one network and into another
    sleep 2
    way 2
    in_c ip link set v1 down
    sleep 2
    in_c ip link set v1 up
    plug_client 1
    way 1
    in_c ip link set v2 down
}
plug_client() { # an interface that was down has lost its IPv6 addresses
    in_c ip addr add "$(net 6 "$1" 2)/64" dev "v$1" nodad 2>/dev/null || true
}
restore() {
    in_c ip link set v1 up
    in_c ip link set v2 up
    plug_client 1
    plug_client 2
    way 1
}
renumber() { # the same network gives another address
    local f
    sleep 2
    for f in 4 6; do # all at once: what is measured is not how long ip takes
        in_c ip -$f -batch - <<END
addr del $(net $f 1 2)/$(bits $f) dev v1
addr add $(net $f 1 3)/$(bits $f) dev v1 $([ $f = 4 ] || echo nodad)
route replace default via $(net $f 1 1) dev v1
END
    done
}
unnumber() {
    local f
    for f in 4 6; do
        in_c ip addr del "$(net $f 1 3)/$(bits $f)" dev v1
        in_c ip addr add "$(net $f 1 2)/$(bits $f)" dev v1 $([ $f = 4 ] || echo nodad)
    done
    way 1
}
away() { # no network at all for a moment
    sleep 2
    in_c ip link set v1 down
    sleep 1
    in_c ip link set v1 up
    plug_client 1
    way 1
}

both_ways() { # Wi-Fi to mobile: the new way comes while the old one works
    sleep 2
    way 2
    sleep 2
    way 1
}

failed=0
passed=0
count() { if [ "$1" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi; }
for host in 10.77.0.1 fd77::1; do
    bind=0.0.0.0
    [ $host = 10.77.0.1 ] || bind=::
    for delay in 0 "${delays[@]}"; do
        status=0; scenario "another way" $bind $host 7 2 "$delay" other_way || status=$?; count $status
        restore
        status=0; scenario "a better way" $bind $host 6 2 "$delay" both_ways || status=$?; count $status
        restore
        status=0; scenario "another address" $bind $host 5 1 "$delay" renumber || status=$?; count $status
        unnumber
    done
    status=0; scenario "no network for 1 s" $bind $host 6 0 0 away || status=$?; count $status
    restore
done
status=0; scenario "another way, both families on one socket" :: 10.77.0.1 7 2 0 other_way || status=$?; count $status
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
