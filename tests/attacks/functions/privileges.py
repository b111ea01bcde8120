"""Becoming somebody else, or more than one is."""

import ctypes
import os
import struct
import subprocess

from attempts import Refused, require, syscall, words_of

CAPABILITY_VERSION_3 = 0x20080522


def _status(pid, name):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(name + ":"):
                return line.split()[1:]
    raise Refused


def capabilities(facts):
    """What it has, and what it could get back."""

    def has(name):
        require(int(_status("self", name)[0], 16))

    def set_all():
        header = ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITY_VERSION_3, 0))
        wanted = int(_status("self", "CapPrm")[0], 16) | 1 << 21  # CAP_SYS_ADMIN
        low, high = wanted & 0xFFFFFFFF, wanted >> 32
        data = ctypes.create_string_buffer(struct.pack("=6I", low, low, 0, high, high, 0))
        syscall("capset", header, data)

    return words_of(
        [
            ("effective", lambda: has("CapEff")),
            ("permitted", lambda: has("CapPrm")),
            ("inheritable", lambda: has("CapInh")),
            ("capset", set_all),
        ]
    )


def identities(facts):
    def become(uid):
        syscall("setresuid", uid, uid, uid)

    return words_of(
        [
            ("root", lambda: require(os.getuid() != 0) or become(0)),
            ("another user", lambda: become(os.getuid() + 1)),
            ("another group", lambda: os.setgid(os.getgid() + 1)),
            ("groups", lambda: os.setgroups([os.getgid()])),
        ]
    )


def set_uid_program(facts):
    """A program that belongs to root and says that it runs as root: su(1) waits for a password."""

    def attempt():
        require(os.getuid() != 0)
        pipe = subprocess.PIPE
        program = subprocess.Popen(
            ["/usr/bin/su"], stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT
        )  # fmt: skip
        try:
            program.stdout.read(1)  # it asks, or says why it does not
            require(_status(program.pid, "Uid")[1] == "0")
        finally:
            program.kill()
            program.wait()

    return words_of([("su runs as root", attempt)])


ATTACKS = {
    "capabilities": capabilities,
    "setuid": identities,
    "set-uid program": set_uid_program,
}
