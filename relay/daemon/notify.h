// SPDX-License-Identifier: Apache-2.0
// systemd's readiness protocol (sd_notify(3)): datagrams to $NOTIFY_SOCKET.
#ifndef SOTTO_DAEMON_NOTIFY_H
#define SOTTO_DAEMON_NOTIFY_H

// Opens the socket, to be used after the sandbox has closed. Without $NOTIFY_SOCKET all of this
// does nothing.
void notify_open(void);
void notify_send(const char *state); // "READY=1", "RELOADING=1", "STOPPING=1", "STATUS=..."

#endif
