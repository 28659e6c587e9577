# SPDX-License-Identifier: Apache-2.0
"""What the tests of the whole system share: a place of their own, a relay, people, terminals.

Each test file runs in namespaces of its own (user if need be, network, mount, process): whatever it
starts, mounts or configures is gone when it ends, however it ends, and nobody outside is touched.
"""
import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "demo"))

import stage  # noqa: E402
from stage import Person, Program, StageError  # noqa: E402,F401

# Under nohup the programs would outlive their terminals, as they should there.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

SKIPPED = 77  # what meson takes for "skipped"
# Sanitized programs are several times slower.
SLOW = 3 if "asan" in stage.BUILD.name or "tsan" in stage.BUILD.name else 1
LIMITS = ("[limits]\ndials_per_number_per_minute = 6000\ndials_per_address_per_minute = 60000\n"
          "meets_per_address_per_minute = 6000\nregisters_per_address_per_minute = 6000\n")


def is_event(name, **fields):
    return lambda e: e.get("event") == name and all(e.get(k) == v for k, v in fields.items())


def is_state(state):
    return is_event("call", state=state)


# ---- a place of one's own ------------------------------------------------------------------------

def isolate(required):
    """Starts this test again inside namespaces of its own. Where the machine does not permit them:
    goes on without, or, if they are required, skips."""
    if os.environ.get("SOTTO_ISOLATED"):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return True
    unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        unshare[1:1] = ["--user", "--map-root-user"]
    probe = subprocess.run([*unshare, "ip", "link", "set", "lo", "up"], capture_output=True,
                           check=False) if shutil.which("unshare") and shutil.which("ip") else None
    if probe is not None and probe.returncode == 0:
        os.execvpe("unshare", [*unshare, sys.executable, *sys.argv],
                   {**os.environ, "SOTTO_ISOLATED": "1"})
    if required:
        print("skipped: namespaces are not permitted here")
        sys.exit(SKIPPED)
    return False


ISOLATED = bool(os.environ.get("SOTTO_ISOLATED"))


def main(required=False):
    isolate(required)
    unittest.main(verbosity=2, module="__main__")


# ---- a terminal ----------------------------------------------------------------------------------

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>78MDEH]|[\x0e\x0f\x07]")


class Terminal:
    """A program on a terminal: what a person would see (without colours), and keys."""

    def __init__(self, argv, name="", rows=30, columns=100):
        self.name = name
        self.text = ""
        self.looked = 0
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        env.pop("NO_COLOR", None)
        self.process = subprocess.Popen([str(a) for a in argv], stdin=slave, stdout=slave,
                                        stderr=slave, env=env, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.master = master
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        master = self.master
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:
                return
            if not data:
                return
            self.text += ESCAPES.sub("", data.decode(errors="replace"))

    def expect(self, pattern, timeout=15):
        """Waits for text, after what was waited for before."""
        deadline = time.monotonic() + timeout * SLOW
        while True:
            # A terminal's line breaks are not the text's.
            text = " ".join(self.text.split())[self.looked:]
            found = re.search(pattern, text)
            if found:
                self.looked += found.end()
                return found
            if time.monotonic() > deadline:
                raise StageError(f"{self.name}: no {pattern!r} on the terminal. It shows: "
                                 f"{text[-800:]}")
            time.sleep(0.02)

    def keys(self, text):
        os.write(self.master, text.encode())

    def finish(self, timeout=10):
        try:
            return self.process.wait(timeout * SLOW)
        except subprocess.TimeoutExpired:
            raise StageError(f"{self.name} does not end. It shows: {self.text[-800:]}") from None

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.master is not None:
            os.close(self.master)
            self.master = None


# ---- tests ---------------------------------------------------------------------------------------

class Relay(stage.Relay):
    """With limits that do not stand in the way of tests."""

    def __init__(self, directory, port=None, **more):
        more["config"] = LIMITS + more.get("config", "")
        super().__init__(directory, port or stage.free_port(), **more)

    def kill(self):
        self.program.kill()
        self.program.wait()

    def log(self):
        return (self.directory / "log").read_text()


class Scene(unittest.TestCase):
    """One directory, and a relay if wanted, for all tests of the class."""

    relay_wanted = True

    @classmethod
    def setUpClass(cls):
        cls.directory = Path(tempfile.mkdtemp(prefix="sotto-system."))
        cls.relay = None
        if cls.relay_wanted:
            cls.relay = Relay(cls.directory / "relay")
            cls.relay.start()

    @classmethod
    def tearDownClass(cls):
        if cls.relay:
            cls.relay.stop()
        if not os.environ.get("SOTTO_KEEP"):
            shutil.rmtree(cls.directory, ignore_errors=True)

    def setUp(self):
        self.here = self.directory / self._testMethodName
        self.here.mkdir(exist_ok=True)
        self.running = []
        self.addCleanup(self._stop_all)

    def _stop_all(self):
        for program in reversed(self.running):
            program.stop()

    # -- people

    def person(self, name, relay=None, wrap=()):
        """Somebody with a line."""
        p = Person(name, self.here / name, wrap)
        p.init(relay or self.relay)
        return p

    def stranger(self, name):
        """Somebody without a line."""
        p = Person(name, self.here / name)
        p.sotto("init", "--no-passphrase", "--name", name)
        return p

    def pair(self, caller="ada", callee="bob", relay=None, options=()):
        """Two people, and the caller has a number of the callee's."""
        a, b = self.person(caller, relay), self.person(callee, relay)
        link = b.number_for(caller, *options)["link"]
        a.sotto("contact", "add", link, "--name", callee)
        return a, b, link

    # -- programs; they end with the test

    def start(self, person, *words):
        program = person.start(*words, log=self.here / f"{person.name}.log")
        self.running.append(program)
        return program

    def terminal(self, person, *words, rows=30, columns=100):
        argv = [a for a in person.argv(*words) if a != "--json"]
        t = Terminal(argv, person.name, rows, columns)
        self.running.append(t)
        return t

    def listen(self, person, *options, mic="silence", speaker="none", accept=True):
        words = ["--accept"] if accept else []
        program = self.start(person, "listen", *words, "--mic", mic, "--speaker", speaker, *options)
        program.wait_for("being ready for calls", is_event("line", state="ready"), 20 * SLOW)
        return program

    def call(self, person, whom, *options, mic="silence", speaker="none"):
        return self.start(person, "call", whom, "--mic", mic, "--speaker", speaker, *options)

    def until(self, program, what, timeout=20):
        """Until a call is in that state."""
        return program.wait_for(f"a call that is {what}", is_state(what), timeout * SLOW)

    def refused_call(self, person, whom, *options):
        """A call that does not come about: (exit code, the end)."""
        program = self.call(person, whom, *options)
        ended = self.until(program, "ended", 30)
        return program.finish(), ended

    def one_call(self, caller, whom, listener):
        """A short call that works, to see that all is well."""
        program = self.call(caller, whom)
        self.until(program, "active")
        self.until(listener, "active")
        program.process.terminate()
        ended = self.until(program, "ended")
        self.assertEqual(ended["end"], "hangup")
        self.assertEqual(self.until(listener, "ended")["end"], "peer_hangup")
        self.assertEqual(program.finish(), 0)
        return ended

    def number(self, person, label):
        """What the owner's book says of a number; the relay is not asked."""
        return next(n for n in person.sotto("number", "list")[1]["numbers"] if n["label"] == label)

    def fails(self, person, code, *words, says="."):
        """A command that must fail with that code, say why and what to do."""
        exit_code, got = person.sotto(*words, ok=None)
        self.assertIsInstance(got, dict, words)
        self.assertIn("error", got, words)
        self.assertEqual((exit_code, got["error"]["code"]), (EXITS[code], code), got)
        text = f"{got['error']['message']} {got['error']['hint']}"
        self.assertRegex(text, says)
        return text


EXITS = {"failed": 1, "usage": 2, "not_initialised": 3, "passphrase": 4, "relay_unreachable": 5,
         "refused": 6, "no_answer": 7, "store": 8, "not_found": 9, "link": 10, "exists": 11,
         "problems": 12, "interrupted": 130}


def mount_small(directory, size):
    """A file system of its own that is soon full. Needs isolation."""
    Path(directory).mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(directory)],
                   check=True)


def fill(directory):
    """Takes all space that is left; returns the file that took it."""
    path = Path(directory) / "ballast"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    for size in (65536, 4096, 1):
        try:
            while True:
                os.write(fd, b"\0" * size)
        except OSError:
            pass
    os.close(fd)
    return path
