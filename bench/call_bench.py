#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls between two `sotto` programs through a `sottod` and a delaying proxy, measured.

Prints, for several round trips between the two people: dial to ring, accept to first voice, and
mouth to ear, each beside its limit; and what a device in a call costs. The round trip is between
the two ends: each of the four legs gets a quarter of it.

    bench/call_bench.py [--json] [--calls N] [--rtt MS ...]
"""
import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "demo"), str(HERE / "voice")]
import stage  # noqa: E402
from stage import Person, Relay  # noqa: E402
from systems import Proxy  # noqa: E402


def is_event(name, **fields):
    return lambda e: e.get("event") == name and all(e.get(k) == v for k, v in fields.items())


def one_call(caller, callee, directory, stats):
    """One call with speech both ways: the figures of it, in milliseconds; how it went into stats."""
    spoken, heard = stage.speech("0880"), directory / "heard.wav"
    listener = callee.start("listen", "--accept-after", "1", "--once", "--mic", stage.speech("0930"),
                            "--speaker", heard, log=directory / "callee.log")
    listener.wait_for("ready", is_event("line", state="ready"))
    program = caller.start("call", "callee", "--mic", spoken, "--speaker", "none",
                           "--hangup-after-mic", "--stats", stats, log=directory / "caller.log")
    ringing = listener.wait_for("ringing", is_event("incoming"))
    ended = program.wait_for("the end", is_event("call", state="ended"), 40)
    there = listener.wait_for("the end", is_event("call", state="ended"), 40)
    program.finish()
    listener.finish()
    connected = program.find(is_event("relay", up=True))
    sound = stage.likeness(spoken, heard)
    delay = (listener.find(is_event("speaker_started"))["at_ns"] -
             program.find(is_event("mic_started"))["at_ns"]) / 1e6 + sound["delay_ms"]
    mine = ended["statistics"]
    return {
        "dial_to_ring_ms": (ringing["mono_ns"] - connected["mono_ns"]) / 1e6,
        "accept_to_voice_ms": there["statistics"]["accept_to_voice_ms"],
        "mouth_to_ear_ms": delay,
        "likeness": sound["likeness"],
        "cpu_percent": 100 * mine["cpu_s"] / mine["talk_s"],
        "cells_lost": mine["cells"]["lost"] + there["statistics"]["cells"]["lost"],
    }


def measure(rtt_ms, calls):
    """Medians over some calls with that round trip between the two people."""
    curves = stage.BUILD / "curves"  # bench/voice/plot.py draws what is there
    curves.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sotto-bench-") as name:
        directory = Path(name)
        port, public = stage.free_port(), stage.free_port()
        relay = Relay(directory / "relay", port, [public])
        relay.start()
        proxy = Proxy("clean", 1, rtt_ms / 4, to=port, left=public)
        try:
            caller, callee = Person("caller", directory / "a"), Person("callee", directory / "b")
            caller.init(relay, public)
            callee.init(relay, public)
            link = callee.number_for("caller")["link"]
            caller.sotto("contact", "add", link, "--name", "callee")
            got = [one_call(caller, callee, directory, curves / f"call-{rtt_ms:g}ms.stats.csv")
                   for _ in range(calls)]
        finally:
            proxy.close()
            relay.stop()
    return {key: statistics.median(g[key] for g in got) for key in got[0]}


def rows(rtt_ms, got):
    yield "dial → ring", got["dial_to_ring_ms"], "ms", 2 * rtt_ms + 60, "2 round trips + 60 ms"
    yield ("accept → first voice", got["accept_to_voice_ms"], "ms", rtt_ms + 60,
           "1 round trip + 60 ms")
    yield ("mouth to ear", got["mouth_to_ear_ms"], "ms", rtt_ms / 2 + 100,
           "half a round trip + 100 ms")
    yield "a device in a call", got["cpu_percent"], "% of a core", 5, "5 %"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--calls", type=int, default=3, help="for each round trip (3)")
    parser.add_argument("--rtt", type=float, nargs="+", default=[0, 50, 150], metavar="MS")
    options = parser.parse_args()
    results = {rtt: measure(rtt, options.calls) for rtt in options.rtt}
    if options.json:
        print(json.dumps(results))
        return 0
    print(f"{'round trip':>10}  {'what':<22}{'median':>9}  {'limit':>9}")
    for rtt, got in results.items():
        for what, value, unit, limit, text in rows(rtt, got):
            mark = "" if value <= limit else "  OVER"
            print(f"{rtt:>7.0f} ms  {what:<22}{value:>9.1f}  {limit:>9.1f}  {unit} ({text}){mark}")
        print(f"{'':>12}{'likeness':<22}{got['likeness']:>9.2f}; cells lost: {got['cells_lost']:.0f}")
    print("Peers on such a machine, program to program, sound cards left out: Chromium's WebRTC "
          "59 ms,\nbaresip 164 ms from mouth to ear.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
