"""The other function: it has things that are nobody else's business, and answers slowly.

Each thing is had as far as the walls around this one allow it; the answer tells of those.
"""

import fcntl
import json
import os
import signal
import socket
import tempfile

import keys
from attempts import Refused

PATIENCE_S = 20
HELD = []


def _file(facts):
    folder = tempfile.gettempdir()
    path = os.path.join(folder, facts["name"] + ".private")
    with open(path, "w") as file:
        file.write("the victim's")
    return path


def _locked(facts):
    file = open(_file(facts) + ".lock", "w")  # noqa: SIM115 - held for the instance's life
    fcntl.flock(file, fcntl.LOCK_EX)
    HELD.append(file)
    return file.name


def _locked_code(facts):
    file = open(__file__, "rb")  # noqa: SIM115 - held, too
    fcntl.flock(file, fcntl.LOCK_EX)
    HELD.append(file)
    return file.name


def _new_path(facts, ending):
    path = _file(facts) + ending
    if os.path.exists(path):
        os.unlink(path)  # of the instance before
    return path


def _pipe(facts):
    path = _new_path(facts, ".pipe")
    os.mkfifo(path)
    HELD.append(os.open(path, os.O_RDWR))
    return path


def _shared_memory(facts):
    path = "/dev/shm/" + facts["name"]
    with open(path, "w") as file:
        file.write("the victim's")
    return path


def _listener(address):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(5)
    HELD.append(listener)
    return address if isinstance(address, str) else ""


THINGS = {
    "file": _file,
    "lock": _locked,
    "code lock": _locked_code,
    "pipe": _pipe,
    "shared memory": _shared_memory,
    "abstract socket": lambda facts: _listener("\0" + facts["name"]),
    "socket": lambda facts: _listener(_new_path(facts, ".socket")),
    "segment": lambda facts: keys.make_segment(facts["number"], b"the victim's"),
    "semaphores": lambda facts: keys.make_semaphores(facts["number"]),
    "queue": lambda facts: keys.make_queue(facts["number"]),
    "posix queue": lambda facts: HELD.append(keys.make_posix_queue(facts["name"])),
    "key": lambda facts: keys.add_key(facts["name"], b"the victim's"),
}


def prepare(facts):
    """What it has now, and where."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    found = {}
    for name, make in THINGS.items():
        try:
            found[name] = make(facts)
        except (OSError, Refused):
            continue
    return found


def answer_slowly(facts):
    """It is attacked meanwhile; the test says by a signal when that is over."""
    print("before")
    signal.sigtimedwait([signal.SIGUSR1], PATIENCE_S)
    print("after")
    return "the victim's own answer"


def look(facts):
    """As the attacker would, from another function: what an instance before has left."""
    import leftovers

    return leftovers.look(facts)


ACTIONS = {"prepare": prepare, "answer slowly": answer_slowly, "look": look}


def handler(event, context):
    """Does what the event names."""
    facts = json.loads(event.decode("utf-8"))
    return ACTIONS[facts["action"]](facts)
