// SPDX-License-Identifier: Apache-2.0
// Ticks and cells. A cell is made CELL_LEAD_NS before its tick and handed out exactly at it, by a
// step that does nothing else: when a cell leaves says nothing about what is in it. From the moment
// the session is confirmed until the end there is one cell a tick, whatever the state.
#include <string.h>

#include "impl.h"

int call_send_key(struct call *c, const struct sotto_session *session, uint32_t epoch)
{
    struct sotto_secret key;
    int error = sotto_session_media_key(session, c->incoming ? SOTTO_CALLEE : SOTTO_CALLER, &key);
    if (error == SOTTO_OK)
        error = cell_sealer_set_key(c->sealer, epoch, &key);
    sotto_wipe(&key, sizeof key);
    return error;
}

int call_receive_key(struct call *c, const struct sotto_session *session, uint32_t epoch)
{
    struct sotto_secret key;
    int error = sotto_session_media_key(session, c->incoming ? SOTTO_CALLER : SOTTO_CALLEE, &key);
    if (error == SOTTO_OK)
        error = cell_opener_add_key(c->opener, epoch, &key);
    sotto_wipe(&key, sizeof key);
    return error;
}

// ---- neural parts ------------------------------------------------------------------------------

enum sotto_neural call_neural(const struct sotto_device *d, const struct call *c)
{
    if (!c->playout)
        return c->neural_last;
    if (d->cfg.plain_voice)
        return SOTTO_NEURAL_UNWANTED;
    if (d->neural.off)
        return SOTTO_NEURAL_SPARED;
    return sotto_playout_has_history(c->playout) ? SOTTO_NEURAL_ON : SOTTO_NEURAL_ABSENT;
}

static void set_neural(const struct sotto_device *d, struct call *c)
{
    bool on = !d->cfg.plain_voice && !d->neural.off;
    voice_encoder_set_neural(c->encoder, on);
    sotto_playout_set_neural(c->playout, on);
}

void sotto_device_voice_cost(struct sotto_device *d, sotto_ns spent, sotto_ns late,
                             struct sotto_now now)
{
    bool voice = false, changed = false;
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++)
        voice = voice || d->calls[i].media;
    if (voice)
        changed = neural_budget_note(&d->neural, spent, late, now.mono_ns);
    for (size_t i = 0; changed && i < SOTTO_CALLS_MAX; i++)
        if (d->calls[i].media)
            set_neural(d, &d->calls[i]);
}

int call_media_start(struct sotto_device *d, struct call *c)
{
    const struct sotto_env *env = d->cfg.env;
    int error = cell_sealer_new(&c->sealer, env);
    if (error == SOTTO_OK)
        error = cell_opener_new(&c->opener, env);
    if (error == SOTTO_OK)
        error = ctl_stream_new(&c->ctl, env);
    if (error == SOTTO_OK)
        error = sotto_voice_encoder_new(&c->encoder, env);
    if (error == SOTTO_OK)
        error = sotto_playout_new(&c->playout, env);
    if (error == SOTTO_OK)
        error = call_send_key(c, c->session, 0);
    if (error == SOTTO_OK)
        error = call_receive_key(c, c->session, 0);
    if (error != SOTTO_OK) {
        call_media_free(d, c);
        return error;
    }
    set_neural(d, c);
    voice_fill_init(&c->fill);
    c->meter = (struct loss_meter){0};
    path_meter_init(&c->path);
    c->out = (struct way_out){0};
    pace_init(&c->pace, (unsigned)d->cfg.profile);
    c->media = true;
    c->next_tick = d->now.mono_ns;
    c->peer_last = d->now.mono_ns;
    return SOTTO_OK;
}

void call_media_free(const struct sotto_device *d, struct call *c)
{
    if (c->playout) {
        sotto_playout_stats(c->playout, &c->playout_last);
        c->neural_last = call_neural(d, c);
    }
    cell_sealer_free(c->sealer);
    cell_opener_free(c->opener);
    ctl_stream_free(c->ctl);
    sotto_voice_encoder_free(c->encoder);
    voice_fill_wipe(&c->fill);
    sotto_playout_free(c->playout);
    c->sealer = NULL;
    c->opener = NULL;
    c->ctl = NULL;
    c->encoder = NULL;
    c->playout = NULL;
    c->media = c->tick_prepared = c->cell_made = c->cell_due = false;
    sotto_wipe(c->cell, sizeof c->cell);
}

// ---- microphone --------------------------------------------------------------------------------

// The only place that decides whether a sample may leave: the local user's consent to this call,
// and a call that is going on.
static bool mic_allowed(const struct call *c)
{
    return c->used && c->state == SOTTO_CALL_ACTIVE && c->accepted && c->media && !c->muted &&
           !c->held && !c->peer_held;
}

static uint32_t mic_call(const struct sotto_device *d)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++)
        if (mic_allowed(&d->calls[i]))
            return d->calls[i].id;
    return 0;
}

bool sotto_device_mic_open(const struct sotto_device *d)
{
    return mic_call(d) != 0;
}

static void mic_tell(struct sotto_device *d, bool open)
{
    if (d->mic_told == open)
        return;
    d->mic_told = open;
    event_add(d, SOTTO_EVENT_MIC)->flag = open;
}

void mic_update(struct sotto_device *d)
{
    uint32_t call = mic_call(d);
    if (call != d->mic_call) { // what was said into one call is not for another
        d->mic_call = call;
        capture_reset(&d->capture);
        mic_tell(d, false); // the driver too drops what it holds
    }
    mic_tell(d, call != 0);
}

void sotto_device_capture(struct sotto_device *d, const int16_t *pcm, size_t samples)
{
    if (sotto_device_mic_open(d))
        capture_put(&d->capture, pcm, samples);
}

static void take_frame(struct sotto_device *d, const struct call *c,
                       int16_t pcm[SOTTO_FRAME_SAMPLES])
{
    memset(pcm, 0, SOTTO_FRAME_SAMPLES * sizeof pcm[0]);
    if (mic_allowed(c) && c->id == d->mic_call)
        (void)capture_take(&d->capture, pcm);
}

// ---- sending -----------------------------------------------------------------------------------

static unsigned wish(const struct sotto_device *d, const struct call *c)
{
    return d->cfg.profile != SOTTO_PROFILE_AUTO ? (unsigned)d->cfg.profile
                                                : path_meter_wish(&c->path);
}

// A new wish, and a span that will be new, are told at once: a link that is too thin fills up.
static bool has_news(const struct sotto_device *d, const struct call *c)
{
    return wish(d, c) != c->told_wish || pace_announced(&c->pace) != c->told_span;
}

static void add_report(struct sotto_device *d, const struct call *c, struct cell_content *content)
{
    struct sotto_playout_stats stats;
    sotto_playout_stats(c->playout, &stats);
    // As of the tick on which the cell leaves, not of now, when it is made.
    sotto_ns leaves = c->next_tick > d->now.mono_ns ? c->next_tick : d->now.mono_ns;
    sotto_ns held_ms = (leaves - c->peer_last) / SOTTO_NS_PER_MS;
    struct loss_view view = loss_meter_view(&c->meter);
    uint32_t playout_ms = stats.delay_us / 1000;
    content->has_report = true;
    content->report = (struct cell_report){
        .highest_ctr = c->peer_ctr_highest,
        .held_ms = (uint16_t)(held_ms > UINT16_MAX ? UINT16_MAX : held_ms),
        .received = (uint32_t)c->cells_received,
        .loss = view.loss,
        .burst = view.burst,
        .history = sotto_playout_has_history(c->playout),
        .wish = (uint8_t)wish(d, c),
        .span = (uint8_t)pace_announced(&c->pace),
        .playout_ms =
            (uint16_t)(playout_ms > CELL_PLAYOUT_MAX_MS ? CELL_PLAYOUT_MAX_MS : playout_ms),
    };
}

// A cell that stands for several ticks has the number of the last. How much of it voice has is
// settled now: its frames are encoded tick by tick.
static void begin_cell(struct sotto_device *d, struct call *c)
{
    unsigned span = pace_begin(&c->pace, cell_sealer_next_ctr(c->sealer));
    cell_sealer_skip(c->sealer, span - 1);
    uint64_t ctr = cell_sealer_next_ctr(c->sealer);
    size_t room = cell_sealer_room(c->sealer), reserve = voice_fill_reserve(span);
    c->report_wanted = c->peer_seen && (ctr >= c->report_at || has_news(d, c));
    if (c->report_wanted)
        room -= CELL_ITEM_OVERHEAD + CELL_REPORT_BYTES;
    // Voice keeps its frames whatever else is to be said; then comes control, then redundancy.
    size_t wants = span == 1 ? room : ctl_stream_wants(c->ctl, d->now.mono_ns);
    c->control_room = wants < room - reserve ? wants : room - reserve;
    voice_fill_begin(&c->fill, span, room - c->control_room);
}

static void end_cell(struct sotto_device *d, struct call *c, const int16_t *pcm)
{
    struct cell_content content = {0};
    size_t room = cell_sealer_room(c->sealer);
    uint64_t ctr = cell_sealer_next_ctr(c->sealer);
    if (c->report_wanted) {
        add_report(d, c, &content);
        room -= CELL_ITEM_OVERHEAD + CELL_REPORT_BYTES;
        c->report_at = ctr - ctr % CALL_REPORT_TICKS + CALL_REPORT_TICKS;
        c->told_wish = content.report.wish;
        c->told_span = content.report.span;
    }
    ctl_stream_fill(c->ctl, &content, c->control_room, c->rtt_ns, d->now.mono_ns);
    room -= cell_control_bytes(&content);
    (void)voice_fill_cell(&c->fill, c->encoder, pcm, room, &content); // or a cell without voice
    if (cell_seal(c->sealer, &content, c->cell) == SOTTO_OK) {
        c->cell_made = true;
        c->cell_ctr = ctr;
    }
}

static void make_tick(struct sotto_device *d, struct call *c)
{
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    if (voice_fill_left(&c->fill) == 0)
        begin_cell(d, c);
    take_frame(d, c, pcm);
    if (voice_fill_left(&c->fill) > 1)
        (void)voice_fill_frame(&c->fill, c->encoder, pcm);
    else
        end_cell(d, c, pcm);
    sotto_wipe(pcm, sizeof pcm);
}

sotto_ns call_media_expiry(const struct call *c)
{
    if (!c->media)
        return SOTTO_NEVER;
    return c->tick_prepared || c->next_tick < CELL_LEAD_NS ? c->next_tick
                                                           : c->next_tick - CELL_LEAD_NS;
}

static void check_peer(struct sotto_device *d, struct call *c)
{
    sotto_ns silent = d->now.mono_ns - c->peer_last;
    if (!call_live(c))
        return;
    if (silent >= SOTTO_PEER_LOST_NS) {
        call_end(d, c, SOTTO_END_LOST, true, CONTROL_END_HANGUP);
    } else if (silent >= SOTTO_PEER_SILENT_NS && !c->reconnecting) {
        c->reconnecting = true;
        struct sotto_event *e = event_add(d, SOTTO_EVENT_CALL_PATH);
        e->call = c->id;
        e->flag = true;
    }
}

// Ticks without a cell of their own have no time.
static void note_departure(struct call *c, sotto_ns now)
{
    for (uint64_t t = c->sent_newest + 1; t < c->cell_ctr && t > c->cell_ctr - CELL_SPAN_MAX; t++)
        c->sent_at[t % CALL_SENT_TIMES] = 0;
    c->sent_at[c->cell_ctr % CALL_SENT_TIMES] = now;
    c->sent_newest = c->cell_ctr;
}

// What is due and not done: then cells have waited as well.
static void note_lateness(struct call *c, sotto_ns now)
{
    sotto_ns due = call_media_expiry(c);
    if (now > due && now - due >= PATH_LATE_NS)
        path_meter_late(&c->path, now);
}

void call_media_tick(struct sotto_device *d, struct call *c)
{
    sotto_ns now = d->now.mono_ns;
    if (now < call_media_expiry(c))
        return;
    note_lateness(c, now);
    if (!c->tick_prepared && c->circuit.attached) {
        call_rekey_poll(d, c);
        if (!c->media)
            return;
        make_tick(d, c);
    }
    if (!c->circuit.attached)
        voice_fill_drop(&c->fill);
    c->tick_prepared = true;
    if (now < c->next_tick)
        return;
    c->tick_prepared = false;
    c->cell_due = c->cell_made && c->circuit.attached;
    c->cell_made = false;
    if (c->cell_due)
        note_departure(c, now);
    c->next_tick += SOTTO_TICK_NS;
    if (c->next_tick + 4 * SOTTO_TICK_NS < now) // slept: go on from here, never in a burst
        c->next_tick = now + SOTTO_TICK_NS;
    check_peer(d, c);
    if (c->used && c->state == SOTTO_CALL_ENDING && c->telling && !c->cell_due &&
        ctl_stream_pending(c->ctl) == 0)
        call_finish(d, c);
}

size_t sotto_device_write_datagram(struct sotto_device *d, unsigned *link, uint8_t *out, size_t cap)
{
    if (cap < LINK_DATAGRAM_BYTES)
        return 0;
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        struct call *c = &d->calls[i];
        if (!c->used || !c->cell_due)
            continue;
        c->cell_due = false;
        c->cells_sent++;
        *link = c->circuit.port;
        link_datagram_encode(out, c->circuit.id, c->cell);
        return LINK_DATAGRAM_BYTES;
    }
    return 0;
}

// ---- receiving ---------------------------------------------------------------------------------

static void take_report(struct sotto_device *d, struct call *c, const struct cell_report *r)
{
    c->reported = (struct loss_view){r->loss, r->burst, r->history};
    voice_fill_report(&c->fill, c->reported);
    uint64_t next = cell_sealer_next_ctr(c->sealer);
    pace_asked(&c->pace, r->wish, next);
    c->peer_announced = r->span;
    if (r->highest_ctr >= next || next - r->highest_ctr > CALL_SENT_TIMES)
        return; // a lie, or too old to tell
    sotto_ns sent = c->sent_at[r->highest_ctr % CALL_SENT_TIMES];
    sotto_ns held = (sotto_ns)r->held_ms * SOTTO_NS_PER_MS;
    if (sent == 0 || d->now.mono_ns < sent + held)
        return;
    sotto_ns sample = d->now.mono_ns - sent - held;
    c->rtt_ns = c->rtt_ns == 0 ? sample : (7 * c->rtt_ns + sample) / 8; // RFC 6298 §2
    way_out_note(&c->out, sample, path_meter_queue_us(&c->path));
}

// Cells between the newest and this one have not come; when one does, it was not lost.
static void count_lost(struct call *c, uint64_t ctr, unsigned span)
{
    uint64_t first = ctr >= span ? ctr - span + 1 : 0;
    if (!c->peer_seen)
        c->peer_ctr_first = ctr;
    else if (first > c->peer_ctr_highest + 1)
        c->cells_lost += (first - c->peer_ctr_highest - 1 + span - 1) / span;
    else if (ctr < c->peer_ctr_highest && ctr > c->peer_ctr_first && c->cells_lost > 0)
        c->cells_lost--;
}

static void note_arrival(struct sotto_device *d, struct call *c, uint64_t ctr, unsigned span)
{
    c->cells_received++;
    loss_meter_note(&c->meter, ctr, span);
    note_lateness(c, d->now.mono_ns);
    path_meter_note(&c->path, ctr, span, d->now.mono_ns);
    count_lost(c, ctr, span);
    if (!c->peer_seen || ctr > c->peer_ctr_highest) {
        c->peer_ctr_highest = ctr;
        c->peer_last = d->now.mono_ns;
        c->peer_span = span;
    }
    c->peer_seen = true;
    if (c->reconnecting) {
        c->reconnecting = false;
        event_add(d, SOTTO_EVENT_CALL_PATH)->call = c->id;
    }
}

// The cell's own frames, the oldest first, and before them what it copies of others.
static void put_earlier(struct sotto_device *d, struct call *c, const struct cell_content *content,
                        uint64_t ctr)
{
    for (size_t i = 0; i < content->earlier_count; i++)
        if (!content->earlier[i].own && content->earlier[i].distance <= ctr)
            sotto_playout_put_copy(c->playout, ctr - content->earlier[i].distance,
                                   content->earlier[i].packet, content->earlier[i].len,
                                   d->now.mono_ns);
    for (unsigned far = cell_span(content) - 1; far > 0; far--)
        for (size_t i = 0; i < content->earlier_count; i++)
            if (content->earlier[i].distance == far && far <= ctr)
                sotto_playout_put_early(c->playout, ctr - far, content->earlier[i].packet,
                                        content->earlier[i].len, d->now.mono_ns);
}

static void take_voice(struct sotto_device *d, struct call *c, const struct cell_content *content,
                       uint64_t ctr)
{
    if (c->state != SOTTO_CALL_ACTIVE || c->held)
        return;
    unsigned span = cell_span(content);
    sotto_playout_expect(c->playout, c->peer_announced > span ? c->peer_announced : span);
    put_earlier(d, c, content, ctr);
    if (!content->voice)
        return;
    sotto_playout_put(c->playout, ctr, content->voice, content->voice_len, d->now.mono_ns);
    if (c->first_voice_ns == 0 && (!c->incoming || c->peer_active))
        c->first_voice_ns = d->now.mono_ns;
}

void call_media_read(struct sotto_device *d, struct call *c, const uint8_t *cell)
{
    uint8_t plain[CELL_PLAINTEXT_MAX_BYTES];
    struct cell_content content;
    uint64_t ctr;
    if (!c->media ||
        cell_open(c->opener, cell, d->now.mono_ns, plain, &content, &ctr) != SOTTO_OK) {
        c->cells_dropped++;
        return;
    }
    note_arrival(d, c, ctr, cell_span(&content));
    if (content.has_report)
        take_report(d, c, &content.report);
    if (path_meter_chokes(&c->path) && way_out_waits(&c->out))
        pace_urged(&c->pace, cell_sealer_next_ctr(c->sealer));
    if (ctl_stream_take(c->ctl, &content, d->now.mono_ns) != SOTTO_OK)
        call_end(d, c, SOTTO_END_PROTOCOL, true, CONTROL_END_ERROR);
    else
        call_control_read(d, c);
    if (c->used && c->media)
        take_voice(d, c, &content, ctr);
    sotto_wipe(plain, sizeof plain);
}

void sotto_device_playout(struct sotto_device *d, int16_t *pcm, size_t samples,
                          struct sotto_now now)
{
    struct call *c = call_talking(d);
    if (c && !c->peer_held)
        sotto_playout_get(c->playout, pcm, samples, now.mono_ns);
    else
        memset(pcm, 0, samples * sizeof pcm[0]);
}
