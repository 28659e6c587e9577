// SPDX-License-Identifier: Apache-2.0
// The page's telephone, driven as the page drives it, at a real relay engine.
#include "phone_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOUD 1e5 // mean square of a tone that came through

static struct rig_phone *const anna = &rig.phones[0];
static struct rig_phone *const ben = &rig.phones[1];
static struct rig_phone *const carl = &rig.phones[2];

// ---- helpers -----------------------------------------------------------------------------------

struct minted {
    char id[65];
    char link[SOTTO_LINK_MAX_BYTES];
};

static struct minted mint(struct rig_phone *p, const char *label)
{
    struct minted m;
    json_t *n = rig_do(p, "number_new", "{s:s}", "label", label);
    snprintf(m.id, sizeof m.id, "%s", rig_text(n, "id"));
    snprintf(m.link, sizeof m.link, "%s", rig_text(n, "link"));
    assert_string_equal(rig_text(n, "state"), "fresh");
    json_decref(n);
    rig_run(500);
    return m;
}

static json_int_t dial(struct rig_phone *p, const char *link)
{
    json_t *result = rig_do(p, "dial", "{s:s,s:s}", "link", link, "label", "the callee");
    json_int_t call = rig_integer(result, "call");
    json_decref(result);
    return call;
}

static json_int_t rings(struct rig_phone *p, const char *label)
{
    json_t *event = rig_event(p, "incoming", NULL, NULL);
    assert_string_equal(rig_text(event, "call.label"), label);
    assert_string_equal(rig_text(event, "call.state"), "ringing");
    assert_true(rig_true(event, "call.incoming"));
    json_int_t call = rig_integer(event, "call.id");
    json_decref(event);
    return call;
}

static void ends(struct rig_phone *p, const char *end)
{
    json_t *event = rig_event(p, "call", "call.state", "ended");
    assert_string_equal(rig_text(event, "call.end"), end);
    json_decref(event);
}

// The present state of the only call.
static json_t *only_call(struct rig_phone *p)
{
    json_t *calls = rig_do(p, "calls", NULL);
    assert_int_equal(json_array_size(calls), 1);
    json_t *call = json_incref(json_array_get(calls, 0));
    json_decref(calls);
    return call;
}

static json_t *number_of(struct rig_phone *p, const char *id)
{
    json_t *list = rig_do(p, "numbers", NULL);
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *n = json_array_get(list, i);
        if (strcmp(rig_text(n, "id"), id) == 0) {
            json_incref(n);
            json_decref(list);
            return n;
        }
    }
    fail_msg("no such number");
    return NULL;
}

static void number_is(struct rig_phone *p, const char *id, const char *state, bool pending)
{
    json_t *n = number_of(p, id);
    assert_string_equal(rig_text(n, "state"), state);
    assert_int_equal(rig_true(n, "pending"), pending);
    json_decref(n);
}

// The newest of that kind.
static const json_t *entry(const json_t *log, const char *kind)
{
    for (size_t i = 0; i < json_array_size(log); i++) {
        if (strcmp(rig_text(json_array_get(log, i), "kind"), kind) == 0) {
            return json_array_get(log, i);
        }
    }
    fail_msg("no such entry");
    return NULL;
}

static json_t *log_of(struct rig_phone *p, size_t count)
{
    json_t *log = rig_do(p, "log", NULL);
    assert_int_equal(json_array_size(log), count);
    return log;
}

static void talk_for(struct rig_phone *from, struct rig_phone *to)
{
    from->tone_hz = 440;
    rig_run(800);
    assert_true(from->mic);
    assert_true(to->heard > LOUD);
    from->tone_hz = 0;
}

struct call {
    json_int_t caller, callee;
};

// From the first ring to talking.
static struct call connect(struct rig_phone *caller, const char *link, struct rig_phone *callee,
                           const char *label)
{
    struct call c = {.caller = dial(caller, link)};
    c.callee = rings(callee, label);
    rig_done(callee, "accept", "{s:I}", "call", c.callee);
    rig_expect(caller, "call", "call.state", "active");
    rig_expect(callee, "call", "call.state", "active");
    return c;
}

static void hang_up(struct rig_phone *p, json_int_t call, struct rig_phone *other)
{
    rig_done(p, "hangup", "{s:I}", "call", call);
    ends(p, "hangup");
    ends(other, "peer_hangup");
    rig_run(2000);
}

// ---- the store ---------------------------------------------------------------------------------

static void boot_is(struct rig_phone *p, bool exists, const char *lock, bool damaged)
{
    json_t *boot = rig_do(p, "boot", NULL);
    assert_int_equal(rig_true(boot, "exists"), exists);
    assert_string_equal(rig_text(boot, "lock"), lock);
    assert_int_equal(rig_true(boot, "damaged"), damaged);
    json_decref(boot);
}

static void a_telephone_is_made_and_kept(void **state)
{
    (void)state;
    boot_is(anna, false, "none", false);
    rig_fails(anna, "ENOTFOUND", "open", NULL);
    json_t *made = rig_do(anna, "create", "{s:s,s:s}", "name", "Élysée", "lock", "none");
    assert_string_equal(rig_text(made, "name"), "Élysée");
    assert_int_equal(rig_integer(made, "created"), rig.now.unix_s);
    assert_false(rig_true(made, "has_line"));
    assert_null(json_object_get(made, "home"));
    rig_expect(anna, "line", "line.state", "none");
    rig_fails(anna, "EEXIST", "create", "{s:s,s:s}", "name", "", "lock", "none");
    rig_fails(anna, "ESTATE", "open", NULL);

    rig_restart(anna);
    boot_is(anna, true, "none", false);
    rig_fails(anna, "EPASSPHRASE", "open", "{s:s}", "secret",
              "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    json_t *opened = rig_do(anna, "open", NULL);
    assert_string_equal(rig_text(opened, "fingerprint"), rig_text(made, "fingerprint"));
    json_decref(opened);
    json_decref(made);
    rig_done(anna, "set_name", "{s:s}", "name", "");
    rig_restart(anna);
    opened = rig_do(anna, "open", NULL);
    assert_string_equal(rig_text(opened, "name"), "");
    json_decref(opened);
}

static void a_passphrase_locks(void **state)
{
    (void)state;
    rig_fails(anna, "EINVAL", "create", "{s:s,s:s}", "name", "A", "lock", "passphrase");
    rig_fails(anna, "EINVAL", "create", "{s:s,s:s}", "name", "A", "lock", "thumb");
    rig_done(anna, "create", "{s:s,s:s,s:s}", "name", "A", "lock", "passphrase", "passphrase",
             "pomme de terre");
    rig_done(anna, "lock", NULL);
    rig_expect(anna, "closed", NULL, NULL);
    rig_fails(anna, "ESTATE", "profile", NULL);
    boot_is(anna, true, "passphrase", false);
    rig_fails(anna, "EPASSPHRASE", "open", "{s:s}", "passphrase", "pomme");
    rig_fails(anna, "EINVAL", "open", NULL);
    rig_done(anna, "open", "{s:s}", "passphrase", "pomme de terre");

    rig_fails(anna, "EPASSPHRASE", "set_lock", "{s:s,s:s,s:s}", "lock", "none", "old_passphrase",
              "wrong", "passphrase", "");
    boot_is(anna, true, "passphrase", false);
    json_t *profile = rig_do(anna, "set_lock", "{s:s,s:s,s:s}", "lock", "passkey", "old_passphrase",
                             "pomme de terre", "passphrase", "c0ffee");
    assert_string_equal(rig_text(profile, "lock"), "passkey");
    json_decref(profile);
    rig_restart(anna);
    boot_is(anna, true, "passkey", false);
    rig_fails(anna, "EPASSPHRASE", "open", "{s:s}", "passphrase", "pomme de terre");
    rig_done(anna, "open", "{s:s}", "passphrase", "c0ffee");
    // Neither slot opens with the old passphrase.
    for (unsigned i = 0; i < SLOTS_COUNT; i++) {
        free(anna->slot[1 - i]);
        uint8_t *kept = malloc(anna->slot_len[i]);
        memcpy(kept, anna->slot[i], anna->slot_len[i]);
        anna->slot[1 - i] = kept;
        anna->slot_len[1 - i] = anna->slot_len[i];
        rig_restart(anna);
        rig_fails(anna, "EPASSPHRASE", "open", "{s:s}", "passphrase", "pomme de terre");
        rig_done(anna, "open", "{s:s}", "passphrase", "c0ffee");
    }
}

static void a_full_disk_changes_nothing(void **state)
{
    (void)state;
    rig_line(anna, "Anna");
    anna->write_fails = -2;
    rig_fails(anna, "EFULL", "number_new", "{s:s}", "label", "Ben");
    rig_fails(anna, "EFULL", "set_lock", "{s:s,s:s}", "lock", "passkey", "passphrase", "00");
    boot_is(anna, true, "none", false);
    anna->write_fails = -1;
    rig_fails(anna, "EIO", "set_name", "{s:s}", "name", "Anne");
    json_t *profile = rig_do(anna, "profile", NULL);
    assert_string_equal(rig_text(profile, "name"), "Anna");
    json_decref(profile);
    json_t *numbers = rig_do(anna, "numbers", NULL);
    assert_int_equal(json_array_size(numbers), 0);
    json_decref(numbers);
    anna->write_fails = 0;
    mint(anna, "Ben");
    rig_restart(anna);
    rig_done(anna, "open", NULL);
    numbers = rig_do(anna, "numbers", NULL);
    assert_string_equal(rig_text(numbers, "0.label"), "Ben");
    json_decref(numbers);
}

static void erased_is_erased(void **state)
{
    (void)state;
    rig_line(anna, "Anna");
    mint(anna, "Ben");
    rig_done(anna, "erase", NULL);
    rig_expect(anna, "link_unwanted", NULL, NULL);
    rig_expect(anna, "closed", NULL, NULL);
    assert_int_equal(anna->slot_len[0], 0);
    assert_int_equal(anna->slot_len[1], 0);
    boot_is(anna, false, "none", false);
    rig_fails(anna, "ESTATE", "numbers", NULL);
    rig_line(anna, "Anna again");
}

static void a_damaged_store_is_not_written_over(void **state)
{
    (void)state;
    rig_done(anna, "create", "{s:s,s:s}", "name", "A", "lock", "none");
    for (unsigned i = 0; i < SLOTS_COUNT; i++) {
        if (anna->slot_len[i] > 0) {
            anna->slot[i][anna->slot_len[i] / 2] ^= 1;
        }
    }
    rig_restart(anna);
    boot_is(anna, true, "none", true);
    rig_fails(anna, "EPARSE", "open", NULL);
    rig_fails(anna, "EEXIST", "create", "{s:s,s:s}", "name", "A", "lock", "none");
    rig_done(anna, "erase", NULL);
    rig_done(anna, "create", "{s:s,s:s}", "name", "A", "lock", "none");
}

// ---- the line ----------------------------------------------------------------------------------

static void an_invitation_makes_a_line(void **state)
{
    (void)state;
    char invite[SOTTO_LINK_MAX_BYTES];
    snprintf(invite, sizeof invite, "%s", rig_invite());
    rig_done(anna, "create", "{s:s,s:s}", "name", "Anna", "lock", "none");
    rig_fails(anna, "ESTATE", "number_new", "{s:s}", "label", "Ben");
    rig_fails(anna, "ELINK_MALFORMED", "join", "{s:s}", "invite", "https://relay.example/");
    json_t *profile = rig_do(anna, "join", "{s:s}", "invite", invite);
    assert_true(rig_true(profile, "has_line"));
    assert_string_equal(rig_text(profile, "home.host"), RIG_HOST);
    assert_int_equal(rig_integer(profile, "home.port"), 443);
    json_decref(profile);
    json_t *line = rig_event(anna, "line", "line.state", "ready");
    assert_string_equal(rig_text(line, "line.transport"), "webtransport");
    json_decref(line);
    rig_expect(anna, "profile", NULL, NULL);
    profile = rig_do(anna, "profile", NULL);
    assert_true(rig_true(profile, "registered"));
    json_decref(profile);
    rig_fails(anna, "EEXIST", "join", "{s:s}", "invite", invite);

    // It can be used once.
    rig_done(ben, "create", "{s:s,s:s,s:s}", "name", "Ben", "lock", "none", "invite", invite);
    line = rig_event(ben, "line", "line.state", "denied");
    assert_string_equal(rig_text(line, "line.code"), "invite");
    json_decref(line);
    rig_forget(ben);
    rig_run(2000);
    assert_false(rig_had(ben, "line")); // nothing that follows hides the reason
    rig_done(ben, "join", "{s:s}", "invite", rig_invite());
    rig_expect(ben, "line", "line.state", "ready");
}

static void a_line_comes_back(void **state)
{
    (void)state;
    rig_line(anna, "Anna");
    rig_network(false);
    rig_expect(anna, "line", "line.state", "down");
    struct minted m = mint(anna, "Ben");
    number_is(anna, m.id, "fresh", true);
    rig_network(true);
    rig_expect(anna, "line", "line.state", "ready");
    rig_run(500);
    number_is(anna, m.id, "fresh", false);
    rig_restart(anna);
    rig_done(anna, "open", NULL);
    rig_expect(anna, "line", "line.state", "ready");
}

static void a_registration_is_tried_until_it_is_answered(void **state)
{
    (void)state;
    rig_network(false);
    rig_done(anna, "create", "{s:s,s:s,s:s}", "name", "Anna", "lock", "none", "invite",
             rig_invite());
    rig_run(90000);
    rig_restart(anna);
    json_t *profile = rig_do(anna, "open", NULL);
    assert_false(rig_true(profile, "registered"));
    json_decref(profile);
    rig_run(90000);
    rig_network(true);
    rig_expect(anna, "line", "line.state", "ready");
    profile = rig_do(anna, "profile", NULL);
    assert_true(rig_true(profile, "registered"));
    json_decref(profile);
}

// ---- a call ------------------------------------------------------------------------------------

static void two_people_talk(void **state)
{
    (void)state;
    rig_line(anna, "Anna");
    rig_line(ben, "Ben");
    struct minted m = mint(anna, "Benjamin");
    json_t *info = rig_do(ben, "link", "{s:s}", "text", m.link);
    assert_string_equal(rig_text(info, "kind"), "number");
    assert_string_equal(rig_text(info, "name"), "Anna");
    assert_false(rig_true(info, "ours"));
    assert_false(rig_true(info, "expired"));
    assert_null(json_object_get(info, "contact"));
    json_decref(info);
    info = rig_do(anna, "link", "{s:s}", "text", m.link);
    assert_true(rig_true(info, "ours"));
    json_decref(info);
    rig_fails(anna, "EPEER", "dial", "{s:s}", "link", m.link);

    json_int_t out = dial(ben, m.link);
    json_int_t in = rings(anna, "Benjamin");
    assert_int_equal(anna->mic_opened + ben->mic_opened, 0); // not before the answer
    rig_done(anna, "accept", "{s:I}", "call", in);
    rig_expect(anna, "call", "call.state", "active");
    rig_expect(ben, "call", "call.state", "active");
    rig_run(300);
    json_t *a = only_call(anna), *b = only_call(ben);
    assert_true(rig_true(a, "secure") && rig_true(b, "secure"));
    assert_string_equal(rig_text(a, "words"), rig_text(b, "words"));
    assert_string_equal(rig_text(b, "label"), "the callee");
    assert_string_equal(rig_text(a, "stats.group"), "SecP384r1MLKEM1024");
    assert_string_equal(rig_text(a, "stats.transport"), "webtransport");
    assert_string_equal(rig_text(b, "stats.transport"), "webtransport");
    assert_false(rig_true(a, "verified"));
    json_decref(a);
    json_decref(b);
    talk_for(anna, ben);
    talk_for(ben, anna);

    rig_forget(anna);
    rig_run(3000);
    unsigned told = 0;
    while (rig_had(anna, "call")) {
        told++;
    }
    assert_in_range(told, 3, 4); // once a second

    rig_done(anna, "words", "{s:I,s:b}", "call", in, "match", 1);
    rig_run(300);
    a = only_call(anna);
    assert_true(rig_true(a, "verified"));
    assert_true(rig_integer(a, "talk_ms") > 3000);
    assert_string_equal(rig_text(a, "quality"), "good");
    json_decref(a);
    hang_up(ben, out, anna);
    assert_false(anna->mic || ben->mic);

    json_t *log = log_of(anna, 2);
    assert_string_equal(rig_text(entry(log, "bound"), "label"), "Benjamin");
    const json_t *e = entry(log, "call");
    assert_true(rig_true(e, "incoming") && rig_true(e, "answered"));
    assert_true(rig_true(e, "secure") && rig_true(e, "verified"));
    assert_string_equal(rig_text(e, "end"), "peer_hangup");
    assert_string_equal(rig_text(e, "label"), "Benjamin");
    assert_in_range(rig_integer(e, "duration_s"), 4, 7);
    const json_t *quality = json_object_get(e, "quality");
    assert_true(json_is_real(json_object_get(quality, "delay_ms")));
    assert_true(json_number_value(json_object_get(quality, "loss")) == 0);
    assert_true(json_number_value(json_object_get(quality, "concealed")) < 0.2);
    json_decref(log);
    log = log_of(ben, 1);
    assert_false(rig_true(log, "0.incoming") || rig_true(log, "0.verified"));
    assert_string_equal(rig_text(log, "0.end"), "hangup");
    json_decref(log);
    json_t *n = number_of(anna, m.id);
    assert_string_equal(rig_text(n, "state"), "bound");
    assert_true(rig_true(n, "verified"));
    assert_int_equal(rig_integer(n, "calls_used"), 1);
    json_decref(n);
    json_t *removed = rig_do(anna, "log_clear", NULL);
    assert_int_equal(rig_integer(removed, "removed"), 2);
    json_decref(removed);
    json_decref(log_of(anna, 0));
}

static void mute_and_hold(void **state)
{
    (void)state;
    rig_line(anna, "Anna");
    rig_done(ben, "create", "{s:s,s:s}", "name", "", "lock", "none");
    struct minted m = mint(anna, "Ben");
    struct call c = connect(ben, m.link, anna, "Ben");
    talk_for(ben, anna);
    rig_done(ben, "mute", "{s:I,s:b}", "call", c.caller, "on", 1);
    rig_run(200);
    json_t *call = only_call(ben);
    assert_true(rig_true(call, "muted"));
    json_decref(call);
    assert_false(ben->mic);
    ben->tone_hz = 440;
    rig_run(800);
    assert_true(anna->heard < LOUD / 100);
    rig_done(ben, "mute", "{s:I,s:b}", "call", c.caller, "on", 0);
    rig_run(800);
    assert_true(anna->heard > LOUD);
    rig_done(anna, "hold", "{s:I,s:b}", "call", c.callee, "on", 1);
    rig_run(500);
    call = only_call(ben);
    assert_true(rig_true(call, "peer_held"));
    json_decref(call);
    call = only_call(anna);
    assert_true(rig_true(call, "held"));
    json_decref(call);
    rig_done(anna, "hold", "{s:I,s:b}", "call", c.callee, "on", 0);
    rig_run(800);
    assert_true(anna->heard > LOUD);
    rig_fails(anna, "ESTATE", "lock", NULL);
    hang_up(anna, c.callee, ben);
    rig_done(anna, "lock", NULL);
}

static void compared_words_keep_the_contact(void **state)
{
    (void)state;
    rig_line(anna, "Anna");
    rig_done(ben, "create", "{s:s,s:s}", "name", "", "lock", "none");
    struct minted m = mint(anna, "Ben");
    struct call c = connect(ben, m.link, anna, "Ben");
    rig_run(200);
    rig_done(ben, "words", "{s:I,s:b}", "call", c.caller, "match", 1);
    rig_expect(ben, "contacts", NULL, NULL);
    json_t *call = only_call(ben);
    assert_true(rig_true(call, "verified"));
    json_decref(call);
    hang_up(ben, c.caller, anna);
    json_t *contacts = rig_do(ben, "contacts", NULL);
    assert_string_equal(rig_text(contacts, "0.label"), "the callee");
    assert_true(rig_true(contacts, "0.verified") && rig_true(contacts, "0.has_link"));
    rig_done(ben, "dial", "{s:s}", "contact", rig_text(contacts, "0.id"));
    json_decref(contacts);
    rings(anna, "Ben");
}

static void calls_that_come_to_nothing(void **state)
{
    (void)state;
    rig_line(anna, "Anna");
    rig_done(ben, "create", "{s:s,s:s}", "name", "", "lock", "none");
    struct minted m = mint(anna, "Ben");
    dial(ben, m.link);
    json_int_t in = rings(anna, "Ben");
    rig_done(anna, "decline", "{s:I}", "call", in);
    ends(ben, "declined");
    ends(anna, "we_declined");
    rig_run(2000);
    json_int_t out = dial(ben, m.link);
    rings(anna, "Ben");
    rig_done(ben, "hangup", "{s:I}", "call", out);
    ends(anna, "cancelled");
    ends(ben, "cancelled");
    rig_run(2000);
    json_t *log = log_of(anna, 3);
    assert_false(rig_true(entry(log, "call"), "answered")); // a missed call
    assert_int_equal(rig_integer(entry(log, "call"), "duration_s"), 0);
    json_decref(log);
    out = dial(ben, m.link);
    in = rings(anna, "Ben");
    rig_done(anna, "accept", "{s:I}", "call", in);
    rig_expect(ben, "call", "call.state", "active");
    rig_done(ben, "words", "{s:I,s:b}", "call", out, "match", 0);
    ends(ben, "words");
    rig_run(3000);
    rig_done(anna, "lock", NULL);
    rig_run(1000);
    dial(ben, m.link);
    ends(ben, "offline");
}

static void a_second_call_waits(void **state)
{
    (void)state;
    rig_line(anna, "Anna");
    rig_done(ben, "create", "{s:s,s:s}", "name", "", "lock", "none");
    rig_done(carl, "create", "{s:s,s:s}", "name", "", "lock", "none");
    struct minted for_ben = mint(anna, "Ben"), for_carl = mint(anna, "Carl");
    struct call first = connect(ben, for_ben.link, anna, "Ben");
    dial(carl, for_carl.link);
    json_t *event = rig_event(anna, "incoming", NULL, NULL);
    assert_true(rig_true(event, "call.waiting"));
    json_int_t second = rig_integer(event, "call.id");
    json_decref(event);
    rig_done(anna, "accept", "{s:I}", "call", second);
    rig_expect(carl, "call", "call.state", "active");
    rig_run(500);
    json_t *call = only_call(ben);
    assert_true(rig_true(call, "peer_held"));
    json_decref(call);
    talk_for(carl, anna);
    hang_up(anna, second, carl);
    rig_done(anna, "hold", "{s:I,s:b}", "call", first.callee, "on", 0);
    talk_for(ben, anna);
    hang_up(anna, first.callee, ben);
}

// ---- numbers -----------------------------------------------------------------------------------

static void a_leak_is_told_once_an_hour(void **state)
{
    (void)state;
    rig_line(anna, "Anna");
    rig_done(ben, "create", "{s:s,s:s}", "name", "", "lock", "none");
    rig_done(carl, "create", "{s:s,s:s}", "name", "", "lock", "none");
    struct minted m = mint(anna, "Ben");
    struct call c = connect(ben, m.link, anna, "Ben");
    json_t *bound = rig_event(anna, "bound", NULL, NULL);
    assert_string_equal(rig_text(bound, "number.id"), m.id);
    json_decref(bound);
    hang_up(ben, c.caller, anna);
    rig_forget(anna);

    dial(carl, m.link);
    ends(carl, "refused");
    json_t *leaked = rig_event(anna, "leaked", NULL, NULL);
    assert_string_equal(rig_text(leaked, "number.id"), m.id);
    assert_int_equal(rig_integer(leaked, "number.leaks"), 1);
    json_t *profile = rig_do(carl, "profile", NULL);
    assert_string_equal(rig_text(leaked, "number.leaked_to"), rig_text(profile, "fingerprint"));
    json_decref(profile);
    json_decref(leaked);
    assert_false(rig_had(anna, "incoming") || rig_had(anna, "call"));
    dial(carl, m.link);
    ends(carl, "refused");
    rig_run(1000);
    assert_false(rig_had(anna, "leaked")); // but it counts
    json_t *n = number_of(anna, m.id);
    assert_int_equal(rig_integer(n, "leaks"), 2);
    assert_string_equal(rig_text(n, "state"), "bound");
    json_decref(n);
    json_decref(log_of(anna, 3)); // first use, call, one leak
    rig.now.unix_s += 3601;
    dial(carl, m.link);
    ends(carl, "refused");
    rig_expect(anna, "leaked", NULL, NULL);

    // The number is Carl's from now on.
    n = rig_do(anna, "number_rebind", "{s:s}", "id", m.id);
    assert_string_equal(rig_text(n, "state"), "fresh");
    assert_string_equal(rig_text(n, "link"), m.link);
    assert_int_equal(rig_integer(n, "leaks"), 0);
    json_decref(n);
    rig_run(500);
    c = connect(carl, m.link, anna, "Ben");
    hang_up(carl, c.caller, anna);
    dial(ben, m.link);
    ends(ben, "refused");
}

static void a_revoke_is_taken_back(void **state)
{
    (void)state;
    rig_line(anna, "Anna");
    rig_done(ben, "create", "{s:s,s:s}", "name", "", "lock", "none");
    rig_done(carl, "create", "{s:s,s:s}", "name", "", "lock", "none");
    struct minted m = mint(anna, "Ben");
    struct call c = connect(ben, m.link, anna, "Ben");
    hang_up(ben, c.caller, anna);
    rig_fails(anna, "ESTATE", "number_restore", "{s:s}", "id", m.id);
    rig_done(anna, "number_revoke", "{s:s}", "id", m.id);
    rig_run(500);
    number_is(anna, m.id, "revoked", false);
    dial(ben, m.link);
    ends(ben, "unavailable");
    rig_fails(anna, "EREVOKED", "number_rebind", "{s:s}", "id", m.id);
    struct minted other = mint(anna, "Ben");
    rig_fails(anna, "EEXIST", "number_restore", "{s:s}", "id", m.id);
    rig_done(anna, "number_label", "{s:s,s:s}", "id", other.id, "label", "Benedict");
    rig_fails(anna, "EEXIST", "number_new", "{s:s}", "label", "Benedict");

    rig_done(anna, "number_restore", "{s:s}", "id", m.id);
    rig_run(500);
    number_is(anna, m.id, "bound", false);
    c = connect(ben, m.link, anna, "Ben");
    hang_up(ben, c.caller, anna);
    dial(carl, m.link); // it is still Ben's
    ends(carl, "refused");

    // Taken back before the relay has heard of it.
    rig_network(false);
    rig_done(anna, "number_revoke", "{s:s}", "id", m.id);
    rig_done(anna, "number_restore", "{s:s}", "id", m.id);
    rig_network(true);
    rig_run(2000);
    number_is(anna, m.id, "bound", false);
    c = connect(ben, m.link, anna, "Ben");
    hang_up(ben, c.caller, anna);
}

static void terms_of_a_number(void **state)
{
    (void)state;
    rig_line(anna, "Anna");
    rig_done(ben, "create", "{s:s,s:s}", "name", "", "lock", "none");
    json_t *n =
        rig_do(anna, "number_new", "{s:s,s:i,s:i}", "label", "Ben", "expires_s", 3600, "calls", 1);
    char link[SOTTO_LINK_MAX_BYTES], id[65];
    snprintf(link, sizeof link, "%s", rig_text(n, "link"));
    snprintf(id, sizeof id, "%s", rig_text(n, "id"));
    assert_int_equal(rig_integer(n, "calls_max"), 1);
    assert_int_equal(rig_integer(n, "expires"), rig.now.unix_s + 3600);
    json_decref(n);
    rig_run(500);
    json_t *told = rig_do(ben, "link", "{s:s}", "text", link);
    assert_int_equal(rig_integer(told, "calls"), 1);
    json_decref(told);
    struct call c = connect(ben, link, anna, "Ben");
    hang_up(ben, c.caller, anna);
    number_is(anna, id, "used_up", false);
    dial(ben, link);
    ends(ben, "unavailable");
    n = rig_do(anna, "number_new", "{s:s,s:i}", "label", "Ben", "expires_s", 60);
    snprintf(link, sizeof link, "%s", rig_text(n, "link"));
    snprintf(id, sizeof id, "%s", rig_text(n, "id"));
    json_decref(n);
    rig.now.unix_s += 61;
    number_is(anna, id, "expired", false);
    rig_fails(ben, "EEXPIRED", "dial", "{s:s}", "link", link);
    rig_fails(ben, "EEXPIRED", "contact_add", "{s:s,s:s}", "label", "Anna", "link", link);
    json_t *info = rig_do(ben, "link", "{s:s}", "text", link);
    assert_true(rig_true(info, "expired"));
    assert_null(json_object_get(info, "calls"));
    json_decref(info);
}

// ---- contacts ----------------------------------------------------------------------------------

static void contacts_are_kept(void **state)
{
    (void)state;
    rig_line(anna, "Anna");
    rig_line(carl, "Carl");
    struct minted m = mint(anna, "Ben"), other = mint(carl, "Ben");
    rig_done(ben, "create", "{s:s,s:s,s:[{s:s,s:s}]}", "name", "", "lock", "none", "contacts",
             "label", "Mother", "link", m.link);
    json_t *list = rig_do(ben, "contacts", NULL);
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(rig_text(list, "0.label"), "Mother");
    assert_true(rig_true(list, "0.has_link"));
    assert_string_equal(rig_text(list, "0.relay.host"), RIG_HOST);
    char id[65];
    snprintf(id, sizeof id, "%s", rig_text(list, "0.id"));
    json_decref(list);
    rig_fails(ben, "EEXIST", "contact_add", "{s:s,s:s}", "label", "Mother", "link", other.link);
    rig_fails(anna, "EPEER", "contact_add", "{s:s,s:s}", "label", "me", "link", m.link);
    rig_done(ben, "contact_rename", "{s:s,s:s}", "id", id, "label", "Mama");

    json_t *result = rig_do(ben, "dial", "{s:s}", "contact", id);
    json_int_t out = rig_integer(result, "call");
    json_decref(result);
    json_int_t in = rings(anna, "Ben");
    rig_done(anna, "accept", "{s:I}", "call", in);
    rig_expect(ben, "call", "call.state", "active");
    rig_done(ben, "words", "{s:I,s:b}", "call", out, "match", 1);
    rig_expect(ben, "contacts", NULL, NULL);
    json_t *call = only_call(ben);
    assert_string_equal(rig_text(call, "label"), "Mama");
    assert_string_equal(rig_text(call, "contact"), id);
    json_decref(call);
    hang_up(ben, out, anna);
    list = rig_do(ben, "contacts", NULL);
    assert_true(rig_true(list, "0.verified"));
    json_decref(list);
    json_t *info = rig_do(ben, "link", "{s:s}", "text", m.link);
    assert_string_equal(rig_text(info, "contact"), id);
    json_decref(info);
    json_t *log = log_of(ben, 1);
    assert_string_equal(rig_text(log, "0.contact"), id);
    json_decref(log);
    rig_done(ben, "contact_remove", "{s:s}", "id", id);
    rig_fails(ben, "ENOTFOUND", "dial", "{s:s}", "contact", id);
    rig_fails(ben, "ENOTFOUND", "contact_remove", "{s:s}", "id", id);
}

static void setup_links_are_read_as_invitations(void **state)
{
    (void)state;
    char text[2 * SOTTO_LINK_MAX_BYTES];
    snprintf(text, sizeof text, "%s&name=Washington&contact=Ottawa~https%%3A%%2F%%2Fx",
             rig_invite());
    json_t *info = rig_do(anna, "link", "{s:s}", "text", text);
    assert_string_equal(rig_text(info, "kind"), "invite");
    assert_string_equal(rig_text(info, "relay.host"), RIG_HOST);
    json_decref(info);
    rig_done(anna, "create", "{s:s,s:s,s:s}", "name", "Washington", "lock", "none", "invite", text);
    rig_expect(anna, "line", "line.state", "ready");
    rig_fails(anna, "ELINK_MALFORMED", "link", "{s:s}", "text", "hello");
    text[30] = text[30] == 'x' ? 'y' : 'x';
    rig_fails(anna, "ELINK_DAMAGED", "link", "{s:s}", "text", text);
    // Nothing is made of a setup that is not whole.
    rig_fails(ben, "ELINK_MALFORMED", "create", "{s:s,s:s,s:[{s:s,s:s}]}", "name", "", "lock",
              "none", "contacts", "label", "Mother", "link", "gone");
    boot_is(ben, false, "none", false);
}

// ---- exchange ----------------------------------------------------------------------------------

static void words_of(struct rig_phone *p, char aloud[64], json_t **choices)
{
    json_t *event = rig_event(p, "exchange", "stage", "words");
    snprintf(aloud, 64, "%s", rig_text(event, "read_aloud"));
    *choices = json_incref(json_object_get(event, "choices"));
    json_decref(event);
}

static void pick(struct rig_phone *p, json_t *choices, const char *heard, bool right)
{
    int choice = -1;
    for (size_t i = 0; i < json_array_size(choices); i++) {
        bool is = strcmp(json_string_value(json_array_get(choices, i)), heard) == 0;
        choice = is == right ? (int)i : choice;
    }
    assert_true(choice >= 0);
    rig_done(p, "exchange_pick", "{s:i}", "choice", choice);
}

static void meet(char anna_says[64], char ben_says[64], json_t **anna_hears, json_t **ben_hears)
{
    json_t *made = rig_do(anna, "exchange", "{s:s}", "label", "Ben");
    rig_fails(anna, "ESTATE", "exchange", "{s:s}", "label", "Ben");
    rig_done(ben, "exchange", "{s:s,s:s,s:i}", "label", "Anna", "code", rig_text(made, "code"),
             "calls", 5);
    json_decref(made);
    rig_expect(anna, "exchange", "stage", "met");
    words_of(anna, anna_says, anna_hears);
    words_of(ben, ben_says, ben_hears);
}

static void an_exchange(void **state)
{
    (void)state;
    char anna_says[64], ben_says[64];
    json_t *anna_hears, *ben_hears;
    rig_line(anna, "Anna");
    rig_line(ben, "Ben");
    rig_fails(anna, "EPARSE", "exchange", "{s:s,s:s}", "label", "Ben", "code", "no code");
    meet(anna_says, ben_says, &anna_hears, &ben_hears);
    pick(anna, anna_hears, ben_says, true);
    pick(ben, ben_hears, anna_says, true);
    json_t *done = rig_event(anna, "exchange", "stage", "done");
    assert_string_equal(rig_text(done, "contact.label"), "Ben");
    assert_string_equal(rig_text(done, "number.label"), "Ben");
    assert_string_equal(rig_text(done, "number.state"), "bound");
    assert_true(rig_true(done, "contact.verified") && rig_true(done, "number.verified"));
    char ben_id[65];
    snprintf(ben_id, sizeof ben_id, "%s", rig_text(done, "contact.id"));
    json_decref(done);
    done = rig_event(ben, "exchange", "stage", "done");
    assert_int_equal(rig_integer(done, "number.calls_max"), 5);
    json_decref(done);
    json_decref(anna_hears);
    json_decref(ben_hears);
    rig_run(1000);

    rig_done(anna, "dial", "{s:s}", "contact", ben_id);
    json_int_t in = rings(ben, "Anna");
    rig_done(ben, "accept", "{s:I}", "call", in);
    rig_expect(anna, "call", "call.state", "active");
    rig_run(300);
    json_t *call = only_call(anna);
    assert_true(rig_true(call, "verified"));
    json_decref(call);
    hang_up(ben, in, anna);
    rig_fails(anna, "EEXIST", "exchange", "{s:s}", "label", "Ben");
}

static void an_exchange_with_the_wrong_words(void **state)
{
    (void)state;
    char anna_says[64], ben_says[64];
    json_t *anna_hears, *ben_hears;
    rig_line(anna, "Anna");
    rig_line(ben, "Ben");
    meet(anna_says, ben_says, &anna_hears, &ben_hears);
    pick(ben, ben_hears, anna_says, true);
    pick(anna, anna_hears, ben_says, false);
    json_decref(anna_hears);
    json_decref(ben_hears);
    json_t *failed = rig_event(anna, "exchange", "stage", "failed");
    assert_string_equal(rig_text(failed, "code"), "EAUTH");
    json_decref(failed);
    rig_expect(ben, "exchange", "stage", "failed");
    json_t *contacts = rig_do(anna, "contacts", NULL);
    assert_int_equal(json_array_size(contacts), 0);
    json_decref(contacts);
    json_t *numbers = rig_do(ben, "numbers", NULL);
    assert_int_equal(json_array_size(numbers), 0);
    json_decref(numbers);
    // Another one can follow, and be given up.
    rig_done(anna, "exchange", "{s:s}", "label", "Ben");
    rig_done(anna, "exchange_cancel", NULL);
    rig_done(anna, "exchange", "{s:s}", "label", "Ben");
}

// ---- backup, kit -------------------------------------------------------------------------------

static void a_backup_brings_everything_back(void **state)
{
    (void)state;
    rig_line(anna, "Anna");
    rig_done(ben, "create", "{s:s,s:s}", "name", "", "lock", "none");
    struct minted m = mint(anna, "Ben");
    struct call c = connect(ben, m.link, anna, "Ben");
    hang_up(ben, c.caller, anna);
    json_t *backup = rig_do(anna, "backup", "{s:s}", "passphrase", "far away");
    json_t *before = rig_do(anna, "profile", NULL);
    rig_fails(anna, "EEXIST", "restore", "{s:s,s:s,s:s}", "data", rig_text(backup, "data"),
              "passphrase", "far away", "lock", "none");
    // What cannot be opened is found out before anybody is asked to erase for it.
    rig_fails(anna, "EPASSPHRASE", "restore", "{s:s,s:s,s:s}", "data", rig_text(backup, "data"),
              "passphrase", "near", "lock", "none");
    rig_done(anna, "erase", NULL);

    rig_fails(carl, "EPASSPHRASE", "restore", "{s:s,s:s,s:s}", "data", rig_text(backup, "data"),
              "passphrase", "near", "lock", "none");
    rig_fails(carl, "EPARSE", "restore", "{s:s,s:s,s:s}", "data", "AAAA", "passphrase", "far away",
              "lock", "none");
    rig_fails(carl, "EPARSE", "restore", "{s:s,s:s,s:s}", "data", "!", "passphrase", "far away",
              "lock", "none");
    rig_fails(carl, "EPARSE", "restore", "{s:s,s:s,s:s}", "data", "", "passphrase", "far away",
              "lock", "none");
    boot_is(carl, false, "none", false);
    json_t *after = rig_do(carl, "restore", "{s:s,s:s,s:s,s:s}", "data", rig_text(backup, "data"),
                           "passphrase", "far away", "lock", "passkey", "new_passphrase", "beef");
    assert_string_equal(rig_text(after, "fingerprint"), rig_text(before, "fingerprint"));
    assert_string_equal(rig_text(after, "lock"), "passkey");
    json_decref(after);
    json_decref(before);
    json_decref(backup);
    rig_expect(carl, "line", "line.state", "ready");
    number_is(carl, m.id, "bound", false);
    json_decref(log_of(carl, 2));
    c = connect(ben, m.link, carl, "Ben");
    hang_up(ben, c.caller, carl);
    rig_restart(carl);
    rig_fails(carl, "EPASSPHRASE", "open", "{s:s}", "passphrase", "far away");
    rig_done(carl, "open", "{s:s}", "passphrase", "beef");
}

static void a_kit_brings_identity_and_line_back(void **state)
{
    (void)state;
    rig_line(anna, "Anna");
    mint(anna, "Ben");
    json_t *kit = rig_do(anna, "kit", NULL);
    json_t *before = rig_do(anna, "profile", NULL);
    assert_true(rig_true(before, "kit"));
    assert_true(strlen(rig_text(kit, "data")) <= 700);
    rig_fails(anna, "EEXIST", "restore", "{s:s,s:s,s:s}", "data", rig_text(kit, "data"),
              "passphrase", rig_text(kit, "words"), "lock", "none");
    rig_fails(anna, "EPASSPHRASE", "restore", "{s:s,s:s,s:s}", "data", rig_text(kit, "data"),
              "passphrase", "abandon abandon", "lock", "none");
    rig_done(anna, "erase", NULL);

    char words[512];
    snprintf(words, sizeof words, " %s\n", rig_text(kit, "words"));
    for (char *c = words; *c != '\0'; c++) { // as somebody types them
        *c = *c == ' ' ? '\n' : *c == 'a' ? 'A' : *c;
    }
    json_t *after = rig_do(anna, "restore", "{s:s,s:s,s:s}", "data", rig_text(kit, "data"),
                           "passphrase", words, "lock", "none");
    assert_string_equal(rig_text(after, "fingerprint"), rig_text(before, "fingerprint"));
    assert_string_equal(rig_text(after, "name"), "Anna");
    assert_true(rig_true(after, "registered") && rig_true(after, "kit"));
    json_decref(after);
    json_decref(before);
    rig_expect(anna, "line", "line.state", "ready");
    json_t *numbers = rig_do(anna, "numbers", NULL);
    assert_int_equal(json_array_size(numbers), 0);
    json_decref(numbers);
    rig_done(anna, "erase", NULL);

    // Two words changed places: the checksum finds it, nearly always; else the seal does.
    rig_fails(anna, "EPASSPHRASE", "restore", "{s:s,s:s,s:s}", "data", rig_text(kit, "data"),
              "passphrase", "abandon abandon", "lock", "none");
    char *other = strdup(rig_text(kit, "words"));
    memcpy(other, "zoo", 3);
    rig_fails(anna, "EPASSPHRASE", "restore", "{s:s,s:s,s:s}", "data", rig_text(kit, "data"),
              "passphrase", other, "lock", "none");
    free(other);
    char *data = strdup(rig_text(kit, "data"));
    data[strlen(data) - 8] = data[strlen(data) - 8] == 'A' ? 'B' : 'A';
    rig_fails(anna, "EPARSE", "restore", "{s:s,s:s,s:s}", "data", data, "passphrase",
              rig_text(kit, "words"), "lock", "none");
    free(data);
    json_decref(kit);
    boot_is(anna, false, "none", false);
}

// ---- push --------------------------------------------------------------------------------------

static void a_relay_that_wakes_nobody_says_so(void **state)
{
    (void)state;
    // The point and the secret of RFC 8291, section 5.
    static const char point[] = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs"
                                "7Vd8pZGH6SRpkNtoIAiw4";
    rig_done(ben, "create", "{s:s,s:s}", "name", "", "lock", "none");
    rig_fails(ben, "ESTATE", "push", "{s:b}", "off", 1); // no line
    rig_line(anna, "Anna");
    rig_fails(anna, "EINVAL", "push", "{s:s,s:s,s:s}", "endpoint", "https://push.example/ 1",
              "p256dh", point, "auth", "BTBZMqHH6r4Tts7J_aSIgg");
    rig_done(anna, "push", "{s:s,s:s,s:s}", "endpoint", "https://push.example/1", "p256dh", point,
             "auth", "BTBZMqHH6r4Tts7J_aSIgg");
    json_t *event = rig_event(anna, "push_failed", NULL, NULL);
    assert_string_equal(rig_text(event, "code"), "unavailable");
    json_decref(event);
}

// ---- bad input ---------------------------------------------------------------------------------

static void refused(const char *text, const char *error)
{
    json_t *answer = rig_raw(anna, text, strlen(text));
    assert_string_equal(rig_text(answer, "error"), error);
    json_decref(answer);
}

static void bad_commands_are_refused(void **state)
{
    (void)state;
    refused("", "EINVAL");
    refused("{", "EINVAL");
    refused("[]", "EINVAL");
    refused("{\"command\":1}", "EINVAL");
    refused("{\"command\":\"fly\"}", "EINVAL");
    refused("{\"command\":\"boot\",\"command\":\"erase\"}", "EINVAL");
    refused("{\"command\":\"boot\"} {}", "EINVAL");
    refused("{\"command\":\"calls\"}", "ESTATE");
    refused("{\"command\":\"create\",\"name\":7,\"lock\":\"none\"}", "EINVAL");
    rig_fails(anna, "EINVAL", "create", "{s:s,s:s,s:s}", "name", "A", "lock", "none", "secret",
              "short");
    rig_line(anna, "Anna");
    static const struct {
        const char *text, *detail;
    } bad[] = {
        {"{\"command\":\"dial\"}", "link"},
        {"{\"command\":\"dial\",\"contact\":\"00\"}", "contact"},
        {"{\"command\":\"dial\",\"link\":5}", "link"},
        {"{\"command\":\"accept\",\"call\":-1}", "call"},
        {"{\"command\":\"accept\",\"call\":4294967296}", "call"},
        {"{\"command\":\"accept\",\"call\":1.5}", "call"},
        {"{\"command\":\"hold\",\"call\":1,\"on\":1}", "on"},
        {"{\"command\":\"words\",\"call\":1}", "match"},
        {"{\"command\":\"number_new\",\"label\":\"\"}", "label"},
        {"{\"command\":\"number_new\",\"label\":\"a\\nb\"}", "label"},
        {"{\"command\":\"number_new\",\"label\":\"a\",\"calls\":-1}", "calls"},
        {"{\"command\":\"number_new\",\"label\":\"a\",\"expires_s\":1e9}", "expires_s"},
        {"{\"command\":\"number_new\",\"label\":\"a\",\"expires_s\":9223372036854775807}",
         "expires_s"},
        {"{\"command\":\"number_link\",\"id\":\"zz\"}", "id"},
        {"{\"command\":\"exchange_pick\",\"choice\":4}", "choice"},
        {"{\"command\":\"log\",\"limit\":0}", "limit"},
        {"{\"command\":\"backup\",\"passphrase\":\"\"}", "passphrase"},
        {"{\"command\":\"push\",\"endpoint\":\"https://x\",\"p256dh\":\"AA\",\"auth\":\"\"}",
         "p256dh"},
        {"{\"command\":\"set_name\",\"name\":\"a\\u202eb\"}", "name"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *answer = rig_raw(anna, bad[i].text, strlen(bad[i].text));
        assert_string_equal(rig_text(answer, "error"), "EINVAL");
        assert_string_equal(rig_text(answer, "detail"), bad[i].detail);
        json_decref(answer);
    }
    rig_fails(anna, "ENOTFOUND", "accept", "{s:i}", "call", 99);
    rig_fails(anna, "ENOTFOUND", "number_revoke", "{s:s}", "id", RIG_SECRET);
    rig_fails(anna, "ENOTFOUND", "contact_rename", "{s:s,s:s}", "id", RIG_SECRET, "label", "x");
    rig_fails(anna, "ESTATE", "exchange_pick", "{s:i}", "choice", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
        TEST(a_telephone_is_made_and_kept),
        TEST(a_passphrase_locks),
        TEST(a_full_disk_changes_nothing),
        TEST(erased_is_erased),
        TEST(a_damaged_store_is_not_written_over),
        TEST(an_invitation_makes_a_line),
        TEST(a_line_comes_back),
        TEST(a_registration_is_tried_until_it_is_answered),
        TEST(two_people_talk),
        TEST(mute_and_hold),
        TEST(compared_words_keep_the_contact),
        TEST(calls_that_come_to_nothing),
        TEST(a_second_call_waits),
        TEST(a_leak_is_told_once_an_hour),
        TEST(a_revoke_is_taken_back),
        TEST(terms_of_a_number),
        TEST(contacts_are_kept),
        TEST(setup_links_are_read_as_invitations),
        TEST(an_exchange),
        TEST(an_exchange_with_the_wrong_words),
        TEST(a_backup_brings_everything_back),
        TEST(a_kit_brings_identity_and_line_back),
        TEST(a_relay_that_wakes_nobody_says_so),
        TEST(bad_commands_are_refused),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
