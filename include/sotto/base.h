// SPDX-License-Identifier: Apache-2.0
// What every part of libsotto shares: errors, time, the injected environment, secrets.
#ifndef SOTTO_BASE_H
#define SOTTO_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Every fallible function returns 0 or a positive value on success and one of these on failure.
// The range says what the caller does about it.
enum sotto_error {
    SOTTO_OK = 0,

    // Nothing is wrong: nothing to do now, call again after more input or time.
    SOTTO_EAGAIN = -1,

    // Drop: the packet, message or input is dropped; everything else goes on.
    SOTTO_EPARSE = -101,    // malformed bytes
    SOTTO_EREPLAY = -102,   // seen before, or too old to tell
    SOTTO_EAUTH = -103,     // does not authenticate under the key it claims
    SOTTO_ESTATE = -104,    // well-formed, but not allowed now
    SOTTO_ELIMIT = -105,    // a named limit is reached
    SOTTO_ENOTFOUND = -106, // no such number, contact, call, circuit ...
    SOTTO_EEXIST = -107,    // there already is one
    SOTTO_EINVAL = -108,    // an argument of the local caller makes no sense
    SOTTO_ESPACE = -109,    // the output buffer is too small

    // Links and numbers that a person typed or tapped: say which, ask for another.
    SOTTO_ELINK_MALFORMED = -151, // not a sotto link at all
    SOTTO_ELINK_DAMAGED = -152,   // checksum wrong: truncated or altered
    SOTTO_ELINK_VERSION = -153,   // made by a newer sotto
    SOTTO_EEXPIRED = -154,        // the number's time is over
    SOTTO_EUSEDUP = -155,         // the number's calls are used up
    SOTTO_EREVOKED = -156,        // the owner withdrew the number
    SOTTO_EPASSPHRASE = -157,     // the passphrase does not open the vault

    // End the call: the session or circuit cannot go on.
    SOTTO_EPROTO = -201,   // the peer broke the protocol
    SOTTO_EPEER = -202,    // the peer proved another identity than the expected one
    SOTTO_EPROOF = -203,   // the peer does not hold the number's secret or its second key
    SOTTO_ESUITE = -204,   // no common suite
    SOTTO_ETIMEOUT = -205, // the peer or network did not answer in time
    SOTTO_EREFUSED = -206, // refused by the other side
    SOTTO_ECLOSED = -207,  // closed in good order

    // Stop: this object is unusable; free it and tell the user.
    SOTTO_ENOMEM = -301,
    SOTTO_ECRYPTO = -302, // the cryptographic library failed
    SOTTO_EIO = -303,     // injected storage failed
    SOTTO_EFULL = -304,   // injected storage is full
};

// One short English sentence without a full stop, never NULL, for any int.
const char *sotto_strerror(int error);

// Monotonic nanoseconds. Only differences mean anything.
typedef uint64_t sotto_ns;
#define SOTTO_NS_PER_MS UINT64_C(1000000)
#define SOTTO_NS_PER_S  UINT64_C(1000000000)
#define SOTTO_NEVER     UINT64_MAX

// Both clocks, taken once by the caller, passed down. `unix_s` is used only for the terms of
// numbers and for the book; nothing on the wire depends on it being right.
struct sotto_now {
    sotto_ns mono_ns;
    int64_t unix_s;
};

// What the core needs from outside. The struct is borrowed and must outlive all objects made
// with it. Nothing in core/ or relay/engine/ allocates, or draws randomness, any other way
// (OpenSSL and Opus, inside their own directories, have their own means).
struct sotto_env {
    // realloc semantics: ptr NULL allocates, size 0 frees and returns NULL. NULL on failure.
    void *(*realloc)(void *ptr, size_t size, void *user);
    // Fills buf with len unpredictable bytes. Must not fail: an implementation that cannot
    // deliver aborts the process.
    void (*random)(void *buf, size_t len, void *user);
    void *user;
};

// malloc-backed allocator and the operating system's random source; static storage.
const struct sotto_env *sotto_env_default(void);

// 32 secret bytes. A variable of this type is wiped with sotto_wipe before it goes away.
#define SOTTO_SECRET_BYTES 32
struct sotto_secret {
    uint8_t bytes[SOTTO_SECRET_BYTES];
};

// Overwrites memory in a way the compiler may not remove.
void sotto_wipe(void *ptr, size_t len);
// Constant-time equality.
bool sotto_equal_ct(const void *a, const void *b, size_t len);

#ifdef __cplusplus
}
#endif
#endif
