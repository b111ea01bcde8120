"""Answers and log lines of others.

facts: frames, {name: hex} of what a worker would send for the victim's request; targets; victim_id,
the request id of the victim; mark, a text by which the test knows ours.
"""

import os
import stat
import sys


def _pipes(folder):
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        try:
            if stat.S_ISFIFO(os.stat(path).st_mode) or stat.S_ISSOCK(os.stat(path).st_mode):
                yield path
        except OSError:
            continue


def _write(path, data):
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return
    try:
        os.write(fd, data)
    except OSError:
        pass
    finally:
        os.close(fd)


def into_others(facts):
    """An answer into whatever is open in a sibling, and a line for its log."""
    data = bytes.fromhex(facts["frames"]["RESULT"])
    for word in ("sibling", "supervisor", "zygote"):
        try:
            for path in _pipes(f"/proc/{facts['targets'][word]}/fd"):
                _write(path, data)
        except OSError:
            continue
    return []


def lines_into_others(facts):
    """A line of text into the standard output and error of a sibling."""
    for fd in (1, 2):
        path = f"/proc/{facts['targets']['sibling']}/fd/{fd}"
        _write(path, f"{facts['mark']}\n".encode("ascii"))
    return []


def into_own(facts):
    """The same into our own channel, for a request that is not ours."""
    for name in sorted(os.listdir("/proc/self/fd")):
        if int(name) > 2:
            try:
                os.write(int(name), bytes.fromhex(facts["frames"][facts["kind"]]))
            except OSError:
                continue
    return []


def lines(facts):
    """What the runner writes, written by us: for our request, for the victim's."""
    for request_id in (facts["own_id"], facts["victim_id"]):
        for text in ("FC Invoke Start", "FC Invoke End", "FC PreStop End"):
            print(f"{text} RequestId: {request_id} {facts['mark']}")
        sys.stderr.write(f"\rFC Initialize Start RequestId: {request_id} {facts['mark']}\n")
        print(f"2024-03-04 09:57:28.192 {request_id} [error] {facts['mark']}")
    return []


def records(facts):
    """Frames of logger records, with tokens that were guessed."""
    import struct

    text = facts["mark"].encode("ascii")
    for token in (b"\0" * 16, b"\xff" * 16, os.urandom(16)):
        os.write(1, token + struct.pack(">BBH", 50, 0, len(text)) + text + b"\n")
    return []


ATTACKS = {
    "forged answer in a sibling's channel": into_others,
    "forged line in a sibling's log": lines_into_others,
    "forged answer in the own channel": into_own,
    "forged lines of the runner": lines,
    "forged logger records": records,
}
