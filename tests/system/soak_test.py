#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What takes minutes: a call that nobody answers, one that is long enough to renew its keys, a
network that changes all the time, both dialling at once again and again, blows at random moments.
SOTTO_SEED repeats what was drawn."""
import os
import random
import time

import calls_test
import network_test
import scene
from scene import Scene, is_event

SEED = int(os.environ.get("SOTTO_SEED", str(random.randrange(1 << 32))))


class Long(Scene):
    def test_nobody_answers(self):
        ada, bob, _ = self.pair()
        listener = self.listen(bob, accept=False)
        caller = self.call(ada, "bob")
        self.until(caller, "ringing")
        began = time.monotonic()
        ended = self.until(caller, "ended", 70)
        self.assertEqual(ended["end"], "no_answer")
        self.assertAlmostEqual(time.monotonic() - began, 60, delta=3)
        self.assertEqual(caller.finish(), 7)
        self.assertIn(self.until(listener, "ended", 10)["end"], ("cancelled", "no_answer"))
        self.assertFalse(bob.sotto("log")[1]["log"][0]["answered"])

    def test_keys_are_renewed(self):
        ada, bob, _ = self.pair()
        tone = calls_test.make_tone(self.here / "tone.wav")
        listener = self.listen(bob, "--mic-loop", mic=tone, speaker=self.here / "bob.wav")
        caller = self.call(ada, "bob", "--mic-loop", mic=tone, speaker=self.here / "ada.wav")
        self.until(caller, "active")
        for program in (caller, listener):
            program.wait_for("new keys", is_event("rekeyed"), 240)
        time.sleep(3)
        caller.process.terminate()
        ended = [self.until(p, "ended") for p in (caller, listener)]
        self.assertEqual([e["end"] for e in ended], ["hangup", "peer_hangup"])
        self.assertEqual([e["statistics"]["rekeys"] for e in ended], [1, 1])
        listener.stop()
        for name in ("ada", "bob"):
            self.assertLess(network_test.longest_gap(self.here / f"{name}.wav")[0], 0.5)

    def test_glare_at_random_offsets(self):
        chance = random.Random(SEED)
        print(f"[SOTTO_SEED={SEED}] ", end="", flush=True)
        for i in range(20):
            offset = chance.uniform(0, 0.12)
            with self.subTest(offset=offset):
                self.here = self.directory / f"glare-{i}"
                self.here.mkdir()
                calls_test.Glare.both(self, offset)

    def test_blows_at_random_moments(self):
        """Somebody is killed somewhere in a call; whoever is left is told, the next call works."""
        chance = random.Random(SEED)
        print(f"[SOTTO_SEED={SEED}] ", end="", flush=True)
        ada, bob, _ = self.pair()
        for i in range(12):
            victim, moment = chance.choice(("caller", "callee", "relay")), chance.uniform(0, 0.4)
            with self.subTest(round=i, victim=victim, moment=moment):
                listener = self.listen(bob)
                caller = self.call(ada, "bob")
                time.sleep(moment)
                if victim == "relay":
                    self.relay.kill()
                    self.relay.start()
                else:
                    (caller if victim == "caller" else listener).process.kill()
                if victim != "caller":
                    self.until(caller, "ended", 45)
                listener.stop()
                listener = self.listen(bob)
                self.one_call(ada, "bob", listener)
                listener.stop()
        self.assertEqual(self.number(bob, "ada")["state"], "bound")


class Unrest(network_test.Network):
    """Only what is below, not the tests of the class above."""

    def test_addresses_change_all_the_time(self):
        self.begin()
        here = 2
        for i in range(20):
            there = 10 + i
            network_test.at("ada", "ip", "addr", "del", f"10.77.1.{here}/24", "dev", "a1")
            network_test.plug("ada", "a1", 1, host=there)
            here = there
            time.sleep(3)
        self.hang_up()
        self.survived(network_test.MOVE_GAP_S, 55)


for name in [n for n in dir(network_test.Network) if n.startswith("test_")]:
    setattr(Unrest, name, None)

if __name__ == "__main__":
    scene.main(required=True)
