// SPDX-License-Identifier: Apache-2.0
// sottod-push: sottod starts it, nobody else. It is a program of its own so that what speaks with
// the world's push services, and waits for its names, shares no memory and no loop with calls.
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sotto/base.h>

#include "push/sandbox.h"
#include "push/sender.h"

#define CRASHES_MAX 100 // of the worker; then pushes are over until sottod starts again
#define CRASH_MS    1000

static int work(const struct push_setup *setup)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return 1;
    if (setup->sandbox && push_sandbox() != 0)
        fputs("sottod-push: this kernel has no seccomp: running without the sandbox\n", stderr);
    return sender_run(setup, PUSH_CHANNEL_FD) == 0 ? 0 : 1;
}

// A crash of the worker, which parses what the world answers, costs a second of pushes.
static int supervise(const struct push_setup *setup)
{
    for (unsigned crashes = 0; crashes < CRASHES_MAX; crashes++) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0)
            _exit(work(setup));
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            return 1;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            return 0;
        fputs("sottod-push: begins anew after an error\n", stderr);
        const struct timespec pause = {.tv_sec = CRASH_MS / 1000};
        nanosleep(&pause, NULL);
    }
    return 1;
}

int main(void)
{
    static struct push_setup setup;
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGINT, SIG_IGN); // meant for sottod, which closes the channel when it ends
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    ssize_t len = recv(PUSH_CHANNEL_FD, &setup, sizeof setup, 0);
    if (len != sizeof setup) {
        fputs("sottod-push is started by sottod, for itself.\n", stderr);
        return 2;
    }
    if (setup.sandbox)
        prctl(PR_SET_DUMPABLE, 0);
    int rc = supervise(&setup);
    sotto_wipe(&setup, sizeof setup);
    return rc;
}
