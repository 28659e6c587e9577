#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the caller, the callee and the relay in every phase of a call: the other side is told
within its limit, books and numbers are whole, and the next call works."""
import time
from types import SimpleNamespace

import scene
from scene import Relay, Scene, is_event

PHASES = ("dialling", "ringing", "active", "ending")
TOLD_S = 50  # SOTTO_PEER_LOST_NS and a little


class Kill(Scene):
    relay_wanted = False

    def setUp(self):
        super().setUp()
        self.relay = Relay(self.here / "relay")
        self.relay.start()
        self.addCleanup(lambda: self.relay.stop())

    # -- a call in each phase

    def people(self):
        """Everybody is there, and every number has been used once."""
        calls = []
        for phase in PHASES:
            ada, bob, _ = self.pair(f"{phase}-a", f"{phase}-b")
            listener = self.listen(bob)
            self.one_call(ada, bob.name, listener)
            if phase == "ringing":
                listener.stop()
                listener = self.listen(bob, accept=False)
            calls.append(SimpleNamespace(phase=phase, ada=ada, bob=bob, listener=listener))
        return calls

    def bring(self, call):
        """Into its phase, and not further."""
        call.caller = self.call(call.ada, call.bob.name)
        if call.phase == "ringing":
            self.until(call.listener, "ringing")
            self.until(call.caller, "ringing")
        elif call.phase in ("active", "ending"):
            self.until(call.listener, "active")
            self.until(call.caller, "active")
        if call.phase == "ending":
            call.caller.process.terminate()
            self.until(call.caller, "ending")
        elif call.phase == "dialling":
            self.until(call.caller, "dialling")

    def bring_all(self):
        # The quick ones last, so that nothing happens between the phase and the blow.
        calls = self.people()
        for call in sorted(calls, key=lambda c: ("ringing", "active", "ending",
                                                 "dialling").index(c.phase)):
            self.bring(call)
            if call.phase in ("ending", "dialling"):
                yield call
        for call in calls:
            if call.phase in ("ringing", "active"):
                yield call

    # -- what must hold afterwards

    def told(self, program, phase, ends, deadline):
        ended = self.until(program, "ended", max(0.1, deadline - time.monotonic()))
        self.assertIn(ended["end"], ends, phase)
        self.assertRegex(ended["text"], r"\.$|: sotto doctor$")
        return ended

    def books_are_whole(self, call):
        number = self.number(call.bob, call.ada.name)
        self.assertEqual(number["state"], "bound", call.phase)
        self.assertEqual(number["bound_to"], call.ada.sotto("id")[1]["fingerprint"])
        most = 3 if call.phase in ("dialling", "active", "ending") else 2
        self.assertIn(number["calls_used"], range(1, most + 1), call.phase)
        self.assertEqual(len(call.ada.sotto("contact", "list")[1]["contacts"]), 1)
        for person in (call.ada, call.bob):
            person.sotto("log")
            _, doctor = person.sotto("doctor", ok=None)
            store = [c for c in doctor["checks"] if c["subject"] == "store" and
                     c["state"] == "problem"]
            self.assertEqual(store, [])
        return number["calls_used"]

    def next_call_works(self, call):
        if call.phase == "ringing":
            call.listener.stop()
            call.listener = self.listen(call.bob)
        used = self.books_are_whole(call)
        self.one_call(call.ada, call.bob.name, call.listener)
        self.assertEqual(self.number(call.bob, call.ada.name)["calls_used"], used + 1)

    # -- the blows

    def test_caller(self):
        calls = []
        for call in self.bring_all():
            call.caller.process.kill()
            calls.append(call)
        deadline = time.monotonic() + TOLD_S * scene.SLOW
        for call in calls:
            if call.phase == "dialling":  # it may never have rung
                time.sleep(1)
                while not call.listener.events.empty():
                    call.listener.seen.append(call.listener.events.get())
                rang = [e for e in call.listener.seen if e.get("event") == "incoming"]
                if len(rang) == 1:
                    continue
            with self.subTest(call.phase):
                self.told(call.listener, call.phase,
                          ("lost", "cancelled", "peer_hangup", "timeout"), deadline)
        for call in calls:
            with self.subTest(call.phase):
                self.next_call_works(call)

    def test_callee(self):
        calls = []
        for call in self.bring_all():
            call.listener.process.kill()
            calls.append(call)
        deadline = time.monotonic() + TOLD_S * scene.SLOW
        for call in calls:
            with self.subTest(call.phase):
                ended = self.told(call.caller, call.phase,
                                  ("lost", "offline", "timeout", "hangup"), deadline)
                self.assertEqual(ended["end"] == "hangup", call.phase == "ending", ended)
                self.assertEqual(call.caller.finish() != 0, call.phase != "ending")
        for call in calls:
            with self.subTest(call.phase):
                call.listener = self.listen(call.bob)
                self.next_call_works(call)

    def relay_dies(self, back_after):
        calls = list(self.bring_all())
        seen = [len(call.listener.seen) for call in calls]
        self.relay.kill()
        deadline = time.monotonic() + (TOLD_S + back_after) * scene.SLOW
        if back_after:
            time.sleep(back_after)
            self.relay.start()
        for call in calls:
            with self.subTest(call.phase):
                self.told(call.caller, call.phase,
                          ("lost", "dropped", "link", "timeout", "hangup", "peer_hangup"), deadline)
                if call.phase in ("ringing", "active"):
                    self.told(call.listener, call.phase, ("lost", "dropped", "cancelled", "link"),
                              deadline)
        if not back_after:
            self.relay.start()
        ready = is_event("line", state="ready")
        for call, before in zip(calls, seen):
            with self.subTest(call.phase):
                # Whoever listened listens on, without being told to; maybe before the call was over.
                if not any(ready(event) for event in call.listener.seen[before:]):
                    call.listener.wait_for("the line again", ready, 15 * scene.SLOW)
                self.next_call_works(call)

    def test_relay_that_stays_away(self):
        self.relay_dies(0)

    def test_relay_that_comes_back(self):
        self.relay_dies(2)


class Pause(Scene):
    """Processes that stand still for a while, as on a machine that sleeps or swaps."""

    def test_relay_stands_still(self):
        ada, bob, _ = self.pair()
        listener = self.listen(bob)
        caller = self.call(ada, "bob")
        self.until(caller, "active")
        self.relay.program.send_signal(19)
        try:
            caller.wait_for("reconnecting", is_event("path", reconnecting=True), 8)
            time.sleep(3)
        finally:
            self.relay.program.send_signal(18)
        caller.wait_for("being back", is_event("path", reconnecting=False), 15)
        time.sleep(1)
        caller.process.terminate()
        self.assertEqual(self.until(caller, "ended")["end"], "hangup")
        self.assertEqual(self.until(listener, "ended")["end"], "peer_hangup")

    def test_caller_stands_still(self):
        ada, bob, _ = self.pair()
        listener = self.listen(bob)
        caller = self.call(ada, "bob")
        self.until(listener, "active")
        self.until(caller, "active")
        caller.process.send_signal(19)
        listener.wait_for("reconnecting", is_event("path", reconnecting=True), 8)
        caller.process.send_signal(18)
        listener.wait_for("being back", is_event("path", reconnecting=False), 15)
        caller.process.terminate()
        self.assertEqual(self.until(listener, "ended")["end"], "peer_hangup")


if __name__ == "__main__":
    scene.main()
