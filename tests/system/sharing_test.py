#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several programs on one store, one of them killed at any moment; and two people who swap numbers
by a spoken code."""
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import scene
from scene import Person, Program, Scene, is_event


class Sharing(Scene):
    def test_numbers_are_made_and_revoked_beside_listen(self):
        ada, bob = self.person("ada"), self.person("bob")
        listener = self.listen(bob)
        ada.sotto("contact", "add", bob.number_for("ada")["link"], "--name", "bob")
        self.one_call(ada, "bob", listener)
        bob.sotto("number", "label", "ada", "Ada L.")
        self.one_call(ada, "bob", listener)
        self.assertEqual(listener.seen[-1]["label"], "Ada L.")
        bob.sotto("number", "revoke", "Ada L.")
        code, ended = self.refused_call(ada, "bob")
        self.assertEqual((code, ended["end"]), (6, "unavailable"))

    def test_revoked_during_the_call(self):
        """The call goes on, as the one who revokes can hang up; the next one is refused."""
        ada, bob, _ = self.pair()
        listener = self.listen(bob)
        caller = self.call(ada, "bob")
        self.until(caller, "active")
        bob.sotto("number", "revoke", "ada")
        time.sleep(1)
        self.assertIsNone(caller.process.poll())
        caller.process.terminate()
        self.assertEqual(self.until(listener, "ended")["end"], "peer_hangup")
        self.assertEqual(self.refused_call(ada, "bob")[0], 6)

    def test_a_second_listen_is_told(self):
        bob = self.person("bob")
        self.listen(bob)
        self.fails(bob, "exists", "listen", "--mic", "silence", "--speaker", "none",
                   says="listens on this line already")
        self.fails(bob, "exists", "echo", says="listens on this line already")

    def test_calling_out_while_another_program_listens(self):
        ada, bob, _ = self.pair()
        ada_listens, bob_listens = self.listen(ada), self.listen(bob)
        self.one_call(ada, "bob", bob_listens)
        # ... and the line still rings where it rang before.
        carol = self.stranger("carol")
        carol.sotto("contact", "add", ada.number_for("carol")["link"], "--name", "ada")
        self.one_call(carol, "ada", ada_listens)

    def test_the_same_line_on_two_devices(self):
        """A copy of the store: the newest rings, the other one is told."""
        ada, bob, _ = self.pair()
        subprocess.run(["cp", "-r", bob.store, self.here / "copy"], check=True)
        first = self.listen(bob)
        second = self.listen(Person("copy", self.here / "copy"))
        first.wait_for("word of the other", is_event("line", state="replaced"), 10)
        self.one_call(ada, "bob", second)

    def test_eight_at_once(self):
        bob = self.person("bob")
        self.listen(bob)
        with ThreadPoolExecutor(8) as pool:
            links = list(pool.map(lambda i: bob.number_for(f"n{i}")["link"], range(8)))
        numbers = bob.sotto("number", "list")[1]["numbers"]
        self.assertEqual(sorted(n["label"] for n in numbers), [f"n{i}" for i in range(8)])
        self.assertEqual(len(set(links)), 8)
        self.assertEqual({n["pending"] for n in numbers}, {"none"})

    def test_killed_while_writing(self):
        """`number new` killed at any moment: made or not, never half."""
        bob = self.person("bob")
        for i in range(24):
            program = subprocess.Popen([str(a) for a in bob.argv("number", "new", f"n{i}",
                                                                 "--no-qr")],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.003 * i * scene.SLOW)
            program.kill()
            program.wait()
        numbers = bob.sotto("number", "list")[1]["numbers"]
        _, doctor = bob.sotto("doctor", ok=None)
        self.assertEqual([c for c in doctor["checks"] if c["subject"] == "store" and
                          c["state"] == "problem"], [])
        # What was made but not brought to the relay is brought there.
        listener = self.listen(bob)
        deadline = time.monotonic() + 10
        while any(n["pending"] != "none" for n in bob.sotto("number", "list")[1]["numbers"]):
            self.assertLess(time.monotonic(), deadline, "not all numbers were published")
            time.sleep(0.1)
        ada = self.stranger("ada")
        if numbers:
            link = bob.sotto("number", "show", numbers[0]["label"], "--link")[1]["link"]
            ada.sotto("contact", "add", link, "--name", "bob")
            self.one_call(ada, "bob", listener)


class Exchange(Scene):
    def meet(self, wrong=()):
        """Both at the meeting place, with the words; those named pick wrong ones."""
        ada, bob = self.person("ada"), self.person("bob")
        programs = {}
        first = self.exchange(ada, "exchange", "--label", "Bob", "--pick-stdin")
        code = first.wait_for("a code", is_event("code"))["code"]
        second = self.exchange(bob, "exchange", code, "--label", "Ada", "--pick-stdin")
        programs = {"ada": first, "bob": second}
        words = {n: p.wait_for("words", is_event("words"), 20 * scene.SLOW)
                 for n, p in programs.items()}
        for name, other in (("ada", "bob"), ("bob", "ada")):
            said, choices = words[other]["read_aloud"], words[name]["choices"]
            self.assertIn(said, choices)
            self.assertNotIn(words[name]["read_aloud"], choices)
            pick = said if name not in wrong else next(c for c in choices if c != said)
            programs[name].process.stdin.write(pick + "\n")
            programs[name].process.stdin.flush()
        return ada, bob, programs, code

    def exchange(self, person, *words):
        program = Program(person.name, person.argv(*words), self.here / f"{person.name}.log",
                          stdin=subprocess.PIPE)
        self.running.append(program)
        return program

    def test_right_words(self):
        ada, bob, programs, code = self.meet()
        for program in programs.values():
            done = program.wait_for("the end", is_event("done"), 20)
            self.assertTrue(done["published"])
            self.assertEqual(program.finish(), 0)
        # Both have each other's numbers, verified, bound from the start.
        for person, label in ((ada, "Bob"), (bob, "Ada")):
            self.assertTrue(person.sotto("contact", "show", label)[1]["verified"])
            self.assertEqual(self.number(person, label)["state"], "bound")
        self.one_call(ada, "Bob", self.listen(bob))
        self.one_call(bob, "Ada", self.listen(ada))
        # The code is worth nothing any more.
        eve = self.stranger("eve")
        program = self.exchange(eve, "exchange", code, "--at", self.relay.invite(), "--label", "x",
                                "--pick", "x")
        self.assertNotEqual(program.finish(30), 0)

    def nothing_was_swapped(self, people, programs):
        for program in programs.values():
            code = program.finish()
            self.assertNotEqual(code, 0)
            self.assertTrue([e for e in program.seen if "error" in e], program.seen)
        for person in people:
            self.assertEqual(person.sotto("contact", "list")[1]["contacts"], [])
            self.assertEqual(person.sotto("number", "list")[1]["numbers"], [])

    def test_one_picks_wrong_words(self):
        ada, bob, programs, _ = self.meet(wrong=("bob",))
        self.nothing_was_swapped((ada, bob), programs)

    def test_both_pick_wrong_words(self):
        ada, bob, programs, _ = self.meet(wrong=("ada", "bob"))
        self.nothing_was_swapped((ada, bob), programs)

    def test_one_is_killed_before_the_words(self):
        ada, bob = self.person("ada"), self.person("bob")
        first = self.exchange(ada, "exchange", "--label", "Bob", "--pick-stdin")
        code = first.wait_for("a code", is_event("code"))["code"]
        second = self.exchange(bob, "exchange", code, "--label", "Ada", "--pick-stdin")
        for program in (first, second):
            program.wait_for("words", is_event("words"), 20)
        second.process.terminate()
        self.assertNotEqual(second.finish(), 0)
        self.assertNotEqual(first.finish(30), 0)
        self.assertTrue([e for e in first.seen if "error" in e], first.seen)
        self.assertEqual(ada.sotto("contact", "list")[1]["contacts"], [])

    def test_codes_that_are_none(self):
        ada = self.person("ada")
        self.fails(ada, "usage", "exchange", "harbour", says="7-harbor")
        self.fails(ada, "usage", "exchange", "7-xyzzy-plugh", says="7-harbor")


if __name__ == "__main__":
    scene.main()
