#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ringing when the page is closed: the real sottod and a push service of the test, which opens what
it gets with another implementation (Node's)."""
import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import scene
from scene import SKIPPED, SLOW, Program, Relay, Scene, is_event, stage

WAKE_UP = "sotto: wake up\0\0"  # whoever calls


def children(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(c) for c in (task / "children").read_text().split()]
    return found


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Names(threading.Thread):
    """A name server: whatever it is asked, the answer is 127.0.0.1."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.answers = True
        self.start()

    def run(self):
        while True:
            try:
                query, sender = self.socket.recvfrom(512)
            except OSError:
                return
            if not self.answers:
                continue
            end = query.index(b"\0", 12) + 5
            is_a = query[end - 4:end - 2] == b"\0\1"
            record = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1" if is_a else b""
            self.socket.sendto(query[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") +
                               b"\0\0\0\0" + query[12:end] + record, sender)

    def close(self):
        self.socket.close()


class Push(Scene):
    relay_wanted = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        key, certificate = cls.directory / "key.pem", cls.directory / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:push.test", "-keyout", key,
                        "-out", certificate], check=True, capture_output=True)
        cls.certificate = certificate
        cls.service = Program("service", ["node", Path(__file__).with_name("push_service.mjs"), key,
                                          certificate])
        ready = cls.service.wait_for("the push service", is_event("ready"))
        cls.origin = f"https://localhost:{ready['port']}"
        cls.keys = bytes.fromhex(ready["p256dh"]), bytes.fromhex(ready["auth"])

    @classmethod
    def tearDownClass(cls):
        cls.service.stop()
        super().tearDownClass()

    def make_relay(self, config=None):
        if config is None:
            config = (f"[push]\ncontact = mailto:admin@relay.example\nca = {self.certificate}\n"
                      f"services = {self.origin.removeprefix('https://')}\n")
        relay = Relay(self.here / "relay", config=config)
        relay.start()
        self.addCleanup(relay.stop)
        return relay

    def subscribe(self, relay, *paths):
        """As the one line's device would (tests/net does it over the link)."""
        with sqlite3.connect(relay.directory / "sottod.db", timeout=5) as db:
            db.execute("DELETE FROM pushes")
            for path in paths:
                db.execute("INSERT INTO pushes(line_id,endpoint,p256dh,auth) SELECT line_id,?,?,? "
                           "FROM lines ORDER BY created DESC LIMIT 1",
                           (self.origin + path, *self.keys))
        db.close()

    def subscribed(self, relay):
        db = sqlite3.connect(relay.directory / "sottod.db", timeout=5)
        rows = db.execute("SELECT endpoint FROM pushes ORDER BY id").fetchall()
        db.close()
        return [row[0].removeprefix(self.origin) for row in rows]

    def stats(self, relay):
        return stage.run_json([stage.SOTTOD, "stats", "--config", relay.directory / "sottod.conf",
                               "--json"])[1]

    def until_stat(self, relay, name, value, timeout=30):
        deadline = time.monotonic() + timeout * SLOW
        while self.stats(relay)[name] < value:
            self.assertLess(time.monotonic(), deadline, f"{name}: {self.stats(relay)}")
            time.sleep(0.05)
        return self.stats(relay)

    def pushed(self, path, timeout=10):
        return self.service.wait_for(f"a push to {path}", is_event("push", path=path),
                                     timeout * SLOW)

    def couple(self, relay):
        """Caller and callee; the callee made his line last, and is away."""
        ada = self.stranger("ada")
        bob = self.person("bob", relay)
        link = bob.number_for("ada")["link"]
        ada.sotto("contact", "add", link, "--name", "bob")
        return ada, bob

    # -- the tests

    def test_a_call_wakes_and_rings(self):
        relay = self.make_relay()
        ada, bob = self.couple(relay)
        self.subscribe(relay, "/sent/bob")
        public = self.relay_json(relay)["vapid"]
        began = time.time()
        caller = self.call(ada, "bob")
        waking = caller.wait_for("their device being woken",
                                 is_event("call", state="dialling", waking=True), 10 * SLOW)
        push = self.pushed("/sent/bob")
        print(f"pushed {push['at'] - began * 1000:.0f} ms after the command was started")
        self.assertIsNotNone(waking)
        self.assertEqual((push["method"], push["ttl"], push["urgency"], push["encoding"]),
                         ("POST", "45", "high", "aes128gcm"))
        self.assertEqual(push.get("plain"), WAKE_UP, push)
        self.assertTrue(push["vapid"]["valid"])
        self.assertEqual(push["vapid"]["k"], public)
        self.assertEqual(push["vapid"]["head"], {"typ": "JWT", "alg": "ES256"})
        claims = push["vapid"]["claims"]
        self.assertEqual((claims["aud"], claims["sub"]), (self.origin,
                                                          "mailto:admin@relay.example"))
        self.assertTrue(3600 < claims["exp"] - time.time() <= 24 * 3600)
        # Nothing but what a push must have.
        self.assertEqual(set(push["headers"]) - {"host", "accept", "content-length", "user-agent"},
                         {"authorization", "content-encoding", "content-type", "ttl", "urgency"})
        listener = self.listen(bob)
        self.until(caller, "active")
        self.until(listener, "active")
        caller.process.terminate()
        self.assertEqual(self.until(caller, "ended")["end"], "hangup")
        self.assertEqual(caller.finish(), 0)
        listener.stop()
        got = self.stats(relay)
        self.assertEqual((got["wakes_total"], got["wakes_answered_total"], got["pushes_sent_total"],
                          got["subscriptions"]), (1, 1, 1, 1))
        # Every call has the same bytes: whoever sees them learns no more than that somebody calls.
        time.sleep(5.5)
        caller = self.call(ada, "bob")
        again = self.pushed("/sent/bob")
        self.assertEqual((again["plain"], again["bytes"]), (push["plain"], push["bytes"]))
        caller.process.terminate()
        caller.finish()
        self.assertNotIn("/sent/bob", relay.log())
        self.assertNotIn(self.origin, relay.log())

    def relay_json(self, relay):
        context = ssl._create_unverified_context()
        with urllib.request.urlopen(f"https://127.0.0.1:{relay.port}/relay.json",
                                    context=context) as answer:
            return json.load(answer)

    def test_what_services_answer(self):
        relay = self.make_relay()
        ada, _ = self.couple(relay)
        self.subscribe(relay, "/gone", "/redirect", "/busy", "/failing", "/denied", "/endless",
                       "/silent", "/sent/one")
        caller = self.call(ada, "bob")
        for path in ("/gone", "/redirect", "/denied", "/endless", "/silent", "/sent/one"):
            self.pushed_once(path)
        got = self.until_stat(relay, "pushes_gone_total", 1)
        self.assertNotIn("/gone", self.subscribed(relay))
        got = self.until_stat(relay, "pushes_sent_total", 2)  # /sent and, the second time, /busy
        got = self.until_stat(relay, "pushes_failed_total", 4)  # all but /silent
        self.assertEqual(len(self.pushes_to("/busy")), 2)
        self.assertEqual(len(self.pushes_to("/failing")), 3)
        self.assertEqual(len(self.pushes_to("/redirect")), 1)
        self.assertEqual(self.pushes_to("/sent/redirected"), [])
        self.assertEqual(len(self.subscribed(relay)), 7)
        self.assertEqual(got["pushes_dropped_total"], 0)
        caller.process.terminate()
        caller.finish()

    def pushes_to(self, path):
        return [e for e in self.service.seen + list(self.service.events.queue)
                if e and e.get("path") == path]

    def pushed_once(self, path):
        deadline = time.monotonic() + 10 * SLOW
        while not self.pushes_to(path):
            self.assertLess(time.monotonic(), deadline, path)
            time.sleep(0.02)

    def test_certificates_of_others_are_not_trusted(self):
        relay = self.make_relay("[push]\ncontact = mailto:admin@relay.example\n"
                                f"services = {self.origin.removeprefix('https://')}\n")
        ada, _ = self.couple(relay)
        self.subscribe(relay, "/sent/untrusted")
        caller = self.call(ada, "bob")
        self.until_stat(relay, "pushes_failed_total", 1)
        self.assertEqual(self.pushes_to("/sent/untrusted"), [])
        caller.process.terminate()
        caller.finish()

    def test_services_that_are_not_allowed_are_not_reached(self):
        relay = self.make_relay("[push]\ncontact = mailto:admin@relay.example\n"
                                f"ca = {self.certificate}\n")
        ada, _ = self.couple(relay)
        self.subscribe(relay, "/sent/elsewhere")
        caller = self.call(ada, "bob")
        self.until_stat(relay, "pushes_gone_total", 1)
        self.assertEqual(self.subscribed(relay), [])
        self.assertEqual(self.pushes_to("/sent/elsewhere"), [])
        caller.process.terminate()
        caller.finish()

    def test_the_sender_lives_and_dies_with_sottod(self):
        relay = self.make_relay()
        ada, _ = self.couple(relay)
        self.subscribe(relay, "/sent/phoenix")
        (supervisor,) = children(relay.program.pid)
        (worker,) = children(supervisor)
        os.kill(worker, signal.SIGKILL)  # a crash costs a moment
        deadline = time.monotonic() + 10 * SLOW
        while children(supervisor) in ([], [worker]):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        caller = self.call(ada, "bob")
        self.pushed("/sent/phoenix")
        (worker,) = children(supervisor)
        # Its memory has no key of the relay's certificate, and none of its descriptors is ours.
        if SLOW == 1:
            self.assertIn("Seccomp:\t2", Path(f"/proc/{worker}/status").read_text())
        descriptors = os.listdir(f"/proc/{worker}/fd")
        self.assertLess(len(descriptors), 16, descriptors)
        caller.process.terminate()
        caller.finish()
        relay.kill()
        deadline = time.monotonic() + 10 * SLOW
        while is_alive(supervisor) or is_alive(worker):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_names_are_looked_up_in_the_sandbox(self):
        if not scene.ISOLATED:
            self.skipTest("needs a file system of its own")
        names = Names()
        self.addCleanup(names.close)
        config = self.here / "resolv.conf"
        config.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        subprocess.run(["mount", "--bind", config, "/etc/resolv.conf"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/etc/resolv.conf"], check=True)
        port = self.origin.rpartition(":")[2]
        self.origin = f"https://push.test:{port}"
        relay = self.make_relay(f"[push]\ncontact = mailto:admin@relay.example\n"
                                f"ca = {self.certificate}\nservices = *.push.test:{port} "
                                f"push.test:{port}\n")
        ada, bob = self.couple(relay)
        self.subscribe(relay, "/sent/named")
        caller = self.call(ada, "bob")
        self.assertEqual(self.pushed("/sent/named").get("plain"), WAKE_UP)
        self.assertEqual(self.pushes_to("/sent/named")[0]["vapid"]["claims"]["aud"], self.origin)
        listener = self.listen(bob)
        self.until(caller, "active")
        caller.process.terminate()
        caller.finish()
        # A name service that is silent, or lies, delays nothing but the push.
        names.answers = False
        self.origin = f"https://silent.push.test:{port}"
        self.subscribe(relay, "/sent/silent")
        listener.stop()
        time.sleep(5.5)
        caller = self.call(ada, "bob")
        caller.wait_for("their device being woken", is_event("call", waking=True), 10 * SLOW)
        listener = self.listen(bob)
        began = time.monotonic()
        self.until(caller, "active")
        self.assertLess(time.monotonic() - began, 3 * SLOW)
        self.until_stat(relay, "pushes_failed_total", 1)
        caller.process.terminate()
        caller.finish()

    def test_without_pushes_there_is_no_child(self):
        relay = self.make_relay("")
        self.assertEqual(children(relay.program.pid), [])
        self.assertNotIn("vapid", self.relay_json(relay))
        ada, _ = self.couple(relay)
        self.subscribe(relay, "/sent/nobody")
        _, ended = self.refused_call(ada, "bob")
        self.assertEqual(ended["end"], "offline")
        self.assertEqual(self.pushes_to("/sent/nobody"), [])

    def test_the_key_stays(self):
        relay = self.make_relay()
        public = self.relay_json(relay)["vapid"]
        key = relay.directory / "push.key"
        self.assertEqual(key.stat().st_mode & 0o777, 0o600)
        relay.stop()
        relay.start()
        self.assertEqual(self.relay_json(relay)["vapid"], public)
        # A damaged key is said, and calls go on.
        relay.stop()
        key.write_text("no key")
        relay.start()
        self.assertIn("push.key is damaged", relay.log())
        self.assertNotIn("vapid", self.relay_json(relay))


if __name__ == "__main__":
    if shutil.which("node") is None or shutil.which("openssl") is None:
        print("skipped: node and openssl are needed")
        sys.exit(SKIPPED)
    scene.main()
