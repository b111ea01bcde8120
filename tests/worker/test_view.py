"""How a private directory is shown to another user: with files of the instance's own, both ways."""

import fcntl
import os
import re
from pathlib import Path

import pytest

from worker import mounts, namespaces, view
from worker.clone import errno_in_child, new_user_namespace

UID = 0x70000123

HAS_SHORT_WAY = tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) >= (6, 15)
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can show files as another's")


@needs_root
@pytest.mark.parametrize("is_modern", [True, False])
def test_private_directory_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_modern: bool
) -> None:
    """Before Linux 6.15 overlayfs takes only what is mounted somewhere: the longer way."""
    code = tmp_path / "code"
    code.mkdir(0o700)
    (code / "index.py").write_text("VALUE = 7\n")
    owner = (os.getuid(), os.getgid())
    ways: list[bool] = []
    short_way = view.View._overlay_mapped

    def overlay_mapped(self: view.View, source: str, target: str, namespace: int) -> bool:
        ways.append(is_modern and short_way(self, source, target, namespace))
        return ways[-1]

    monkeypatch.setattr(view.View, "_overlay_mapped", overlay_mapped)

    def attempt() -> None:
        shown = view.View(True, [], {owner: new_user_namespace(UID, owner)})
        namespaces.leave_mounts()
        mounts.lay_root()
        for name in ("proc", "run", "code"):
            os.mkdir(name)
        before = os.listdir("/proc/self/fd")
        shown.show(str(code), "/code", owner)
        shown.drop()
        assert shown.is_apart, shown.refusal
        assert len(os.listdir("/proc/self/fd")) == len(before)
        assert os.listdir("proc") == os.listdir("run") == []
        assert os.stat("code").st_uid == os.stat("code/index.py").st_uid == UID
        with open(code / "index.py") as theirs, open("code/index.py") as ours:
            assert ours.read() == "VALUE = 7\n"
            for file in (theirs, ours):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert ways
        os._exit(100 + ways[0])

    # Errors in there end it with an errno, what is asserted with a traceback and EIO.
    found = errno_in_child(attempt)
    assert found == 100 + (is_modern and HAS_SHORT_WAY)
