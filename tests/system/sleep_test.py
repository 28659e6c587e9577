#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Laptops that sleep in a call, all at the same time: for 10 and 25 s, after which the call goes
on, and for 60 s, after which it is over for both.

What is spoken rises in pitch all the time, so what is heard says when it was spoken."""
import array
import math
import signal
import statistics
import time
import wave

import scene
from scene import SLOW, Scene, is_event

RATE = 48000
FRAME = RATE // 10
LOW_HZ, RISE_HZ, SECONDS = 400, 20, 90  # RISE_HZ each second
QUIET = 400
# Bounds of survival, not of quality: what is measured is printed.
TOLD_S = 2 + SLOW       # until the other side is told
BACK_S = 1.5 + SLOW     # until sound is back
OLD_S = 0.6 + SLOW / 5  # nothing that is heard is so much older than what is at last
LAST_S = 2              # nor is that


def make_rising(path):
    samples = array.array("h", (int(9000 * math.sin(2 * math.pi * (LOW_HZ + RISE_HZ / 2 * t) * t))
                                for t in (i / RATE for i in range(SECONDS * RATE))))
    with wave.open(str(path), "wb") as f:
        f.setparams((1, 2, RATE, 0, "NONE", ""))
        f.writeframes(samples.tobytes())


def spoken_at(frame):
    """Which second of the rising tone that is; None: silence, or torn."""
    if min(max(frame[i:i + 240]) for i in range(0, len(frame), 240)) < QUIET:
        return None
    rises = [i - frame[i] / (frame[i + 1] - frame[i]) for i in range(len(frame) - 1)
             if frame[i] < 0 <= frame[i + 1]]
    # The median is not led astray by a splice.
    period = statistics.median(b - a for a, b in zip(rises, rises[1:]))
    return (RATE / period - LOW_HZ) / RISE_HZ


def heard_ages(hearer, path, speaker):
    """(when, how long before it had been spoken) of each tenth of a second that is whole."""
    stopped = hearer.find(is_event("speaker_stopped"))["at_ns"] / 1e9
    started = speaker.find(is_event("mic_started"))["at_ns"] / 1e9
    with wave.open(str(path)) as f:
        samples = array.array("h", f.readframes(f.getnframes()))
    begun = stopped - len(samples) / RATE  # with a sleep, that is true for what came after it
    ages = []
    for i in range(0, len(samples) - FRAME, FRAME):
        second = spoken_at(samples[i:i + FRAME])
        if second is not None:
            when = begun + (i + FRAME / 2) / RATE
            ages.append((when, when - started - second))
    return ages


def now():
    """On the programs' clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Pair:
    """A call between two people of whom one falls asleep."""

    def __init__(self, test, sleeper, sleep_s):
        self.test, self.sleep_s = test, sleep_s
        self.name = f"{sleeper}, {sleep_s} s"
        self.ada, self.bob, _ = test.pair(f"ada_{sleeper}_{sleep_s}", f"bob_{sleeper}_{sleep_s}")
        self.asleep_calls = sleeper == "caller"

    def begin(self):
        self.heard = {}
        self.listener = self.program(self.test.listen, self.bob)
        self.caller = self.program(self.test.call, self.ada, self.bob.name)
        self.asleep, self.awake = ((self.caller, self.listener) if self.asleep_calls else
                                   (self.listener, self.caller))

    def program(self, start, person, *words):
        heard = self.test.here / f"heard_{person.name}.wav"
        program = start(person, *words, "--mic-loop", "--no-neural", mic=self.test.spoken,
                        speaker=heard)
        self.heard[program] = heard
        return program

    def sleep(self):
        self.asleep.process.send_signal(signal.SIGSTOP)
        self.slept = now()

    def told(self, reconnecting, since, bound_s):
        event = self.awake.wait_for(f"reconnecting={reconnecting}",
                                    is_event("path", reconnecting=reconnecting), 30)
        took = event["mono_ns"] / 1e9 - since
        print(f"[{self.name}: reconnecting={reconnecting} after {took:.1f} s]")
        self.test.assertLess(took, bound_s, self.name)

    def wake(self):
        time.sleep(max(0, self.slept + self.sleep_s - now()))
        self.woke = now()
        self.asleep.process.send_signal(signal.SIGCONT)

    def hang_up(self):
        self.caller.process.terminate()
        ours, theirs = (self.test.until(p, "ended") for p in (self.caller, self.listener))
        self.test.assertEqual((ours["end"], theirs["end"]), ("hangup", "peer_hangup"), self.name)
        self.listener.stop()
        for program in (self.caller, self.listener):
            program.finish()
        self.hung_up = ours["mono_ns"] / 1e9

    def heard_again(self, hearer, speaker, behind_s):
        """Sound is back soon, stays, and nothing old is heard. A file waits while its program
        sleeps, and whenever the machine gives it no time: it is late from then on. So what is old
        is told by what is heard at last."""
        ages = [(when - self.woke, age - behind_s) for when, age in
                heard_ages(hearer, self.heard[hearer], speaker) if when > self.woke]
        last = statistics.median(age for _, age in ages[-20:])
        oldest = max(age for _, age in ages)
        who = "sleeper" if hearer is self.asleep else "other"
        print(f"[{self.name}: the {who} hears after {ages[0][0]:.2f} s, at first what is "
              f"{ages[0][1]:.2f} s old, at most {oldest:.2f}, at last {last:.2f}]", flush=True)
        told = (self.name, who, ages)
        self.test.assertLess(ages[0][0], BACK_S, told)
        self.test.assertLess(oldest - last, OLD_S, told)
        self.test.assertLess(last, LAST_S, told)
        self.test.assertGreater(ages[-1][0], self.hung_up - self.woke - 1, told)
        self.test.assertGreater(len(ages), 0.7 * 10 * (self.hung_up - self.woke - BACK_S), told)

    def check_sound(self):
        self.heard_again(self.asleep, self.awake, 0)
        self.heard_again(self.awake, self.asleep, self.sleep_s)


class Sleep(Scene):
    def test_laptops_that_sleep(self):
        self.spoken = self.directory / "spoken.wav"
        make_rising(self.spoken)
        pairs = [Pair(self, who, s) for s in (10, 25, 60) for who in ("caller", "callee")]
        for pair in pairs:
            pair.begin()
        for pair in pairs:
            self.until(pair.listener, "active")
            self.until(pair.caller, "active")
        time.sleep(2)
        for pair in pairs:
            pair.sleep()
        for pair in pairs:
            pair.told(True, pair.slept, TOLD_S)
        self.go_on(pairs[:2])
        self.go_on(pairs[2:4])
        self.end(pairs[4:])
        for pair in pairs[:4]:
            pair.check_sound()

    @staticmethod
    def go_on(pairs):
        for pair in pairs:
            pair.wake()
        for pair in pairs:
            pair.told(False, pair.woke, BACK_S)
        time.sleep(5)
        for pair in pairs:
            pair.hang_up()

    def end(self, pairs):
        """Nobody waits for ever, and whoever wakes is told."""
        for pair in pairs:
            ended = self.until(pair.awake, "ended", 60)
            self.assertTrue(44 < ended["mono_ns"] / 1e9 - pair.slept < 46 + SLOW, ended)
            pair.wake()
            also = self.until(pair.asleep, "ended", BACK_S / SLOW)
            for e in (ended, also):
                self.assertEqual(e["end"], "lost", pair.name)
                self.assertRegex(e["text"], "[Cc]all again")
            self.assertEqual(pair.caller.finish(), 1)
        for pair in pairs:  # the line goes on
            self.one_call(pair.ada, pair.bob.name, pair.listener)


if __name__ == "__main__":
    scene.main()
