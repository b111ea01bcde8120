"""The filter of system calls by reckoning, for both machines: an interpreter of classic BPF."""

import errno
import struct
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.worker.seccomp_cases import REFUSED, REFUSED_ON_X86, UNKNOWN, rows
from worker import seccomp

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
AUDIT_ARCH_I386 = 0x40000003
on_both_machines = pytest.mark.parametrize("machine", sorted(ARCHITECTURES))


def compare(code: int, a: int, k: int) -> bool:
    return {0x15: a == k, 0x35: a >= k, 0x45: bool(a & k)}[code]


def evaluate(code: bytes, architecture: int, number: int, *args: int) -> tuple[str, int, set[int]]:
    """(answer, instructions run, offsets read) as the kernel would reckon them."""
    words = [value % 2**64 for value in (*args, *[0] * (6 - len(args)))]
    data = struct.pack("=IIQ6Q", number % 2**32, architecture, 0, *words)
    instructions = list(struct.iter_unpack("=HBBI", code))
    at, a, steps, offsets = 0, 0, 0, set()
    while True:
        operation, if_true, if_false, k = instructions[at]
        at, steps = at + 1, steps + 1
        if operation == 0x20:
            (a,) = struct.unpack_from("=I", data, k)
            offsets.add(k)
        elif operation == 0x54:
            a &= k
        elif operation == 0x06:
            return answer_in_words(k), steps, offsets
        else:
            at += if_true if compare(operation, a, k) else if_false


def answer_in_words(value: int) -> str:
    if value & 0xFFFF0000 == 0x00050000:
        return errno.errorcode[value & 0xFFFF]
    return {0x80000000: "kill", 0x7FFF0000: "allow"}[value]


def number_of(name: str, machine: str) -> int:
    table: dict[str, Any] = {**seccomp._REFUSED, **seccomp._UNKNOWN, **seccomp._BY_ARGUMENTS}
    number = table[name][sorted(ARCHITECTURES, reverse=True).index(machine)]
    assert isinstance(number, int)
    return number


def judged_by_arguments(machine: str) -> set[int | None]:
    column = sorted(ARCHITECTURES, reverse=True).index(machine)
    return {numbers[column] for numbers in seccomp._BY_ARGUMENTS.values()}


def answers(machine: str, network: bool, memfd: bool = True) -> Callable[..., str]:
    code = seccomp.program(machine, network, memfd)
    return lambda number, *args: evaluate(code, ARCHITECTURES[machine], number, *args)[0]


@on_both_machines
@pytest.mark.parametrize("network", [True, False])
def test_every_number(machine: str, network: bool) -> None:
    """Those that are named, and no others, are refused: on the machine that is not here too."""
    answer = answers(machine, network)
    expected = dict.fromkeys(range(470), "allow")
    expected.update(dict.fromkeys(range(470, 2000), "ENOSYS"))
    for name in REFUSED + (REFUSED_ON_X86 if machine == "x86_64" else []):
        expected[number_of(name, machine)] = "EPERM"
    for name in UNKNOWN:
        expected[number_of(name, machine)] = "ENOSYS"
    by_arguments = judged_by_arguments(machine)

    wrong = [
        (number, answer(number), wanted)
        for number, wanted in expected.items()
        if number not in by_arguments and answer(number) != wanted
    ]
    assert wrong == []


@on_both_machines
@pytest.mark.parametrize("network", [True, False])
@pytest.mark.parametrize("memfd", [True, False])
def test_arguments_by_reckoning(machine: str, network: bool, memfd: bool) -> None:
    """The same rows as are tried on this machine."""
    answer = answers(machine, network, memfd)
    memory = {"zeros": 0x7FFF00000000, "buffer": 0x7FFF00000040}
    wrong = [
        (name, args)
        for name, args, is_refused in rows(network, machine, memfd)
        if (answer(number_of(name, machine), *(memory.get(each, each) for each in args)) == "EPERM")
        != is_refused
    ]
    assert wrong == []


@on_both_machines
def test_ends_of_the_numbers(machine: str) -> None:
    """x32 is of x86_64 alone; all ones is no call; other architectures die whatever they call."""
    answer, code = answers(machine, True), seccomp.program(machine, True)
    killed = "kill" if machine == "x86_64" else "ENOSYS"
    others = [
        AUDIT_ARCH_I386,
        *(ARCHITECTURES[other] for other in ARCHITECTURES.keys() - {machine}),
    ]

    found = [answer(number) for number in (0x3FFFFFFF, 0x40000000, 0x40000027, 2**32 - 2, -1)]
    assert found == ["ENOSYS", killed, killed, killed, "ENOSYS"]
    assert {evaluate(code, other, 39)[0] for other in others} == {"kill"}


@on_both_machines
def test_allowed_calls_are_quick(machine: str) -> None:
    """They pass after few instructions, and read no argument: the kernel can skip the filter."""
    code = seccomp.program(machine, True)
    found = [evaluate(code, ARCHITECTURES[machine], number) for number in range(470)]
    by_arguments = judged_by_arguments(machine)
    plain = [each for i, each in enumerate(found) if i not in by_arguments and each[0] == "allow"]

    assert max(steps for _, steps, _ in plain) <= 12
    assert {offset for *_, offsets in plain for offset in offsets} == {0, 4}


@on_both_machines
def test_opening_is_quick(machine: str) -> None:
    """The kernel cannot skip the filter for it: one look at the flags, unless a file is made."""
    code, number = seccomp.program(machine, True), number_of("openat", machine)
    _, steps, offsets = evaluate(code, ARCHITECTURES[machine], number, -100, 1, 0, 0o7777)

    assert steps <= 15
    assert offsets == {0, 4, 16 + 8 * 2}


@pytest.mark.parametrize(
    ("name", "x86_64", "aarch64"),
    [
        ("ptrace", 101, 117), ("mount", 165, 40), ("setns", 308, 268), ("unshare", 272, 97),
        ("bpf", 321, 280), ("keyctl", 250, 219), ("clone", 56, 220), ("socket", 41, 198),
        ("prlimit64", 302, 261), ("ioctl", 16, 29), ("prctl", 157, 167), ("shmget", 29, 194),
        ("clone3", 435, 435), ("io_uring_setup", 425, 425), ("pidfd_getfd", 438, 438),
        ("openat", 257, 56), ("openat2", 437, 437), ("fchmod", 91, 52), ("fchmodat", 268, 53),
        ("fchmodat2", 452, 452), ("mkdirat", 258, 34), ("mknodat", 259, 33), ("fcntl", 72, 25),
        ("memfd_create", 319, 279),
    ],
)  # fmt: skip
def test_numbers_from_the_manual(name: str, x86_64: int, aarch64: int) -> None:
    """Written down a second time."""
    assert (number_of(name, "x86_64"), number_of(name, "aarch64")) == (x86_64, aarch64)


def test_no_number_stands_twice() -> None:
    """A slip in a table would hide one call behind another."""

    def columns() -> Iterable[list[int]]:
        tables = (seccomp._REFUSED, seccomp._UNKNOWN, seccomp._BY_ARGUMENTS)
        for column in (0, 1):
            yield [n[column] for table in tables for n in table.values() if n[column] is not None]

    assert [len(numbers) - len(set(numbers)) for numbers in columns()] == [0, 0]


def test_unknown_machine() -> None:
    """Numbers are not guessed."""
    with pytest.raises(OSError, match="riscv64") as caught:
        seccomp.program("riscv64", True)
    assert caught.value.errno == errno.ENOSYS


def test_programs_are_remembered() -> None:
    """A process that asked before it forked has its children pay nothing."""
    assert seccomp.program("aarch64", False) is seccomp.program("aarch64", False)
    assert seccomp.program("aarch64", False) != seccomp.program("aarch64", True)
    assert seccomp.program("aarch64", False) != seccomp.program("aarch64", False, memfd=False)
