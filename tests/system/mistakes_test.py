#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong at a person's hands or on their machine: each is told, with what to do about it,
and nothing is lost."""
import os
import shutil
import socket
import subprocess
import threading
import time
import unittest

import scene
from scene import Person, Relay, Scene, is_event, stage

CLOCK_SHIM = stage.BUILD / "tests/cli/clock_shift.so"  # not in sanitized builds


def change(text, at):
    """The same text with one letter exchanged for another of the alphabet."""
    return text[:at] + ("B" if text[at] != "B" else "C") + text[at + 1:]


class Links(Scene):
    def test_malformed_links(self):
        ada, bob, link = self.pair()
        secret = link.index("#") + 1
        bad = [link[:-1], link[:secret + 20], link[:secret], link.split("#")[0], link + "A",
               change(link, len(link) - 3), change(link, secret + 60), change(link, secret + 120),
               link.replace("127.0.0.1", "127.0.0.2"), "https://", "https://127.0.0.1/#",
               "https://x/#" + "A" * 4000, "#", "sotto://" + link[8:]]
        for text in bad:
            with self.subTest(text[:60]):
                self.fails(ada, "link", "contact", "add", text, "--name", "X",
                           says="(?i)link|number")
        for text in bad[:4] + [bad[5], bad[11]]:
            with self.subTest(call=text[:60]):
                self.fails(ada, "link", "call", text, says="(?i)quote|copy|whole")
        self.assertEqual(len(ada.sotto("contact", "list")[1]["contacts"]), 1)
        self.one_call(ada, "bob", self.listen(bob))

    def test_invitation_and_number_are_told_apart(self):
        ada, _, link = self.pair()
        invitation = self.relay.invite()
        new = Person("new", self.here / "new")
        self.fails(new, "link", "init", link, "--no-passphrase", says="(?i)number|invitation")
        self.fails(ada, "link", "contact", "add", invitation, "--name", "X",
                   says="(?i)invitation|number")
        new.sotto("init", invitation, "--no-passphrase")

    def test_number_of_another_relay(self):
        """A link leads to the relay in it, not to the caller's own."""
        other = Relay(self.here / "other")
        other.start()
        self.addCleanup(other.stop)
        ada = self.person("ada")
        bob = self.person("bob", relay=other)
        link = bob.number_for("ada")["link"]
        ada.sotto("contact", "add", link, "--name", "bob")
        self.one_call(ada, "bob", self.listen(bob))
        # A number of one relay at the address of another: not known there.
        moved = link.replace(f":{other.port}/", f":{self.relay.port}/")
        code, got = ada.sotto("call", moved, "--mic", "silence", "--speaker", "none", ok=None)
        self.assertIn(code, (5, 6, 10), got)

    def test_own_number(self):
        bob = self.person("bob")
        link = bob.number_for("ada")["link"]
        self.fails(bob, "usage", "call", link, "--mic", "silence", "--speaker", "none", says="own")

    def test_invitation_twice_and_altered(self):
        invitation = self.relay.invite()
        first = Person("first", self.here / "first")
        first.sotto("init", invitation, "--no-passphrase")
        second = Person("second", self.here / "second")
        self.fails(second, "refused", "init", invitation, "--no-passphrase",
                   says="(?s)used.*another invitation")
        # The identity is kept, and completed by another invitation.
        before = second.sotto("id")[1]["fingerprint"]
        second.sotto("init", self.relay.invite())
        after = second.sotto("id")[1]
        self.assertEqual((after["fingerprint"], after["line"]["registered"]), (before, True))
        third = Person("third", self.here / "third")
        self.fails(third, "link", "init", self.relay.invite()[:-4], "--no-passphrase", says="link")
        self.assertFalse((third.store / "sotto.db").exists())

    def test_unknown_label(self):
        ada, _, _ = self.pair()
        self.fails(ada, "not_found", "call", "nobody", says="sotto contact")
        self.fails(ada, "not_found", "number", "revoke", "nobody", says="(?i)number")


class Numbers(Scene):
    def test_expired_number(self):
        ada, bob, _ = self.pair(options=("--expires", "4s"))
        listener = self.listen(bob)
        time.sleep(4.2)
        text = self.fails(ada, "refused", "call", "bob", "--mic", "silence", "--speaker", "none",
                          says="(?i)expired")
        self.assertRegex(text, "(?i)new one|ask")
        self.assertEqual(self.number(bob, "ada")["state"], "expired")
        listener.stop()
        self.assertFalse([e for e in listener.seen if e.get("event") == "incoming"])

    def test_used_up_number(self):
        ada, bob, _ = self.pair(options=("--calls", "2"))
        listener = self.listen(bob)
        for used in (1, 2):
            self.one_call(ada, "bob", listener)
            self.assertEqual(self.number(bob, "ada")["calls_used"], used)
        code, ended = self.refused_call(ada, "bob")
        self.assertEqual((code, ended["end"]), (6, "unavailable"))
        self.assertRegex(ended["text"], "used up.*[Aa]sk")
        self.assertEqual(self.number(bob, "ada")["state"], "used_up")

    def test_an_unanswered_call_does_not_use_up_a_number(self):
        ada, bob, _ = self.pair(options=("--one-call",))
        listener = self.listen(bob, accept=False)
        caller = self.call(ada, "bob")
        self.until(caller, "ringing")
        caller.process.terminate()
        self.until(caller, "ended")
        self.assertEqual(self.until(listener, "ended")["end"], "cancelled")
        listener.stop()
        self.one_call(ada, "bob", self.listen(bob))
        self.assertEqual(self.number(bob, "ada")["state"], "used_up")

    def test_revoked_number(self):
        ada, bob, _ = self.pair()
        listener = self.listen(bob)
        self.one_call(ada, "bob", listener)
        bob.sotto("number", "revoke", "ada")
        code, ended = self.refused_call(ada, "bob")
        self.assertEqual((code, ended["end"]), (6, "unavailable"))
        self.assertRegex(ended["text"], "withdrawn.*[Aa]sk")

    def test_revoked_while_the_relay_is_away(self):
        """The owner's device refuses even if the relay has not heard of the revocation."""
        relay = Relay(self.here / "relay")
        relay.start()
        self.addCleanup(relay.stop)
        ada, bob, _ = self.pair(relay=relay)
        relay.stop()
        said = bob.sotto("number", "revoke", "ada", ok=None)
        number = self.number(bob, "ada")
        self.assertEqual((number["state"], number["pending"]), ("revoked", "withdraw"), said)
        relay.start()
        listener = self.listen(bob)  # tells the relay
        deadline = time.monotonic() + 10
        while self.number(bob, "ada")["pending"] != "none":
            self.assertLess(time.monotonic(), deadline, "the relay was not told")
            time.sleep(0.1)
        code, ended = self.refused_call(ada, "bob")
        self.assertEqual((code, ended["end"]), (6, "unavailable"))
        listener.stop()

    def test_leak_is_told_and_rebind_helps(self):
        ada, bob, link = self.pair()
        listener = self.listen(bob)
        self.one_call(ada, "bob", listener)
        eve = self.stranger("eve")
        eve.sotto("contact", "add", link, "--name", "bob")
        code, ended = self.refused_call(eve, "bob")
        self.assertEqual((code, ended["end"]), (6, "refused"))
        self.assertRegex(ended["text"], "rebind|new one")
        told = listener.wait_for("word of the leak", is_event("number_leaked"))
        eves = eve.sotto("id")[1]["fingerprint"]
        self.assertEqual((told["label"], told["peer"]), ("ada", eves))
        number = self.number(bob, "ada")
        self.assertEqual((number["state"], number["leaks"], number["leaked_to"]),
                         ("leaked", 1, eves))
        # Neither rang; the owner's log has it.
        rang = [e for e in listener.seen if e.get("event") == "incoming"]
        self.assertEqual(len(rang), 1)
        kinds = [e["kind"] for e in bob.sotto("log")[1]["log"]]
        self.assertIn("leak", kinds)
        # The holder has a new device: rebound to it, the old one is the stranger.
        bob.sotto("number", "rebind", "ada", "--yes")
        self.one_call(eve, "bob", listener)
        code, ended = self.refused_call(ada, "bob")
        self.assertEqual((code, ended["end"]), (6, "refused"))

    def test_busy_line_with_a_full_house(self):
        """More callers than a device has places for: told to be busy; the others go on."""
        bob = self.person("bob")
        listener = self.listen(bob, accept=False)
        callers = []
        for i in range(6):
            p = self.stranger(f"caller{i}")
            p.sotto("contact", "add", bob.number_for(f"caller{i}")["link"], "--name", "bob")
            callers.append(self.call(p, "bob"))
            if i < 3:
                self.until(callers[-1], "ringing")
            else:
                self.assertEqual(self.until(callers[-1], "ended")["end"], "busy")
                self.assertEqual(callers[-1].finish(), 7)
        for program in callers[:3]:
            self.assertIsNone(program.process.poll())
        listener.stop()


class Relays(Scene):
    relay_wanted = False

    def relay_up(self, **more):
        relay = Relay(self.here / "relay", **more)
        relay.start()
        self.addCleanup(relay.stop)
        return relay

    def test_relay_not_there(self):
        relay = self.relay_up()
        ada, bob, _ = self.pair(relay=relay)
        invitation = relay.invite()
        relay.stop()
        started = time.monotonic()
        code, ended = self.refused_call(ada, "bob")
        self.assertEqual((code, ended["end"]), (5, "link"))
        self.assertRegex(ended["text"], "sotto doctor")
        new = Person("new", self.here / "new")
        self.fails(new, "relay_unreachable", "init", invitation, "--no-passphrase",
                   says="(?i)sotto init")
        self.assertLess(time.monotonic() - started, 10 * scene.SLOW)
        self.fails(bob, "relay_unreachable", "number", "new", "later", "--no-qr", says="kept")
        self.assertEqual(self.number(bob, "later")["pending"], "publish")
        # `listen` waits for the relay instead of giving up.
        listener = self.start(bob, "listen", "--accept", "--mic", "silence", "--speaker", "none")
        listener.wait_for("a word about the relay", is_event("relay", up=False), 15)
        relay.start()
        listener.wait_for("being ready", is_event("line", state="ready"), 15)
        self.one_call(ada, "bob", listener)
        new.sotto("init")  # completes what was begun
        self.assertTrue(new.sotto("id")[1]["line"]["registered"])
        deadline = time.monotonic() + 10
        while self.number(bob, "later")["pending"] != "none":
            self.assertLess(time.monotonic(), deadline, "the number was not published")
            time.sleep(0.1)

    def test_relay_that_accepts_and_says_nothing(self):
        """A fake relay: TCP is accepted, UDP swallowed, no handshake ever ends."""
        relay = self.relay_up()
        invitation = relay.invite()
        relay.stop()
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind(("127.0.0.1", relay.port))
            udp.bind(("127.0.0.1", relay.port))
            tcp.listen()
            new = Person("new", self.here / "new")
            started = time.monotonic()
            self.fails(new, "relay_unreachable", "init", invitation, "--no-passphrase",
                       says="(?i)answer")
            self.assertLess(time.monotonic() - started, 25)

    def test_relay_with_another_key(self):
        relay = self.relay_up()
        ada, bob, _ = self.pair(relay=relay)
        relay.stop()
        for name in ("relay.crt", "relay.key"):
            os.unlink(relay.directory / name)
        relay.start()
        code, ended = self.refused_call(ada, "bob")
        self.assertEqual((code, ended["end"]), (5, "link"))
        text = self.fails(bob, "relay_unreachable", "number", "new", "x", "--no-qr",
                          says="(?i)key|certificate")
        self.assertRegex(text, "(?i)key")

    def test_line_withdrawn_by_the_operator(self):
        relay = self.relay_up()
        ada, bob, _ = self.pair(relay=relay)
        listener = self.listen(bob)
        line = bob.sotto("id")[1]["line"]["id"]
        subprocess.run([stage.SOTTOD, "revoke-line", line[:16], "--config",
                        relay.directory / "sottod.conf"], check=True, capture_output=True)
        listener.wait_for("word of the denial", is_event("line", state="denied"), 15)
        code, ended = self.refused_call(ada, "bob")
        self.assertEqual((code, ended["end"]), (6, "unavailable"))
        listener.stop()
        person = self.terminal(bob, "listen", "--plain", "--mic", "silence", "--speaker", "none")
        person.expect("line cannot be rung: .*withdrawn it")
        self.fails(bob, "refused", "number", "new", "x", "--no-qr", says="withdrawn")

    def test_second_relay_on_the_same_data_or_port(self):
        relay = self.relay_up()
        for directory, says in ((relay.directory, "(?i)running|another"),
                                (self.here / "second", "(?i)port|address|in use")):
            directory.mkdir(exist_ok=True)
            done = subprocess.run([stage.SOTTOD, "run", "--name", "127.0.0.1", "--bind", "127.0.0.1",
                                   "--port", str(relay.port), "--data", directory],
                                  capture_output=True, text=True, timeout=20, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr, says)
        ada, bob, _ = self.pair(relay=relay)  # the first one is well
        self.one_call(ada, "bob", self.listen(bob))

    def make_authority(self):
        """A certificate authority of the test, and what makes certificates with it."""
        def openssl(*words):
            subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        ca, ca_key = self.here / "ca.pem", self.here / "ca.key"
        openssl("req", "-x509", *key, "-keyout", ca_key, "-out", ca, "-days", 30, "-subj",
                "/CN=Test authority")

        def issue(host, days=30):
            stem = self.here / f"{host}.{days}"
            openssl("req", *key, "-keyout", f"{stem}.key", "-out", f"{stem}.csr", "-subj",
                    f"/CN={host}")
            extensions = self.here / "ext"
            extensions.write_text(f"subjectAltName=DNS:{host}\n")
            openssl("x509", "-req", "-in", f"{stem}.csr", "-CA", ca, "-CAkey", ca_key,
                    "-CAcreateserial", "-out", f"{stem}.pem", "-days", days, "-extfile", extensions)
            return f"certificate = {stem}.pem\nkey = {stem}.key\n"
        return ca, issue

    @unittest.skipUnless(shutil.which("openssl"), "no openssl command")
    def test_certificates_of_an_authority(self):
        ca, issue = self.make_authority()

        def relay_with(certificate, name):
            relay = Relay(self.here / name, address="127.0.0.1", name="localhost")
            relay.config = certificate + relay.config
            relay.start()
            self.addCleanup(relay.stop)
            return relay.invite()
        good = relay_with(issue("localhost"), "good")
        ada = Person("ada", self.here / "ada")
        ada.sotto("init", good, "--no-passphrase", "--ca-file", ca)
        self.assertFalse(ada.sotto("id")[1]["line"]["relay"]["pinned"])
        cases = (("unknown authority", good, ()),
                 ("another name", relay_with(issue("other.example"), "other"), ("--ca-file", ca)),
                 ("over", relay_with(issue("localhost", -1), "over"), ("--ca-file", ca)))
        for name, invitation, options in cases:
            with self.subTest(name):
                new = Person("new", self.here / f"new {name}")
                self.fails(new, "relay_unreachable", "init", invitation, "--no-passphrase", *options,
                           says="(?i)certificate")

    def test_udp_blocked(self):
        """Only TCP comes through: WebSocket within two seconds, and the program says so."""
        port = stage.free_port()
        relay = self.relay_up(public_ports=(port,))
        forward(self, port, relay.port)
        ada, bob = Person("ada", self.here / "ada"), Person("bob", self.here / "bob")
        ada.init(relay, port)
        bob.init(relay, port)
        ada.sotto("contact", "add", bob.number_for("ada")["link"], "--name", "bob")
        self.assertIn(f":{port}/", bob.sotto("number", "show", "ada", "--link")[1]["link"])
        listener = self.listen(bob)
        caller = self.call(ada, "bob")
        began = self.until(caller, "dialling")
        up = caller.wait_for("a link", is_event("relay", up=True))
        self.assertEqual(up["transport"], "websocket")
        self.assertLess((up["mono_ns"] - began["mono_ns"]) / 1e9, 2 * scene.SLOW)
        self.until(caller, "active")
        time.sleep(2)
        caller.process.terminate()
        ended = self.until(caller, "ended")["statistics"]
        self.assertEqual(ended["transport"], "websocket")
        self.assertGreater(ended["cells"]["received"], 60)
        listener.stop()
        person = self.terminal(bob, "listen", "--plain", "--mic", "silence", "--speaker", "none")
        person.expect("UDP is blocked here: using WebSocket")
        person.expect("Your line is ready")


def forward(test, port, target):
    """Carries TCP, and no UDP, from one port to another until the test ends."""
    server = socket.create_server(("127.0.0.1", port))
    test.addCleanup(server.close)

    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def serve():
        while True:
            try:
                a, _ = server.accept()
                b = socket.create_connection(("127.0.0.1", target))
            except OSError:
                return
            for pair in ((a, b), (b, a)):
                threading.Thread(target=pump, args=pair, daemon=True).start()
    threading.Thread(target=serve, daemon=True).start()


class Machine(Scene):
    def test_passphrase(self):
        right, wrong = self.here / "right", self.here / "wrong"
        right.write_text("correct horse battery staple\n")
        wrong.write_text("correct horse battery stable\n")
        ada = Person("ada", self.here / "ada")
        ada.sotto("init", self.relay.invite(), "--passphrase-file", right)
        self.fails(ada, "passphrase", "id", "--passphrase-file", wrong, says="(?i)passphrase")
        self.fails(ada, "passphrase", "id", says="(?i)passphrase")  # nobody to ask
        self.fails(ada, "passphrase", "call", "x", "--passphrase-file", wrong)
        self.assertEqual(ada.sotto("id", "--passphrase-file", right)[1]["line"]["registered"], True)
        asked = self.terminal(ada, "id")
        asked.expect("(?i)passphrase")
        asked.keys("nonsense\n")
        asked.expect("(?i)wrong")

    def test_no_store(self):
        nobody = Person("nobody", self.here / "nobody")
        self.fails(nobody, "not_initialised", "call", "bob", says="sotto init")
        self.fails(nobody, "not_initialised", "number", "new", "x", says="sotto init")
        ada = self.stranger("ada")
        self.fails(ada, "failed", "listen", "--mic", "silence", "--speaker", "none",
                   says="invitation")

    def test_no_sound_device(self):
        """Told, and the call goes on without: it is not lost because of a cable."""
        if os.path.exists("/dev/snd"):
            self.skipTest("this machine has sound devices")
        ada, bob, _ = self.pair()
        listener = self.listen(bob)
        caller = self.call(ada, "bob", mic="device", speaker="device")
        failed = caller.wait_for("a word about the microphone", is_event("mic_failed"))
        self.assertRegex(failed["text"], "(?i)microphone|sound|device")
        if caller.process.poll() is None:
            self.assertIsNone(caller.process.poll())
            time.sleep(1)
            caller.process.terminate()
        self.until(caller, "ended")
        self.until(listener, "ended")
        _, got = ada.sotto("doctor", ok=(0, 12))
        self.assertTrue([c for c in got["checks"] if c["subject"] == "microphone" and
                         c["state"] != "good" and c["advice"]], got)

    def test_sound_files_that_are_not_there(self):
        ada, bob, _ = self.pair()
        listener = self.listen(bob)
        self.fails(ada, "usage", "call", "bob", "--mic", self.here / "none.wav", "--speaker", "none",
                   says="none.wav")
        self.fails(ada, "usage", "call", "bob", "--mic", "silence", "--speaker",
                   self.here / "no/dir.wav", says="dir.wav")
        self.one_call(ada, "bob", listener)

    @unittest.skipUnless(CLOCK_SHIM.exists(), "not built")
    def test_clock_a_day_off(self):
        ada, bob, _ = self.pair()
        for shift, direction in ((86400, "ahead of"), (-86400, "behind")):
            with self.subTest(direction):
                bob.wrap = ["env", f"LD_PRELOAD={CLOCK_SHIM}", f"SOTTO_TEST_CLOCK_SHIFT={shift}"]
                listener = self.listen(bob)
                told = listener.find(is_event("clock")) if [
                    e for e in listener.seen if e.get("event") == "clock"] else \
                    listener.wait_for("a word about the clock", is_event("clock"), 5)
                self.assertAlmostEqual(told["offset_s"], shift, delta=30)
                self.one_call(ada, "bob", listener)  # it works all the same
                listener.stop()
                person = self.terminal(bob, "listen", "--plain", "--mic", "silence", "--speaker",
                                       "none")
                person.expect(f"clock is 1 day {direction} the relay's.*Set the clock")
                person.stop()

    @unittest.skipUnless(scene.ISOLATED, "needs a mount of its own")
    def test_disk_full_under_sotto(self):
        disk = self.here / "disk"
        scene.mount_small(disk, "1m")
        bob = Person("bob", disk / "bob")
        bob.init(self.relay)
        ada = self.person("ada")
        ada.sotto("contact", "add", bob.number_for("ada")["link"], "--name", "bob")
        listener = self.listen(bob)
        ballast = scene.fill(disk)
        self.fails(bob, "store", "number", "new", "another", says="(?i)disk|space|full")
        # The first call binds the number, which cannot be written: nothing is let in.
        code, ended = self.refused_call(ada, "bob")
        self.assertNotEqual(code, 0)
        self.assertFalse([e for e in listener.seen if e.get("event") == "incoming"])
        ours = self.until(listener, "ended")
        self.assertEqual(ours["end"], "storage", (ours, ended))
        self.assertRegex(ours["text"], "(?i)disk")
        ballast.unlink()
        self.assertEqual(self.number(bob, "ada")["state"], "fresh")
        self.one_call(ada, "bob", listener)
        self.assertEqual(self.number(bob, "ada")["state"], "bound")

    @unittest.skipUnless(scene.ISOLATED, "needs a mount of its own")
    def test_disk_full_under_sottod(self):
        disk = self.here / "disk"
        scene.mount_small(disk, "1m")
        relay = Relay(disk / "relay")
        relay.start()
        self.addCleanup(relay.stop)
        ada, bob, _ = self.pair(relay=relay)
        listener = self.listen(bob)
        invitation = relay.invite()
        ballast = scene.fill(disk)
        new = Person("new", self.here / "new")
        self.fails(new, "relay_unreachable", "init", invitation, "--no-passphrase",
                   says="(?i)store|disk")
        self.fails(bob, "relay_unreachable", "number", "new", "another", "--no-qr",
                   says="(?s)disk.*kept")
        self.assertEqual(self.number(bob, "another")["pending"], "publish")
        self.one_call(ada, "bob", listener)  # what was there goes on
        ballast.unlink()
        new.sotto("init")
        self.assertTrue(new.sotto("id")[1]["line"]["registered"])
        self.assertIsNone(relay.program.poll())

    def test_a_peer_that_never_ends_the_handshake(self):
        ada, bob, _ = self.pair()
        listener = self.listen(bob)
        listener.process.send_signal(19)  # SIGSTOP: connected, and silent
        try:
            started = time.monotonic()
            code, ended = self.refused_call(ada, "bob")
            self.assertEqual((code, ended["end"]), (7, "timeout"))
            self.assertLess(time.monotonic() - started, 20)
        finally:
            listener.process.send_signal(18)
        self.one_call(ada, "bob", listener)


if __name__ == "__main__":
    scene.main()
