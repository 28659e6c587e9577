// SPDX-License-Identifier: Apache-2.0
// The page's telephone: each line of the input is a command, or, behind a byte that is no brace,
// bytes from a relay, a kit or time that goes by. Answers and events are JSON, whatever came in.
#include "fuzz.h"

#include "kit.h"
#include "phone.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 1000

static struct phone *phone;
static struct sotto_now now;

static int slot_write(unsigned which, const uint8_t *data, size_t len, void *user)
{
    (void)user;
    assert(which < SLOTS_COUNT && (data != NULL || len == 0));
    return now.unix_s % 7 == 0 ? -2 : 0;
}

static void is_json(const char *text)
{
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert(json_is_object(json));
    json_decref(json);
}

// Not those that stretch a passphrase at its full cost.
static bool is_costly(const char *text, size_t len)
{
    static const char *const words[] = {"backup", "\"passphrase\"", "\\u"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (memmem(text, len, words[i], strlen(words[i])) != NULL) {
            return true;
        }
    }
    return false;
}

static void command(const char *text, size_t len)
{
    const char *answer = is_costly(text, len) ? "{}" : phone_command(phone, text, len, now);
    assert(answer != NULL);
    is_json(answer);
}

static void drain(void)
{
    uint8_t data[SOTTO_MESSAGE_MAX_BYTES];
    unsigned link;
    const char *event;
    for (int i = 0; i < EVENTS_MAX && (event = phone_event(phone)) != NULL; i++) {
        is_json(event);
    }
    while (phone_write_message(phone, &link, data, sizeof data) > 0) {
    }
    while (phone_write_datagram(phone, &link, data, sizeof data) > 0) {
    }
}

static void from_outside(const uint8_t *line, size_t len)
{
    unsigned link = len > 1 ? line[1] % (SOTTO_LINKS_MAX + 1) : 0;
    switch (line[0]) {
    case 'u':
        phone_link_up(phone, link, now);
        break;
    case 'd':
        phone_link_down(phone, link, len % 2 == 0, now);
        break;
    case 'm':
        phone_message(phone, link, line, len, now);
        break;
    case 'c':
        phone_datagram(phone, link, line, len, now);
        break;
    case 'k': {
        struct kit kit;
        if (len < KIT_DATA_MAX_BYTES && kit_open(&kit, "words", line + 1, len - 1) == SOTTO_OK) {
            kit_free(&kit);
        }
        break;
    }
    default:
        now.mono_ns += line[0] * SOTTO_NS_PER_MS;
        now.unix_s += line[0] % 3;
        phone_handle_expiry(phone, now);
        break;
    }
}

static void one_line(const uint8_t *line, size_t len)
{
    if (len > 0 && line[0] == '{') {
        command((const char *)line, len);
    } else if (len > 0) {
        from_outside(line, len);
    }
    drain();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct slots_host host = {.write = slot_write};
    static const char create[] =
        "{\"command\":\"create\",\"name\":\"A\",\"lock\":\"none\",\"secret\":"
        "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}";
    now = (struct sotto_now){.mono_ns = SOTTO_NS_PER_S, .unix_s = 1800000001};
    assert(phone_new(&phone, &host) == SOTTO_OK);
    if (size > 0 && data[0] % 2 == 0) {
        command(create, sizeof create - 1);
    }
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t len = end != NULL ? (size_t)(end - data) - at : size - at;
        one_line(data + at, len);
        at += len + 1;
    }
    phone_free(phone);
    return 0;
}
