// SPDX-License-Identifier: Apache-2.0
// Sends pushes: one POST each (RFC 8030) with libcurl, several at a time.
#ifndef SOTTO_PUSH_SENDER_H
#define SOTTO_PUSH_SENDER_H

#include "push/channel.h"

#define SENDER_TRANSFERS_MAX 32   // further jobs wait in the channel
#define SENDER_ATTEMPTS_MAX  3    // of a job whose service fails or is not reached
#define SENDER_AGAIN_MS      1000 // before the second attempt; twice that before the third
#define SENDER_CONNECT_MS    5000
#define SENDER_TIMEOUT_MS    10000 // of one attempt
#define SENDER_ANSWER_MAX    4096  // of the answer's body; it is not looked at

// Until the channel is closed. 0, SOTTO_ENOMEM, SOTTO_ECRYPTO (no key), SOTTO_EIO.
int sender_run(const struct push_setup *setup, int channel);

#endif
