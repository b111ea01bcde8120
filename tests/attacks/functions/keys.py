"""Kernel objects with names of their own: SysV ipc, message queues, keys. For both sides."""

import ctypes
import os
import struct

from attempts import Refused, libc, require, syscall

IPC_CREAT, IPC_RMID = 0o1000, 0
USER_KEYRING, SESSION_KEYRING = -4, -3
KEYCTL_GET_KEYRING_ID, KEYCTL_UNLINK, KEYCTL_SEARCH, KEYCTL_READ = 0, 9, 10, 11


def make_segment(number, text):
    segment = syscall("shmget", number, 4096, IPC_CREAT | 0o666)
    libc.shmat.restype = ctypes.c_void_p
    address = libc.shmat(segment, None, 0)
    require(address != ctypes.c_void_p(-1).value)
    ctypes.memmove(address, text, len(text))


def find_segment(number):
    syscall("shmget", number, 0, 0)


def make_semaphores(number):
    syscall("semget", number, 1, IPC_CREAT | 0o666)


def find_semaphores(number):
    syscall("semget", number, 0, 0)


def make_queue(number):
    queue = syscall("msgget", number, IPC_CREAT | 0o666)
    message = ctypes.create_string_buffer(struct.pack("=q", 1) + b"x")
    syscall("msgsnd", queue, message, 1, 0)


def find_queue(number):
    syscall("msgget", number, 0)


def _mq_name(name):
    # The kernel's call, unlike mq_open(3), takes the name without its slash.
    return ctypes.c_char_p(name.encode("ascii"))


def make_posix_queue(name):
    return syscall("mq_open", _mq_name(name), os.O_RDWR | os.O_CREAT, 0o666, None)


def find_posix_queue(name):
    os.close(syscall("mq_open", _mq_name(name), os.O_RDONLY | os.O_NONBLOCK, 0, None))


def add_key(name, text, keyring=USER_KEYRING):
    kind, description = ctypes.c_char_p(b"user"), ctypes.c_char_p(name.encode("ascii"))
    return syscall("add_key", kind, description, text, len(text), keyring)


def find_key(name, keyring=USER_KEYRING):
    kind, description = ctypes.c_char_p(b"user"), ctypes.c_char_p(name.encode("ascii"))
    return syscall("keyctl", KEYCTL_SEARCH, keyring, kind, description, 0)


def read_key(serial):
    if not serial:
        raise Refused
    require(syscall("keyctl", KEYCTL_READ, serial, ctypes.create_string_buffer(64), 64, 0) > 0)


def remove_all(name, number):
    """For the test: takes away on the host what has this name, or this number."""
    finders = {"shm": (number, 0, 0), "sem": (number, 0, 0), "msg": (number, 0)}
    for kind, arguments in finders.items():
        try:
            found = syscall(kind + "get", *arguments)
        except OSError:
            continue
        rest = (0, IPC_RMID) if kind == "sem" else (IPC_RMID, None)
        getattr(libc, kind + "ctl")(found, *rest)
    for remove in (
        lambda: syscall("mq_unlink", _mq_name(name)),
        lambda: syscall("keyctl", KEYCTL_UNLINK, find_key(name), USER_KEYRING),
    ):
        try:
            remove()
        except OSError:
            continue
