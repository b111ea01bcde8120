"""A program: one box at one level, as one user, in which every attack is played.

    python -m tests.attacks.stage '{"level": "strict", "folder": "...", "control": []}'

Writes one JSON object to a file in the folder, and then waits to be killed, with daemons of a
function alive: whoever started it looks what is left of them. Descriptor 0 is a terminal and
becomes its controlling one; its environment has FCBOX_CANARY, HOME, TMPDIR and FCBOX_STATE_DIR.

With "control", only those attacks are played, by a child of this process, outside any box: what
they do not achieve there is not to be had on this machine.
"""

import ctypes
import fcntl
import glob
import json
import os
import signal
import socket
import sys
import termios
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from sandbox import BoxSettings, FunctionSpec, InstanceRecord, InvokeResult, NotFound, Sandbox
from tests.attacks.catalogue import ATTACKS, Attack
from tests.attacks.host import Listeners, kill_all, living
from worker import wire

PATIENCE_S = 20.0
HOST_TEMPS = ("/tmp", "/var/tmp", "/dev/shm")
MARK = "forged by an attack"
TOLD = "told.json"
OWN_ANSWER = b"the victim's own answer"

Facts = dict[str, Any]


class Stage:
    """The box, and what is prepared around it."""

    def __init__(self, level: str, folder: Path, network: str, python: str) -> None:
        self.level = level
        self.network = network
        self.python = python
        self.folder = folder
        self.name = f"fcbox-attack-{os.getpid()}"
        self.number = 0x0FCB0000 | os.getpid() & 0x7FFE
        self.listeners = Listeners(self.name, folder)
        self.memory = ctypes.create_string_buffer(b"of the supervisor")
        self.log = folder / "log.jsonl"
        self.log_fd = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        settings = BoxSettings(grace_s=0.3, dump_grace_s=0.3, isolation=level, allows_degraded=True)
        self.box = Sandbox(
            [self._spec("attacker", 2), self._spec("victim", 1), self._spec("offline", 1)],
            settings, log_format="json", log_fd=self.log_fd,
        )  # fmt: skip
        self.attacking_id = ""
        self.victims_things: Facts = {}

    def _spec(self, name: str, instances: int) -> FunctionSpec:
        is_offline = name == "offline" and self.level != "none"
        handler = "victim.handler" if name == "victim" else "index.handler"
        return FunctionSpec(
            name, handler, str(self.folder / "code"), python=self.python, timeout_s=60.0,
            min_instances=instances, max_instances=instances,
            network="off" if is_offline else self.network,
        )  # fmt: skip

    # -- what the attacks are told -------------------------------------------------------------

    def facts(self, **more: Any) -> Facts:
        """All that helps; what a real attacker would have to guess, too."""
        canary = os.environ.get("FCBOX_CANARY", "")
        (run,) = glob.glob(os.path.join(os.environ["FCBOX_STATE_DIR"], "runs", "*"))
        return {
            "targets": self._targets(),
            "group": os.getpgrp(),
            "address": ctypes.addressof(self.memory),
            "canary": [canary[: len(canary) // 2], canary[len(canary) // 2 :]],
            "home": os.environ["HOME"],
            "run": run,
            "log": str(self.log),
            "terminal": os.ttyname(0),
            "name": self.name,
            "number": self.number,
            "temp": [*HOST_TEMPS, os.environ["TMPDIR"]],
            "victim": self.victims_things,
            "key": self.victims_things.get("key"),
            "port": self.listeners.port,
            "socket": self.listeners.path,
            "level": self.level,
            "mark": MARK,
            **more,
        }

    def _targets(self) -> dict[str, int]:
        (zygote,) = self.zygotes()
        instances = self.box.instances()
        siblings = [each.pid for each in instances if each.function == "victim"]
        twins = [
            each.pid
            for each in instances
            if each.function == "attacker" and each.id != self.attacking_id
        ]
        pids = {"supervisor": os.getpid(), "zygote": zygote}
        if self.level != "none":
            pids["init"] = 1  # of the machine, or of its own pid namespace: none of its business
        return pids | {"sibling": siblings[0], "twin": twins[-1]}

    def zygotes(self) -> list[int]:
        """The pids of the box's zygotes."""
        pids: Any = self.box.statistics()["zygotes"]
        return list(pids.values() if isinstance(pids, dict) else pids)

    def instance(self, function: str) -> InstanceRecord:
        """The only instance of a function."""
        (record,) = [each for each in self.box.instances() if each.function == function]
        return record

    def settled(self) -> bool:
        """Every instance that there should be is ready."""
        states = [each.state for each in self.box.instances()]
        return len(states) == 4 and set(states) == {"IDLE"}

    # -- playing -------------------------------------------------------------------------------

    def prepare(self) -> None:
        """The victim gets its things."""
        wait_until(self.settled, "the instances")
        event = {"action": "prepare", "name": self.name, "number": self.number}
        self.victims_things = json.loads(self.call("victim", event).body)

    def call(self, function: str, event: Facts) -> InvokeResult:
        """One request."""
        return self.box.invoke(function, json.dumps(event).encode())

    def call_attack(self, attack: Attack, **more: Any) -> tuple[list[str], InvokeResult]:
        """What the attack says it achieved, and how its request ended."""
        wait_until(self.settled, "the instances")
        result = self.call(attack.function, self.facts(attack=attack.name, **more))
        if attack.function == "attacker":
            self.attacking_id = result.instance_id
        words: list[str] = json.loads(result.body) if result.ok else []
        if not result.ok:  # each attempt was in a process of its own, and that is not it
            words = [f"broken: {result.cause.value} {result.status} {result.body.decode()}"]
        return words, result

    def play(self, attack: Attack) -> list[str]:
        """The words of one attack."""
        plays: dict[str, Callable[[Attack], list[str]]] = {
            "plain": lambda attack: self.call_attack(attack)[0],
            "temp": self._temp,
            "squatting": self._squatting,
            "locking": self._locking,
            "forging": self._forging,
            "daemons": self._daemons,
            "leftovers": self._leftovers,
        }
        return sorted(plays[attack.play](attack))

    def _temp(self, attack: Attack) -> list[str]:
        self.call_attack(attack)
        words = []
        for folder in (*HOST_TEMPS, os.environ["TMPDIR"]):
            path = Path(folder, f"{self.name}.of-attack")
            if path.exists():
                path.unlink()
                words.append(folder if folder in HOST_TEMPS else "TMPDIR")
        return words

    def _squatting(self, attack: Attack) -> list[str]:
        """While the instance lives; it is the one that goes on attacking."""
        self.call_attack(attack)
        with socket.socket(socket.AF_UNIX) as own:
            try:
                own.bind(f"\0{self.name}.wanted")
            except OSError:
                return ["the name is taken"]
        return []

    def _locking(self, attack: Attack) -> list[str]:
        """While the instance lives, and holds what it could lock."""
        words = self.call_attack(attack)[0]
        for word, path in (
            ("the code locked", self.folder / "code" / "to_be_changed.txt"),
            ("the machine's files locked", os.__file__),
        ):
            with open(path, "rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    words.append(word)
        self._renew("attacker")
        return words

    def _forging(self, attack: Attack) -> list[str]:
        """While a request of the victim runs; what became of it, and what the log says."""
        pending = self.box.submit("victim", b'{"action": "answer slowly"}')
        wait_until(lambda: self.instance("victim").request_id, "the victim's request")
        victim = self.instance("victim")
        begin = self.log.stat().st_size
        result = self.call(
            "attacker",
            self.facts(
                attack=attack.name, kind="RESULT", frames=_frames(victim),
                victim_id=victim.request_id,
            ),
        )  # fmt: skip
        try:
            self.box.kill(victim, signal.SIGUSR1)
        except NotFound:
            pass  # an attack has ended it
        answer = pending.result()
        words = [] if answer.ok else [f"ended the other's request: {answer.cause.value}"]
        if answer.ok and answer.body != OWN_ANSWER:
            words.append("answered for the other")
        if "sibling's" in attack.name:
            self._renew("victim")  # it may have been given what it chokes on later
            self.prepare()
        wait_until(self.settled, "the instances")
        return words + self._forged_lines(begin, result.request_id)

    def _forged_lines(self, begin: int, own_id: str) -> list[str]:
        words = []
        whole, _, _ = self.log.read_bytes()[begin:].rpartition(b"\n")
        for line in whole.splitlines():
            entry = json.loads(line)
            if MARK not in entry["text"]:
                continue
            if entry["request_id"] != own_id:
                words.append("a line in the other's log")
            if entry["source"] not in ("stdout", "stderr"):
                words.append(f"a line from the {entry['source']}")
        return sorted(set(words))

    def start_daemons(self, prefix: str) -> list[str]:
        """Daemons whose names begin with this."""
        return self.call_attack(ATTACKS["daemons"], **{"name": prefix})[0]

    def start_refusing(self, prefix: str) -> None:
        """A worker that will not end, by a name that begins with this."""
        event = self.facts(attack="refuse", name=prefix)
        self.box.submit("attacker", json.dumps(event).encode())
        wait_until(lambda: "worker" in living(prefix), "the worker that refuses to end")

    def _daemons(self, attack: Attack) -> list[str]:
        prefix = f"d{os.getpid() % 10000:04}"
        words = self.start_daemons(prefix)
        self._renew("attacker")
        words += living(prefix)
        kill_all(prefix)
        return words

    def _leftovers(self, attack: Attack) -> list[str]:
        """Of an instance that has ended; seen by the next one, or by the victim."""
        self.call_attack(Attack("leave", "", ""))
        self._renew("attacker")
        if attack.name.endswith("the same function"):
            words, _ = self.call_attack(Attack("look", "", ""))
        else:
            words = json.loads(self.call("victim", self.facts(action="look")).body)
        self._remove(f"{self.name}.left", self.number + 1)
        return words

    def _renew(self, function: str) -> None:
        """Ends the instances of a function, and waits for their successors."""
        before = {each.id for each in self.box.instances() if each.function == function}
        self.box.recycle(function)

        def is_done() -> bool:
            now = {each.id for each in self.box.instances()}
            return not before & now

        wait_until(is_done, "the end of the instances")
        wait_until(self.settled, "the new instances")

    def _remove(self, name: str, number: int) -> None:
        keys = import_module("keys")
        for folder in (*HOST_TEMPS, "/run/lock", os.environ["TMPDIR"], self.folder / "code"):
            for path in glob.glob(os.path.join(folder, f"{name}*")):
                os.unlink(path)
        keys.remove_all(name, number)

    def tell(self, told: Facts) -> None:
        """To whoever started this program."""
        new_path = self.folder / f"{TOLD}.new"
        new_path.write_text(json.dumps(told))
        new_path.rename(self.folder / TOLD)

    def close(self) -> None:
        """Removes what the victim and the attacks have left on the host."""
        self._remove(self.name, self.number)


def _frames(victim: InstanceRecord) -> dict[str, str]:
    """What the victim's worker would send, were it the one to forge."""
    meta = wire.invoke_meta(victim.invocations, victim.request_id) + wire.pack_usage(1)
    body = b"forged"
    head = wire._HEADER.pack(wire.RESULT, 0, len(meta), len(body))
    return {"RESULT": (head + meta + body).hex()}


def wait_until(is_met: Callable[[], Any], what: str) -> None:
    """Looks every few milliseconds."""
    end = time.monotonic() + PATIENCE_S
    while not is_met():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {PATIENCE_S:g} s for {what}")
        time.sleep(0.002)


# -- the program ---------------------------------------------------------------------------------


def control(stage: Stage, names: list[str]) -> dict[str, list[str]]:
    """The words of plain attacks, played outside of any box: in this process."""
    index = import_module("index")
    found = {}
    for name in names:
        if ATTACKS[name].play == "plain":
            facts = stage.facts(attack=name, own_id="")
            found[name] = sorted(set(index.ATTACKS[name](facts)))
    return found


def play_all(stage: Stage, names: list[str]) -> Facts:
    """All but what is seen only after the end of this process."""
    found, times = {}, {}
    stage.call_attack(ATTACKS["kcmp"])  # tells which of the two instances attacks
    for attack in ATTACKS.values():
        if attack.play != "last" and attack.name in names:
            begin = time.monotonic()
            found[attack.name] = stage.play(attack)
            times[attack.name] = round(time.monotonic() - begin, 3)
    able = stage.call_attack(Attack("able", "", ""))[0]
    return {"found": found, "times": times, "things": sorted(stage.victims_things), "able": able}


def main() -> None:
    options = json.loads(sys.argv[1])
    sys.path.append(str(Path(options["folder"], "code")))  # what attacks are made of
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    stage = Stage(
        options["level"], Path(options["folder"]), options.get("network", ""),
        options.get("python", sys.executable),
    )  # fmt: skip
    with stage.box as box:
        try:
            stage.prepare()
            if options.get("control"):
                stage.tell({"found": control(stage, options["control"])})
                return
            told = play_all(stage, options.get("names", list(ATTACKS)))
        finally:
            stage.close()
        prefix = f"k{os.getpid() % 10000:04}"
        told["last"] = stage.start_daemons(prefix)
        stage.start_refusing(prefix)
        told |= {"prefix": prefix, "isolation": box.statistics().get("isolation")}
        stage.tell(told)
        sys.stdin.read()  # until it is killed


if __name__ == "__main__":
    main()
