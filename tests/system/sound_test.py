#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sound devices, on a PulseAudio server of the test's own: null sinks are loudspeakers, what runs into
another null sink is what a microphone hears. Calls, a loudspeaker that the microphone hears, devices
that vanish, a program that was asleep, and `sotto doctor`."""
import array
import math
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
import unittest
import wave

import scene
from scene import SKIPPED, SLOW, Scene, is_event

RATE = 48000
BUSY = "sanitized programs, or a machine with too much to do, are not in time for a sound server"
FAR = [scene.stage.SPEECH / f"sense_and_sensibility_01_austen_64kb-{n}.wav" for n in ("0870", "0920")]


def make_tone(path, seconds, hertz=440):
    samples = array.array("h", (int(6000 * math.sin(2 * math.pi * hertz * i / RATE))
                                for i in range(seconds * RATE)))
    with wave.open(str(path), "wb") as f:
        f.setparams((1, 2, RATE, 0, "NONE", ""))
        f.writeframes(samples.tobytes())
    return path


def join(path, parts):
    """One file of several; all are 16 kHz."""
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        for part in parts:
            with wave.open(str(part)) as f:
                out.writeframes(f.readframes(f.getnframes()))
    return path


def pitch_hz(samples):
    """By its rising zero crossings; the median is not led astray by a torn period."""
    rises = [i - samples[i] / (samples[i + 1] - samples[i]) for i in range(len(samples) - 1)
             if samples[i] < 0 <= samples[i + 1]]
    periods = [b - a for a, b in zip(rises, rises[1:])]
    return RATE / statistics.median(periods) if periods else 0


def samples_of(path):
    with wave.open(str(path)) as f:
        return array.array("h", f.readframes(f.getnframes()))


def level_db(samples):
    """Root mean square, dB below full scale."""
    if not samples:
        return -120.0
    power = sum(x * x for x in samples) / len(samples)
    return 10 * math.log10(power / 32768**2 + 1e-12)


class Pulse:
    """A sound server with nothing in it but what the test puts there."""

    def __init__(self, directory):
        self.directory = directory
        self.modules = {}
        (directory / "home").mkdir(parents=True)
        directory.chmod(0o700)
        socket = directory / "socket"
        self.env = {"XDG_RUNTIME_DIR": str(directory), "HOME": str(directory / "home"),
                    "PULSE_SERVER": f"unix:{socket}", "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
        config = directory / "server.pa"
        config.write_text(f"load-module module-native-protocol-unix auth-anonymous=1 socket={socket}\n")
        with open(directory / "log", "w", encoding="utf-8") as log:
            self.server = subprocess.Popen(
                ["pulseaudio", "--daemonize=no", "-n", "--exit-idle-time=-1", "--disable-shm=1",
                 "--log-target=stderr", "-F", str(config)], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env={**os.environ, **self.env}, start_new_session=True)
        deadline = time.monotonic() + 10 * SLOW
        while subprocess.run(["pactl", "info"], capture_output=True, check=False,
                             env={**os.environ, **self.env}).returncode != 0:
            assert time.monotonic() < deadline, (directory / "log").read_text()
            time.sleep(0.1)

    def stop(self):
        self.server.terminate()
        self.server.wait(10)

    def ctl(self, *words):
        return subprocess.run(["pactl", *words], capture_output=True, text=True, check=True,
                              env={**os.environ, **self.env}).stdout.strip()

    def load(self, name, module, *words):
        self.modules[name] = self.ctl("load-module", module, *words)

    def unload(self, name):
        self.ctl("unload-module", self.modules.pop(name))

    def speaker(self, name, rate=RATE):
        self.load(name, "module-null-sink", f"sink_name={name}", f"rate={rate}",
                  f"sink_properties=device.description={name}")

    def microphone(self, name, rate=RATE):
        """Hears what runs into the sink NAME_air."""
        self.load(f"{name}_air", "module-null-sink", f"sink_name={name}_air", f"rate={rate}",
                  "sink_properties=device.description=air")
        self.hearing(name, f"{name}_air")

    def hearing(self, name, sink):
        """A microphone that hears what a sink plays."""
        self.load(name, "module-remap-source", f"source_name={name}", f"master={sink}.monitor",
                  f"source_properties=device.description={name}")

    def play(self, path, sink):
        return subprocess.Popen(["paplay", f"--device={sink}", str(path)],
                                env={**os.environ, **self.env})

    def record(self, source, seconds):
        """What goes through a source, as samples."""
        got = subprocess.run(
            ["timeout", str(seconds), "parec", f"--device={source}", "--format=s16le", "--channels=1",
             f"--rate={RATE}", "--latency-msec=20"], capture_output=True, check=False,
            env={**os.environ, **self.env}).stdout
        return array.array("h", got[:len(got) // 2 * 2])


class Sound(Scene):
    def setUp(self):
        super().setUp()
        self.pulse = Pulse(self.here / "pulse")
        self.addCleanup(self.pulse.stop)
        # Programs of the test are given the server; HOME is nothing that sotto needs.
        before = {k: os.environ.get(k) for k in self.pulse.env}
        os.environ.update(self.pulse.env)
        self.addCleanup(self.restore, before)

    @staticmethod
    def restore(before):
        for key, value in before.items():
            os.environ.pop(key, None)
            if value is not None:
                os.environ[key] = value

    def hears(self, source, seconds=2):
        """Waits until something loud goes through a source: the last second of it."""
        deadline = time.monotonic() + 20 * SLOW
        while time.monotonic() < deadline:
            samples = self.pulse.record(source, seconds)
            if level_db(samples) > -40:
                return samples[-RATE:]
        self.fail(f"nothing is heard at {source}")

    def hears_tone(self, source, hertz):
        """At its own pitch, whatever the rates of the devices are."""
        got = pitch_hz(self.hears(source))
        print(f"[{hertz} Hz is heard as {got:.1f}] ", end="", flush=True)
        self.assertAlmostEqual(got, hertz, delta=hertz / 100)

    def echo_heard(self, processing):
        """Bob speaks from a file; Ada's microphone hears her loudspeaker: how loud that comes back."""
        ada, bob, _ = self.pair(f"ada_{processing}", f"bob_{processing}")
        heard = self.here / f"heard_{processing}.wav"
        spoken = join(self.here / "far.wav", FAR)
        self.listen(bob, mic=spoken, speaker=heard)
        call = self.call(ada, f"bob_{processing}", "--processing", processing, mic="device:mic",
                         speaker="device:speaker")
        self.until(call, "active")
        time.sleep(12)
        call.process.terminate()
        self.until(call, "ended")
        time.sleep(0.5)
        samples = samples_of(heard)
        return level_db(samples[5 * RATE:11 * RATE])

    @unittest.skipIf(SLOW > 1 or os.getloadavg()[0] > 2 * os.cpu_count(), BUSY)
    def test_echo_is_cancelled(self):
        self.pulse.speaker("speaker")
        self.pulse.hearing("mic", "speaker")
        plain = self.echo_heard("off")
        self.assertGreater(plain, -45, "without a canceller the echo must be heard")
        clean = self.echo_heard("on")
        print(f"echo heard: {plain:.1f} dBFS without, {clean:.1f} dBFS with processing")
        self.assertLess(clean, plain - 15)

    def in_call(self, *options):
        """Ada and Bob talk: a tone into Ada's microphone, what Bob plays goes to "speaker"."""
        self.pulse.speaker("default")
        self.pulse.microphone("mic")
        self.pulse.speaker("speaker", rate=44100)
        self.pulse.ctl("set-default-sink", "default")
        self.pulse.ctl("set-default-source", "mic")
        ada, bob, _ = self.pair()
        listener = self.listen(bob, mic="silence", speaker="device:speaker")
        call = self.call(ada, "bob", "--processing", "off", *options, mic="device:mic")
        self.until(call, "active")
        self.plays(440, "mic_air")
        self.hears_tone("speaker.monitor", 440)
        return call, listener

    def plays(self, hertz, sink):
        tone = self.pulse.play(make_tone(self.here / f"{hertz}.wav", 60, hertz), sink)
        self.addCleanup(tone.wait)
        self.addCleanup(tone.terminate)

    def hang_up(self, call, listener):
        call.process.terminate()
        self.assertEqual(self.until(call, "ended")["end"], "hangup")
        self.assertEqual(self.until(listener, "ended")["end"], "peer_hangup")

    def test_loudspeaker_is_pulled_out(self):
        call, listener = self.in_call()
        self.assertLess(level_db(self.pulse.record("default.monitor", 1)), -60)
        self.pulse.unload("speaker")
        self.hears("default.monitor")
        changed = listener.wait_for("word of the change", is_event("audio_changed"), 10 * SLOW)
        self.assertIn("default", changed["text"])
        self.pulse.speaker("speaker", rate=16000)
        listener.wait_for("word of its return", lambda e: e.get("event") == "audio_changed" and
                          "back" in e["text"], 10 * SLOW)
        self.hears_tone("speaker.monitor", 440)
        self.hang_up(call, listener)

    def test_microphone_is_pulled_out(self):
        call, listener = self.in_call()
        self.pulse.microphone("spare", rate=16000)
        self.pulse.ctl("set-default-source", "spare")
        self.plays(700, "spare_air")
        self.pulse.unload("mic")
        self.pulse.unload("mic_air")
        call.wait_for("word of the change", is_event("audio_changed"), 10 * SLOW)
        time.sleep(1)
        self.hears_tone("speaker.monitor", 700)
        self.pulse.microphone("mic", rate=8000)
        self.plays(1000, "mic_air")
        call.wait_for("word of its return", lambda e: e.get("event") == "audio_changed" and
                      "back" in e["text"], 10 * SLOW)
        time.sleep(1)
        self.hears_tone("speaker.monitor", 1000)
        self.hang_up(call, listener)

    def test_program_was_asleep(self):
        call, listener = self.in_call()
        for program in (call, listener):
            program.process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        for program in (call, listener):
            program.process.send_signal(signal.SIGCONT)
        time.sleep(1)
        self.hears("speaker.monitor")
        self.hang_up(call, listener)

    def doctor(self, *words):
        ada = self.stranger("ada")
        return ada.sotto("doctor", "--sound", *words, ok=None)[1]

    @unittest.skipIf(SLOW > 1, BUSY)
    def test_doctor_hears_the_loudspeaker(self):
        self.pulse.speaker("speaker")
        self.pulse.hearing("mic", "speaker")
        found = self.doctor("--mic", "device:mic", "--speaker", "device:speaker")
        self.assertTrue(found["sound"]["heard"])
        self.assertFalse(found["sound"]["clipped"])
        self.assertGreater(found["sound"]["level_dbfs"], -35)
        self.assertTrue(5 < found["sound"]["round_trip_ms"] < 600)
        # What a busy machine tears, a canceller has to learn anew.
        if os.getloadavg()[0] <= os.cpu_count():
            self.assertGreater(found["sound"]["echo_reduction_db"], 10)

    def test_doctor_names_what_is_wrong(self):
        self.pulse.speaker("speaker")
        self.pulse.microphone("mic")
        found = self.doctor("--mic", "device:mic", "--speaker", "device:speaker")
        self.assertTrue(found["sound"]["mic_silent"])
        self.assertEqual([c["state"] for c in found["checks"] if c["subject"] == "loop"], ["problem"])
        hiss = self.pulse.play(make_tone(self.here / "tone.wav", 30, 3000), "mic_air")
        self.addCleanup(hiss.wait)
        self.addCleanup(hiss.terminate)
        self.hears("mic")
        found = self.stranger("eve").sotto("doctor", "--sound", "--mic", "device:mic", "--speaker",
                                           "device:speaker", ok=None)[1]
        self.assertFalse(found["sound"]["heard"])
        self.assertFalse(found["sound"]["mic_silent"])


def available():
    return all(shutil.which(p) for p in ("pulseaudio", "pactl", "pacat", "paplay", "parec"))


if __name__ == "__main__":
    if not available():
        print("skipped: needs PulseAudio's server and tools (pulseaudio, pulseaudio-utils)")
        sys.exit(SKIPPED)
    scene.main()
