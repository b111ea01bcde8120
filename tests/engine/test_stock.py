"""What a zygote has ready for its next instance: used once, and never seen by the function."""

import os
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
    folder = Path(f"/proc/{pid}/fd")
    return [os.readlink(entry) for entry in folder.iterdir()]


def stock_of(box: PatientSandbox) -> set[str]:
    """The namespaces that the zygote has ready."""
    zygotes = box.statistics()["zygotes"]
    assert isinstance(zygotes, list)
    assert len(zygotes) == 1
    return {link for link in links_of(zygotes[0]) if link.startswith(("net:", "user:"))}


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
            ready.append(next(link for link in stock_of(box) if link.startswith("net:")))
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
