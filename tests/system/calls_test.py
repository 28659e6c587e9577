#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people do with calls, by their keyboards: answer, decline, hold, mute, a second call, both
dialling at once."""
import array
import math
import os
import re
import time
import wave

import scene
from scene import Scene, is_event

RATE = 48000


def make_tone(path, seconds=2, hertz=440):
    """A steady sound: loud in every 20 ms."""
    wave_of = array.array("h", (int(9000 * math.sin(2 * math.pi * hertz * i / RATE))
                                for i in range(seconds * RATE)))
    with wave.open(str(path), "wb") as f:
        f.setparams((1, 2, RATE, 0, "NONE", ""))
        f.writeframes(wave_of.tobytes())
    return path


def loudness(path):
    """For each tenth of a second: whether something was heard."""
    with wave.open(str(path)) as f:
        samples = array.array("h", f.readframes(f.getnframes()))
        piece = f.getframerate() // 10
    return [max(map(abs, samples[i:i + piece])) > 900
            for i in range(0, len(samples) - piece + 1, piece)]


def runs(heard):
    """[(loud?, tenths)] of what lasts longer than 0.3 s."""
    out = []
    for x in heard:
        if out and out[-1][0] == x:
            out[-1][1] += 1
        else:
            out.append([x, 1])
    merged = []
    for loud, n in out:
        if n <= 3 and merged:
            merged[-1][1] += n
        elif merged and merged[-1][0] == loud:
            merged[-1][1] += n
        else:
            merged.append([loud, n])
    return merged


class Keys(Scene):
    def at_work(self, person, *options, plain=True, mic="silence", speaker="none"):
        """`listen` on a terminal."""
        words = ["listen", *(["--plain"] if plain else []), "--mic", mic, "--speaker", speaker]
        t = self.terminal(person, *words, *options)
        t.expect("(?i)line (is )?ready")
        return t

    def test_answer_words_and_hang_up(self):
        ada, bob, _ = self.pair()
        desk = self.at_work(bob)
        caller = self.call(ada, "bob")
        desk.expect('"ada" is calling \\(the words were never compared\\)')
        self.until(caller, "ringing")
        self.assertFalse([e for e in caller.seen if e.get("state") == "active"])
        desk.keys("a")
        desk.expect("In call with \"ada\"")
        self.until(caller, "active")
        words = caller.find(is_event("secure"))["words"]
        desk.keys("w")
        desk.expect(re.escape(words))
        desk.keys("y")
        desk.expect("Verified")
        self.assertTrue(self.number(bob, "ada")["verified"])
        desk.keys("h")
        self.assertEqual(self.until(caller, "ended")["end"], "peer_hangup")
        self.assertEqual(caller.finish(), 0)
        # Known from now on.
        caller = self.call(ada, "bob")
        desk.expect('"ada" is calling \\(verified\\)')
        desk.keys("d")
        self.assertEqual(self.until(caller, "ended")["end"], "declined")
        self.assertEqual(caller.finish(), 7)
        desk.keys("q")
        self.assertEqual(desk.finish(), 0)

    def test_hanging_up_before_the_call_is_on(self):
        ada, bob, _ = self.pair()
        desk = self.at_work(bob)
        caller = self.call(ada, "bob")
        desk.expect("is calling")
        desk.keys("h")
        self.assertEqual(self.until(caller, "ended")["end"], "declined")
        self.assertFalse([e for e in caller.seen if e.get("state") == "active"])

    def test_words_that_differ_end_the_call(self):
        ada, bob, _ = self.pair()
        desk = self.at_work(bob)
        caller = self.call(ada, "bob")
        desk.expect("is calling")
        desk.keys("a")
        self.until(caller, "active")
        desk.expect("In call")
        desk.keys("wn")
        desk.expect("words differ")
        self.until(caller, "ended")
        self.assertFalse(self.number(bob, "ada")["verified"])

    def test_no_microphone_before_the_answer(self):
        ada, bob, _ = self.pair()
        tone = make_tone(self.here / "tone.wav")
        desk = self.at_work(bob, "--mic-loop", mic=tone)
        caller = self.call(ada, "bob", speaker=self.here / "ada.wav")
        desk.expect("is calling")
        time.sleep(2)
        desk.keys("d")
        self.until(caller, "ended")
        caller.finish()
        self.assertFalse((self.here / "ada.wav").exists() and
                         any(loudness(self.here / "ada.wav")))

    def test_mute_and_hold(self):
        ada, bob, _ = self.pair()
        tone = make_tone(self.here / "tone.wav")
        desk = self.at_work(bob, "--mic-loop", mic=tone, speaker=self.here / "bob.wav")
        caller = self.call(ada, "bob", "--mic-loop", mic=tone, speaker=self.here / "ada.wav")
        desk.expect("is calling")
        desk.keys("a")
        self.until(caller, "active")
        time.sleep(2)
        desk.keys("m")
        time.sleep(2)
        desk.keys("m")
        time.sleep(2)
        desk.keys("o")
        caller.wait_for("hold", is_event("hold", held=True))
        time.sleep(2)
        desk.keys("o")
        caller.wait_for("the end of hold", is_event("hold", held=False))
        time.sleep(2)
        desk.keys("h")
        self.until(caller, "ended")
        caller.finish()
        desk.keys("q")
        desk.finish()
        ada_heard, bob_heard = (runs(loudness(self.here / f"{n}.wav")) for n in ("ada", "bob"))
        # Talk, mute, talk, hold, talk.
        self.assertEqual([loud for loud, _ in ada_heard], [True, False, True, False, True],
                         ada_heard)
        for loud, tenths in ada_heard:
            self.assertIn(tenths, range(15, 30), ada_heard)
        # Mute lets him hear on; hold does not.
        self.assertEqual([loud for loud, _ in bob_heard], [True, False, True], bob_heard)

    def test_a_second_call_waits(self):
        bob = self.person("bob")
        ada, carol = self.stranger("ada"), self.stranger("carol")
        for p in (ada, carol):
            p.sotto("contact", "add", bob.number_for(p.name)["link"], "--name", "bob")
        desk = self.at_work(bob)
        first = self.call(ada, "bob")
        desk.expect("\"ada\" is calling")
        desk.keys("a")
        self.until(first, "active")
        second = self.call(carol, "bob")
        desk.expect("\"carol\" is calling.*while you are in a call")
        self.until(second, "ringing")
        self.assertIsNone(first.process.poll())
        desk.keys("a")
        self.until(second, "active")
        first.wait_for("hold", is_event("hold", held=True))
        desk.keys("h")
        self.assertEqual(self.until(second, "ended")["end"], "peer_hangup")
        time.sleep(0.5)
        desk.keys("o")  # back to the first
        first.wait_for("the end of hold", is_event("hold", held=False))
        # A second call that is declined leaves the first alone.
        third = self.call(carol, "bob")
        desk.expect("\"carol\" is calling")
        desk.keys("d")
        self.assertEqual(self.until(third, "ended")["end"], "declined")
        time.sleep(0.5)
        first.process.terminate()
        self.assertEqual(self.until(first, "ended")["end"], "hangup")

    def test_who_rings_first_is_answered(self):
        """A second one that rings does not come under the finger that answers the first."""
        bob = self.person("bob")
        ada, carol = self.stranger("ada"), self.stranger("carol")
        for p in (ada, carol):
            p.sotto("contact", "add", bob.number_for(p.name)["link"], "--name", "bob")
        desk = self.at_work(bob)
        first = self.call(ada, "bob")
        desk.expect("\"ada\" is calling")
        second = self.call(carol, "bob")
        desk.expect("\"carol\" is calling.*the keys are for \"ada\", who called first")
        desk.keys("a")
        desk.expect("In call with \"ada\"")
        self.until(first, "active")
        self.assertFalse([e for e in second.seen if e.get("state") == "active"])
        desk.keys("d")
        self.assertEqual(self.until(second, "ended")["end"], "declined")

    def test_no_label_makes_verified(self):
        """What somebody calls himself in a link does not show him as verified."""
        ada, bob, _ = self.pair()
        back = ada.number_for("bob")["link"]
        bob.sotto("contact", "add", back, "--name", "Ada (verified)")
        desk = self.at_work(bob)
        self.call(ada, "bob")
        desk.expect("is calling \\(the words were never compared\\)")
        self.assertNotIn("is calling (verified)", desk.text)
        desk.keys("d")

    def test_a_leak_does_not_flood_the_log(self):
        """Whoever has a leaked number dials on and on: the log says it once, the number counts."""
        ada, bob, link = self.pair()
        listener = self.listen(bob)
        self.one_call(ada, "bob", listener)
        for name in ("eve", "mallory"):
            p = self.stranger(name)
            p.sotto("contact", "add", link, "--name", "bob")
            for _ in range(2):
                self.assertEqual(self.refused_call(p, "bob")[1]["end"], "refused")
        self.assertEqual(self.number(bob, "ada")["leaks"], 4)
        kinds = [e["kind"] for e in bob.sotto("log")[1]["log"]]
        self.assertEqual(kinds.count("leak"), 1)

    def test_a_call_comes_while_calling(self):
        """`call` hears a second caller, too."""
        ada, bob, _ = self.pair()
        carol = self.stranger("carol")
        carol.sotto("contact", "add", ada.number_for("carol")["link"], "--name", "ada")
        listener = self.listen(bob)
        caller = self.terminal(ada, "call", "bob", "--mic", "silence", "--speaker", "none")
        caller.expect('"bob" answered')
        second = self.call(carol, "ada")
        caller.expect("\"carol\" is calling.*while you are in a call")
        caller.keys("d")
        self.assertEqual(self.until(second, "ended")["end"], "declined")
        caller.keys("h")
        self.assertEqual(self.until(listener, "active") and self.until(listener, "ended")["end"],
                         "peer_hangup")
        self.assertEqual(caller.finish(), 0)

    def test_the_screen(self):
        ada, bob, _ = self.pair()
        desk = self.at_work(bob, plain=False)
        caller = self.call(ada, "bob")
        desk.expect("ada")
        desk.expect("a answer")
        desk.keys("a")
        words = caller.wait_for("a secure call", is_event("secure"))["words"]
        self.until(caller, "active")
        desk.expect(words.split()[0])
        caller.process.terminate()
        self.until(caller, "ended")
        desk.expect("hung up")
        desk.keys("q")
        self.assertEqual(desk.finish(), 0)

    def test_terminal_that_goes_away(self):
        """Its window is closed in mid-call: the other side is told, nothing runs on unseen."""
        ada, bob, _ = self.pair()
        listener = self.listen(bob)
        caller = self.terminal(ada, "call", "bob", "--mic", "silence", "--speaker", "none")
        caller.expect('"bob" answered')
        self.until(listener, "active")
        os.close(caller.master)
        caller.master = None
        self.assertIn(self.until(listener, "ended")["end"], ("peer_hangup", "lost"))
        caller.finish()


class Glare(Scene):
    def both(self, offset_s):
        ada, bob, _ = self.pair()
        bob.sotto("contact", "add", ada.number_for("bob")["link"], "--name", "ada")
        desks = []
        for person in (ada, bob):
            t = self.terminal(person, "listen", "--mic", "silence", "--speaker", "none")
            t.expect("(?i)line (is )?ready")
            desks.append(t)
        desks[0].keys("cbob")
        desks[1].keys("cada")
        time.sleep(0.5)
        desks[0].keys("\r")
        time.sleep(offset_s)
        desks[1].keys("\r")
        time.sleep(2.5 * scene.SLOW)
        desks[0].keys("h")
        time.sleep(1.5)
        for t in desks:
            t.keys("q")
        for t in desks:
            t.finish()
        for person in (ada, bob):
            log = [e for e in person.sotto("log")[1]["log"] if e["kind"] == "call"]
            answered = [e for e in log if e["answered"]]
            self.assertEqual(len(answered), 1, log)
            self.assertGreaterEqual(answered[0]["duration_s"], 1)
            self.assertTrue(answered[0]["secure"])

    def test_at_the_same_moment(self):
        self.both(0)

    def test_offsets(self):
        for ms in (3, 8, 15, 30, 60):
            with self.subTest(ms=ms):
                self.here = self.directory / f"glare-{ms}"
                self.here.mkdir()
                self.both(ms / 1000)

    def test_calling_back_who_is_ringing(self):
        """Dialling somebody who just rings: that is an answer."""
        self.here = self.directory / "ringing"
        self.here.mkdir()
        self.both(0.8)


if __name__ == "__main__":
    scene.main()
