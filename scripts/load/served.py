"""The supervisor under load, and its function."""

import asyncio
import json
import os
import sys
from pathlib import Path

from load.checks import Held
from load.client import PATIENCE_S

__all__ = ["POLL_S", "START_S", "Supervisor", "write_project"]

ROOT = Path(__file__).resolve().parents[2]
FUNCTION = """
import json, os, time

def handler(event, context):
    asked = json.loads(event)
    ran = os.open(os.environ["RAN"] + "/ran", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(ran, b"%d\\n" % asked["id"])
    os.close(ran)
    time.sleep(asked["sleep_s"])
    return {"id": asked["id"]}
"""

START_S = 30.0
POLL_S = 0.02


def write_project(folder: Path, most_instances: int) -> Path:
    """An s.yaml with one function `f`."""
    (folder / "code").mkdir()
    (folder / "code" / "index.py").write_text(FUNCTION)
    (folder / "shared").mkdir()
    (folder / "shared").chmod(0o777)
    props = {
        "region": "cn-hangzhou", "functionName": "f", "runtime": "python3.10", "timeout": 30,
        "code": "./code", "handler": "index.handler", "memorySize": 128,
        "environmentVariables": {"RAN": "/mnt/shared"},
        "nasConfig": {"mountPoints": [{"mountDir": "/mnt/shared", "serverAddr": "nas:/"}]},
    }  # fmt: skip
    box = {
        "python": sys.executable,
        "mounts": {"/mnt/shared": "./shared"},
        "functions": {"f": {"maxInstances": most_instances}},
    }
    resources = {"f": {"component": "fc3", "props": props}}
    document = {"edition": "3.0.0", "name": "load", "fcbox": box, "resources": resources}
    path = folder / "s.yaml"
    path.write_text(json.dumps(document))
    return path


class Supervisor:
    """A running `fcbox run`, with all that it keeps below `folder`."""

    def __init__(self, folder: Path, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.port = self.box_tag = 0
        self._folder = folder

    @classmethod
    async def start(cls, folder: Path, config: Path) -> "Supervisor":
        """Returns as soon as its port can be connected to."""
        (folder / "tmp").mkdir()
        environ = {"FCBOX_STATE_DIR": str(folder / "state"), "TMPDIR": str(folder / "tmp")}
        argv = ("-m", "sandbox", "run", str(config), "--port", "0", "--log-file", os.devnull)
        with (folder / "talk").open("wb") as talk:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *argv, cwd=ROOT, env={**os.environ, **environ},
                stdin=asyncio.subprocess.DEVNULL, stdout=talk, stderr=talk,
            )  # fmt: skip
        started = cls(folder, process)
        async with asyncio.timeout(START_S):
            while not started._has_record():
                await asyncio.sleep(POLL_S)
        return started

    def _has_record(self) -> bool:
        if self.process.returncode is not None:
            raise SystemExit(f"load.py: fcbox did not start: {self.talk()}")
        for path in self._folder.glob("state/runs/*/record.json"):
            record = json.loads(path.read_text())
            self.port, self.box_tag = record.get("port", 0), record["box_tag"]
        return self.port != 0

    def talk(self) -> str:
        """What it said."""
        return (self._folder / "talk").read_text()

    def ran(self) -> list[int]:
        """The ids that the function wrote."""
        return [int(line) for line in (self._folder / "shared" / "ran").read_text().split()]

    def resident_kb(self) -> int:
        """What it holds in memory."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0])

    def held(self) -> Held:
        """What it holds else."""
        descriptors = os.listdir(f"/proc/{self.process.pid}/fd")
        wanted = ["Z", str(self.process.pid)]
        return Held(len(descriptors), sum(_stat(pid)[:2] == wanted for pid in _processes()))

    async def end(self) -> int:
        """Stops it in good order; gives its exit code."""
        self.process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    def left(self) -> list[str]:
        """What there is of it, after its end."""
        pids = [f"process {pid}" for pid in _processes() if _box_of(pid) == self.box_tag >> 24]
        files = [*self._folder.glob("state/runs/*"), *self._folder.glob("tmp/*")]
        said = [f"a traceback: {self.talk()[-500:]}"] if "Traceback" in self.talk() else []
        return pids + [str(path) for path in files] + said


def _processes() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid: str) -> list[str]:
    """State, parent and what follows (proc_pid_stat(5)); nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []


def _box_of(pid: str) -> int:
    """The box whose tag a process carries, in a limit that nothing else uses; -1 for none."""
    try:
        limits = Path(f"/proc/{pid}/limits").read_text()
    except OSError:
        return -1
    ceiling = limits.partition("Max realtime timeout")[2].split()[1:2]
    is_tagged = bool(ceiling) and ceiling[0].isdigit() and _stat(pid)[:1] not in ([], ["Z"])
    return int(ceiling[0]) >> 24 if is_tagged else -1
