"""Control groups: what the kernel holds processes to, what is told where it cannot, who cleans up.

Real groups, of whichever version this machine has, by root. What of v2 needs a controller that
the machine has in v1 is read and written in a plain directory with the files of v2.
"""

import json
import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sandbox.engine import cgroups
from sandbox.engine.cgroups import Group, Groups, discovery, files
from tests.boxes import wait_until

ROOT = Path(__file__).resolve().parents[2]
MB = 1 << 20
_ATTACH = """
import os, sys, time
for path in sys.argv[1:]:
    with open(path, "w") as entry:
        entry.write("0")
def say(word):
    print(word, flush=True)
"""
_SLEEP = "say('here'); time.sleep(3600)"


def new_box_name() -> str:
    return os.urandom(6).hex()


def own_directories() -> dict[str, str]:
    texts = (Path(f"/proc/self/{name}").read_text() for name in ("cgroup", "mountinfo"))
    return discovery.own_directories(*texts)


def lacking(reason: str) -> None:
    """Root has all that is tested on a machine of CI; others are told what was not."""
    if os.environ.get("CI") == "true" and os.geteuid() == 0:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def box_name() -> str:
    return new_box_name()


@pytest.fixture
def groups(box_name: str) -> Iterator[Groups]:
    """Everything is to be had, and nothing is left in the end."""
    groups = Groups(box_name)
    if groups.reasons:
        groups.close()
        lacking(f"no control groups here: {groups.reasons}")
    yield groups
    wait_until(groups.close, "its groups to be removed")

    assert made_below(groups.places, box_name) == []


def made_below(places: Sequence[str], box_name: str) -> list[str]:
    """The groups of a box."""
    return [
        f"{place}/{name}"
        for place in places
        for name in os.listdir(place)
        if name.startswith(f"fcbox-{box_name}-")
    ]


def make(groups: Groups, memory_bytes: int = 0, pids: int = 0, cpu: float = 0) -> Group:
    group = groups.make("i1", memory_bytes, pids, cpu)
    assert group is not None
    return group


class Member:
    """A process that attaches itself, then runs some code; ended with the block."""

    def __init__(self, entries: Sequence[str], code: str) -> None:
        self._entries = entries
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _ATTACH + code, *entries],
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Member":
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        for path in self._entries:  # a test that failed may have left it frozen
            files.write_if_there(f"{os.path.dirname(path)}/freezer.state", "THAWED")
        assert self.process.stdout is not None
        self.process.stdout.close()  # a child of its may hold the other end
        self.process.wait()

    def hear(self) -> str:
        """The next line that it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    @property
    def status(self) -> int:
        """Waits for its end."""
        return self.process.wait(20)


def run_in_child(code: str, *arguments: str) -> Any:
    """What a process of its own puts into `result`; it may give up rights and mounts."""
    program = (
        f"import json, sys; sys.path.insert(0, {str(ROOT)!r})\nresult = None\n{code}\n"
        "print(json.dumps(result))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, timeout=30, check=True
    )
    return json.loads(done.stdout)


_MOUNTS = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def check(result):
    assert result == 0, ctypes.get_errno()
check(libc.unshare(0x20000))  # CLONE_NEWNS
check(libc.mount(None, b"/", None, 1 << 14 | 1 << 18, None))  # MS_REC | MS_PRIVATE: ours alone
points = [line.split()[4] for line in open("/proc/self/mountinfo") if " - cgroup" in line]
"""


# Limits hold.


def test_memory_limit(groups: Groups) -> None:
    """Who needs more is killed by the kernel, and the group knows that it was for that."""
    group = make(groups, memory_bytes=32 * MB)
    with Member(group.entries, f"say('in'); x = bytearray({128 * MB})\nsay('got it')") as member:
        assert (member.hear(), member.hear()) == ("in", "")
        assert member.status == -signal.SIGKILL

    assert group.oom_kills() == 1


def test_no_memory_limit(groups: Groups) -> None:
    """0 is none, and a death by another's SIGKILL is not one for memory."""
    group = make(groups)
    with Member(group.entries, f"x = bytearray({64 * MB})\n{_SLEEP}") as member:
        assert member.hear() == "here"

    assert group.oom_kills() == 0


def test_pids_limit(groups: Groups) -> None:
    """The fork that would be one too many fails."""
    code = """
count = 0
try:
    while count < 50:
        if os.fork() == 0:
            time.sleep(3600)
        count += 1
except OSError as error:
    say(f"{count} {error.errno}")
time.sleep(3600)
"""
    group = make(groups, pids=8)
    with Member(group.entries, code) as member:
        assert member.hear() == "7 11"  # itself and seven; EAGAIN
        assert group.kill()


def test_cpu_limit(groups: Groups) -> None:
    """A loop gets its share of a second, and the kernel says that it wanted more."""
    code = """
until = time.monotonic() + 1
start = time.process_time()
while time.monotonic() < until:
    pass
say(time.process_time() - start)
"""
    group = make(groups, cpu=0.1)
    with Member(group.entries, code) as member:
        used_s = float(member.hear())
    statistics = [Path(path).with_name("cpu.stat") for path in group.entries]

    assert used_s < 0.4
    assert any(
        dict(line.split() for line in path.read_text().splitlines()).get("nr_throttled", "0") != "0"
        for path in statistics
        if path.exists()
    )


def test_a_limit_that_cannot_be_set(groups: Groups, box_name: str) -> None:
    """An error with the file's name, and no group."""
    with pytest.raises(OSError, match=r"Invalid argument: '/.*/pids\.max'"):
        make(groups, pids=-5)

    assert made_below(groups.places, box_name) == []


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "supervisor"])
def test_names(groups: Groups, name: str) -> None:
    """A name stays within the directory, and within the line that tells a process of it."""
    with pytest.raises(ValueError, match="no name for a group"):
        groups.make(name, 0, 0, 0)


# Measuring.


def test_memory(groups: Groups) -> None:
    """Of the whole tree, without what is shared memory or in the page cache."""
    code = f"""
import mmap
shared = mmap.mmap(-1, {64 * MB})
shared.write(b"x" * {64 * MB})
own = bytearray(b"x") * {24 * MB}
if os.fork() == 0:
    own[::4096] = b"y" * len(own[::4096])  # pages of its own by that
    say("here")
time.sleep(3600)
"""
    group = make(groups)
    with Member(group.entries, code) as member:
        assert member.hear() == "here"
        wait_until(lambda: group.memory() >= 48 * MB, "the kernel to count it")

        assert 48 * MB <= group.memory() < 64 * MB
        assert group.memory(threshold_bytes=64 * MB) > 0  # the shared memory is charged too
        assert group.memory(threshold_bytes=1 << 40) == 0
        assert len(group.pids()) == 2
        assert group.kill()
    wait_until(group.remove, "the group to be empty")  # and with it its descriptors


# Freezing and killing. The machine's v1 freezer is not used where v2 is there: it is asked for.


@pytest.fixture(params=[1, 2])
def freezer(request: pytest.FixtureRequest) -> Iterator[Group]:
    """A group of one hierarchy, that can freeze."""
    name = {1: "freezer", 2: discovery.UNIFIED}[request.param]
    directory = own_directories().get(name, "")
    if reason := files.refusal(directory):
        lacking(reason)
    place = (f"{directory}/fcbox-{new_box_name()}-i1", request.param)
    group = Group({"freezer": place, discovery.UNIFIED: place}, 0, 0, 0)
    yield group
    wait_until(group.remove, "the group to be empty")


def test_freeze(freezer: Group, tmp_path: Path) -> None:
    """Nothing moves until it is thawed."""
    path = tmp_path / "count"
    path.write_bytes(bytes(8))
    code = f"""
import mmap
with open({str(path)!r}, "r+b") as file:
    count = mmap.mmap(file.fileno(), 8)
say("here")
for number in range(1 << 60):
    count[:] = number.to_bytes(8, "little")
"""
    with (
        path.open("r+b") as file,
        mmap.mmap(file.fileno(), 8) as count,
        Member(freezer.entries, code) as member,
    ):
        member.hear()
        freezer.freeze()
        wait_until(lambda: freezer.is_frozen, "all to stop")
        seen = count[:]
        time.sleep(0.05)  # the time in which it would have gone on

        assert count[:] == seen

        freezer.thaw()
        wait_until(lambda: count[:] != seen, "it to go on")

        assert not freezer.is_frozen


def test_kill_frozen(freezer: Group) -> None:
    """A frozen process dies of it; the v1 freezer must let it go first."""
    with Member(freezer.entries, _SLEEP) as member:
        member.hear()
        freezer.freeze()
        wait_until(lambda: freezer.is_frozen, "all to stop")
        if not freezer.kill():  # then signals are left to others, and it has been thawed
            assert not freezer.is_frozen
            member.process.kill()

        assert member.status == -signal.SIGKILL


def test_kill_has_all_of_it(groups: Groups) -> None:
    """Daemons too."""
    code = "os.fork() or os.setsid(); os.fork(); say('here'); time.sleep(3600)"
    group = make(groups)
    with Member(group.entries, code) as member:
        assert [member.hear() for _ in range(4)] == ["here"] * 4
        assert len(group.pids()) == 4

        assert group.kill()
        wait_until(lambda: not group.pids(), "all to end")


# Removing.


def test_remove(groups: Groups) -> None:
    """Not while somebody is in it; then there is nothing left of it."""
    group = make(groups)
    directories = [Path(path).parent for path in group.entries]
    with Member(group.entries, _SLEEP) as member:
        member.hear()
        group.memory()  # holds descriptors from now on
        assert not group.remove()
        assert not groups.close()
        assert all(directory.exists() for directory in directories)
        assert group.pids() == [member.process.pid]

    wait_until(group.remove, "the group to be empty")

    assert not any(directory.exists() for directory in directories)
    assert not group.kill()
    assert group.pids() == []


def test_remove_what_was_made_below(groups: Groups) -> None:
    """A function of this user can make groups in its own, and go there."""
    group = make(groups)
    below = [Path(path).parent / "a" / "b" for path in group.entries]
    for path in below:
        path.mkdir(parents=True)
    with Member([f"{path}/cgroup.procs" for path in below], _SLEEP) as member:
        member.hear()
        assert group.pids() == [member.process.pid]
        assert not group.remove()

    wait_until(group.remove, "the group to be empty")


def test_close_removes_all(groups: Groups, box_name: str) -> None:
    """Groups that nobody has removed, too."""
    for number in range(3):
        groups.make(f"i{number}", 0, 0, 0)

    assert groups.close()
    assert made_below(groups.places, box_name) == []


# A box that was killed.


@pytest.fixture
def dead_box(groups: Groups) -> Iterator[tuple[str, Member]]:
    """The name of a box that nobody closes, and a process of it."""
    box_name = new_box_name()
    group = make(Groups(box_name))
    with Member(group.entries, _SLEEP) as member:
        member.hear()
        yield box_name, member
    wait_until(lambda: cgroups.clean(groups.places, box_name, kill_not), "all to be clean")


def kill_not(pid: int, is_member: object) -> None:
    """For groups without a process, and those that the kernel kills at once."""


def test_clean(groups: Groups, dead_box: tuple[str, Member]) -> None:
    """What the box has left is ended and removed; another box's is not."""
    box_name, member = dead_box
    other = make(groups)
    wait_until(lambda: cgroups.clean(groups.places, box_name, kill_not), "all to be clean")

    assert member.status == -signal.SIGKILL
    assert made_below(groups.places, box_name) == []
    assert all(os.path.exists(path) for path in other.entries)


def test_clean_without_cgroup_kill(groups: Groups, dead_box: tuple[str, Member]) -> None:
    """Then it asks for each process to be killed, if it is still in the group at that moment."""
    box_name, member = dead_box
    asked = []

    def kill(pid: int, is_member: Any) -> None:
        asked.append((pid, is_member(pid), is_member(os.getpid())))
        os.kill(pid, signal.SIGKILL)

    places = [place for place in groups.places if place != own_directories()[discovery.UNIFIED]]
    is_done = cgroups.clean(places, box_name, kill)
    member.process.wait()
    wait_until(lambda: is_done or cgroups.clean(places, box_name, kill), "all to be clean")

    assert asked[0] == (member.process.pid, True, False)
    assert made_below(places, box_name) == []


def test_clean_frozen_by_v1(groups: Groups) -> None:
    """It dies before it runs again."""
    directory = own_directories().get("freezer", "")
    if reason := files.refusal(directory):
        lacking(reason)
    box_name = new_box_name()
    group = Group({"freezer": (f"{directory}/fcbox-{box_name}-i1", 1)}, 0, 0, 0)
    with Member(group.entries, _SLEEP) as member:
        member.hear()
        group.freeze()
        wait_until(lambda: group.is_frozen, "all to stop")
        cgroups.clean([directory], box_name, lambda pid, _: os.kill(pid, signal.SIGKILL))

        assert member.status == -signal.SIGKILL
    wait_until(lambda: cgroups.clean([directory], box_name, kill_not), "all to be clean")


@pytest.mark.parametrize(
    "place",
    ["{tmp}", "{tmp}/link", "{real}/", "{real}/.", "/{real}", "{real}/../{name}", "{name}", "", "/",
     "{real}\0", "{real}\ud800", "{real}/nothing", None, 5, ["{real}"]],
)  # fmt: skip
def test_clean_of_a_forged_record(
    groups: Groups, dead_box: tuple[str, Member], tmp_path: Path, place: object
) -> None:
    """Nothing outside of cgroup file systems, and no path but the one the kernel writes."""
    box_name, member = dead_box
    real = groups.places[0]
    bait = tmp_path / f"fcbox-{box_name}-i1"
    bait.mkdir()
    (tmp_path / "link").symlink_to(real)
    if isinstance(place, str):
        place = place.format(tmp=tmp_path, real=real, name=os.path.basename(real))

    assert cgroups.clean([place], box_name, kill_not)
    assert bait.exists()
    assert member.process.poll() is None
    assert len(made_below([real], box_name)) == 1


def test_clean_looks_at_few_places(groups: Groups, dead_box: tuple[str, Member]) -> None:
    """A record may be large."""
    box_name, _ = dead_box

    assert cgroups.clean([*["/"] * 1000, *groups.places], box_name, kill_not)
    assert len(made_below(groups.places, box_name)) == len(groups.places)


@pytest.mark.parametrize("box_name", ["", "a-b", "../x", "*"])
def test_box_names(box_name: str) -> None:
    """One that could begin another's is none."""
    with pytest.raises(ValueError, match="no name for a box"):
        cgroups.clean([], box_name, kill_not)
    with pytest.raises(ValueError, match="no name for a box"):
        Groups(box_name)


def test_clean_spares_its_own_process(groups: Groups, dead_box: tuple[str, Member]) -> None:
    """Who cleans may have been started from within."""
    box_name, member = dead_box
    code = """
from sandbox.engine import cgroups
places, box_name, entries = json.loads(sys.argv[1])
for entry in entries:
    open(entry, "w").write("0")
result = cgroups.clean(places, box_name, lambda pid, is_member: None)
"""
    entries = [f"{path}/cgroup.procs" for path in made_below(groups.places, box_name)]

    assert run_in_child(code, json.dumps([groups.places, box_name, entries])) is False
    assert member.process.poll() is None


def test_clean_below_another_mount(groups: Groups, dead_box: tuple[str, Member]) -> None:
    """Another file system may lie over the one of the groups."""
    box_name, _ = dead_box
    code = f"""
import os
from sandbox.engine import cgroups
place = {groups.places[0]!r}
check(libc.mount(b"none", place.encode(), b"tmpfs", 0, None))
os.mkdir(f"{{place}}/fcbox-{box_name}-i1")
result = [cgroups.clean([place], {box_name!r}, None), os.listdir(place)]
"""

    assert run_in_child(_MOUNTS + code) == [True, [f"fcbox-{box_name}-i1"]]


# What cannot be had is told.

_REPORT = """
from sandbox.engine.cgroups import Groups
groups = Groups("a1")
result = [sorted(groups.held), groups.reasons, groups.places]
assert (groups.make("i1", 1 << 20, 10, 1.0) is None) == (not groups.held)
assert groups.close()
"""
_READ_ONLY = """
for point in points:
    if {condition}:
        # MS_RDONLY | MS_REMOUNT | MS_BIND
        check(libc.mount(None, point.encode(), None, 1 | 32 | 1 << 12, None))
"""
_UNMOUNT = """
for point in points:
    if {condition}:
        check(libc.umount2(point.encode(), 2))  # MNT_DETACH
"""


def test_for_another_user(groups: Groups) -> None:
    """Nothing, with a reason for each; no error."""
    code = (
        f"import os; import sandbox.engine.cgroups; os.setgroups([]); os.setuid(65534)\n{_REPORT}"
    )
    held, reasons, places = run_in_child(code)

    assert (held, places) == ([], [])
    assert set(reasons) == set(cgroups.FEATURES)
    assert all("is not writable for uid 65534" in reason for reason in reasons.values())


def test_read_only(groups: Groups) -> None:
    """As in most containers."""
    held, reasons, places = run_in_child(_MOUNTS + _READ_ONLY.format(condition="True") + _REPORT)

    assert (held, places) == ([], [])
    assert set(reasons) == set(cgroups.FEATURES)
    assert all("is mounted read-only" in reason for reason in reasons.values())


def test_one_freezer_is_enough(groups: Groups) -> None:
    """That of v1 is of no use: no word of it where v2 freezes."""
    directories = own_directories()
    if "freezer" not in directories or discovery.UNIFIED not in directories:
        lacking("needs both freezers")
    condition = f"{directories['freezer']!r}.startswith(point)"
    held, reasons, _ = run_in_child(_MOUNTS + _READ_ONLY.format(condition=condition) + _REPORT)

    assert (set(held), reasons) == (set(cgroups.FEATURES), {})


def test_not_mounted(groups: Groups) -> None:
    """Nothing at all."""
    held, reasons, places = run_in_child(_MOUNTS + _UNMOUNT.format(condition="True") + _REPORT)

    assert (held, places) == ([], [])
    assert reasons == dict.fromkeys(
        cgroups.FEATURES, "no cgroup file system with this controller is mounted"
    )


def test_v2_without_controllers(groups: Groups) -> None:
    """Freezes all the same, and says that the rest is not on its list."""
    unified = own_directories()[discovery.UNIFIED]
    if {"memory", "cpu", "pids"} & set(Path(unified, "cgroup.controllers").read_text().split()):
        lacking("the controllers of this machine are not those of v1")
    code = _MOUNTS + _UNMOUNT.format(condition=f"not {unified!r}.startswith(point)") + _REPORT
    held, reasons, places = run_in_child(code)

    assert (held, places) == (["freezer"], [unified])
    assert set(reasons) == {"memory", "cpu", "pids"}
    assert all("cgroup.controllers does not list it" in reason for reason in reasons.values())


# Our own group of v2 hands controllers down.

_HAND_DOWN = """
import os
from sandbox.engine.cgroups import unified
own, controller, children = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(f"{own}/cgroup.procs", "w") as entry:
    entry.write("0")
read, write = os.pipe()
for _ in range(children):
    if os.fork() == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
def seen():
    path = open("/proc/self/cgroup").read().splitlines()[-1].rpartition("/")[2]
    return [path, open(f"{own}/cgroup.subtree_control").read().strip()]
group = unified.take(own)
reasons = group.hand_down([controller, "nonsense"], "fcbox-a1-supervisor")
within = seen()
path = f"{own}/{within[0]}"
again = unified.take(path if os.path.isdir(path) else own)
second = again.hand_down([controller], "fcbox-a2-supervisor")
closed = [group.close(), seen(), again.close(), seen()]
is_left = os.path.exists(f"{own}/fcbox-a1-supervisor")
result = [reasons, within, again is group, second, closed, is_left]
os.close(write)
"""


@pytest.fixture
def delegated() -> Iterator[tuple[Path, str]]:
    """A group of v2, and a controller that it can hand down: any will do."""
    root = Path(own_directories().get(discovery.UNIFIED, ""))
    if reason := files.refusal(str(root)):
        lacking(reason)
    names = (root / "cgroup.controllers").read_text().split()
    if not names or (root / "cgroup.type").exists():
        lacking("needs the root of v2, with one controller at least")
    was_on = names[0] in (root / "cgroup.subtree_control").read_text().split()
    (root / "cgroup.subtree_control").write_text(f"+{names[0]}")
    own = root / f"fcbox-{new_box_name()}-own"
    own.mkdir()
    yield own, names[0]
    wait_until(lambda: files.remove(str(own)), "the group to be empty")
    if not was_on:
        (root / "cgroup.subtree_control").write_text(f"-{names[0]}")


@pytest.mark.parametrize("children", [0, 1])
def test_hand_down(delegated: tuple[Path, str], children: int) -> None:
    """This process and its children go below, for all boxes, and come back with the last."""
    own, controller = delegated
    reasons, within, is_same, second, closed, is_left = run_in_child(
        _HAND_DOWN, str(own), controller, str(children)
    )

    assert reasons == {"nonsense": f"{own}/cgroup.controllers does not list it"}
    assert within == ["fcbox-a1-supervisor", controller]
    assert is_same
    assert second == {}
    assert closed == [True, within, True, [own.name, ""]]
    assert not is_left


def test_hand_down_with_strangers(delegated: tuple[Path, str]) -> None:
    """They are left alone, and so is the group."""
    own, controller = delegated
    with Member([f"{own}/cgroup.procs"], _SLEEP) as member:
        member.hear()
        reasons, within, _, _, closed, is_left = run_in_child(_HAND_DOWN, str(own), controller, "0")

        assert "has 1 other processes" in reasons[controller]
        assert closed == [True, within, True, within]
        assert within == [own.name, ""]
        assert not is_left


def test_threaded(delegated: tuple[Path, str]) -> None:
    """Below a threaded group no process can live in one of its own."""
    own, _ = delegated
    below = own / "threaded"
    below.mkdir()
    (below / "cgroup.type").write_text("threaded")

    assert "threaded group" in cgroups.unified.Unified(str(below)).refusal()


# The files of v2, in a plain directory.


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[tuple[Group, Path]]:
    """A group of v2 whose files hold what was written last."""
    place = (str(tmp_path / "group"), 2)
    features = (*cgroups.FEATURES, discovery.UNIFIED)
    group = Group(dict.fromkeys(features, place), 0, 0, 0)
    directory = tmp_path / "group"
    yield group, directory
    for path in directory.iterdir():
        path.unlink()
    assert group.remove()


def test_limits_of_v2(plain: tuple[Group, Path]) -> None:
    """Swap is no way around; the kernel kills all or none; a quota is not below the least."""
    group, directory = plain
    names = ["memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.max"]
    for name in names:
        (directory / name).touch()
    group._limit(64 * MB, 10, 0.25)

    assert [(directory / name).read_text() for name in names] == [
        "67108864", "0", "1", "10", "25000 100000"
    ]  # fmt: skip

    (directory / "memory.swap.max").unlink()
    (directory / "cpu.max").write_text("")
    group._limit(64 * MB, 0, 0.001)

    assert not (directory / "memory.swap.max").exists()
    assert (directory / "cpu.max").read_text() == "1000 100000"


def test_measures_of_v2(plain: tuple[Group, Path]) -> None:
    """By the names that the kernel documents."""
    group, directory = plain
    (directory / "memory.current").write_text("900\n")
    (directory / "memory.stat").write_text("anon 500\nfile 400\ninactive_anon 7\n")
    (directory / "memory.events").write_text("low 0\noom 3\noom_kill 2\noom_group_kill 1\n")
    (directory / "cgroup.events").write_text("populated 1\nfrozen 1\n")

    assert (group.memory(), group.memory(900), group.memory(901)) == (500, 500, 0)
    assert group.oom_kills() == 2
    assert group.is_frozen


def test_asking_for_what_is_not_there(tmp_path: Path) -> None:
    """An error, and no number that could be taken for one."""
    group = Group({discovery.UNIFIED: (str(tmp_path / "group"), 2)}, 0, 0, 0)
    for ask in (group.memory, group.oom_kills, group.freeze, group.thaw):
        with pytest.raises(OSError, match="no such controller"):
            ask()

    assert not group.kill()
    assert group.remove()


# Finding our own groups in the two texts.


def mounted(root: str, point: str, kind: str, options: str, access: str = "rw") -> str:
    """A line of mountinfo."""
    return f"30 25 0:26 {root} {point} {access},nosuid,relatime shared:4 - {kind} {kind} {options}"


HYBRID_MOUNTS = (
    "31 23 0:28 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755",
    mounted("/", "/sys/fs/cgroup/unified", "cgroup2", "rw,nsdelegate"),
    mounted("/", "/sys/fs/cgroup/systemd", "cgroup", "rw,xattr,name=systemd"),
    mounted("/", "/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"),
    mounted("/", "/sys/fs/cgroup/memory", "cgroup", "rw,memory"),
)
HYBRID_GROUPS = (
    "5:memory:/user.slice",
    "4:cpu,cpuacct:/",
    "1:name=systemd:/user.slice/a:b.scope",
    "0::/user.slice/a:b.scope",
)
DELEGATED = "/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope"
DOCKER = "/docker/0123abc"
CASES = {
    "systemd hybrid": (
        HYBRID_GROUPS,
        HYBRID_MOUNTS,
        {
            "memory": "/sys/fs/cgroup/memory/user.slice",
            "cpu": "/sys/fs/cgroup/cpu,cpuacct",
            "unified": "/sys/fs/cgroup/unified/user.slice/a:b.scope",
        },
    ),
    "v2, delegated": (
        [f"0::{DELEGATED}"],
        [mounted("/", "/sys/fs/cgroup", "cgroup2", "rw,nsdelegate,memory_recursiveprot")],
        {"unified": f"/sys/fs/cgroup{DELEGATED}"},
    ),
    "v2, the root of all": (
        ["0::/"],
        [mounted("/", "/sys/fs/cgroup", "cgroup2", "rw")],
        {"unified": "/sys/fs/cgroup"},
    ),
    "v2 in a cgroup namespace, read-only": (
        ["0::/"],
        [mounted("/", "/sys/fs/cgroup", "cgroup2", "rw", access="ro")],
        {"unified": "/sys/fs/cgroup"},
    ),
    "a mount from without the cgroup namespace": (
        ["0::/"],
        [mounted("/../..", "/sys/fs/cgroup", "cgroup2", "rw")],
        {"unified": ""},
    ),
    "a process from without the cgroup namespace": (
        ["0::/../other"],
        [mounted("/", "/sys/fs/cgroup", "cgroup2", "rw")],
        {"unified": ""},
    ),
    "v1 in Docker: the mount shows our own group only": (
        [f"5:memory:{DOCKER}", f"4:pids:{DOCKER}/below"],
        [
            mounted(DOCKER, "/sys/fs/cgroup/memory", "cgroup", "rw,memory", access="ro"),
            mounted(DOCKER, "/sys/fs/cgroup/pids", "cgroup", "rw,pids", access="ro"),
        ],
        {"memory": "/sys/fs/cgroup/memory", "pids": "/sys/fs/cgroup/pids/below"},
    ),
    "another group's part is mounted": (
        [f"5:memory:{DOCKER}4"],
        [mounted(DOCKER, "/sys/fs/cgroup/memory", "cgroup", "rw,memory")],
        {"memory": ""},
    ),
    "not mounted": (["5:memory:/", "0::/"], [], {}),
    "mounted twice: the one that can be written to": (
        ["5:memory:/a"],
        [
            mounted("/", "/ro", "cgroup", "rw,memory", access="ro"),
            mounted("/b", "/b", "cgroup", "rw,memory"),
            mounted("/", "/rw", "cgroup", "rw,memory"),
        ],
        {"memory": "/rw/a"},
    ),
    "one over another: the last": (
        ["5:memory:/a"],
        [
            mounted("/", "/here", "cgroup", "rw,memory"),
            mounted("/a", "/here", "cgroup", "rw,memory"),
        ],
        {"memory": "/here"},
    ),
    "a space in the path": (
        ["5:memory:/a b"],
        [mounted(r"/a\040b", r"/mnt/c\134d", "cgroup", "rw,memory")],
        {"memory": "/mnt/c\\d"},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_own_directories(case: tuple[Sequence[str], Sequence[str], dict[str, str]]) -> None:
    """Of the controllers that are used."""
    groups, mounts, expected = case
    found = discovery.own_directories("\n".join(groups) + "\n", "\n".join(mounts) + "\n")
    features = {*cgroups.FEATURES, discovery.UNIFIED}

    assert {name: found[name] for name in found.keys() & features} == expected
