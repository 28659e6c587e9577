// SPDX-License-Identifier: Apache-2.0
// What sottod and its sender of pushes say to each other over a pair of sockets that keeps
// messages apart (SOCK_SEQPACKET). Both come from one build. The sender has the descriptor below;
// the first message is a setup, all further ones are jobs; it ends when the pair is closed.
#ifndef SOTTO_PUSH_CHANNEL_H
#define SOTTO_PUSH_CHANNEL_H

#include <stdint.h>

#include "push/endpoint.h"
#include "push/vapid_key.h"

#define PUSH_CHANNEL_FD       3
#define PUSH_PATH_MAX         512
#define PUSH_ENDPOINT_MAX     1024
#define PUSH_TTL_S            45 // the dial waits no longer (RELAY_WAKE_NS)
#define PUSH_JOBS_PENDING_MAX 256

struct push_setup {
    struct push_services services;
    char key_pem[VAPID_PEM_MAX_BYTES];
    char contact[PUSH_CONTACT_MAX_BYTES + 1];
    char ca[PUSH_PATH_MAX]; // certificates that sign the services' own; "": the system's
    uint8_t sandbox;
};

struct push_job {
    uint64_t id;
    char endpoint[PUSH_ENDPOINT_MAX + 1];
    uint8_t p256dh[PUSH_POINT_BYTES];
    uint8_t auth[PUSH_AUTH_BYTES];
};

enum push_outcome {
    PUSH_SENT,
    PUSH_GONE,  // the service knows it no more, or it is none: to be forgotten
    PUSH_FAILED // not sent, after all attempts
};

struct push_result {
    uint64_t id;
    uint8_t outcome; // enum push_outcome
};

#endif
