// SPDX-License-Identifier: Apache-2.0
// First byte 0: a text that somebody pasted. Otherwise: a payload under a right checksum, which
// random texts never have. What parses is formatted, and that parses to the same.
#include "fuzz.h"

#include <assert.h>
#include <sotto/identity.h>
#include <string.h>

#include "identity/link_text.h"
#include "text.h"

static void assert_link_error(int rc)
{
    assert(rc == SOTTO_ELINK_MALFORMED || rc == SOTTO_ELINK_DAMAGED || rc == SOTTO_ELINK_VERSION);
}

static void number(const char *text)
{
    struct sotto_number_link l, again;
    char out[SOTTO_LINK_MAX_BYTES];
    memset(&l, 0x5a, sizeof l);
    struct sotto_number_link before;
    memcpy(&before, &l, sizeof before);
    int rc = sotto_number_link_parse(&l, text);
    if (rc != 0) {
        assert_link_error(rc);
        assert(memcmp(&l, &before, sizeof l) == 0);
        return;
    }
    assert(l.name[0] == '\0' || sotto_name_check(l.name) == 0);
    assert(sotto_number_link_format(&l, out, sizeof out) > 0);
    assert(sotto_number_link_parse(&again, out) == 0);
    assert(strcmp(l.relay.host, again.relay.host) == 0 && l.relay.port == again.relay.port);
    assert(memcmp(l.token, again.token, sizeof l.token) == 0);
    assert(memcmp(&l.secret, &again.secret, sizeof l.secret) == 0);
    assert(sotto_fingerprint_equal(&l.callee, &again.callee));
    assert(l.expires_unix_s == again.expires_unix_s && l.calls == again.calls);
    assert(strcmp(l.name, again.name) == 0);
}

static void invite(const char *text)
{
    struct sotto_invite_link l, again;
    char out[SOTTO_LINK_MAX_BYTES];
    memset(&l, 0x5a, sizeof l);
    struct sotto_invite_link before;
    memcpy(&before, &l, sizeof before);
    int rc = sotto_invite_link_parse(&l, text);
    if (rc != 0) {
        assert_link_error(rc);
        assert(memcmp(&l, &before, sizeof l) == 0);
        return;
    }
    assert(sotto_invite_link_format(&l, out, sizeof out) > 0);
    assert(sotto_invite_link_parse(&again, out) == 0);
    assert(memcmp(l.invite, again.invite, sizeof l.invite) == 0);
    assert(l.relay.pinned == again.relay.pinned);
    assert(memcmp(l.relay.pin, again.relay.pin, sizeof l.relay.pin) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (data[0] == 0) {
        char *text = fuzz_text(data + 1, size - 1);
        number(text);
        invite(text);
        free(text);
        return 0;
    }
    struct sotto_relay_address relay = {.host = "relay.example", .port = 443};
    char text[1024];
    if (link_text_format(&relay, data + 1, size - 1, text, sizeof text) > 0) {
        number(text);
        invite(text);
    }
    return 0;
}
