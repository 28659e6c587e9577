// SPDX-License-Identifier: Apache-2.0
#include "phone_impl.h"

#include "wire/link.h"

#include <string.h>

// ---- names -------------------------------------------------------------------------------------

const char *error_code(int error)
{
    static const struct {
        int error;
        const char *code;
    } codes[] = {
        {SOTTO_EAGAIN, "EAGAIN"},
        {SOTTO_EPARSE, "EPARSE"},
        {SOTTO_EREPLAY, "EREPLAY"},
        {SOTTO_EAUTH, "EAUTH"},
        {SOTTO_ESTATE, "ESTATE"},
        {SOTTO_ELIMIT, "ELIMIT"},
        {SOTTO_ENOTFOUND, "ENOTFOUND"},
        {SOTTO_EEXIST, "EEXIST"},
        {SOTTO_EINVAL, "EINVAL"},
        {SOTTO_ESPACE, "ESPACE"},
        {SOTTO_ELINK_MALFORMED, "ELINK_MALFORMED"},
        {SOTTO_ELINK_DAMAGED, "ELINK_DAMAGED"},
        {SOTTO_ELINK_VERSION, "ELINK_VERSION"},
        {SOTTO_EEXPIRED, "EEXPIRED"},
        {SOTTO_EUSEDUP, "EUSEDUP"},
        {SOTTO_EREVOKED, "EREVOKED"},
        {SOTTO_EPASSPHRASE, "EPASSPHRASE"},
        {SOTTO_EPROTO, "EPROTO"},
        {SOTTO_EPEER, "EPEER"},
        {SOTTO_EPROOF, "EPROOF"},
        {SOTTO_ESUITE, "ESUITE"},
        {SOTTO_ETIMEOUT, "ETIMEOUT"},
        {SOTTO_EREFUSED, "EREFUSED"},
        {SOTTO_ECLOSED, "ECLOSED"},
        {SOTTO_ENOMEM, "ENOMEM"},
        {SOTTO_ECRYPTO, "ECRYPTO"},
        {SOTTO_EIO, "EIO"},
        {SOTTO_EFULL, "EFULL"},
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].error == error) {
            return codes[i].code;
        }
    }
    return "EINTERNAL";
}

const char *link_code_text(int code)
{
    static const char *const codes[] = {
        [LINK_CODE_NONE] = "none",         [LINK_CODE_UNAVAILABLE] = "unavailable",
        [LINK_CODE_OFFLINE] = "offline",   [LINK_CODE_LOST] = "lost",
        [LINK_CODE_LIMIT] = "limit",       [LINK_CODE_DENIED] = "denied",
        [LINK_CODE_INVITE] = "invite",     [LINK_CODE_PROTOCOL] = "protocol",
        [LINK_CODE_STORAGE] = "storage",   [LINK_CODE_NO_LINE] = "revoked",
        [LINK_CODE_VERSION] = "version",   [LINK_CODE_BUSY_PLACE] = "busy_place",
        [LINK_CODE_SHUTDOWN] = "shutdown",
    };
    if (code < 0) {
        return error_code(code);
    }
    return code < (int)(sizeof codes / sizeof codes[0]) ? codes[code] : "unknown";
}

static const char *line_text(enum phone_line line)
{
    static const char *const lines[] = {
        [LINE_NONE] = "none", [LINE_CONNECTING] = "connecting", [LINE_READY] = "ready",
        [LINE_DOWN] = "down", [LINE_DENIED] = "denied",         [LINE_REPLACED] = "replaced",
    };
    return lines[line];
}

static const char *lock_text(enum slots_lock lock)
{
    static const char *const locks[] = {
        [SLOTS_LOCK_NONE] = "none",
        [SLOTS_LOCK_PASSPHRASE] = "passphrase",
        [SLOTS_LOCK_PASSKEY] = "passkey",
    };
    return locks[lock];
}

// ---- pieces ------------------------------------------------------------------------------------

json_t *json_hex(const uint8_t *data, size_t len)
{
    char text[2 * 32 + 1];
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    for (size_t i = 0; i < len && n + 2 < sizeof text; i++) {
        text[n++] = digits[data[i] >> 4];
        text[n++] = digits[data[i] & 15];
    }
    return json_stringn(text, n);
}

json_t *json_fingerprint(const struct sotto_fingerprint *fp)
{
    char text[SOTTO_FINGERPRINT_TEXT_BYTES];
    sotto_fingerprint_text(fp, text);
    return json_string(text);
}

json_t *json_relay(const struct sotto_relay_address *a)
{
    return json_pack("{s:s,s:i}", "host", a->host, "port", (int)a->port);
}

// For optional fields: "s:o*" leaves NULL out.
static json_t *time_or_null(int64_t unix_s)
{
    return unix_s != 0 ? json_integer(unix_s) : NULL;
}

// ---- things ------------------------------------------------------------------------------------

json_t *json_profile(const struct phone *p)
{
    const struct store_profile *profile = store_profile(p->store);
    struct sotto_fingerprint own;
    sotto_identity_fingerprint(store_identity(p->store), &own);
    return json_pack("{s:s,s:o,s:I,s:b,s:b,s:o*,s:s,s:b}", "name", profile->name, "fingerprint",
                     json_fingerprint(&own), "created", (json_int_t)profile->created_unix_s,
                     "has_line", (int)profile->has_line, "registered", (int)profile->registered,
                     "home", profile->has_line ? json_relay(&profile->home) : NULL, "lock",
                     lock_text(slots_lock(p->slots)), "kit", (int)profile->kit);
}

static const char *transport_text(const struct phone_link *link)
{
    return link->websocket ? "websocket" : "webtransport";
}

static const struct phone_link *link_to(const struct phone *p, const struct sotto_relay_address *a)
{
    for (size_t i = 0; i < SOTTO_LINKS_MAX; i++) {
        const struct phone_link *link = &p->links[i];
        if (link->wanted && strcmp(link->relay.host, a->host) == 0 && link->relay.port == a->port) {
            return link;
        }
    }
    return NULL;
}

json_t *json_line(const struct phone *p)
{
    const struct phone_link *home = link_to(p, &store_profile(p->store)->home);
    bool up = p->line == LINE_READY || p->line == LINE_REPLACED;
    return json_pack("{s:s,s:s*,s:s*,s:o*}", "state", line_text(p->line), "code",
                     p->line == LINE_DENIED ? link_code_text(p->line_code) : NULL, "transport",
                     up && home != NULL ? transport_text(home) : NULL, "clock_offset_s",
                     p->clock_offset_s != 0 ? json_integer(p->clock_offset_s) : NULL);
}

static const char *number_state(const struct sotto_number *n, int64_t now_unix_s)
{
    enum number_condition c = number_condition(n, now_unix_s);
    return number_condition_name(c == CONDITION_LEAKED ? CONDITION_BOUND : c);
}

static json_t *number_link_json(const struct phone *p, const struct sotto_number *n)
{
    char text[SOTTO_LINK_MAX_BYTES];
    if (number_link_text(p->store, n, text) != SOTTO_OK) {
        return NULL;
    }
    json_t *link = json_string(text);
    sotto_wipe(text, sizeof text);
    return link;
}

json_t *json_number(const struct phone *p, const struct store_number *n, bool with_link)
{
    const struct sotto_number *m = &n->number;
    bool limited = m->calls_max != SOTTO_CALLS_UNLIMITED;
    return json_pack("{s:o,s:s,s:s,s:I,s:o*,s:o*,s:o*,s:I,s:o*,s:b,s:I,s:o*,s:o*,s:b,s:o*}", "id",
                     json_hex(m->token_hash, sizeof m->token_hash), "label", m->label, "state",
                     number_state(m, p->now.unix_s), "created", (json_int_t)m->created_unix_s,
                     "expires", time_or_null(m->expires_unix_s), "last_used",
                     time_or_null(m->last_used_unix_s), "calls_max",
                     limited ? json_integer(m->calls_max) : NULL, "calls_used",
                     (json_int_t)m->calls_used, "bound",
                     m->was_bound ? json_fingerprint(&m->bound) : NULL, "verified",
                     (int)m->verified, "leaks", (json_int_t)m->leaks, "leaked",
                     time_or_null(m->leaked_unix_s), "leaked_to",
                     m->leaks > 0 ? json_fingerprint(&m->leaked_to) : NULL, "pending",
                     (int)(n->pending != STORE_PENDING_NONE), "link",
                     with_link ? number_link_json(p, m) : NULL);
}

json_t *json_contact(const struct sotto_contact *c)
{
    return json_pack("{s:o,s:s,s:o,s:b,s:o*,s:I,s:b,s:o*,s:o*,s:o*}", "id",
                     json_hex(c->fingerprint.bytes, sizeof c->fingerprint.bytes), "label", c->label,
                     "fingerprint", json_fingerprint(&c->fingerprint), "verified", (int)c->verified,
                     "verified_at", time_or_null(c->verified_unix_s), "created",
                     (json_int_t)c->created_unix_s, "has_link", (int)c->has_link, "expires",
                     c->has_link ? time_or_null(c->link.expires_unix_s) : NULL, "calls",
                     c->has_link && c->link.calls != 0 ? json_integer(c->link.calls) : NULL,
                     "relay", c->has_link ? json_relay(&c->link.relay) : NULL);
}

// ---- calls -------------------------------------------------------------------------------------

// Looked up once a call: it opens boxes.
static bool is_contact(struct phone *p, struct phone_call *c, const struct sotto_call_info *info)
{
    if (!c->looked && info->has_peer) {
        struct sotto_contact contact;
        c->has_contact = store_contact_get(p->store, &info->peer, &contact) == SOTTO_OK;
        c->looked = true;
        sotto_wipe(&contact, sizeof contact);
    }
    return c->looked && c->has_contact;
}

static const char *call_transport(const struct phone *p, const struct phone_call *c,
                                  const struct sotto_call_info *info)
{
    const struct phone_link *link =
        link_to(p, info->incoming ? &store_profile(p->store)->home : &c->link.relay);
    return link != NULL ? transport_text(link) : "";
}

// Where the weights never come there is nothing to switch off, but it is the same to the user.
static enum sotto_neural neural_of(const struct phone *p, const struct sotto_call_stats *s)
{
    return p->slow && s->neural == SOTTO_NEURAL_ABSENT ? SOTTO_NEURAL_SPARED : s->neural;
}

static json_t *stats_json(const struct phone *p, const struct phone_call *c,
                          const struct call_note *note, const struct sotto_call_info *info)
{
    const struct sotto_call_stats *s = &info->stats;
    const char *group = s->session.group, *cipher = s->session.cipher;
    return json_pack("{s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:I,s:I,s:I,s:s,s:I,s:I,s:I,s:I,s:s,s:s,s:s}",
                     "rtt_ms", (double)s->rtt_ns / SOTTO_NS_PER_MS, "jitter_ms",
                     s->playout.jitter_us / 1e3, "delay_ms", s->mouth_to_ear_us / 1e3, "lag_ms",
                     s->playout.lag_us / 1e3, "loss", c->lost_permille / 1000.0, "restored",
                     c->restored_permille / 1000.0, "concealed", note->bad_q8 / 256.0,
                     "frames_copied", (json_int_t)s->playout.copies, "frames_retold",
                     (json_int_t)s->playout.retold, "frames_concealed",
                     (json_int_t)s->playout.concealed, "neural", call_neural_name(neural_of(p, s)),
                     "cells_sent", (json_int_t)s->cells_sent, "cells_received",
                     (json_int_t)s->cells_received, "cells_lost", (json_int_t)s->cells_lost,
                     "epoch", (json_int_t)s->epoch, "group", group != NULL ? group : "", "cipher",
                     cipher != NULL ? cipher : "", "transport", call_transport(p, c, info));
}

static json_t *words_json(const struct sotto_call_info *info)
{
    char words[SOTTO_WORDS_TEXT_BYTES];
    sotto_words_text(&info->words, words);
    return json_string(words);
}

json_t *json_call(struct phone *p, const struct sotto_call_info *info)
{
    size_t place = call_notes_take(&p->notes, info->call, p->now.unix_s);
    if (place == SOTTO_CALLS_MAX) {
        return NULL;
    }
    struct phone_call *c = &p->calls[place];
    const struct call_note *note = &p->notes.of[place];
    bool over = info->state == SOTTO_CALL_ENDED;
    double talk_ms = call_note_talk_ms(note, info, p->now.mono_ns);
    sotto_ns kept_ns =
        info->kept_until_ns > p->now.mono_ns ? info->kept_until_ns - p->now.mono_ns : 0;
    bool contact = is_contact(p, c, info);
    return json_pack("{s:I,s:b,s:s,s:s,s:s,s:o*,s:o*,s:b,s:b,s:o*,s:b,s:b,s:b,s:b,s:b,s:o*,s:o*,s:"
                     "I,s:I,s:s,s:o}",
                     "id", (json_int_t)info->call, "incoming", (int)info->incoming, "state",
                     call_state_name(info->state), "end", call_end_name(info->end), "label",
                     info->label, "contact",
                     contact ? json_hex(info->peer.bytes, sizeof info->peer.bytes) : NULL, "peer",
                     info->has_peer ? json_fingerprint(&info->peer) : NULL, "secure",
                     (int)(over ? note->secure : info->secure), "verified",
                     (int)(over ? note->verified : info->verified), "words",
                     info->secure ? words_json(info) : NULL, "waiting", (int)c->waiting, "held",
                     (int)info->held, "peer_held", (int)info->peer_held, "muted", (int)info->muted,
                     "reconnecting", (int)info->reconnecting, "kept_s",
                     kept_ns > 0 ? json_integer((json_int_t)(kept_ns / SOTTO_NS_PER_S)) : NULL,
                     "waking", info->waking ? json_true() : NULL, "started",
                     (json_int_t)note->started_unix_s, "talk_ms",
                     (json_int_t)(talk_ms > 0 ? talk_ms : 0), "quality",
                     call_quality_text(call_note_quality(note, info)), "stats",
                     stats_json(p, c, note, info));
}

// ---- log ---------------------------------------------------------------------------------------

static bool has_contact(const struct sotto_contact *contacts, size_t count,
                        const struct sotto_fingerprint *fp)
{
    for (size_t i = 0; i < count; i++) {
        if (sotto_fingerprint_equal(&contacts[i].fingerprint, fp)) {
            return true;
        }
    }
    return false;
}

static double share(uint64_t part, uint64_t rest)
{
    return part == 0 ? 0 : (double)part / (double)(part + rest);
}

// How an answered call was carried; NULL: nothing is known of it.
static json_t *log_quality(const struct store_log_entry *e)
{
    uint64_t sound = e->frames_played + e->frames_concealed;
    if (e->kind != STORE_LOG_CALL || !e->answered || sound == 0) {
        return NULL;
    }
    return json_pack("{s:f,s:f,s:f,s:f,s:f}", "delay_ms", e->delay_us / 1e3, "loss",
                     share(e->cells_lost, e->cells_received), "restored",
                     share(e->frames_restored, sound - e->frames_restored), "concealed",
                     share(e->frames_concealed, e->frames_played), "worst",
                     e->worst_permille / 1e3);
}

json_t *json_log_entry(const struct store_log_entry *e, const struct sotto_contact *contacts,
                       size_t count)
{
    bool contact = e->has_peer && has_contact(contacts, count, &e->peer);
    return json_pack("{s:s,s:b,s:b,s:b,s:b,s:I,s:I,s:s,s:s,s:o*,s:o*,s:o*}", "kind",
                     call_log_kind_name(e->kind), "incoming", (int)e->incoming, "answered",
                     (int)e->answered, "secure", (int)e->secure, "verified", (int)e->verified,
                     "started", (json_int_t)e->started_unix_s, "duration_s",
                     (json_int_t)e->duration_s, "end", call_end_name(e->end), "label", e->label,
                     "contact", contact ? json_hex(e->peer.bytes, sizeof e->peer.bytes) : NULL,
                     "peer", e->has_peer ? json_fingerprint(&e->peer) : NULL, "quality",
                     log_quality(e));
}
