# SPDX-License-Identifier: Apache-2.0
"""The telephones that peers.py measures. Each takes one recording from A to B and from B to A at the
same time, through voice_proxy, and gives for each direction: what was heard, when, and what it cost.

What is heard is compared with what was spoken by the clock: `offset_ms` is when the file of what was
heard begins, after the file of what was spoken; both by the programs' own words (sotto), by how the
files grow (baresip), or by the page's clock (Chromium). Sound devices are left out everywhere.
"""
import array
import csv
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import wave
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "demo"))
import stage  # noqa: E402

RATE = 48000
PAIRS = ("to_right", "to_left")  # the proxy's names of the two directions


def read_wav(path):
    """(rate, samples of the first channel)"""
    with wave.open(str(path)) as w:
        pcm = array.array("h")
        pcm.frombytes(w.readframes(w.getnframes()))
        return w.getframerate(), pcm[::w.getnchannels()]


def write_wav(path, pcm, rate=RATE):
    with wave.open(str(path), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(pcm.tobytes())


def louder(pcm, db):
    gain = 10 ** (db / 20)
    return array.array("h", [round(s * gain) for s in pcm])


class Proxy:
    """voice_proxy between two ports, or before a server."""

    def __init__(self, trace, seed, base_ms, to=None, left=0):
        argv = [str(stage.BUILD / "bench/voice/voice_proxy"), "--trace", trace, "--seed", str(seed),
                "--base", str(base_ms), "--left", str(left)]
        self.process = subprocess.Popen(argv + (["--to", str(to)] if to else []), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        _, self.left, self.right = self.process.stdout.readline().split()

    def start(self):
        self._say("start")

    def spare(self):
        """Whoever has come so far has a good network."""
        self._say("spare")

    def stop(self):
        """What happened since start."""
        self._say("stop")
        return json.loads(self.process.stdout.readline())

    def _say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()


def seconds_of_cpu(pids):
    """What these processes used so far, in seconds."""
    ticks = 0
    for pid in pids:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(stat[11]) + int(stat[12])
        except OSError:
            pass
    return ticks / os.sysconf("SC_CLK_TCK")


def tree_below(pid):
    """The processes that descend from this one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1]
                                               .split()[1])
            except OSError:
                pass
    found, more = set(), {pid}
    while more:
        more = {p for p, parent in parents.items() if parent in more} - found
        found |= more
    return found


def direction(network, heard, offset_ms, **more):
    """One direction's result; `network` is the proxy's count of it."""
    return {"wav": str(heard), "offset_ms": offset_ms, "bps": network["bps"],
            "lost": network["lost"] / max(1, network["packets"]),
            "network_ms": network["delay_ms"], **more}


# ---- sotto ----------------------------------------------------------------------------------------

class Sotto:
    """Two `sotto` and a `sottod`: caller - proxy - relay - callee."""
    what = "sotto through its relay, the bad network between the caller and the relay"
    options = ()

    def missing(self):
        return None if stage.SOTTO.exists() and stage.SOTTOD.exists() else "not built"

    def measure(self, trace, seed, base_ms, spoken, seconds, out):
        with tempfile.TemporaryDirectory(prefix="sotto-bench-") as name:
            place = Path(name)
            port, public = stage.free_port(), stage.free_port()
            relay = stage.Relay(place / "relay", port, [public])
            relay.start()
            proxy = Proxy(trace, seed, base_ms, to=port, left=public)
            try:
                return self._call(relay, proxy, public, place, spoken, seconds, out)
            finally:
                proxy.close()
                relay.stop()

    def _call(self, relay, proxy, public, place, spoken, seconds, out):
        caller, callee = stage.Person("caller", place / "a"), stage.Person("callee", place / "b")
        caller.init(relay, public)
        callee.init(relay, public)
        link = callee.number_for("caller")["link"]
        caller.sotto("contact", "add", link, "--name", "callee")
        there = callee.start("listen", "--accept-after", "1", "--once", "--mic", spoken,
                             "--speaker", f"{out}-ab.wav", "--stats", f"{out}-b.csv",
                             *self.options, log=place / "callee.log")
        here = None
        try:
            there.wait_for("ready", lambda e: e.get("state") == "ready")
            proxy.spare()
            here = caller.start("call", "callee", "--mic", spoken, "--speaker", f"{out}-ba.wav",
                                "--hangup-after-mic", "--stats", f"{out}-a.csv", *self.options,
                                log=place / "caller.log")
            started = {}
            for side, program in (("a", here), ("b", there)):
                for what in ("mic", "speaker"):
                    wanted = what + "_started"
                    seen = [e for e in program.seen if e.get("event") == wanted]
                    event = seen[0] if seen else program.wait_for(
                        wanted, lambda e, w=wanted: e.get("event") == w, 30)
                    started[side + what] = event["at_ns"] / 1e6
            proxy.start()
            end = here.wait_for("the end", self._ended, seconds + 60)
            network = proxy.stop()
            other = there.wait_for("the end", self._ended, 40)
            here.finish()
            there.finish()
        finally:
            there.stop()
            if here:
                here.stop()
        return {"late_max_ms": network["late_max_ms"], "directions": [
            self._direction(network["to_right"], f"{out}-ab.wav", f"{out}-b.csv",
                            started["bspeaker"] - started["amic"], other, seconds),
            self._direction(network["to_left"], f"{out}-ba.wav", f"{out}-a.csv",
                            started["aspeaker"] - started["bmic"], end, seconds)]}

    @staticmethod
    def _ended(event):
        return event.get("event") == "call" and event.get("state") == "ended"

    @staticmethod
    def _direction(network, heard, stats, offset_ms, end, seconds):
        """The figures of the side that listens, while the other speaks."""
        with open(stats, encoding="utf-8") as f:
            lines = [r for r in csv.DictReader(f) if 1 <= float(r["call_s"]) < seconds - 1]
        total = {k: sum(float(r[k] or 0) for r in lines)
                 for k in ("played", "copies", "dred", "concealed")}
        restored = total["copies"] + total["dred"]
        # In frames of 20 ms. Not what was concealed: that is also what is put in while playing waits.
        lost = sum(float(r["cells_lost"] or 0) * float(r["tick_ms"]) / 20 for r in lines)
        lags = [float(r["lag_ms"]) for r in lines if r["lag_ms"]]
        return direction(
            network, heard, offset_ms,
            concealed=total["concealed"] / max(1, total["played"] + total["concealed"]),
            real=min(1, restored / max(1, lost)) if network["lost"] >= 5 else None, lag_max_ms=max(lags, default=None),
            lags=lags, cpu=end["statistics"]["cpu_s"] / end["statistics"]["talk_s"])


class SottoPlain(Sotto):
    what = "the same without neural networks (no DRED, plain concealment)"
    options = ("--no-neural",)


# ---- baresip --------------------------------------------------------------------------------------

BARESIP_CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{port}
audio_source {source}
audio_player {player}
audio_level no
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 1
auplay_channels 1
rtcp_mux yes
module_path /usr/lib/baresip/modules
module opus.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
opus_bitrate 24000
opus_inbandfec yes
opus_packet_loss 20
snd_path {directory}
"""


class SipRelay(threading.Thread):
    """Passes SIP messages between two telephones, unharmed but for where media is to be sent."""

    def __init__(self, callee_port, media_for_caller, media_for_callee):
        super().__init__(daemon=True)
        self.near, self.far = self._socket(), self._socket()
        self.port = self.near.getsockname()[1]
        self.callee = ("127.0.0.1", callee_port)
        self.media = {self.near: media_for_callee, self.far: media_for_caller}
        self.caller = None
        self.ends = False
        self.start()

    @staticmethod
    def _socket():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", 0))
        s.settimeout(0.02)
        return s

    def run(self):
        while not self.ends:
            for come, go in ((self.near, self.far), (self.far, self.near)):
                try:
                    data, sender = come.recvfrom(65536)
                except OSError:
                    continue
                if come is self.near:
                    self.caller = sender
                go.sendto(self._rewrite(data, self.media[come]),
                          self.callee if come is self.near else self.caller)

    @staticmethod
    def _rewrite(data, media_port):
        head, _, body = data.decode(errors="surrogateescape").partition("\r\n\r\n")
        if "m=audio" not in body:
            return data
        body = re.sub(r"m=audio \d+", f"m=audio {media_port}", body)
        body = re.sub(r"c=IN IP4 \S+", "c=IN IP4 127.0.0.1", body)
        head = re.sub(r"(?im)^(Content-Length:) *\d+", rf"\1 {len(body)}", head)
        return (head + "\r\n\r\n" + body).encode(errors="surrogateescape")

    def stop(self):
        self.ends = True
        self.join()
        self.near.close()
        self.far.close()


class Growth(threading.Thread):
    """When a WAV file's samples were written, from how the file grows: the earliest beginning (on the
    monotonic clock, in seconds) that any of its samples allows."""
    HEADER = 44

    def __init__(self, directory, pattern, bytes_per_s):
        super().__init__(daemon=True)
        self.directory, self.pattern, self.bytes_per_s = directory, pattern, bytes_per_s
        self.path, self.began, self.ends = None, None, False
        self.start()

    def run(self):
        size = 0
        while not self.ends:
            time.sleep(0.003)
            if self.path is None:
                self.path = next(iter(self.directory.glob(self.pattern)), None)
                continue
            now = time.monotonic()
            grown = self.path.stat().st_size - self.HEADER
            if grown > size:
                size = grown
                began = now - size / self.bytes_per_s
                self.began = began if self.began is None else min(self.began, began)

    def stop(self):
        self.ends = True
        self.join()


class BaresipPair:
    """A caller that speaks the recording, a callee whose loudspeaker is written down. The callee's
    microphone is what its loudspeaker plays (aubridge), which goes back and is thrown away."""
    FRAME_S = 0.020  # what a loudspeaker takes at once: it begins to play when it has it

    def __init__(self, place, spoken, media_for_caller, media_for_callee):
        self.a, self.b = place / "a", place / "b"
        a_port, b_port = stage.free_port(), stage.free_port()
        self._configure(self.a, a_port, f"aufile,{spoken}", "aubridge,none")
        self._configure(self.b, b_port, "aubridge,ear", "aubridge,ear")
        # sndfile writes 16-bit stereo on the encoder's side of each.
        self.mouth = Growth(self.a, "*-enc.wav", RATE * 4)
        self.ear = Growth(self.b, "*-enc.wav", RATE * 4)
        self.sip = SipRelay(b_port, media_for_caller, media_for_callee)
        self.programs = [self._run(self.b)]
        time.sleep(0.5)
        self.programs.append(self._run(self.a, "-e", f"/dial sip:b@127.0.0.1:{self.sip.port}"))

    @staticmethod
    def _configure(directory, port, source, player):
        directory.mkdir(parents=True)
        (directory / "config").write_text(BARESIP_CONFIG.format(
            port=port, source=source, player=player, directory=directory))
        (directory / "accounts").write_text(
            f"<sip:{directory.name}@127.0.0.1:{port}>;regint=0;answermode=auto;"
            "audio_codecs=opus/48000/2\n")
        (directory / "contacts").write_text("")

    @staticmethod
    def _run(directory, *more):
        with open(directory / "log", "w", encoding="utf-8") as log:
            return subprocess.Popen(["baresip", "-f", str(directory), *more],
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait(self):
        deadline = time.monotonic() + 15
        while self.mouth.began is None or self.ear.began is None:
            if time.monotonic() > deadline:
                raise stage.StageError("baresip: no call\n" + (self.a / "log").read_text()[-1000:])
            time.sleep(0.01)

    def stop(self, heard):
        """Ends the call: when what was heard began after what was spoken, in milliseconds."""
        for p in self.programs:
            p.terminate()
            p.wait(10)
        self.sip.stop()
        self.mouth.stop()
        self.ear.stop()
        if self.ear.path is None:
            return 0
        rate, pcm = read_wav(self.ear.path)
        write_wav(heard, pcm, rate)
        return (self.ear.began + self.FRAME_S - self.mouth.began) * 1e3


class Baresip:
    what = ("baresip of Debian: Opus 24 kbit/s 20 ms with FEC, two calls in opposite directions, "
            "SIP unharmed")

    def missing(self):
        return None if shutil.which("baresip") else "baresip-core is not installed"

    def measure(self, trace, seed, base_ms, spoken, seconds, out):
        pairs, results = [], []
        proxies = [Proxy(trace, seed, base_ms) for _ in PAIRS]
        with tempfile.TemporaryDirectory(prefix="sotto-bench-") as name:
            try:
                for i, proxy in enumerate(proxies):
                    ports = (proxy.left, proxy.right) if i == 0 else (proxy.right, proxy.left)
                    pairs.append(BaresipPair(Path(name) / str(i), spoken, *ports))
                for pair, proxy in zip(pairs, proxies):
                    pair.wait()
                    proxy.start()
                pids = [p.pid for pair in pairs for p in pair.programs]
                cpu, began = seconds_of_cpu(pids), time.monotonic()
                time.sleep(seconds)
                # A caller's and a callee's whole cost, though each pair carries one recording.
                cpu = (seconds_of_cpu(pids) - cpu) / (time.monotonic() - began) / len(pids)
                networks = [proxy.stop() for proxy in proxies]
            finally:
                for i, pair in enumerate(pairs):
                    heard = f"{out}-{'ab' if i == 0 else 'ba'}.wav"
                    results.append((heard, pair.stop(heard)))
                for proxy in proxies:
                    proxy.close()
        return {"late_max_ms": max(n["late_max_ms"] for n in networks),
                "directions": [direction(networks[i][PAIRS[i]], *results[i], cpu=cpu)
                               for i in range(2)]}


# ---- Chromium -------------------------------------------------------------------------------------

class Chromium:
    what = "Chromium's WebRTC, two tabs of one browser, Opus 24 kbit/s 20 ms, processing off"
    red = False
    browser = HERE.parent.parent / "tests/browser"

    def missing(self):
        if not shutil.which("node") or not shutil.which("chromium"):
            return "node or chromium is not installed"
        return None

    def measure(self, trace, seed, base_ms, spoken, seconds, out):
        proxy = Proxy(trace, seed, base_ms)
        program = stage.Program("chromium", [
            self.browser / "run.sh", HERE / "chromium.mjs", self.browser, spoken, proxy.left, proxy.right,
            "red" if self.red else "plain", str(out)], stdin=subprocess.PIPE, log=f"{out}.log")
        try:
            program.wait_for("talking", lambda e: e.get("event") == "talking", 60)
            proxy.start()
            pids = tree_below(program.process.pid)
            cpu, began = seconds_of_cpu(pids), time.monotonic()
            time.sleep(seconds)
            cpu = (seconds_of_cpu(pids) - cpu) / (time.monotonic() - began) / 2  # for one tab
            network = proxy.stop()
            program.process.stdin.write("end\n")
            program.process.stdin.flush()
            end = program.wait_for("end", lambda e: e.get("event") == "end", 60)
            program.finish()
        finally:
            program.stop()
            proxy.close()
        return {"late_max_ms": network["late_max_ms"], "directions": [
            self._direction(network[PAIRS[i]], end["tabs"][1 - i], end["tabs"][i], cpu)
            for i in range(2)]}

    @staticmethod
    def _direction(network, ear, mouth, cpu):
        """Both ends' tabs wrote down what their microphone gave: that is when it was spoken."""
        concealed = ear["concealed_samples"] / max(1, ear["samples"])
        lost = network["lost"] * 960
        return direction(network, ear["heard"], ear["began_ms"] - mouth["spoken_began_ms"],
                         spoken_wav=mouth["spoken"], cpu=cpu, concealed=concealed,
                         real=max(0, 1 - ear["concealed_samples"] / lost) if lost >= 4800 else None)


class ChromiumRed(Chromium):
    what = "the same with RED (RFC 2198, one earlier frame)"
    red = True


SYSTEMS = {"sotto": Sotto(), "sotto-plain": SottoPlain(), "baresip": Baresip(),
           "chromium": Chromium(), "chromium-red": ChromiumRed()}
