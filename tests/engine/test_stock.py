"""What a zygote has ready for its next instance: used once, and never seen by the function."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox.core.spec import BoxSettings
from tests.boxes import PatientSandbox, open_box, wait_until, write_function

SOURCE = "def handler(event, context): return 'ok'"
needs_root = pytest.mark.skipif(
    os.getuid() != 0, reason="others may not look at who is not dumpable"
)


def links_of(pid: int) -> list[str]:
    """What its descriptors lead to."""
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            links.append(os.readlink(entry))
    return links


def zygote_of(box: PatientSandbox) -> int:
    zygotes = box.statistics()["zygotes"]
    assert isinstance(zygotes, list)
    assert len(zygotes) == 1
    return int(zygotes[0])


def stock_of(box: PatientSandbox, kinds: tuple[str, ...] = ("net:", "user:")) -> set[str]:
    """The namespaces that the zygote has ready."""
    return {link for link in links_of(zygote_of(box)) if link.startswith(kinds)}


def mounts_of(pid: int | str) -> str:
    return os.readlink(f"/proc/{pid}/ns/mnt")


def ready_root(box: PatientSandbox) -> str:
    """Waits for one; gives its mount namespace."""
    found: list[str] = []

    def is_there() -> bool:
        # Meanwhile the zygote has its own at hand too, to come back.
        found[:] = stock_of(box, ("mnt:",)) - {mounts_of("self")}
        return bool(found)

    wait_until(is_there, "a root")
    return found[0]


def network_of(pid: int | str) -> str:
    return os.readlink(f"/proc/{pid}/ns/net")


@needs_root
def test_a_network_is_used_once(tmp_path: Path) -> None:
    spec = write_function(tmp_path, SOURCE)
    networks, ready = [], []

    with open_box(tmp_path, spec, BoxSettings(isolation="strict")) as box:
        for _ in range(3):
            assert box.invoke("f").ok
            (record,) = box.instances()
            assert record.pid is not None
            assert not [link for link in links_of(record.pid) if ":[" in link and "pipe" not in link
                        and "socket" not in link]  # fmt: skip
            networks.append(network_of(record.pid))
            wait_until(lambda: len(stock_of(box)) == 2, "a network and an owner")
            ready_root(box)
            ready.extend(stock_of(box, ("net:",)))
            box.recycle("f")
            wait_until(lambda: not box.instances(), "the instance's end")

    assert networks[1:] == ready[:2]  # made before they were asked for
    assert len({*networks, network_of("self")}) == 4


@needs_root
@pytest.mark.parametrize("level", ["none", "process"])
def test_what_no_instance_needs_is_not_made(tmp_path: Path, level: str) -> None:
    spec = write_function(tmp_path, SOURCE)

    with open_box(tmp_path, spec, BoxSettings(isolation=level)) as box:
        assert box.invoke("f").ok
        if level == "process":
            wait_until(lambda: stock_of(box), "an owner for private code")
        box.recycle("f")
        assert box.invoke("f").ok
        assert not [link for link in stock_of(box) if link.startswith("net:")]
        assert level == "process" or stock_of(box) == set()


@needs_root
@pytest.mark.parametrize("level", ["process", "strict"])
def test_a_root_is_begun_for_the_next_instance_and_used_once(tmp_path: Path, level: str) -> None:
    spec = write_function(tmp_path, SOURCE)
    lived_in, ready = [], []

    with open_box(tmp_path, spec, BoxSettings(isolation=level)) as box:
        for _ in range(3):
            assert box.invoke("f").ok
            (record,) = box.instances()
            assert record.pid is not None
            lived_in.append(mounts_of(record.pid))
            ready.append(ready_root(box))
            box.recycle("f")
            wait_until(lambda: not box.instances(), "the instance's end")

    assert lived_in[1:] == ready[:2]
    assert len({*lived_in, *ready, mounts_of("self")}) == 5


@needs_root
@pytest.mark.parametrize("level", ["process", "strict"])
def test_what_is_mounted_and_unmounted_meanwhile(tmp_path: Path, level: str) -> None:
    """A root that was begun before keeps nobody's file system busy, and lacks nothing."""
    spec = write_function(tmp_path, "def handler(event, context): return open('new/file').read()")
    new = Path(spec.code_dir) / "new"
    new.mkdir()

    with open_box(tmp_path, spec, BoxSettings(isolation=level)) as box:
        assert not box.invoke("f").ok
        begun = ready_root(box)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", new], check=True)
        try:
            (new / "file").write_text("mounted")
            wait_until(lambda: begun not in links_of(zygote_of(box)), "the old one's end")
            box.recycle("f")
            wait_until(lambda: not box.instances(), "the instance's end")
            assert box.invoke("f").body == b"mounted"
            ready_root(box)
            box.recycle("f")
            wait_until(lambda: not box.instances(), "the instance's end")
            last = ready_root(box)
        finally:
            subprocess.run(["umount", new], check=True)
        wait_until(lambda: last not in links_of(zygote_of(box)), "the end of what kept it busy")
        assert not box.invoke("f").ok


@needs_root
def test_the_zygote_is_where_it_was(tmp_path: Path) -> None:
    spec = write_function(tmp_path, SOURCE)

    with open_box(tmp_path, spec, BoxSettings(isolation="strict")) as box:
        zygote = f"/proc/{zygote_of(box)}/"
        folder = os.readlink(zygote + "cwd")
        assert box.invoke("f").ok
        ready_root(box)
        wait_until(lambda: mounts_of(zygote_of(box)) == mounts_of("self"), "its return")
        for name in ("ns/mnt", "ns/net", "ns/pid_for_children", "ns/user", "root"):
            assert os.readlink(zygote + name) == os.readlink(f"/proc/self/{name}"), name
        assert os.readlink(zygote + "cwd") == folder
