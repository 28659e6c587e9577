// SPDX-License-Identifier: Apache-2.0
#include "daemon/push.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/process.h"
#include "push/channel.h"

_Static_assert(PUSH_ENDPOINT_MAX == LINK_ENDPOINT_MAX_BYTES &&
                   PUSH_POINT_BYTES == LINK_P256DH_BYTES && PUSH_AUTH_BYTES == LINK_AUTH_BYTES,
               "one subscription");

_Static_assert(PUSH_TTL_S *SOTTO_NS_PER_S == RELAY_WAKE_NS,
               "nobody is woken for a call that is over");

// A job that the sender has not answered yet.
struct pending {
    uint64_t id; // 0: free
    uint8_t line_id[LINK_LINE_ID_BYTES];
    char endpoint[LINK_ENDPOINT_MAX_BYTES + 1];
};

struct push {
    uv_poll_t poll;
    int channel; // -1: the sender is gone
    uint64_t last_id;
    struct pending pending[PUSH_JOBS_PENDING_MAX]; // by id
    char public[VAPID_PUBLIC_TEXT_BYTES];
    struct push_stats stats;
    push_gone *gone;
    void *user;
};

// ---- the key ------------------------------------------------------------------------------------

static int read_key(const char *path, char pem[VAPID_PEM_MAX_BYTES])
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return errno == ENOENT ? SOTTO_ENOTFOUND : SOTTO_EIO;
    size_t len = fread(pem, 1, VAPID_PEM_MAX_BYTES - 1, f);
    pem[len] = '\0';
    bool failed = ferror(f) != 0;
    fclose(f);
    return failed ? SOTTO_EIO : 0;
}

// The key of this relay, made at the first start.
static int find_key(const struct sottod_config *c, char pem[VAPID_PEM_MAX_BYTES],
                    char public[VAPID_PUBLIC_TEXT_BYTES], char *error, size_t cap)
{
    char path[CONFIG_PATH_MAX] = PUSH_KEY_FILE;
    int rc = config_path(c, PUSH_KEY_FILE, path);
    if (rc == 0)
        rc = read_key(path, pem);
    if (rc == SOTTO_ENOTFOUND) {
        rc = vapid_make(pem);
        if (rc == 0)
            rc = process_write_file(path, pem);
    }
    if (rc == 0)
        rc = vapid_public(pem, public);
    if (rc == SOTTO_EINVAL)
        snprintf(error, cap, "%s is damaged; without it every subscription must be made anew",
                 path);
    else if (rc != 0)
        snprintf(error, cap, "%s: %s", path, sotto_strerror(rc));
    return rc;
}

// ---- the sender ---------------------------------------------------------------------------------

// Beside sottod (installed: below libexec; built: in its own directory).
bool push_program(char out[CONFIG_PATH_MAX])
{
    static const char *const places[] = {PUSH_PROGRAM, "../libexec/sotto/" PUSH_PROGRAM,
                                         "../push/" PUSH_PROGRAM};
    char self[CONFIG_PATH_MAX / 2];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0)
        return false;
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    if (slash == NULL)
        return false;
    slash[1] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(out, CONFIG_PATH_MAX, "%s%s", self, places[i]);
        if (access(out, X_OK) == 0)
            return true;
    }
    return false;
}

// With nothing of ours but its end of the channel, and the log.
static int spawn(const char *program, int channel)
{
    char name[] = PUSH_PROGRAM;
    char *argv[] = {name, NULL}, *envp[] = {NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t pid;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    int rc = posix_spawn_file_actions_adddup2(&files, channel, PUSH_CHANNEL_FD);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(&files, PUSH_CHANNEL_FD + 1);
    if (rc == 0)
        rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(&attributes, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(&attributes, &all);
    if (rc == 0)
        rc = posix_spawn(&pid, program, &files, &attributes, argv, envp);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

static int start_sender(struct push *p, const struct push_setup *setup, char *error, size_t cap)
{
    char program[CONFIG_PATH_MAX];
    int pair[2];
    if (!push_program(program)) {
        snprintf(error, cap, "its program %s is not installed beside sottod", PUSH_PROGRAM);
        return SOTTO_ENOTFOUND;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        snprintf(error, cap, "%s", strerror(errno));
        return SOTTO_EIO;
    }
    int rc = spawn(program, pair[1]);
    close(pair[1]);
    if (rc == 0 && send(pair[0], setup, sizeof *setup, MSG_NOSIGNAL) != (ssize_t)sizeof *setup)
        rc = errno;
    if (rc != 0) {
        snprintf(error, cap, "%s: %s", program, strerror(rc));
        close(pair[0]);
        return SOTTO_EIO;
    }
    p->channel = pair[0];
    return 0;
}

// ---- what became of them ------------------------------------------------------------------------

static void answered(struct push *p, const struct push_result *r)
{
    struct pending *job = &p->pending[r->id % PUSH_JOBS_PENDING_MAX];
    if (r->id == 0 || job->id != r->id)
        return;
    job->id = 0;
    p->stats.sent += r->outcome == PUSH_SENT;
    p->stats.gone += r->outcome == PUSH_GONE;
    p->stats.failed += r->outcome != PUSH_SENT && r->outcome != PUSH_GONE;
    if (r->outcome == PUSH_GONE)
        p->gone(job->line_id, job->endpoint, p->user);
}

static void hang_up(struct push *p)
{
    uv_poll_stop(&p->poll);
    close(p->channel);
    p->channel = -1;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct push *p = poll->data;
    struct push_result r;
    (void)events;
    for (size_t n = 0; status == 0 && n < PUSH_JOBS_PENDING_MAX; n++) {
        ssize_t len = recv(p->channel, &r, sizeof r, MSG_DONTWAIT);
        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (len != (ssize_t)sizeof r)
            status = -1;
        else
            answered(p, &r);
    }
    if (status == 0)
        return;
    log_error("the sender of pushes has ended: nobody is woken until sottod starts again");
    hang_up(p);
}

// ---- from outside -------------------------------------------------------------------------------

static void fill_setup(struct push_setup *setup, const struct sottod_config *c)
{
    setup->services = c->push_services;
    setup->sandbox = c->sandbox && !process_sanitized();
    snprintf(setup->contact, sizeof setup->contact, "%s", c->push_contact);
    snprintf(setup->ca, sizeof setup->ca, "%s", c->push_ca);
}

int push_new(struct push **out, uv_loop_t *loop, const struct sottod_config *c, push_gone *gone,
             void *user, char *error, size_t error_cap)
{
    struct push_setup setup = {.sandbox = 0};
    struct push *p = calloc(1, sizeof *p);
    if (p == NULL)
        return SOTTO_ENOMEM;
    p->channel = -1;
    p->gone = gone;
    p->user = user;
    fill_setup(&setup, c);
    int rc = find_key(c, setup.key_pem, p->public, error, error_cap);
    if (rc == 0)
        rc = start_sender(p, &setup, error, error_cap);
    sotto_wipe(&setup, sizeof setup);
    if (rc == 0 && uv_poll_init(loop, &p->poll, p->channel) != 0) {
        close(p->channel);
        rc = SOTTO_EIO;
    }
    if (rc != 0) {
        free(p);
        return rc;
    }
    p->poll.data = p;
    uv_poll_start(&p->poll, UV_READABLE, on_readable);
    *out = p;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void push_free(struct push *p)
{
    if (p == NULL)
        return;
    if (p->channel >= 0)
        hang_up(p);
    uv_close((uv_handle_t *)&p->poll, on_closed);
}

static bool send_one(struct push *p, const struct relay_store_push *one)
{
    struct pending *job = &p->pending[++p->last_id % PUSH_JOBS_PENDING_MAX];
    struct push_job message = {.id = p->last_id};
    if (p->channel < 0 || job->id != 0)
        return false;
    memcpy(message.endpoint, one->endpoint, sizeof message.endpoint);
    memcpy(message.p256dh, one->p256dh, sizeof message.p256dh);
    memcpy(message.auth, one->auth, sizeof message.auth);
    ssize_t len = send(p->channel, &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
    sotto_wipe(&message, sizeof message);
    if (len != (ssize_t)sizeof message)
        return false;
    job->id = p->last_id;
    memcpy(job->line_id, one->line_id, sizeof job->line_id);
    memcpy(job->endpoint, one->endpoint, sizeof job->endpoint);
    return true;
}

void push_send(struct push *p, const struct relay_store_push *pushes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        p->stats.dropped += !send_one(p, &pushes[i]);
}

const char *push_public(const struct push *p)
{
    return p->public;
}

void push_get_stats(const struct push *p, struct push_stats *out)
{
    static const struct push_stats none;
    *out = p == NULL ? none : p->stats;
}
