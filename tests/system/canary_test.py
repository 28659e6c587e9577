#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Canaries: what must never reach a relay (names, labels, secrets, fingerprints, codes, what is
said) is put through calls and an exchange, and then looked for in everything that the relay has:
memory, disk, log, metrics, and what goes over its network device. All sottod's debug log is on."""
import base64
import os
import socket
import subprocess
import threading
import time
import unittest
import wave

import scene
from scene import Program, Relay, Scene, is_event, stage

PIECE = 16  # of a recording: so many bytes of it, at many places, would show that it was heard


def fingerprint_bytes(text):
    raw = text.replace(" ", "")
    return base64.b32decode(raw + "=" * (-len(raw) % 8))


def parts_of(link):
    """The fields of a number's link (include/sotto/identity.h)."""
    text = link.split("#")[1]
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    at = 2 + 32 * (data[1] & 1)
    token_bytes = len(data) - 4 - at - 64 - 8 * (data[1] >> 1 & 1) - 1 - len(name_in(data))
    return data[at:at + token_bytes], data[at + token_bytes:at + token_bytes + 32], text


def name_in(data):
    body = data[:-4]
    for length in range(len(body)):
        if body[len(body) - 1 - length] == length:
            return body[len(body) - length:]
    raise ValueError("no name in the link")


def memory_of(pid):
    """All readable memory of a process, region by region."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            start, end = (int(x, 16) for x in span.split("-"))
            if rights[0] != "r" or "[v" in line or end - start > 1 << 32:
                continue
            try:
                mem.seek(start)
                yield line.strip(), mem.read(end - start)
            except OSError:
                continue


class Wire(threading.Thread):
    """Every byte that passes the loopback device of this namespace."""

    def __init__(self):
        super().__init__(daemon=True)
        self.data = bytearray()
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind(("lo", 0))
        self.socket.settimeout(0.2)
        self.open = True
        self.start()

    def run(self):
        while self.open:
            try:
                self.data += self.socket.recv(65536)
            except OSError:
                pass

    def close(self):
        self.open = False
        self.join()
        self.socket.close()


class Canary(Scene):
    relay_wanted = False

    def setUp(self):
        super().setUp()
        self.relay = Relay(self.here / "relay", config="[log]\nlevel = debug\naddresses = yes\n")
        self.relay.start()
        self.addCleanup(self.relay.stop)
        try:
            next(memory_of(self.relay.program.pid))
        except PermissionError:
            self.skipTest("a process's memory cannot be read here")
        self.wire = None
        if scene.ISOLATED:
            self.wire = Wire()
            self.addCleanup(self.wire.close)

    def look(self, canaries, known):
        """Nothing of `canaries` is anywhere; each of `known` is in memory, or we looked badly."""
        found, seen = [], set()

        def scan(where, data):
            for name, needle in canaries.items():
                if needle in data:
                    found.append(f"{name} in {where}")
            for name, needle in known.items():
                if needle in data:
                    seen.add(name)
        for where, data in memory_of(self.relay.program.pid):
            scan(where, data)
        for root, _, files in os.walk(self.relay.directory):
            for path in (os.path.join(root, name) for name in files):
                if os.path.isfile(path):  # the control socket is none
                    with open(path, "rb") as f:
                        scan(path, f.read())
        for form in ("--json", "--prometheus"):
            done = subprocess.run([stage.SOTTOD, "stats", form, "--config",
                                   self.relay.directory / "sottod.conf"], capture_output=True,
                                  check=True)
            self.assertTrue(done.stdout)
            scan(f"stats {form}", done.stdout)
        if self.wire:
            scan("the network", bytes(self.wire.data))
        self.assertEqual(found, [])
        self.assertEqual(seen, set(known), "what the relay does know was not found: bad scan")

    def test_calls(self):
        ada = self.person("canary-ada-QJXK")
        bob = self.person("canary-bob-VWZP")
        link = bob.number_for("canary-label-ada-HHGT")["link"]
        ada.sotto("contact", "add", link, "--name", "canary-label-bob-LLPU")
        eve = self.stranger("canary-eve-NNBD")
        eve.sotto("contact", "add", link, "--name", "x")
        token, secret, text = parts_of(link)
        self.assertEqual((len(token), len(secret)), (len(token), 32))
        spoken = stage.speech("0870")
        with wave.open(str(spoken)) as f:
            sound = f.readframes(f.getnframes())
        canaries = {"the number's secret": secret, "its secret in hex": secret.hex().encode(),
                    "the link": text[-60:-8].encode(), "a part of the link": text[60:84].encode()}
        for person in (ada, bob, eve):
            shown = person.sotto("id")[1]["fingerprint"]
            raw = fingerprint_bytes(shown)
            canaries[f"{person.name}"] = person.name.encode()
            canaries[f"fingerprint of {person.name}"] = raw[:16]
            canaries[f"its end, of {person.name}"] = raw[-16:]
            canaries[f"its text, of {person.name}"] = shown[:19].encode()
            canaries[f"in hex, of {person.name}"] = raw[:16].hex().encode()
        for label in ("canary-label-ada-HHGT", "canary-label-bob-LLPU"):
            canaries[label] = label.encode()
            canaries[f"{label} in UTF-16"] = label.encode("utf-16-le")
        for i in range(20, 60):
            piece = sound[i * 1600:i * 1600 + PIECE]
            if len(set(piece)) > 8:
                canaries[f"sound at {i}"] = piece
        self.assertGreater(len(canaries), 40)
        known = {"a line": bytes.fromhex(bob.sotto("id")[1]["line"]["id"])[:16]}

        listener = self.listen(bob, mic=spoken, speaker=self.here / "bob.wav")
        caller = self.call(ada, "canary-label-bob-LLPU", mic=spoken, speaker=self.here / "ada.wav")
        secure = caller.wait_for("a secure call", is_event("secure"))
        canaries["the words"] = secure["words"].encode()
        self.until(caller, "active")
        time.sleep(2)
        with self.subTest("in the call"):
            self.look(canaries, known)
        caller.process.terminate()
        self.until(listener, "ended")
        self.refused_call(eve, "x")
        with self.subTest("after the calls"):
            self.look(canaries, known)
        pid = self.relay.program.pid
        listener.stop()
        time.sleep(1)
        with self.subTest("when nobody is connected"):
            self.assertEqual(pid, self.relay.program.pid)
            self.look(canaries, known)
        self.relay.stop()
        self.assertGreater(len(self.relay.log()), 100)

    def test_exchange(self):
        ada, bob = self.person("canary-ada-QJXK"), self.person("canary-bob-VWZP")
        programs = []

        def meet(person, *words):
            program = Program(person.name, person.argv("exchange", *words, "--pick-stdin"),
                              stdin=subprocess.PIPE)
            self.running.append(program)
            programs.append(program)
            return program
        code = meet(ada, "--label", "canary-b-TTRE").wait_for("a code", is_event("code"))["code"]
        meet(bob, code, "--label", "canary-a-YYUI")
        words = [p.wait_for("words", is_event("words")) for p in programs]
        canaries = {"the code": code.encode(), "the code's words": code.split("-", 1)[1].encode(),
                    "label a": b"canary-a-YYUI", "label b": b"canary-b-TTRE",
                    "words a": words[0]["read_aloud"].encode(),
                    "words b": words[1]["read_aloud"].encode(),
                    "name a": b"canary-ada-QJXK", "name b": b"canary-bob-VWZP"}
        for person in (ada, bob):
            canaries[f"fingerprint of {person.name}"] = \
                fingerprint_bytes(person.sotto("id")[1]["fingerprint"])[:16]
        known = {"a line": bytes.fromhex(bob.sotto("id")[1]["line"]["id"])[:16]}
        with self.subTest("before the words"):
            self.look(canaries, known)
        for program, other in zip(programs, reversed(words)):
            program.process.stdin.write(other["read_aloud"] + "\n")
            program.process.stdin.flush()
        for program in programs:
            program.wait_for("the end", is_event("done"))
            self.assertEqual(program.finish(), 0)
        for person, label in ((ada, "canary-b-TTRE"), (bob, "canary-a-YYUI")):
            link = person.sotto("number", "show", label, "--link")[1]["link"]
            canaries[f"secret given to {label}"] = parts_of(link)[1]
        with self.subTest("afterwards"):
            self.look(canaries, known)


if __name__ == "__main__":
    scene.main()
