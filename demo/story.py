#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make run`: a real call on this machine, told as a story.

A relay, two people with numbers, a call with recorded speech both ways, a leak, a revocation. At
the end the relay, with its page, and an echo line keep running, for whoever sits at the keyboard:
one address makes a browser Washington's telephone.
"""
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import stage
from stage import Person, Program, Relay, StageError

DIRECTORY = Path(os.environ.get("SOTTO_STORY", stage.ROOT / "build/story"))
PAGE = Path(os.environ.get("SOTTO_PAGE", stage.ROOT / "build/page"))
PORT = int(os.environ.get("SOTTO_STORY_PORT", "0"))
PAGE_PORT = int(os.environ.get("SOTTO_STORY_PAGE_PORT", "0"))
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def chapter(text):
    print("\n" + paint("1", text), flush=True)


def say(text):
    print("  " + text, flush=True)


def fact(name, text):
    print("    " + paint("2", f"{name:<19}") + text, flush=True)


def short(path):
    try:
        return str(Path(path).relative_to(stage.ROOT))
    except ValueError:
        return str(path)


# ---- what keeps running ---------------------------------------------------------------------------

PIDS = DIRECTORY / "running"


def stop_running():
    """Ends the relay and the echo line of an earlier story: only what is still that program."""
    if not PIDS.exists():
        return 0
    stopped = 0
    for line in PIDS.read_text().split("\n"):
        pid, _, program = line.partition(" ")
        try:
            if not pid or os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)") != program:
                continue
            os.kill(int(pid), signal.SIGTERM)
            for _ in range(100):
                os.kill(int(pid), 0)
                time.sleep(0.05)
        except (OSError, ValueError):
            pass
        stopped += 1
    PIDS.unlink()
    return stopped


def keep_running(*processes):
    PIDS.write_text("".join(f"{p.pid} {os.path.realpath(p.args[0])}\n" for p in processes))


# ---- the story -------------------------------------------------------------------------------------

def is_event(name, **fields):
    return lambda e: e.get("event") == name and all(e.get(k) == v for k, v in fields.items())


def fingerprint(value):
    return value["text"] if isinstance(value, dict) else value


def start_relay(page_port):
    chapter("A relay starts")
    relay = Relay(DIRECTORY / "relay", PORT or stage.free_port(), detached=True,
                  config=f"page = {PAGE}\nplain = {page_port}\n")
    relay.start()
    say(f"sottod listens on 127.0.0.1:{relay.port}, QUIC and WebSocket, with a certificate that it "
        "made itself.")
    say("It forwards bytes it cannot read. Its books hold hashes, no names and no keys of persons.")
    return relay


def make_people(relay):
    chapter("Ottawa and Washington get identities and lines")
    people = [Person("Ottawa", DIRECTORY / "ottawa"), Person("Washington", DIRECTORY / "washington")]
    for person in people:
        got = person.init(relay)
        fact(person.name, fingerprint(got["fingerprint"]))
    return people


def hand_out(washington, ottawa):
    chapter("Washington mints a number for Ottawa")
    number = washington.number_for("Ottawa", "--expires", "30d")
    link = number["link"]
    say("It is a link. Whoever calls with it first owns it; in other hands it is refused.")
    fact("number", link[:60] + "…")
    ottawa.sotto("contact", "add", link, "--name", "Washington")
    say("Ottawa saves it as “Washington”.")
    return link


def call(ottawa, washington):
    chapter("Ottawa dials")
    spoken = {"Ottawa": stage.speech("0870"), "Washington": stage.speech("0920")}
    heard = {"Ottawa": DIRECTORY / "heard-by-ottawa.wav",
             "Washington": DIRECTORY / "heard-by-washington.wav"}
    listener = washington.start("listen", "--accept", "--mic", spoken["Washington"], "--speaker",
                                heard["Washington"], log=DIRECTORY / "washington.log")
    listener.wait_for("being ready for calls", is_event("line", state="ready"))
    caller = ottawa.start("call", "Washington", "--mic", spoken["Ottawa"], "--speaker",
                          heard["Ottawa"], "--hangup-after-mic", log=DIRECTORY / "ottawa.log")
    dialling = caller.wait_for("dialling", is_event("call", state="dialling"))
    ringing = listener.wait_for("ringing", is_event("incoming"))
    say(f"Washington's device rings and shows its own label for the caller: “{ringing['label']}”.")
    active = listener.wait_for("the answer", is_event("call", state="active"))
    say("Washington accepts. Both speak at once: recorded human voices, a different one each way …")
    words = {"Ottawa": caller.wait_for("a secure call", is_event("secure"))}
    ended = {"Ottawa": caller.wait_for("the end", is_event("call", state="ended"), 40),
             "Washington": listener.wait_for("the end", is_event("call", state="ended"), 20)}
    words["Washington"] = listener.find(is_event("secure"))
    if caller.finish() != 0 or not is_same_words(words):
        raise StageError("the call did not go as it should")
    report(words, ended, dialling, ringing, active)
    report_sound(spoken, heard, caller, listener)
    return listener


def is_same_words(words):
    return words["Ottawa"]["words"] == words["Washington"]["words"]


def report(words, ended, dialling, ringing, active):
    statistics = {name: e["statistics"] for name, e in ended.items()}
    session = statistics["Ottawa"]["session"]
    print()
    for name in ("Ottawa", "Washington"):
        other = "Washington" if name == "Ottawa" else "Ottawa"
        fact(f"{name} sees", f"{other}, {fingerprint(words[name]['peer'])}")
    fact("secured by", f"{session['protocol']}, {session['group']}, {session['cipher']}, "
                       f"{session['signature']}")
    fact("carried by", statistics["Ottawa"]["transport"])
    for name in ("Ottawa", "Washington"):
        fact(f"words, {name}", paint("1", words[name]["words"]))
    fact("dial → ring", f"{(ringing['mono_ns'] - dialling['mono_ns']) / 1e6:.0f} ms, "
                        "connecting to the relay included")
    fact("accept → voice", f"{statistics['Washington']['accept_to_voice_ms']:.0f} ms")
    for name, s in statistics.items():
        cells = s["cells"]
        fact(f"cells, {name}", f"{cells['sent']} sent, {cells['received']} received, "
                               f"{cells['lost']} lost; 136 bytes each")
    for name, s in statistics.items():
        fact(f"CPU, {name}", f"{s['cpu_s']:.2f} s for {s['talk_s']:.1f} s of talk "
                             f"({100 * s['cpu_s'] / s['talk_s']:.1f} % of a core)")


def report_sound(spoken, heard, caller, listener):
    programs = {"Ottawa": caller, "Washington": listener}
    for name, other in (("Washington", "Ottawa"), ("Ottawa", "Washington")):
        got = stage.likeness(spoken[other], heard[name])
        started = programs[name].find(is_event("speaker_started"))["at_ns"]
        spoke = programs[other].find(is_event("mic_started"))["at_ns"]
        delay = got["delay_ms"] + (started - spoke) / 1e6
        fact(f"heard, {name}", f"{100 * got['likeness']:.0f} % like what {other} said, "
                               f"{delay:.0f} ms from mouth to ear → {short(heard[name])}")
        if not got["same"]:
            raise StageError(f"{name} did not hear what {other} said")


def leak(link, washington, listener):
    chapter("The number leaks")
    stranger = Person("A stranger", DIRECTORY / "stranger")
    stranger.sotto("init", "--no-passphrase", "--name", "Ottawa")
    stranger.sotto("contact", "add", link, "--name", "Washington")
    say("A third person got hold of the link, calls himself “Ottawa”, and dials it.")
    program = stranger.start("call", "Washington", "--mic", "silence", "--speaker", "none",
                             log=DIRECTORY / "stranger.log")
    ended = program.wait_for("the refusal", is_event("call", state="ended"))
    if ended["end"] != "refused" or program.finish() == 0:
        raise StageError(f"the stranger was not refused: {ended}")
    told = listener.wait_for("word of the leak", is_event("number_leaked"))
    say("Refused: it is bound to Ottawa's key. Nothing rang.")
    say(f"Washington is told: the number given to “{told['label']}” was used with another key,")
    fact("the stranger's", fingerprint(told["peer"]))


def revoke(ottawa, washington):
    chapter("Washington revokes the number")
    washington.sotto("number", "revoke", "Ottawa")
    program = ottawa.start("call", "Washington", "--mic", "silence", "--speaker", "none",
                           log=DIRECTORY / "ottawa.log")
    ended = program.wait_for("the refusal", is_event("call", state="ended"))
    if program.finish() == 0:
        raise StageError("the revoked number still works")
    say(f"Ottawa dials again: “{ended['text']}”")


def leave_an_echo(relay):
    """A line that plays everybody back to themselves: (its program, its owner)."""
    echo = Person("Echo", DIRECTORY / "echo")
    echo.init(relay)
    line = echo.start("echo", log=DIRECTORY / "echo.log", detached=True)
    line.wait_for("being ready for calls", is_event("line", state="ready"))
    return line, echo


def setup_argv(relay, page, name, contacts):
    """The command that prints the link of a telephone: its invitation, name and contacts."""
    words = [w for label, owner in contacts for w in (label, owner.number_for(name)["link"])]
    return [stage.SOTTO, "setup", relay.invite(), "--name", name, "--page", page, *words]


def hand_over(relay, ottawa, echo, page):
    chapter("Your turn: be Washington, in a browser on this machine")
    argv = setup_argv(relay, page, "Washington", [("Ottawa", ottawa), ("Echo", echo)])
    _, made = stage.run_json([*argv, "--json"])
    (DIRECTORY / "address").write_text(made["link"] + "\n")
    say("The relay keeps running, and serves the page. This address, opened once in a browser, makes it")
    say("Washington's telephone, with Ottawa in its contacts and Echo, which plays you back to yourself:")
    print(flush=True)
    # Links are long: the small code needs a wide terminal, and says so otherwise.
    subprocess.run([str(a) for a in argv], check=True)
    print()
    say(f"From then on it is at {paint('1', page)}. To be Ottawa, and answer, in another terminal:")
    print(f"\n      {paint('1', './build/sotto --store build/story/ottawa listen')}\n")
    say("Echo without a browser, with your own microphone:")
    you = Person("You", DIRECTORY / "you")
    you.init(relay)
    you.sotto("contact", "add", echo.number_for("You")["link"], "--name", "Echo")
    print(f"\n      {paint('1', './build/sotto --store build/story/you call Echo')}\n")
    say("Stop everything:  make stop")


def main():
    if sys.argv[1:] == ["--stop"]:
        print(f"stopped {stop_running()} programs")
        return 0
    stop_running()
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    DIRECTORY.mkdir(parents=True)
    relay, programs = None, []
    try:
        page_port = PAGE_PORT or stage.free_port()
        relay = start_relay(page_port)
        ottawa, washington = make_people(relay)
        link = hand_out(washington, ottawa)
        listener = call(ottawa, washington)
        programs.append(listener)
        leak(link, washington, listener)
        revoke(ottawa, washington)
        listener.stop()
        line, echo = leave_an_echo(relay)
        programs.append(line)
        hand_over(relay, ottawa, echo, f"http://localhost:{page_port}")
        keep_running(relay.program, line.process)
    except (StageError, KeyboardInterrupt) as error:
        for program in programs:
            program.stop()
        if relay:
            relay.stop()
        print(f"\n{paint('31', 'The story broke off')}: {error}\nLogs: {short(DIRECTORY)}",
              file=sys.stderr)
        return 1
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
