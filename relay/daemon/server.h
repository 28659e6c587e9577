// SPDX-License-Identifier: Apache-2.0
// The running relay: sockets, engine, store, control socket and signals on one loop.
#ifndef SOTTO_DAEMON_SERVER_H
#define SOTTO_DAEMON_SERVER_H

#include "daemon/options.h"

#define DATABASE_FILE RELAY_SQLITE_FILE
#define LOCK_FILE     "lock"
#define ADDRESS_FILE  "address" // "name port" of the relay that ran here last

#define STOP_GRACE_MS    250  // from telling the devices to closing their connections
#define STOP_DEADLINE_MS 2500 // from the signal to the end, whatever hangs

// Runs until SIGTERM or SIGINT. The process's exit status; what went wrong was logged.
int server_run(struct options *o);

#endif
