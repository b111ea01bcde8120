"""Leaves a mark as soon as it is imported, and tells what it could do in its handler."""

import ctypes
import json
import os

MARK = "mark"
IPC_CREAT, IPC_PRIVATE, IPC_RMID = 0o1000, 0, 0

libc = ctypes.CDLL(None, use_errno=True)

for folder in ("/mnt/marks", os.environ["MARKS"]):
    try:
        with open(os.path.join(folder, MARK), "w") as file:
            file.write("user code has run")
    except OSError:
        pass


def initialize(context):
    pass


def handler(event, context):
    facts = json.loads(event.decode())
    return {
        "reads a file of the host": _reads(facts["secret"], b"secret"),
        "reads an environment": _reads("/proc/%d/environ" % facts["supervisor"], b"HOME"),  # noqa: UP031
        "makes shared memory": _makes_shared_memory(),
        "writes elsewhere": _writes(os.path.join(facts["open folder"], "written")),
        "sees the supervisor": os.path.exists("/proc/{}".format(facts["supervisor"])),
    }


def _reads(path, wanted):
    try:
        with open(path, "rb") as file:
            return wanted in file.read()
    except OSError:
        return False


def _writes(path):
    try:
        with open(path, "w") as file:
            file.write("by a function")
    except OSError:
        return False
    os.unlink(path)
    return True


def _makes_shared_memory():
    number = libc.shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0o600)
    if number >= 0:
        libc.shmctl(number, IPC_RMID, None)
    return number >= 0
