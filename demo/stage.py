# SPDX-License-Identifier: Apache-2.0
"""A relay and people on this machine, driven through the programs that everybody uses.

Used by the story (`make run`) and by the measurements of calls (bench/call_bench.py). Nothing here
knows anything that `sotto --json` and `sottod --json` do not say.
"""
import json
import os
import queue
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("SOTTO_BUILD", ROOT / "build/release"))
SOTTO = BUILD / "cli/sotto"
SOTTOD = BUILD / "relay/daemon/sottod"
LIKENESS = BUILD / "bench/likeness/likeness"
SPEECH = Path("/usr/share/pocketsphinx/test/data/librivox")


class StageError(Exception):
    """Something on the stage did not happen; the text says what was expected and what came."""


def speech(number):
    """One of the public-domain recordings (LibriVox) of Debian's pocketsphinx-testdata."""
    path = SPEECH / f"sense_and_sensibility_01_austen_64kb-{number}.wav"
    if not path.exists():
        raise StageError(f"{path} is missing; run: make deps")
    return path


def free_port():
    """A port that is free for both UDP and TCP on 127.0.0.1 now."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                try:
                    udp.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
    raise StageError("no free port")


class Program:
    """A running program whose standard output is one JSON object a line."""

    def __init__(self, name, argv, log=None, detached=False, stdin=subprocess.DEVNULL):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.events = queue.Queue()
        self.seen = []
        self.log = open(log, "w") if log else subprocess.DEVNULL
        self.process = subprocess.Popen(
            self.argv, stdin=stdin, stdout=subprocess.PIPE, stderr=self.log, text=True,
            start_new_session=detached)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            try:
                self.events.put(json.loads(line))
            except ValueError:
                self.events.put({"event": "text", "text": line.rstrip("\n")})
        self.events.put(None)

    def wait_for(self, what, match, timeout=20):
        """The first event, not looked at before, for which match(event) holds."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                event = self.events.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                event = None
            if event is None:
                raise StageError(f"{self.name}: {what} did not happen. It said: {self.seen[-8:]}")
            self.seen.append(event)
            if match(event):
                return event

    def finish(self, timeout=30):
        """Waits for the end and takes the remaining events: the exit code."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise StageError(f"{self.name} does not end") from None
        self.reader.join(5)
        while not self.events.empty():
            event = self.events.get()
            if event is not None:
                self.seen.append(event)
        return code

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join(5)
        for file in (self.process.stdin, self.process.stdout, self.log):
            if hasattr(file, "close"):
                file.close()

    def find(self, match):
        for event in self.seen:
            if match(event):
                return event
        raise StageError(f"{self.name}: missing event. It said: {self.seen[-8:]}")


def run_json(argv, ok=(0,)):
    """Runs a command with --json: (exit code, last object it printed or None)."""
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False)
    if ok is not None and done.returncode not in ok:
        raise StageError(f"{' '.join(map(str, argv))}: exit code {done.returncode}\n"
                         f"{done.stdout}{done.stderr}")
    text = done.stdout.strip()
    try:
        return done.returncode, json.loads(text) if text else None
    except ValueError:
        return done.returncode, json.loads(text.splitlines()[-1])


class Relay:
    """sottod with a data directory and a certificate of its own. With public_ports, devices reach
    it through proxies on those ports (of 127.0.0.1), and invite(port) names one of them. `config`
    is more text for its configuration file, `wrap` a command to run it by ("ip netns exec ...")."""

    def __init__(self, directory, port, public_ports=(), detached=False, address="127.0.0.1",
                 name=None, config="", wrap=()):
        self.directory = Path(directory)
        self.port = port
        self.public_ports = public_ports
        self.detached = detached
        self.address = address
        self.name = name or address
        self.config = config
        self.wrap = list(wrap)
        self.program = None

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        also = ", ".join(f"127.0.0.1:{p}" for p in self.public_ports)
        config, log = self.directory / "sottod.conf", self.directory / "log"
        config.write_text(f"[relay]\nname = {self.name}\nbind = {self.address}\n"
                          f"port = {self.port}\ndata = {self.directory}\n" +
                          (f"also = {also}\n" if also else "") + self.config)
        said_before = log.stat().st_size if log.exists() else 0
        with open(log, "a") as out:
            self.program = subprocess.Popen(
                [*self.wrap, str(SOTTOD), "run", "--config", str(config)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=out,
                start_new_session=self.detached)
        deadline = time.monotonic() + 15
        while "listening on" not in log.read_text()[said_before:]:
            if self.program.poll() is not None or time.monotonic() > deadline:
                raise StageError("the relay does not start:\n" + log.read_text()[-2000:])
            time.sleep(0.02)

    def invite(self, port=None):
        argv = [SOTTOD, "invite", "--config", self.directory / "sottod.conf", "--json"]
        _, got = run_json(argv + (["--port", port] if port else []))
        return got[0]["link"]

    def stop(self):
        if self.program and self.program.poll() is None:
            self.program.terminate()
            self.program.wait(10)


class Person:
    """Somebody with a store of their own; `wrap` is a command to run sotto by."""

    def __init__(self, name, directory, wrap=()):
        self.name = name
        self.store = Path(directory)
        self.wrap = list(wrap)

    def argv(self, *words):
        return [*self.wrap, SOTTO, "--store", self.store, "--json", *words]

    def sotto(self, *words, ok=(0,)):
        """Runs a command to its end: (exit code, JSON)."""
        return run_json(self.argv(*words), ok)

    def init(self, relay, port=None):
        return self.sotto("init", relay.invite(port), "--name", self.name, "--no-passphrase")[1]

    def number_for(self, label, *options):
        return self.sotto("number", "new", label, "--no-qr", *options)[1]

    def start(self, *words, log=None, detached=False):
        return Program(self.name, self.argv(*words), log, detached)


def likeness(spoken, heard):
    """What bench/likeness says about two WAV files."""
    return run_json([LIKENESS, spoken, heard, "--json"], ok=None)[1]
