// SPDX-License-Identifier: Apache-2.0
// UDP in batches: one system call for many datagrams, in and out.
#ifndef NET_UDP_H
#define NET_UDP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

// Longer ones are dropped. A browser probes the path with up to 1472 bytes.
#define UDP_IN_MAX_BYTES        1536
// RFC 9000 §14: what every path carries. There is no path MTU discovery: cells are small.
#define UDP_OUT_MAX_BYTES       1200
#define UDP_SOCKET_BUFFER_BYTES (2 * 1024 * 1024)

union udp_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

socklen_t udp_address_len(const union udp_address *a);
bool udp_address_equal(const union udp_address *a, const union udp_address *b);
// Equal but for the port.
bool udp_host_equal(const union udp_address *a, const union udp_address *b);
// "192.0.2.1:443", "[2001:db8::1]:443"
const char *udp_address_text(const union udp_address *a, char *buf, size_t cap);

// ---- out ----------------------------------------------------------------------------------

struct udp_out;

// For at most `batch` packets a call. `connected`: the socket knows the destination.
// `any_local`: the socket is bound to all addresses, so each packet says which it leaves from.
struct udp_out *udp_out_new(unsigned batch, bool connected, bool any_local);
void udp_out_free(struct udp_out *o);
void udp_out_set_fd(struct udp_out *o, int fd);
// Room for one packet of UDP_OUT_MAX_BYTES; sends the batch first if it is full.
uint8_t *udp_out_next(struct udp_out *o);
// The room given last now holds a packet of `len` bytes.
void udp_out_commit(struct udp_out *o, const struct sockaddr *local, const struct sockaddr *remote,
                    size_t len);
// Sends what there is. A packet that the kernel refuses is lost, as in the network.
void udp_out_flush(struct udp_out *o);
// The errno of the last refusal since this was asked last, other than a full buffer; 0: none.
int udp_out_error(struct udp_out *o);

// ---- in -----------------------------------------------------------------------------------

struct udp_in;

// For at most `batch` packets a call. `local`: the socket's own address, the port of which each
// packet was sent to.
struct udp_in *udp_in_new(const union udp_address *local, unsigned batch);
void udp_in_free(struct udp_in *in);
// Receives up to a batch of packets without waiting; returns how many, or -1 with errno (EAGAIN if
// there are none).
int udp_in_recv(struct udp_in *in, int fd);

struct udp_packet {
    uint8_t *data;
    size_t len; // 0: was too long, drop
    union udp_address remote, local;
};
// The i-th of the last batch.
void udp_in_packet(struct udp_in *in, int i, struct udp_packet *out);

// ---- sockets ------------------------------------------------------------------------------

// Non-blocking; -1 with errno on failure.
int udp_socket_bound(const union udp_address *local);
// *local gets the address that the kernel chose.
int udp_socket_connected(const union udp_address *remote, union udp_address *local);

#endif
