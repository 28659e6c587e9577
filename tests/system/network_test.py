#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls while the network changes: addresses, paths, NAT, links that go down, UDP that is dropped.

    ada  (10.77.1.2, and 10.77.2.2 by a second way) ─┐
                                                     ├─ router ─ relay (10.77.9.2)
    bob  (10.77.3.2) ────────────────────────────────┘
"""
import array
import ctypes
import math
import socket
import subprocess
import threading
import time
import wave

import scene
from scene import Relay, Scene, is_event

RATE = 48000
RELAY = "10.77.9.2"
# Bounds of survival, not of quality: what is measured is printed.
MOVE_GAP_S = 3.0


def run(*words):
    subprocess.run([str(w) for w in words], check=True)


def at(space, *words):
    run("nsenter", f"--net=/run/netns/{space}", "--", *words)


def wire(space, device, net):
    """A cable from that namespace to the router: .2 there, .1 here."""
    run("ip", "link", "add", device, "netns", space, "type", "veth", "peer", f"r-{device}", "netns",
        "router")
    at("router", "ip", "addr", "add", f"10.77.{net}.1/24", "dev", f"r-{device}")
    at("router", "ip", "link", "set", f"r-{device}", "up")


def plug(space, device, net, host=2):
    at(space, "ip", "link", "set", device, "up")
    at(space, "ip", "addr", "add", f"10.77.{net}.{host}/24", "dev", device)
    at(space, "ip", "route", "replace", "default", "via", f"10.77.{net}.1", "dev", device)


def make_tone(path, seconds):
    """A sound without pauses, that no concealment can go on with for long."""
    samples = array.array("h", (int(9000 * math.sin(2 * math.pi * (300 * t + 40 * math.sin(5 * t))))
                                for t in (i / RATE for i in range(seconds * RATE))))
    with wave.open(str(path), "wb") as f:
        f.setparams((1, 2, RATE, 0, "NONE", ""))
        f.writeframes(samples.tobytes())


def longest_gap(path):
    """The longest time, in seconds, in which nothing was heard between the first and last sound."""
    with wave.open(str(path)) as f:
        samples = array.array("h", f.readframes(f.getnframes()))
        frame = f.getframerate() // 50
    loud = [max(map(abs, samples[i:i + frame])) > 900
            for i in range(0, len(samples) - frame + 1, frame)]
    if True not in loud:
        raise scene.StageError(f"nothing at all was heard: {path}")
    first, last = loud.index(True), len(loud) - loud[::-1].index(True)
    longest = silent = 0
    for heard in loud[first:last]:
        silent = 0 if heard else silent + 1
        longest = max(longest, silent)
    return longest / 50, (last - first) / 50


class Network(Scene):
    relay_wanted = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tone = cls.directory / "tone.wav"
        make_tone(cls.tone, 2)

    def setUp(self):
        super().setUp()
        run("mount", "-t", "tmpfs", "none", "/run")
        self.addCleanup(run, "umount", "-l", "/run")
        for space in ("ada", "bob", "relay", "router"):
            run("ip", "netns", "add", space)
            self.addCleanup(run, "ip", "netns", "del", space)
            at(space, "ip", "link", "set", "lo", "up")
        for space, device, net in (("ada", "a1", 1), ("ada", "a2", 2), ("bob", "b1", 3),
                                   ("relay", "s1", 9)):
            wire(space, device, net)
            if device != "a2":
                plug(space, device, net)
        at("router", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        self.relay = Relay(self.here / "relay", 4433, address=RELAY,
                           wrap=["nsenter", "--net=/run/netns/relay", "--"])
        self.relay.start()
        self.addCleanup(self.relay.stop)
        inside = {n: ["nsenter", f"--net=/run/netns/{n}", "--"] for n in ("ada", "bob")}
        self.ada = self.person("ada", wrap=inside["ada"])
        self.bob = self.person("bob", wrap=inside["bob"])
        self.ada.sotto("contact", "add", self.bob.number_for("ada")["link"], "--name", "bob")

    def begin(self, *options):
        self.heard = {"ada": self.here / "heard-ada.wav", "bob": self.here / "heard-bob.wav"}
        self.listener = self.listen(self.bob, *options, "--mic-loop", mic=self.tone,
                                    speaker=self.heard["bob"])
        self.caller = self.call(self.ada, "bob", *options, "--mic-loop", mic=self.tone,
                                speaker=self.heard["ada"])
        self.until(self.listener, "active")
        self.until(self.caller, "active")
        time.sleep(2)

    def hang_up(self):
        self.caller.process.terminate()
        ours, theirs = self.until(self.caller, "ended"), self.until(self.listener, "ended")
        self.assertEqual((ours["end"], theirs["end"]), ("hangup", "peer_hangup"))
        self.listener.stop()
        self.caller.finish()
        return ours["statistics"], theirs["statistics"]

    def survived(self, bound_s, least_s):
        """Sound came before and after, and what was missing is below the bound, both ways."""
        for name, path in self.heard.items():
            gap, whole = longest_gap(path)
            print(f"[{self._testMethodName}: {name} heard nothing for {gap:.2f} s of {whole:.1f}] ",
                  end="", flush=True)
            self.assertLess(gap, bound_s, f"{name} heard nothing for {gap} s")
            self.assertGreater(whole, least_s, f"{name}'s sound did not come back")

    def told_path(self, *programs):
        for program in programs:
            program.wait_for("reconnecting", is_event("path", reconnecting=True), 6)

    def told_back(self, timeout, *programs):
        for program in programs:
            program.wait_for("being back", is_event("path", reconnecting=False), timeout)

    # -- the tests

    def test_callers_address_changes(self):
        self.begin()
        at("ada", "ip", "addr", "del", "10.77.1.2/24", "dev", "a1")
        plug("ada", "a1", 1, host=7)
        time.sleep(5)
        self.hang_up()
        self.survived(MOVE_GAP_S, 6)

    def test_caller_moves_to_another_network(self):
        self.begin()
        plug("ada", "a2", 2)
        at("ada", "ip", "link", "set", "a1", "down")
        time.sleep(5)
        self.hang_up()
        self.survived(MOVE_GAP_S, 6)

    def test_caller_moves_with_a_time_without_any(self):
        self.begin()
        at("ada", "ip", "link", "set", "a1", "down")
        time.sleep(1.5)
        plug("ada", "a2", 2)
        time.sleep(6)
        self.hang_up()
        self.survived(1.5 + MOVE_GAP_S, 8)

    def test_callees_address_changes(self):
        self.begin()
        at("bob", "ip", "addr", "del", "10.77.3.2/24", "dev", "b1")
        plug("bob", "b1", 3, host=9)
        time.sleep(5)
        self.hang_up()
        self.survived(MOVE_GAP_S, 6)

    def test_address_changes_over_websocket(self):
        """TCP cannot move: the link is made anew, and the circuit resumed."""
        self.begin("--websocket")
        at("ada", "ip", "addr", "del", "10.77.1.2/24", "dev", "a1")
        plug("ada", "a1", 1, host=7)
        time.sleep(10)
        ours, _ = self.hang_up()
        self.assertEqual(ours["transport"], "websocket")
        self.survived(MOVE_GAP_S, 8)

    def test_link_down_for_ten_seconds(self):
        self.begin()
        at("router", "ip", "link", "set", "r-a1", "down")
        self.told_path(self.caller, self.listener)
        time.sleep(10)
        at("router", "ip", "link", "set", "r-a1", "up")
        self.told_back(10, self.caller, self.listener)
        time.sleep(2)
        self.hang_up()
        self.survived(10 + MOVE_GAP_S + 2, 13)

    def test_link_down_for_good(self):
        self.begin()
        at("router", "ip", "link", "set", "r-a1", "down")
        began = time.monotonic()
        self.told_path(self.caller, self.listener)
        for program in (self.caller, self.listener):
            ended = self.until(program, "ended", 55)
            self.assertEqual(ended["end"], "lost")
            self.assertRegex(ended["text"], "[Cc]all again")
        self.assertGreater(time.monotonic() - began, 40)
        self.assertEqual(self.caller.finish(), 1)
        # The line of whoever was still connected goes on.
        at("router", "ip", "link", "set", "r-a1", "up")
        self.one_call(self.ada, "bob", self.listener)

    def test_udp_is_dropped_before_the_call(self):
        at("router", "ip", "rule", "add", "pref", "1", "ipproto", "udp", "blackhole")
        began = time.monotonic()
        listener = self.listen(self.bob)
        self.assertLess(time.monotonic() - began, 2 * scene.SLOW)
        caller = self.call(self.ada, "bob")
        dialling = self.until(caller, "dialling")
        up = caller.wait_for("a link", is_event("relay", up=True))
        self.assertEqual(up["transport"], "websocket")
        self.assertLess((up["mono_ns"] - dialling["mono_ns"]) / 1e9, 2 * scene.SLOW)
        self.until(caller, "active")
        self.until(listener, "active")

    def test_udp_is_dropped_in_mid_call(self):
        """Over TCP before anybody is told, and back over UDP when that works, without a gap."""
        self.begin()
        udp = ("ip", "rule", "add", "pref", "1", "ipproto", "udp", "blackhole")
        at("router", *udp)
        for program in (self.caller, self.listener):
            program.wait_for("TCP", is_event("relay", up=True, transport="websocket"), 5)
        time.sleep(3)
        at("router", *[word if word != "add" else "del" for word in udp])
        for program in (self.caller, self.listener):
            program.wait_for("UDP", is_event("relay", up=True, transport="quic"), 30)
        time.sleep(3)
        ours, theirs = self.hang_up()
        self.assertEqual((ours["transport"], theirs["transport"]), ("quic", "quic"))
        self.survived(MOVE_GAP_S, 10)

    def no_network(self, *devices):
        """For 30 s nothing gets through: the call is kept, both are told, and it goes on."""
        self.begin()
        for device in devices:
            at("router", "ip", "link", "set", device, "down")
        began = time.monotonic()
        self.told_path(self.caller, self.listener)
        time.sleep(max(0, began + 30 - time.monotonic()))
        for device in devices:
            at("router", "ip", "link", "set", device, "up")
        self.told_back(10, self.caller, self.listener)
        time.sleep(3)
        self.hang_up()
        self.survived(30 + MOVE_GAP_S + 2, 33)

    def test_30_s_without_network_for_the_caller(self):
        self.no_network("r-a1")

    def test_30_s_without_network_for_the_callee(self):
        self.no_network("r-b1")

    def test_30_s_without_network_for_both(self):
        self.no_network("r-a1", "r-b1")

    def test_nat_rebinding(self):
        """A NAT forgets, and gives the caller another port: nobody notices."""
        # Inside ada's namespace the relay's address is the NAT's.
        at("ada", "ip", "addr", "add", f"{RELAY}/32", "dev", "lo")
        nat = Nat(RELAY, 4433, "ada")
        self.addCleanup(nat.close)
        self.begin()
        for _ in range(3):
            nat.rebind()
            time.sleep(2)
        ours, _ = self.hang_up()
        self.assertEqual(ours["transport"], "quic")
        self.assertGreater(nat.carried, 400)
        self.survived(MOVE_GAP_S, 6)


class TwoFamilies(Scene):
    """The relay's name has an IPv4 and an IPv6 address: what if packets of one family vanish?"""

    relay_wanted = False
    NAME = "relay.test"
    V6 = "fd77:{}::{}"

    def setUp(self):
        super().setUp()
        run("mount", "-t", "tmpfs", "none", "/run")
        self.addCleanup(run, "umount", "-l", "/run")
        for space in ("ada", "relay", "router"):
            run("ip", "netns", "add", space)
            self.addCleanup(run, "ip", "netns", "del", space)
            at(space, "ip", "link", "set", "lo", "up")
        at("router", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        at("router", "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        for space in ("ada", "relay", "router"):  # or an address is not usable for a second or two
            at(space, "sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad")
        for space, device, net in (("ada", "a1", 1), ("relay", "s1", 9)):
            wire(space, device, net)
            plug(space, device, net)
            for where, name, host in ((space, device, 2), ("router", f"r-{device}", 1)):
                at(where, "ip", "addr", "add", f"{self.V6.format(net, host)}/64", "dev", name,
                   "nodad")
            at(space, "ip", "route", "add", "default", "via", self.V6.format(net, 1), "dev", device)
        hosts = self.here / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{RELAY} {self.NAME}\n"
                         f"{self.V6.format(9, 2)} {self.NAME}\n")
        run("mount", "--bind", hosts, "/etc/hosts")
        self.addCleanup(run, "umount", "-l", "/etc/hosts")
        self.gai = self.here / "gai.conf"
        self.gai.write_text("")
        run("mount", "--bind", self.gai, "/etc/gai.conf")
        self.addCleanup(run, "umount", "-l", "/etc/gai.conf")
        self.relay = Relay(self.here / "relay", 4433, address="::", name=self.NAME,
                           wrap=["nsenter", "--net=/run/netns/relay", "--"])
        self.relay.start()
        self.addCleanup(self.relay.stop)
        inside = ["nsenter", "--net=/run/netns/ada", "--"]
        self.ada = self.person("ada", wrap=inside)
        self.bob = self.person("bob", wrap=["nsenter", "--net=/run/netns/relay", "--"])
        self.ada.sotto("contact", "add", self.bob.number_for("ada")["link"], "--name", "bob")
        self.listener = self.listen(self.bob)

    def prefer(self, family):
        """The system's choice of which address comes first (RFC 6724)."""
        self.gai.write_text(f"precedence ::ffff:0:0/96 {100 if family == '-4' else 10}\n"
                            "precedence ::/0 40\n")

    def drop(self, family):
        """Packets of that family vanish at the router, and nobody is told."""
        at("router", "ip", family, "rule", "add", "pref", "1", "blackhole")

    def starts_without(self, family):
        self.prefer(family)
        self.drop(family)
        caller = self.call(self.ada, "bob")
        dialling = self.until(caller, "dialling")
        up = caller.wait_for("a link", is_event("relay", up=True), 10 * scene.SLOW)
        took_s = (up["mono_ns"] - dialling["mono_ns"]) / 1e9
        print(f"[{self._testMethodName}: a link after {took_s:.2f} s, {up['transport']}] ", end="",
              flush=True)
        self.assertEqual(up["transport"], "quic")
        self.assertLess(took_s, scene.SLOW)
        self.until(caller, "active")

    def goes_on_without(self, family):
        self.prefer(family)
        caller = self.call(self.ada, "bob")
        self.until(caller, "active")
        time.sleep(1)
        began = time.monotonic()
        self.drop(family)
        time.sleep(8)
        caller.process.terminate()
        ended = self.until(caller, "ended")
        self.assertEqual(ended["end"], "hangup")
        self.assertLess(time.monotonic() - began, 12 * scene.SLOW)
        self.assertEqual(self.until(self.listener, "ended")["end"], "peer_hangup")
        lost_s = ended["statistics"]["cells"]["lost"] / 50
        print(f"[{self._testMethodName}: {lost_s:.2f} s of cells lost] ", end="", flush=True)
        self.assertGreater(lost_s, 0)  # it did go by that family
        self.assertLess(lost_s, MOVE_GAP_S)

    def test_start_without_ipv4(self):
        self.starts_without("-4")

    def test_start_without_ipv6(self):
        self.starts_without("-6")

    def test_ipv4_dies_in_mid_call(self):
        self.goes_on_without("-4")

    def test_ipv6_dies_in_mid_call(self):
        self.goes_on_without("-6")


def socket_in(space):
    """A UDP socket of that namespace: a thread may enter it, and end there."""
    made = []

    def make():
        with open(f"/run/netns/{space}", "rb") as f:
            if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), 0) == 0:
                made.append(socket.socket(type=socket.SOCK_DGRAM))
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


class Nat:
    """Carries UDP from inside a namespace to the relay, from a port that can be changed."""

    def __init__(self, host, port, space):
        self.target = (host, port)
        self.carried = 0
        self.open = True
        self.client = None
        self.inner = socket_in(space)
        self.inner.bind(self.target)
        self.outer = self.new_outer()
        self.threads = [threading.Thread(target=work) for work in (self._up, self._down)]
        for thread in self.threads:
            thread.start()

    def new_outer(self):
        s = socket_in("bob")  # a place from which the relay is reached
        s.connect(self.target)
        s.settimeout(0.05)
        return s

    def rebind(self):
        old, self.outer = self.outer, self.new_outer()
        old.close()

    def _up(self):
        self.inner.settimeout(0.2)
        while self.open:
            try:
                data, self.client = self.inner.recvfrom(65536)
                self.outer.send(data)
                self.carried += 1
            except OSError:  # nothing for a while, or just rebound
                pass

    def _down(self):
        while self.open:
            try:
                self.inner.sendto(self.outer.recv(65536), self.client)
            except OSError:
                pass

    def close(self):
        self.open = False
        for thread in self.threads:
            thread.join()
        self.inner.close()
        self.outer.close()


if __name__ == "__main__":
    scene.main(required=True)
