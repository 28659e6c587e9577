#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Voice over bad networks, in real time, beside other telephones in the same run.

    bench/voice/peers.py [--out DIR] [--plcmos DIR] [--systems A,B] [--traces A,B]
                         [--passes N] [--seed N] [--together N] [--words TRACES] [--quick]
    bench/voice/peers.py --again      # scores what lies in --out once more, without calls

All LibriVox recordings of Debian's pocketsphinx-testdata, both ways at once, through voice_proxy with
each trace. Into --out: results.json, table.md, the curves as SVG, and every recording. Systems that
are not installed are left out, and so are columns whose meter is: PLCMOS (node), words (pocketsphinx).
"""
import argparse
import array
import concurrent.futures
import datetime
import glob
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path

import plot
import score
import systems
from systems import SYSTEMS, stage

TRACES = ("clean loss5 loss10 loss20 loss30 burst60 burst120 burst250 jitter10 jitter30 jitter60 "
          "spikes reorder outage thin").split()
NAMES = {"clean": "nothing", "loss5": "5 % lost", "loss10": "10 % lost", "loss20": "20 % lost",
         "loss30": "30 % lost", "burst60": "10 % lost, bursts of 60 ms",
         "burst120": "10 %, bursts of 120 ms", "burst250": "10 %, bursts of 250 ms",
         "jitter10": "jitter 10 ms", "jitter30": "jitter 30 ms", "jitter60": "jitter 60 ms",
         "spikes": "spikes of 300 ms", "reorder": "10 % overtaken by 30 ms",
         "outage": "an outage of 2 s", "thin": "a link of 64 kbit/s"}
QUICK_TRACES, QUICK_SYSTEMS = "clean,loss20", "sotto"
WORDS = "clean,loss20,loss30,burst120,burst250"
BASE_MS = 40       # of the path, one way; left out of all delays (trace.h)
LEAD_S = 2.5       # silence before the speech, in which a call settles
TAIL_S = 1.5
GAP_S = 0.5        # between the recordings
MARGIN_S = 0.25    # of what is scored, before and after the speech
HEARD_ESTOI = 0.6  # on a clean network; less is a fault of the measurement
TAPS = 16          # of the filter that takes the recordings from 16 to 48 kHz, each side


# ---- what is spoken -------------------------------------------------------------------------------

def thrice(pcm):
    """From 16 to 48 kHz: windowed sinc."""
    out = array.array("h", bytes(6 * len(pcm)))
    out[0::3] = pcm
    padded = [0] * TAPS + list(pcm) + [0] * TAPS
    for phase in (1, 2):
        taps = []
        for k in range(-TAPS + 1, TAPS + 1):
            x = k - phase / 3
            window = math.cos(math.pi * x / (2 * (TAPS + 1))) ** 2
            taps.append(math.sin(math.pi * x) / (math.pi * x) * window)
        taps = [t / sum(taps) for t in taps]
        mixed = [0.0] * len(pcm)
        for k, tap in enumerate(taps):
            mixed = [m + tap * s for m, s in zip(mixed, padded[k + 1:])]
        out[phase::3] = array.array("h", [max(-32768, min(32767, round(m))) for m in mixed])
    return out


def spoken(path, passes, most=None):
    """Writes what everybody says; (its length, where the speech begins and ends), in seconds."""
    speech = array.array("h")
    files = sorted(glob.glob(score.SPEECH + "/*.wav"))[:most]
    if not files:
        raise SystemExit(f"no recordings in {score.SPEECH}: packaging/deps.sh installs them")
    for _ in range(passes):
        for name in files:
            speech.extend(systems.read_wav(name)[1])
            speech.extend([0] * int(16000 * GAP_S))
    silence = lambda s: array.array("h", bytes(2 * int(systems.RATE * s)))
    pcm = silence(LEAD_S) + thrice(speech) + silence(TAIL_S)
    systems.write_wav(path, pcm)
    return len(pcm) / systems.RATE, LEAD_S, LEAD_S + len(speech) / 16000 - GAP_S


# ---- scoring --------------------------------------------------------------------------------------

def cut(source, target, begin_s, end_s, level_db):
    rate, pcm = systems.read_wav(source)
    begin, end = round(begin_s * rate), round(end_s * rate)
    part = array.array("h", bytes(2 * max(0, -begin))) + pcm[max(0, begin):max(0, end)]
    part.extend([0] * max(0, end - begin - len(part)))
    systems.write_wav(target, systems.louder(part, level_db), rate)


def align(options, d, speech):
    """ESTOI and delay of one direction, and the piece of it that PLCMOS and the recogniser get."""
    like = stage.likeness(options.spoken, d["wav"])
    d["estoi"] = like["likeness"]
    own = 0
    if "spoken_wav" in d:
        own = stage.likeness(options.spoken, d["spoken_wav"])["delay_ms"]
    for name in ("mean", "min", "max"):
        d[f"delay_{name}_ms"] = d["offset_ms"] + like[f"delay_{name}_ms"] - own - options.base
    d["scored"] = d["wav"][:-4] + "-scored.wav"
    shift = like["delay_ms"] / 1e3
    cut(d["wav"], d["scored"], speech[0] - MARGIN_S + shift, speech[1] + MARGIN_S + shift,
        options.level)
    return d


def score_all(options, results, speech):
    """Adds scores to every direction; the PLCMOS of the recordings themselves."""
    runs = [(r, d) for r in results for d in r["directions"]]
    itself = options.out + "/spoken-scored.wav"
    cut(options.spoken, itself, speech[0] - MARGIN_S, speech[1] + MARGIN_S,
        options.level)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        say("aligning")
        list(pool.map(lambda run: align(options, run[1], speech), runs))
        say("PLCMOS")
        marks = {}
        for some in [[itself]] + [[d["scored"] for d in r["directions"]] for r in results]:
            marks.update(score.plcmos(options.plcmos, some))
        for _, d in runs:
            d["plcmos"] = marks.get(os.path.abspath(d["scored"]))
        asked = [(r, d) for r, d in runs if r["trace"] in options.words.split(",")]
        if asked and score.can_hear():
            say("words")
            want = score.said(options.passes)
            for (_, d), got in zip(asked, pool.map(
                    lambda run: score.heard_words(run[1]["scored"]), asked)):
                d["wer"] = score.errors(want, got) / len(want)
            options.wer = score.errors(want, score.heard_words(itself)) / len(want)
    return marks.get(os.path.abspath(itself))


# ---- measuring ------------------------------------------------------------------------------------

BEGAN = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - BEGAN:5.0f} s] {text}", file=sys.stderr, flush=True)


def one(options, name, trace, seconds):
    """One system on one trace; None if it could not be done."""
    out = f"{options.out}/{name}-{trace}"
    seed = options.seed + 100 * TRACES.index(trace)
    try:
        got = SYSTEMS[name].measure(trace, seed, options.base, options.spoken, seconds, out)
    except (stage.StageError, OSError, ValueError, KeyError) as e:
        say(f"{name} on {trace} failed: {e}")
        return None
    say(f"{name} on {trace}: lost {', '.join('%.1f %%' % (100 * d['lost']) for d in got['directions'])}")
    return {"system": name, "trace": trace, "seed": seed, **got}


def measure(options, names, traces, seconds):
    results = []
    runs = [(name, trace) for trace in traces for name in names]
    with concurrent.futures.ThreadPoolExecutor(options.together) as pool:
        for got in pool.map(lambda run: one(options, *run, seconds), runs):
            results += [got] if got else []
            with open(options.out + "/results.json", "w", encoding="utf-8") as f:
                json.dump({"runs": results}, f, indent=1)
    return results


# ---- what comes out -------------------------------------------------------------------------------

def mean(values):
    values = [v for v in values if v is not None]
    return statistics.fmean(values) if values else None


class Figures:
    """Means of both directions."""

    def __init__(self, results):
        self.runs = {(r["system"], r["trace"]): r for r in results}

    def get(self, system, trace, what):
        run = self.runs.get((system, trace))
        return mean([d.get(what) for d in run["directions"]]) if run else None

    def most(self, system, trace, what):
        run = self.runs.get((system, trace))
        values = [d[what] for d in run["directions"] if d.get(what) is not None] if run else []
        return max(values, default=None)


def shown(value, form):
    return "" if value is None else form % value


# What the tables show: a cell is the system's figures with a slash between.
TABLES = (
    ("PLCMOS v2 / delay from mouth to ear, ms",
     (("plcmos", "%.2f", 1), ("delay_mean_ms", "%.0f", 1))),
    ("ESTOI / share of speech concealed / share of lost speech played from redundancy",
     (("estoi", "%.3f", 1), ("concealed", "%.3f", 1), ("real", "%.2f", 1))),
    ("Words wrong", (("wer", "%.2f", 1),)),
    ("kbit/s on the wire, one way / CPU of one end, % of a core",
     (("bps", "%.0f", 1e-3), ("cpu", "%.1f", 100))),
)


def table(options, names, traces, figures, itself):
    yield (f"The recordings themselves: PLCMOS {shown(itself, '%.2f')} (at {options.level} dB), "
           f"words wrong {shown(options.wer, '%.2f')}. Seed {options.seed}.")
    for title, parts in TABLES:
        rows = []
        for trace in traces:
            cells = []
            for name in names:
                values = [(figures.get(name, trace, what), form, times)
                          for what, form, times in parts]
                values = [shown(None if v is None else v * times, form)
                          for v, form, times in values]
                cells.append(" / ".join(v or "-" for v in values) if any(values) else "")
            if any(cells):
                rows.append(f"| {NAMES[trace]} | " + " | ".join(cells) + " |")
        if rows:
            yield from ("", title + ":", "", "| network | " + " | ".join(names) + " |",
                        "|---" * (1 + len(names)) + "|", *rows)


def curves(options, names, traces, figures):
    """SVG: quality and delay over loss, over bursts and over jitter."""
    def over(points):
        points = [(x, t) for x, t in points if t in traces]
        def series(what, times=1):
            return [(n, [x for x, _ in points],
                     [None if (v := figures.get(n, t, what)) is None else v * times
                      for _, t in points]) for n in names]
        return series if len(points) > 1 else None

    def panels(series, more=()):
        out = [plot.Panel("ESTOI", series("estoi"), floor=0.3),
               plot.Panel("Delay, ms", series("delay_mean_ms"), at_least=100),
               *more]
        if any(v is not None for _, _, ys in series("plcmos") for v in ys):
            out.insert(0, plot.Panel("PLCMOS v2", series("plcmos"), at_least=4, floor=1.5))
        return out

    loss = over([(0, "clean"), (5, "loss5"), (10, "loss10"), (20, "loss20"), (30, "loss30")])
    if loss:
        plot.draw(options.out + "/loss.svg", "Packets lost, each for itself", panels(
            loss, [plot.Panel("kbit/s on the wire", loss("bps", 1e-3))]), " %")
    burst = over([(60, "burst60"), (120, "burst120"), (250, "burst250")])
    if burst:
        plot.draw(options.out + "/bursts.svg", "10 % lost in bursts, mean length", panels(
            burst, [plot.Panel("Lost speech played from redundancy, share", burst("real"))]),
            " ms")
    jitter = over([(0, "clean"), (10, "jitter10"), (30, "jitter30"), (60, "jitter60")])
    if jitter:
        plot.draw(options.out + "/jitter.svg", "Jitter (the network's part of the delay included)",
                  panels(jitter), " ms")


def back_to_normal_s(lags):
    """From the greatest lag on, a value a second: until within 40 ms of the median. None: never."""
    top, normal = lags.index(max(lags)), statistics.median(lags) + 40
    return next((float(i - top) for i in range(top, len(lags)) if lags[i] <= normal), None)


def verdict(figures):
    """The aims, each with what was measured: (text, measured, met)."""
    get = figures.get

    def aim(text, value, test, form="%.2f"):
        if value is not None and test is not None:
            yield text, form % value, value >= test[1] if test[0] == ">" else value <= test[1]

    s, red = "sotto", "chromium-red"
    yield from aim("20 % lost: PLCMOS at least 3.55", get(s, "loss20", "plcmos"), (">", 3.55))
    yield from aim("30 % lost: PLCMOS at least 3.40", get(s, "loss30", "plcmos"), (">", 3.40))
    for trace, name in (("clean", "no loss"), ("loss20", "20 % lost"), ("loss30", "30 % lost")):
        other = get(red, trace, "plcmos")
        if other is not None:
            yield from aim(f"{name}: PLCMOS not below Chromium with RED ({other:.2f})",
                           get(s, trace, "plcmos"), (">", other))
    other = get(red, "loss20", "bps")
    if other is not None:
        yield from aim(f"20 % lost: kbit/s not above Chromium with RED ({other / 1e3:.0f})",
                       mean([(get(s, "loss20", "bps") or 0) / 1e3]), ("<", other / 1e3), "%.0f")
    for trace, least in (("burst120", 0.90), ("burst250", 0.75)):
        yield from aim(f"{NAMES[trace]}: real at least {least:.2f}", get(s, trace, "real"),
                       (">", least))
    yield from aim("no impairment: delay at most 60 ms", get(s, "clean", "delay_mean_ms"),
                   ("<", 60), "%.0f ms")
    yield from aim("20 % lost: delay at most 90 ms", get(s, "loss20", "delay_mean_ms"), ("<", 90),
                   "%.0f ms")
    other = get("chromium", "jitter30", "delay_mean_ms")
    if other is not None:
        limit = 0.9 * (other + BASE_MS) - BASE_MS
        yield from aim(f"jitter 30 ms: delay at most 0.9 of Chromium's, the network included "
                       f"({limit:.0f} ms)", get(s, "jitter30", "delay_mean_ms"), ("<", limit),
                       "%.0f ms")
    lags = [d["lag_max_ms"] for (n, _), r in figures.runs.items() if n == s
            for d in r["directions"] if d.get("lag_max_ms") is not None]
    yield from aim("added buffering at most 400 ms", max(lags, default=None), ("<", 400),
                   "%.0f ms")
    run = figures.runs.get((s, "spikes"))
    if run:
        backs = [back_to_normal_s(d["lags"]) for d in run["directions"] if d.get("lags")]
        yield from aim("back to normal after a spike within 5 s",
                       max((99.0 if b is None else b for b in backs), default=None), ("<", 5),
                       "%.0f s")
    cpu = [v for (n, t) in figures.runs if n == s if (v := get(n, t, "cpu")) is not None]
    yield from aim("CPU with neural parts at most 12 % of a core",
                   max(cpu, default=None) and 100 * max(cpu), ("<", 12), "%.1f %%")


def report(options, names, traces, results, itself):
    figures = Figures(results)
    text = list(table(options, names, traces, figures, itself))
    text += ["", "| aim | measured | |", "|---|---|---|"]
    text += [f"| {what} | {value} | {'met' if met else '**missed**'} |"
             for what, value, met in verdict(figures)]
    with open(options.out + "/table.md", "w", encoding="utf-8") as f:
        f.write("\n".join(text) + "\n")
    curves(options, names, traces, figures)
    print("\n".join(text))
    late = max((r["late_max_ms"] for r in results), default=0)
    print(f"\nThe proxy let packets go at most {late:.1f} ms late. "
          f"{options.out}/: results.json, table.md, *.svg")


def parse():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    p.add_argument("--out", default="build/voice-peers")
    p.add_argument("--plcmos", help="the PLCMOS meter's directory (../shared/plcmos if it is there)")
    p.add_argument("--systems", default=",".join(SYSTEMS))
    p.add_argument("--traces", default=",".join(TRACES))
    p.add_argument("--passes", type=int, default=1, help="how often the recordings are spoken (1)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--base", type=int, default=BASE_MS, metavar="MS",
                   help="delay of every path, one way, left out of all figures (40)")
    p.add_argument("--level", type=float, default=score.LEVEL_DB, metavar="DB",
                   help="PLCMOS is taken at this level (%(default)s)")
    p.add_argument("--together", type=int, default=3, help="calls at the same time (3)")
    p.add_argument("--words", default=WORDS, metavar="TRACES", help="count words on these")
    p.add_argument("--quick", action="store_true", help="a minute: sotto alone on two traces")
    p.add_argument("--again", action="store_true", help="no calls: score what is there")
    options = p.parse_args()
    if options.quick:
        options.traces, options.systems, options.words = QUICK_TRACES, QUICK_SYSTEMS, ""
    if options.plcmos is None and (stage.ROOT / "../shared/plcmos/node_modules").is_dir():
        options.plcmos = str(stage.ROOT / "../shared/plcmos")
    options.wer = None
    return options


def main():
    options = parse()
    os.makedirs(options.out, exist_ok=True)
    options.spoken = os.path.abspath(options.out + "/spoken.wav")
    names = []
    for name in options.systems.split(","):
        missing = SYSTEMS[name].missing()
        if missing:
            say(f"without {name}: {missing}")
        else:
            names.append(name)
    traces = options.traces.split(",")
    seconds, *speech = spoken(options.spoken, options.passes, 2 if options.quick else None)
    if options.again:
        with open(options.out + "/results.json", encoding="utf-8") as f:
            results = [r for r in json.load(f)["runs"] if r["trace"] in traces]
    else:
        say(f"{len(traces)} traces, {len(names)} systems, {seconds:.0f} s each, "
            f"{options.together} at a time; seed {options.seed}")
        results = measure(options, names, traces, seconds)
    itself = score_all(options, results, speech)
    with open(options.out + "/results.json", "w", encoding="utf-8") as f:
        json.dump({"date": datetime.date.today().isoformat(), "level_db": options.level,
                   "base_ms": options.base, "spoken_plcmos": itself, "spoken_wer": options.wer,
                   "systems": {n: SYSTEMS[n].what for n in names}, "runs": results}, f, indent=1)
    report(options, names, traces, results, itself)
    deaf = [r for r in results for d in r["directions"]
            if r["trace"] == "clean" and d["estoi"] < HEARD_ESTOI]
    return 1 if deaf or (not options.again and len(results) < len(names) * len(traces)) else 0


if __name__ == "__main__":
    sys.exit(main())
