"""Runs the stage, as root and as an unprivileged user, and looks what outlives its SIGKILL.

    python -m tests.attacks.runs             runs all, writes results.json
    python -m tests.attacks.runs strict root "own code" ...   runs some, prints

After the first, `scripts/generate_docs.py` makes docs/attacks.md of it.
"""

import json
import os
import pty
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.attacks.catalogue import ATTACKS, LEVELS, USERS
from tests.attacks.host import kill_all, living
from tests.attacks.stage import TOLD

__all__ = ["RESULTS", "available_users", "missing_outside", "run"]

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).with_name("results.json")
UID = 61234
"""Nobody's, on most machines; as an account it would be as good."""
COMMON_PYTHON = "/usr/bin/python3"
CANARY = "canary-of-the-host-3f9a1c5e7b2d"
TIMEOUT_S = 50
AFTER_KILL_S = 1.5
"""The zygote sweeps for a second after its supervisor has ended."""


def available_users() -> list[str]:
    """Whom this process can be."""
    return list(USERS) if os.geteuid() == 0 else ["user"]


@contextmanager
def _scene(user: str) -> Iterator[tuple[Path, list[str], dict[str, str], dict[str, Any]]]:
    """A folder of the user's own, and how a program is started there as that user."""
    drops = user == "user" and os.geteuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="attacks-"))
    try:
        for name in ("state", "tmp", "home/.ssh"):
            (folder / name).mkdir(parents=True)
        (folder / "home/.ssh/id_ed25519").write_text(CANARY)
        shutil.copytree(Path(__file__).with_name("functions"), folder / "code")
        home = folder / "fcbox" if drops else REPOSITORY
        if drops:
            _copy_package(home)
            _give(folder)
        environment = {
            "FCBOX_CANARY": CANARY, "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"),
            "FCBOX_STATE_DIR": str(folder / "state"), "PATH": os.environ["PATH"],
            "PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        who = {"user": UID, "group": UID, "extra_groups": []} if drops else {}
        yield folder, [COMMON_PYTHON if drops else sys.executable], environment, who
    finally:
        shutil.rmtree(folder)


def _copy_package(home: Path) -> None:
    """The checkout may lie where only its owner may look."""
    ignored = shutil.ignore_patterns("__pycache__", "templates")
    for name in ("sandbox", "worker", "tests/attacks"):
        shutil.copytree(REPOSITORY / name, home / name, ignore=ignored)


def _give(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, UID, UID)


def _start(user: str, options: dict[str, Any], end: int, scene: Any) -> "subprocess.Popen[bytes]":
    folder, command, environment, who = scene
    if who:
        os.fchown(end, UID, -1)
    told = json.dumps({**options, "folder": str(folder)})
    with open(folder / "stderr", "wb") as talk:
        return subprocess.Popen(
            [*command, "-W", "ignore", "-m", "tests.attacks.stage", told],
            stdin=end, stdout=talk, stderr=talk, cwd="/", env=environment,
            start_new_session=True, **who,
        )  # fmt: skip


def _told_by(stage: "subprocess.Popen[bytes]", folder: Path) -> dict[str, Any]:
    # By a file: into pipes that the stage holds open, attacks write.
    end = time.monotonic() + TIMEOUT_S
    path = folder / TOLD
    while not path.exists():
        if stage.poll() is not None or time.monotonic() > end:
            stage.kill()
            raise RuntimeError("the stage failed: " + (folder / "stderr").read_text())
        time.sleep(0.005)
    told: dict[str, Any] = json.loads(path.read_text())
    return told


def run(level: str, user: str, names: list[str] | None = None, **options: Any) -> dict[str, Any]:
    """Plays the attacks; gives what the stage told, with what was left of the last daemons."""
    options = {"level": level, **options} | ({"names": names} if names is not None else {})
    master, end = pty.openpty()
    with _scene(user) as scene, _start(user, options, end, scene) as stage:
        try:
            told = _told_by(stage, scene[0])
        finally:
            stage.kill()
            stage.wait()
            os.close(end)
            os.close(master)
        if "prefix" in told:
            told["found"]["daemons after SIGKILL"] = told["last"] + _survivors(told["prefix"])
    return told


def _survivors(prefix: str) -> list[str]:
    end = time.monotonic() + AFTER_KILL_S
    while (found := living(prefix)) and time.monotonic() < end:
        time.sleep(0.01)
    kill_all(prefix)
    return found


def missing_outside(user: str, words: dict[str, list[str]]) -> dict[str, list[str]]:
    """Which of these words an attack does not achieve outside of any box either."""
    found = run("none", user, [], control=list(words))["found"]
    return {
        name: [word for word in wanted if name in found and word not in found[name]]
        for name, wanted in words.items()
    }


def main(arguments: list[str]) -> int:
    if arguments:
        level, user, *names = arguments
        print(json.dumps(run(level, user, names or None), indent=1))
        return 0
    results: dict[str, dict[str, list[str]]] = {name: {} for name in ATTACKS}
    for level in LEVELS:
        for user in USERS:
            begin = time.monotonic()
            for name, words in run(level, user)["found"].items():
                results[name][f"{level}, {user}"] = words
            print(f"{level}, {user}: {time.monotonic() - begin:.1f} s", flush=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
