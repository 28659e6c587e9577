// SPDX-License-Identifier: Apache-2.0
// voice_eval [options] SPOKEN.wav HEARD.wav
//
// The real sender of voice (encoder, what fills a cell) and the real receiver (loss meter, playout)
// over a seeded network, in simulated time: no sockets, no sound devices. HEARD.wav is what the
// receiver's loudspeaker got, from the moment that SPOKEN.wav began. Standard output is a JSON
// object with the figures; --csv writes a row for each tick of the receiver.
#include "trace.h"

#include "media/loss_meter.h"
#include "media/pace.h"
#include "media/path_meter.h"
#include "media/playout.h"
#include "media/voice_fill.h"
#include "media/way_out.h"
#include "wav.h"
#include "wire/cell.h"

#include <getopt.h>
#include <math.h>
#include <sotto/media.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MS           SOTTO_NS_PER_MS
#define LEAD_NS      (6 * MS)      // a cell is made this long before it leaves (core/call/impl.h)
#define CODEC_NS     (13 * MS / 2) // look-ahead of the Opus encoder
#define ROOM         CELL_ROOM_USUAL_BYTES
#define REPORT_TICKS 11    // as in core/call/impl.h
#define CELLS_MAX    30000 // ten minutes
#define TAIL_NS      (500 * MS)
#define LAG_USUAL_MS 60
#define BACK_MAX     128   // cells on their way back; more are not sent
#define SPEECH_LEVEL 160.0 // mean square root from which on a frame counts as speech

struct options {
    const struct trace_profile *profile;
    uint64_t seed;
    const char *csv, *spoken, *heard;
    int mode;      // an enum voice_mode, or -1: adaptive
    unsigned span; // ticks that a cell stands for; 0: adaptive
    size_t step;   // samples that the loudspeaker takes at once
    bool neural;
};

enum fate {
    UNPLAYED,
    OWN,
    COPIED,
    RETOLD,
};

// What a report says; the reports of the sender of voice nothing of losses.
struct report {
    bool any;
    struct loss_view view;
    unsigned wish;
    uint64_t highest; // counter received
    sotto_ns held;
};

struct cell {
    sotto_ns leaves, arrival; // TRACE_LOST: never
    unsigned span;            // 0: this tick has no cell of its own
    unsigned announced;       // by the last report of its sender
    bool lost, taken, speech;
    enum fate fate;
    struct report report;
    uint8_t plain[ROOM];
};

// A cell of the other way, of which only the report matters.
struct back_cell {
    sotto_ns arrival;
    uint64_t ctr;
    unsigned span;
    struct report report;
};

// What an end knows of the ways to it and from it, as in core/call/call_media.c.
struct end {
    struct path_meter path;
    struct way_out out;
    struct pace pace;
    bool any;         // came from the other end
    uint64_t highest; // counter
    sotto_ns last;    // when that came
    unsigned told;    // wish, in the last report
};

struct path {
    struct options o;
    struct wav_reader *in;
    struct wav_writer *out;
    FILE *csv;
    struct sotto_voice_encoder *encoder;
    struct voice_fill fill;
    struct sotto_playout *playout;
    struct loss_meter meter;
    struct end mouth, ear;
    struct trace trace, back; // of the cells, and of those of the other way
    sotto_ns tick_ns;         // of the sender, by the receiver's clock
    size_t sent;
    bool spoken_all;
    struct back_cell waiting[BACK_MAX]; // on their way, the oldest first
    size_t waiting_count;
    uint64_t back_next;  // tick in which the next one leaves
    unsigned announced;  // by the sender's own
    size_t reports_room; // in the cell that is being made
    double lag_sum_ms, lag_max_ms, encode_us, play_us;
    bool report_due;
    uint64_t asks, asked, reports, modes[VOICE_PLAIN + 1], spans[CELL_SPAN_MAX + 1];
    double ear_sum_ms, spike_worst_ms;
    uint64_t ears;
    sotto_ns now;
};

static struct cell cells[CELLS_MAX];
static size_t waiting[CELLS_MAX];     // sent, not yet arrived
static sotto_ns back_sent[CELLS_MAX]; // of the other way, by counter
static size_t waiting_count;

static void check(int error, const char *what)
{
    if (error < 0) {
        fprintf(stderr, "voice_eval: %s: %s\n", what, sotto_strerror(error));
        exit(1);
    }
}

// ---- the two ends -------------------------------------------------------------------------------

static unsigned wish(const struct path *p, const struct end *e)
{
    return p->o.span > 0 ? p->o.span : path_meter_wish(&e->path);
}

static struct report make_report(const struct path *p, struct end *e, sotto_ns leaves)
{
    e->told = wish(p, e);
    return (struct report){.any = e->any,
                           .wish = e->told,
                           .highest = e->highest,
                           .held = leaves - e->last};
}

// A cell came, at its time, and would be answered in this tick; `sent`: when its counter left.
static void note_arrival(struct end *e, uint64_t ctr, unsigned span, const struct report *r,
                         sotto_ns sent, uint64_t tick, sotto_ns now)
{
    path_meter_note(&e->path, ctr, span, now);
    if (!e->any || ctr > e->highest) {
        e->any = true;
        e->highest = ctr;
        e->last = now;
    }
    if (r->any) {
        pace_asked(&e->pace, r->wish, tick);
        way_out_note(&e->out, now - sent - r->held, path_meter_queue_us(&e->path));
    }
    if (path_meter_chokes(&e->path) && way_out_waits(&e->out)) {
        pace_urged(&e->pace, tick);
    }
}

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

// ---- the sender -------------------------------------------------------------------------------

static double loudness(const int16_t *pcm)
{
    double sum = 0;
    for (size_t i = 0; i < SOTTO_FRAME_SAMPLES; i++) {
        sum += (double)pcm[i] * pcm[i];
    }
    return sqrt(sum / SOTTO_FRAME_SAMPLES);
}

// What the cell is for, and what it holds beside voice.
static void begin_cell(struct path *p)
{
    struct end *e = &p->mouth;
    unsigned span = pace_begin(&e->pace, p->sent), announced = pace_announced(&e->pace);
    size_t reserve = voice_fill_reserve(span);
    bool turn = p->sent / REPORT_TICKS != (p->sent + span) / REPORT_TICKS;
    bool wanted = turn || announced != p->announced || (e->any && wish(p, e) != e->told);
    p->reports_room = wanted ? CELL_ITEM_OVERHEAD + CELL_REPORT_BYTES : 0;
    p->announced = wanted ? announced : p->announced;
    voice_fill_begin(&p->fill, span, span == 1 ? reserve : ROOM - p->reports_room);
}

static void send_cell(struct path *p, struct cell *c, const int16_t *pcm, sotto_ns leaves)
{
    struct cell_content content = {.has_report = p->reports_room > 0};
    c->span = p->fill.span;
    c->announced = p->announced;
    check(voice_fill_cell(&p->fill, p->encoder, pcm, ROOM - p->reports_room, &content), "encode");
    check(cell_encode(&content, c->plain, sizeof c->plain), "cell");
    c->leaves = leaves;
    if (p->reports_room > 0) {
        c->report = make_report(p, &p->mouth, leaves);
    }
    c->arrival = trace_arrival(&p->trace, leaves);
    for (unsigned i = 0; i < c->span; i++) {
        c[-(int)i].lost = c->arrival == TRACE_LOST;
    }
    if (!c->lost) {
        waiting[waiting_count++] = p->sent;
    }
}

static void send_tick(struct path *p, sotto_ns leaves)
{
    int16_t pcm[SOTTO_FRAME_SAMPLES] = {0};
    struct cell *c = &cells[p->sent];
    p->spoken_all = wav_reader_read(p->in, pcm, SOTTO_FRAME_SAMPLES) < SOTTO_FRAME_SAMPLES;
    c->speech = loudness(pcm) >= SPEECH_LEVEL;
    double before = cpu_us();
    if (voice_fill_left(&p->fill) == 0) {
        begin_cell(p);
    }
    p->modes[p->fill.mode]++;
    p->spans[p->fill.span]++;
    if (voice_fill_left(&p->fill) > 1) {
        check(voice_fill_frame(&p->fill, p->encoder, pcm), "encode");
    } else {
        send_cell(p, c, pcm, leaves);
    }
    p->encode_us += cpu_us() - before;
    p->sent++;
}

static void take_reports(struct path *p, sotto_ns now)
{
    while (p->waiting_count > 0 && p->waiting[0].arrival <= now) {
        const struct back_cell *b = &p->waiting[0];
        if (b->report.any) {
            voice_fill_report(&p->fill, b->report.view);
        }
        note_arrival(&p->mouth, b->ctr, b->span, &b->report, cells[b->report.highest].leaves,
                     p->sent, b->arrival);
        memmove(p->waiting, p->waiting + 1, --p->waiting_count * sizeof p->waiting[0]);
    }
}

static void send_until(struct path *p, sotto_ns now)
{
    // Tick n is what was said up to tick n + 1 of the sender.
    for (;;) {
        sotto_ns leaves = (p->sent + 1) * p->tick_ns + LEAD_NS;
        if (leaves > now || p->spoken_all || p->sent == CELLS_MAX) {
            return;
        }
        take_reports(p, leaves);
        send_tick(p, leaves);
    }
}

// ---- the receiver -----------------------------------------------------------------------------

static void receive(struct path *p, size_t tick, sotto_ns now)
{
    struct cell_content content;
    check(cell_decode(&content, cells[tick].plain, sizeof cells[tick].plain), "cell");
    unsigned span = cell_span(&content), announced = cells[tick].announced;
    loss_meter_note(&p->meter, tick, span);
    const struct report *r = &cells[tick].report;
    note_arrival(&p->ear, tick, span, r, back_sent[r->highest], p->reports, now);
    double before = cpu_us();
    sotto_playout_expect(p->playout, announced > span ? announced : span);
    for (size_t i = 0; i < content.earlier_count; i++) {
        if (!content.earlier[i].own && content.earlier[i].distance <= tick) {
            (void)sotto_playout_put_copy(p->playout, tick - content.earlier[i].distance,
                                         content.earlier[i].packet, content.earlier[i].len, now);
        }
    }
    for (size_t i = content.earlier_count; i-- > 0;) { // the nearest is the first
        if (content.earlier[i].own) {
            (void)sotto_playout_put_early(p->playout, tick - content.earlier[i].distance,
                                          content.earlier[i].packet, content.earlier[i].len, now);
        }
    }
    (void)sotto_playout_put(p->playout, tick, content.voice, content.voice_len, now);
    p->play_us += cpu_us() - before;
}

static void receive_until(struct path *p, sotto_ns now)
{
    for (;;) {
        size_t best = waiting_count;
        for (size_t i = 0; i < waiting_count; i++) {
            const struct cell *c = &cells[waiting[i]];
            if (c->arrival <= now &&
                (best == waiting_count || c->arrival < cells[waiting[best]].arrival)) {
                best = i;
            }
        }
        if (best == waiting_count) {
            return;
        }
        size_t tick = waiting[best];
        memmove(waiting + best, waiting + best + 1, (--waiting_count - best) * sizeof *waiting);
        receive(p, tick, cells[tick].arrival);
    }
}

static void note_fate(void *arg, uint64_t tick, enum playout_source source)
{
    static const enum fate fates[] = {
        [PLAYOUT_SOURCE_OWN] = OWN,
        [PLAYOUT_SOURCE_COPY] = COPIED,
        [PLAYOUT_SOURCE_HISTORY] = RETOLD,
        [PLAYOUT_SOURCE_CONCEALED] = UNPLAYED,
    };
    struct path *p = arg;
    if (tick < CELLS_MAX && cells[tick].fate == UNPLAYED) {
        cells[tick].fate = fates[source];
        if (source != PLAYOUT_SOURCE_CONCEALED) {
            p->ear_sum_ms += ((double)p->now - (double)(tick * p->tick_ns)) / 1e6;
            p->ears++;
        }
    }
}

// From the mouth to the ear, without the sound devices and the network's own TRACE_BASE_NS.
static double delay_ms(double lag_ms)
{
    return lag_ms + (double)(SOTTO_TICK_NS + LEAD_NS + CODEC_NS) / 1e6;
}

// How long after the end of a spike the lag was still above what is usual.
static void watch_spikes(struct path *p, double lag_ms, sotto_ns now)
{
    const struct trace_profile *t = p->o.profile;
    if (t->spike_every_ms <= 0 || lag_ms <= LAG_USUAL_MS) {
        return;
    }
    double phase =
        fmod((double)(now - TRACE_BASE_NS) / 1e6 + t->spike_every_ms / 2, t->spike_every_ms) -
        t->spike_ms;
    p->spike_worst_ms = fmax(p->spike_worst_ms, phase);
}

// The other way has cells like these over a network like this one; a new wish goes in the next.
static void answer(struct path *p, sotto_ns now)
{
    struct end *e = &p->ear;
    bool turn = ++p->reports % REPORT_TICKS == 0;
    p->report_due = p->report_due || turn || wish(p, e) != e->told;
    if (p->reports < p->back_next || p->reports >= CELLS_MAX) {
        return;
    }
    unsigned span = pace_begin(&e->pace, p->reports);
    p->back_next = p->reports + span;
    struct back_cell b = {.ctr = p->reports, .span = span, .arrival = trace_arrival(&p->back, now)};
    back_sent[p->reports] = now;
    if (p->report_due) {
        p->report_due = false;
        b.report = make_report(p, e, now);
        b.report.view = loss_meter_view(&p->meter);
        b.report.view.history = p->o.neural;
    }
    if (b.arrival != TRACE_LOST && p->waiting_count < BACK_MAX) {
        p->waiting[p->waiting_count++] = b;
    }
}

static void write_row(struct path *p, const struct sotto_playout_stats *s, bool sound, sotto_ns now)
{
    if (p->csv == NULL) {
        return;
    }
    fprintf(p->csv, "%.1f,%.1f,%.1f,%u,%d,%llu,%llu,%llu,%llu,%llu,%d,%u,%u\n", (double)now / 1e6,
            delay_ms(s->lag_us / 1e3), s->target_us / 1e3, s->depth_frames, sound,
            (unsigned long long)s->concealed, (unsigned long long)s->copies,
            (unsigned long long)s->retold, (unsigned long long)s->shortened,
            (unsigned long long)s->lengthened, (int)p->fill.mode, p->fill.span,
            path_meter_wish(&p->ear.path));
}

static void ask(struct path *p, sotto_ns now)
{
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    struct sotto_playout_stats s;
    double before = cpu_us();
    bool sound = sotto_playout_get(p->playout, pcm, p->o.step, now);
    p->play_us += cpu_us() - before;
    check(wav_writer_write(p->out, pcm, p->o.step), "writing");
    sotto_playout_stats(p->playout, &s);
    double lag_ms = s.lag_us / 1e3;
    if (sound && !p->spoken_all) {
        p->lag_sum_ms += lag_ms;
        p->lag_max_ms = fmax(p->lag_max_ms, lag_ms);
        p->asks++;
    }
    watch_spikes(p, lag_ms, now);
    p->asked += p->o.step;
    if (p->asked % SOTTO_FRAME_SAMPLES == 0) { // a tick
        write_row(p, &s, sound, now);
        answer(p, now);
    }
}

// ---- figures ----------------------------------------------------------------------------------

static void print_figures(const struct path *p)
{
    size_t lost = 0, speech = 0, real = 0, copied = 0, unplayed = 0;
    struct sotto_playout_stats s;
    sotto_playout_stats(p->playout, &s);
    for (size_t i = 0; i < p->sent; i++) {
        const struct cell *c = &cells[i];
        speech += c->speech ? 1 : 0;
        unplayed += c->speech && c->fate == UNPLAYED ? 1 : 0;
        if (c->speech && c->lost) {
            lost++;
            real += c->fate == COPIED || c->fate == RETOLD ? 1 : 0;
            copied += c->fate == COPIED ? 1 : 0;
        }
    }
    double seconds = (double)p->sent / 50;
    char share[16] = "null";
    if (lost > 0) {
        (void)snprintf(share, sizeof share, "%.3f", (double)real / (double)lost);
    }
    printf("{\"delay_ms\": %.1f, \"delay_max_ms\": %.1f, \"added_max_ms\": %.1f, \"lost\": %.4f, "
           "\"real\": %s, \"copied\": %.3f, \"concealed\": %.4f, \"stretched\": %.4f, "
           "\"skipped\": %llu, \"late\": %llu, \"calm\": %.2f, \"heavy\": %.2f, \"bursts\": %.2f, "
           "\"ear_ms\": %.1f, \"after_spike_ms\": %.0f, \"ms40\": %.2f, \"ms60\": %.2f, "
           "\"cpu_encode\": %.4f, \"cpu_play\": %.4f}\n",
           delay_ms(p->lag_sum_ms / (double)p->asks), delay_ms(p->lag_max_ms), p->lag_max_ms,
           (double)lost / (double)speech, share, lost > 0 ? (double)copied / (double)lost : 0.0,
           (double)unplayed / (double)speech,
           (double)(s.shortened + s.lengthened) / SOTTO_SAMPLE_RATE / seconds,
           (unsigned long long)s.skipped, (unsigned long long)s.late,
           (double)p->modes[VOICE_CALM] / (double)p->sent,
           (double)p->modes[VOICE_HEAVY] / (double)p->sent,
           (double)p->modes[VOICE_BURSTS] / (double)p->sent,
           p->ear_sum_ms / (double)(p->ears > 0 ? p->ears : 1), p->spike_worst_ms,
           (double)p->spans[2] / (double)p->sent, (double)p->spans[3] / (double)p->sent,
           p->encode_us / seconds / 1e6, p->play_us / seconds / 1e6);
}

// ---- the whole ----------------------------------------------------------------------------------

static bool parse(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"trace", required_argument, NULL, 't'}, {"seed", required_argument, NULL, 's'},
        {"csv", required_argument, NULL, 'c'},   {"mode", required_argument, NULL, 'm'},
        {"no-neural", no_argument, NULL, 'n'},   {"profile", required_argument, NULL, 'p'},
        {"step", required_argument, NULL, 'S'},  {0},
    };
    static const char *const modes[] = {"calm", "loss", "heavy", "bursts", "plain"};
    int c;
    *o = (struct options){
        .profile = trace_find("clean"), .seed = 1, .mode = -1, .neural = true, .step = 480};
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (c == 't') {
            o->profile = trace_find(optarg);
        } else if (c == 's') {
            o->seed = strtoull(optarg, NULL, 10);
        } else if (c == 'c') {
            o->csv = optarg;
        } else if (c == 'n') {
            o->neural = false;
        } else if (c == 'p') {
            o->span = strcmp(optarg, "auto") == 0 ? 0 : (unsigned)strtoul(optarg, NULL, 10) / 20;
        } else if (c == 'S') {
            o->step = (size_t)strtoul(optarg, NULL, 10) * 48;
        } else if (c == 'm') {
            for (int i = 0; i <= VOICE_PLAIN; i++) {
                o->mode = strcmp(modes[i], optarg) == 0 ? i : o->mode;
            }
        } else {
            return false;
        }
    }
    if (argc - optind != 2 || o->profile == NULL) {
        return false;
    }
    o->spoken = argv[optind];
    o->heard = argv[optind + 1];
    return o->span <= CELL_SPAN_MAX && o->step > 0 && SOTTO_FRAME_SAMPLES % o->step == 0;
}

static void open_path(struct path *p)
{
    const struct sotto_env *env = sotto_env_default();
    check(wav_reader_open(&p->in, p->o.spoken), p->o.spoken);
    check(wav_writer_open(&p->out, p->o.heard), p->o.heard);
    check(sotto_voice_encoder_new(&p->encoder, env), "encoder");
    check(sotto_playout_new(&p->playout, env), "playout");
    playout_watch(p->playout, (struct playout_watcher){note_fate, p});
    voice_fill_init(&p->fill);
    for (struct end *e = &p->mouth; e != NULL; e = e == &p->mouth ? &p->ear : NULL) {
        path_meter_init(&e->path);
        pace_init(&e->pace, p->o.span);
        pace_asked(&e->pace, p->o.span > 0 ? p->o.span : 1, 0);
        e->told = 1;
    }
    p->fill.history = p->o.neural;
    voice_encoder_set_neural(p->encoder, p->o.neural);
    sotto_playout_set_neural(p->playout, p->o.neural);
    if (p->o.mode >= 0) {
        p->fill.mode = (enum voice_mode)p->o.mode;
        p->fill.fixed = true;
    }
    if (p->o.csv != NULL) {
        p->csv = fopen(p->o.csv, "w");
        check(p->csv != NULL ? 0 : SOTTO_EIO, p->o.csv);
        fputs("ms,delay_ms,target_ms,buffered,sound,concealed,copies,retold,shortened,lengthened,"
              "mode,span,wish\n",
              p->csv);
    }
    trace_init(&p->trace, p->o.profile, p->o.seed);
    trace_init(&p->back, p->o.profile, p->o.seed + 1000);
    p->tick_ns = (sotto_ns)((double)SOTTO_TICK_NS / (1 + p->o.profile->far_clock_ppm * 1e-6));
    p->announced = 1;
}

static void close_path(struct path *p)
{
    check(wav_writer_close(p->out), "writing");
    wav_reader_close(p->in);
    sotto_voice_encoder_free(p->encoder);
    sotto_playout_free(p->playout);
    if (p->csv != NULL) {
        fclose(p->csv);
    }
}

int main(int argc, char **argv)
{
    static struct path p;
    static const int16_t nothing[SOTTO_FRAME_SAMPLES];
    if (!parse(&p.o, argc, argv)) {
        fputs("usage: voice_eval [--trace NAME] [--seed N] [--csv FILE] [--no-neural]\n"
              "                  [--mode calm|loss|heavy|bursts|plain] [--profile auto|20|40|60]\n"
              "                  [--step MS] (that the loudspeaker takes at once: 10)\n"
              "                  SPOKEN.wav HEARD.wav\n",
              stderr);
        return 2;
    }
    open_path(&p);
    // The consumer's clock has a phase of its own.
    sotto_ns now = (sotto_ns)(trace_chance(&p.back) * (double)SOTTO_TICK_NS);
    check(wav_writer_write(p.out, nothing, (size_t)(now * SOTTO_SAMPLE_RATE / SOTTO_NS_PER_S)),
          "writing");
    sotto_ns until = SOTTO_NEVER;
    for (; now < until; now += SOTTO_TICK_NS * p.o.step / SOTTO_FRAME_SAMPLES) {
        p.now = now;
        send_until(&p, now);
        receive_until(&p, now);
        ask(&p, now);
        if (p.spoken_all && until == SOTTO_NEVER) {
            until = now + TAIL_NS;
        }
    }
    print_figures(&p);
    close_path(&p);
    return 0;
}
