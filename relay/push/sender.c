// SPDX-License-Identifier: Apache-2.0
#include "push/sender.h"

#include <curl/curl.h>
#include <errno.h>
#include <sotto/base.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "push/ece.h"
#include "push/vapid.h"

// The same for every call: a push says that there is one, and nothing of it.
static const uint8_t wake_up[16] = "sotto: wake up";

#define BODY_BYTES PUSH_SEALED_BYTES(sizeof wake_up)

enum state {
    FREE,
    WAITING, // for `due_ms`
    RUNNING
};

struct transfer {
    enum state state;
    struct push_job job;
    unsigned attempts;
    uint64_t due_ms;
    CURL *easy;
    struct curl_slist *headers;
    uint8_t body[BODY_BYTES];
    size_t answered; // bytes
};

struct sender {
    const struct push_setup *setup;
    EVP_PKEY *key;
    CURLM *multi;
    int channel;
    bool closed;
    struct transfer transfers[SENDER_TRANSFERS_MAX];
};

static uint64_t now_ms(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000 + (uint64_t)at.tv_nsec / 1000000;
}

static void finish(struct sender *s, struct transfer *t, enum push_outcome outcome)
{
    struct push_result r = {.id = t->job.id, .outcome = (uint8_t)outcome};
    // If nobody reads them, nobody needs them.
    (void)send(s->channel, &r, sizeof r, MSG_DONTWAIT | MSG_NOSIGNAL);
    sotto_wipe(t, sizeof *t);
}

static void stop(struct sender *s, struct transfer *t)
{
    if (t->easy != NULL) {
        curl_multi_remove_handle(s->multi, t->easy);
        curl_easy_cleanup(t->easy);
    }
    curl_slist_free_all(t->headers);
    t->easy = NULL;
    t->headers = NULL;
}

// ---- one attempt --------------------------------------------------------------------------------

static size_t on_answer(char *data, size_t size, size_t count, void *user)
{
    struct transfer *t = user;
    (void)data;
    t->answered += size * count;
    return t->answered > SENDER_ANSWER_MAX ? 0 : size * count;
}

static bool add_header(struct transfer *t, const char *line)
{
    struct curl_slist *more = curl_slist_append(t->headers, line);
    if (more == NULL)
        return false;
    t->headers = more;
    return true;
}

static int add_headers(struct sender *s, struct transfer *t, const char *origin)
{
    char authorization[VAPID_HEADER_MAX_BYTES + 32] = "Authorization: ", ttl[32];
    size_t at = strlen(authorization);
    int rc =
        vapid_header(s->key, origin, s->setup->contact, (int64_t)time(NULL), authorization + at);
    snprintf(ttl, sizeof ttl, "TTL: %d", PUSH_TTL_S);
    if (rc == 0 &&
        !(add_header(t, authorization) && add_header(t, ttl) && add_header(t, "Urgency: high") &&
          add_header(t, "Content-Encoding: aes128gcm") &&
          add_header(t, "Content-Type: application/octet-stream") && add_header(t, "Expect:")))
        rc = SOTTO_ENOMEM;
    return rc;
}

static int encrypt(struct transfer *t)
{
    uint8_t salt[PUSH_SALT_BYTES];
    EVP_PKEY *ours = push_key_new();
    if (ours == NULL)
        return SOTTO_ECRYPTO;
    sotto_env_default()->random(salt, sizeof salt, NULL);
    int rc = push_encrypt(t->body, sizeof t->body, t->job.p256dh, t->job.auth, ours, salt, wake_up,
                          sizeof wake_up);
    EVP_PKEY_free(ours);
    return rc < 0 ? rc : 0;
}

static bool configure(const struct sender *s, struct transfer *t)
{
    CURLcode rc = CURLE_OK;
#define SET(option, value) rc = rc == CURLE_OK ? curl_easy_setopt(t->easy, option, value) : rc
    SET(CURLOPT_URL, t->job.endpoint);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (s->setup->ca[0] != '\0') {
        SET(CURLOPT_CAINFO, s->setup->ca);
        SET(CURLOPT_CAPATH, NULL);
    }
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)SENDER_CONNECT_MS);
    SET(CURLOPT_TIMEOUT_MS, (long)SENDER_TIMEOUT_MS);
    SET(CURLOPT_HTTPHEADER, t->headers);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE, (long)BODY_BYTES);
    SET(CURLOPT_POSTFIELDS, t->body);
    SET(CURLOPT_WRITEFUNCTION, on_answer);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_PRIVATE, t);
#undef SET
    return rc == CURLE_OK;
}

// The first thing that goes wrong here goes wrong each time.
static void begin(struct sender *s, struct transfer *t)
{
    char origin[PUSH_ORIGIN_MAX_BYTES + 1];
    t->state = RUNNING;
    t->attempts++;
    t->answered = 0;
    if (!push_endpoint_parse(&s->setup->services, t->job.endpoint, origin)) {
        finish(s, t, PUSH_GONE);
        return;
    }
    int rc = encrypt(t);
    if (rc == 0)
        rc = add_headers(s, t, origin);
    t->easy = rc == 0 ? curl_easy_init() : NULL;
    if (t->easy == NULL || !configure(s, t) ||
        curl_multi_add_handle(s->multi, t->easy) != CURLM_OK) {
        stop(s, t);
        finish(s, t, rc == SOTTO_EPARSE ? PUSH_GONE : PUSH_FAILED);
    }
}

static bool may_pass(CURLcode code, long status)
{
    return code != CURLE_OK ? code != CURLE_WRITE_ERROR : status == 429 || status >= 500;
}

static void ended(struct sender *s, struct transfer *t, CURLcode code)
{
    long status = 0;
    curl_off_t again_s = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &again_s);
    stop(s, t);
    uint64_t wait_ms = (uint64_t)SENDER_AGAIN_MS << (t->attempts - 1);
    if (again_s > 0 && (uint64_t)again_s * 1000 > wait_ms)
        wait_ms = (uint64_t)again_s * 1000;
    if (code == CURLE_OK && status >= 200 && status < 300) {
        finish(s, t, PUSH_SENT);
    } else if (code == CURLE_OK && (status == 404 || status == 410)) {
        finish(s, t, PUSH_GONE);
    } else if (may_pass(code, status) && t->attempts < SENDER_ATTEMPTS_MAX &&
               wait_ms < PUSH_TTL_S / 2 * 1000) {
        t->state = WAITING;
        t->due_ms = now_ms() + wait_ms;
    } else {
        finish(s, t, PUSH_FAILED);
    }
}

// ---- all of them --------------------------------------------------------------------------------

static struct transfer *place(struct sender *s)
{
    for (size_t i = 0; i < SENDER_TRANSFERS_MAX; i++)
        if (s->transfers[i].state == FREE)
            return &s->transfers[i];
    return NULL;
}

static void read_jobs(struct sender *s)
{
    struct transfer *t;
    while (!s->closed && (t = place(s)) != NULL) {
        ssize_t len = recv(s->channel, &t->job, sizeof t->job, MSG_DONTWAIT);
        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (len != sizeof t->job) {
            s->closed = true;
            return;
        }
        t->job.endpoint[PUSH_ENDPOINT_MAX] = '\0';
        begin(s, t);
    }
}

static void start_due(struct sender *s)
{
    for (size_t i = 0; i < SENDER_TRANSFERS_MAX; i++)
        if (s->transfers[i].state == WAITING && s->transfers[i].due_ms <= now_ms())
            begin(s, &s->transfers[i]);
}

static void finish_ended(struct sender *s)
{
    int left;
    CURLMsg *m;
    while ((m = curl_multi_info_read(s->multi, &left)) != NULL) {
        struct transfer *t = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result;
        if (curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t) == CURLE_OK && t != NULL)
            ended(s, t, code);
    }
}

static int wait_ms(const struct sender *s)
{
    uint64_t first = now_ms() + 60000;
    for (size_t i = 0; i < SENDER_TRANSFERS_MAX; i++)
        if (s->transfers[i].state == WAITING && s->transfers[i].due_ms < first)
            first = s->transfers[i].due_ms;
    uint64_t at = now_ms();
    return first > at ? (int)(first - at) : 0;
}

static int loop(struct sender *s)
{
    while (!s->closed) {
        int running;
        struct curl_waitfd wait = {.fd = s->channel, .events = CURL_WAIT_POLLIN};
        if (curl_multi_perform(s->multi, &running) != CURLM_OK)
            return SOTTO_EIO;
        finish_ended(s);
        start_due(s);
        if (curl_multi_poll(s->multi, &wait, place(s) != NULL, wait_ms(s), NULL) != CURLM_OK)
            return SOTTO_EIO;
        read_jobs(s);
    }
    return 0;
}

int sender_run(const struct push_setup *setup, int channel)
{
    static struct sender sender;
    struct sender *s = &sender;
    *s = (struct sender){.setup = setup, .channel = channel, .key = vapid_read(setup->key_pem)};
    if (s->key == NULL)
        return SOTTO_ECRYPTO;
    s->multi = curl_multi_init();
    int rc = s->multi == NULL ? SOTTO_ENOMEM : loop(s);
    for (size_t i = 0; i < SENDER_TRANSFERS_MAX; i++)
        stop(s, &s->transfers[i]);
    curl_multi_cleanup(s->multi);
    EVP_PKEY_free(s->key);
    return rc;
}
