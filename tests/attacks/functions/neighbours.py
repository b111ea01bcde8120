"""What another instance has.

facts: victim, {thing: where it is} as it told; name and number, which it gave to what has one.
"""

import fcntl
import os
import socket

import keys
from attempts import Refused, open_to_write, read_some, require, words_of


def _path(facts, thing):
    path = facts["victim"].get(thing)
    if not path:
        raise Refused  # its walls did not let it have one
    return path


def files(facts):
    def listed():
        path = _path(facts, "file")
        require(os.path.basename(path) in os.listdir(os.path.dirname(path)))

    return words_of(
        [
            ("listed", listed),
            ("read", lambda: read_some(_path(facts, "file"))),
            ("opened to write", lambda: open_to_write(_path(facts, "file"))),
            ("pipe opened", lambda: open_to_write(_path(facts, "pipe"))),
        ]
    )


def files_through_proc(facts):
    """Its own view of the files, through /proc/PID/root."""

    def attempt():
        pid = facts["targets"]["sibling"]
        read_some(f"/proc/{pid}/root{_path(facts, 'file')}")

    return words_of([("read", attempt)])


def shared_memory(facts):
    path = "/dev/shm/" + facts["name"]
    return words_of(
        [
            ("read", lambda: read_some(path)),
            ("opened to write", lambda: open_to_write(path)),
            ("SysV segment", lambda: keys.find_segment(facts["number"])),
            ("SysV semaphores", lambda: keys.find_semaphores(facts["number"])),
            ("SysV queue", lambda: keys.find_queue(facts["number"])),
            ("POSIX queue", lambda: keys.find_posix_queue(facts["name"])),
        ]
    )


def sockets(facts):
    def connect(address):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(address)

    return words_of(
        [
            ("abstract", lambda: connect("\0" + facts["name"])),
            ("in its /tmp", lambda: connect(_path(facts, "socket"))),
        ]
    )


def keyrings(facts):
    def find():
        keys.read_key(keys.find_key(facts["name"]))

    return words_of(
        [("found and read", find), ("read by number", lambda: keys.read_key(facts["key"]))]
    )


def _is_busy(path, lock, mode):
    with open(path, mode) as file:
        try:
            lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # somebody has it, and we have learned that
    raise Refused


def locks(facts):
    return words_of([("flock seen", lambda: _is_busy(_path(facts, "lock"), fcntl.flock, "rb"))])


def common_locks(facts):
    """A file that can be read can be locked: flock(2). The test looks for the locks held here."""
    here = os.path.dirname(os.path.abspath(__file__))
    for path in (os.path.join(here, "to_be_changed.txt"), os.__file__):
        try:
            file = open(path, "rb")  # noqa: SIM115 - held for the instance's life
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            HELD.append(file)
        except OSError:
            continue
    path = os.path.join(here, "victim.py")
    return words_of([("a sibling's lock seen", lambda: _is_busy(path, fcntl.flock, "rb"))])


def squat(facts):
    """The name of a service: whoever connects speaks to us."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind("\0" + facts["name"] + ".wanted")
        HELD.append(listener)
    except OSError:
        listener.close()
    return []


def able(facts):
    """No attack: what every function may do, so that the rest is not blocked by an accident."""
    import tempfile
    import threading

    def temporary_file():
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x")

    def thread():
        threads = [threading.Thread(target=seen.append, args=(1,)) for seen in [[]]]
        for each in threads:
            each.start()
            each.join()

    def pipe():
        left, right = socket.socketpair()
        left.send(b"x")
        require(right.recv(1) == b"x")

    def program():
        require(os.system("true") == 0)

    return words_of(
        [("file", temporary_file), ("thread", thread), ("sockets", pipe), ("program", program)]
    )


HELD = []
ATTACKS = {
    "able": able,
    "taking an abstract name": squat,
    "files of a sibling": files,
    "files of a sibling through /proc": files_through_proc,
    "shared memory and ipc of a sibling": shared_memory,
    "sockets of a sibling": sockets,
    "keys of a sibling": keyrings,
    "locks of a sibling": locks,
    "locks on common files": common_locks,
}
