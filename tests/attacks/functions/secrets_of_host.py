"""What the supervisor knows and the host keeps.

facts: canary, the two halves of a text that stands in the supervisor's environment and in a file
of its home; home.
"""

import os
import pwd
import sys

from attempts import Refused, read_some, require, words_of


def _holds(path, facts):
    with open(path, "rb") as file:
        require(_is_in(file.read(), facts["canary"]))


def _is_in(data, halves):
    # The whole is never put together here: it would then be found in our own memory.
    first, second = (half.encode("ascii") for half in halves)
    at = data.find(first)
    while at >= 0:
        if data[at + len(first) : at + len(first) + len(second)] == second:
            return True
        at = data.find(first, at + 1)
    return False


def environment(facts):
    def own():
        require(any(_is_in(value, facts["canary"]) for value in os.environb.values()))

    return words_of(
        [("os.environ", own), ("/proc/self/environ", lambda: _holds("/proc/self/environ", facts))]
    )


def own_memory(facts):
    """A fork of the supervisor would carry its secrets along."""

    def attempt():
        memory = os.open("/proc/self/mem", os.O_RDONLY)
        with open("/proc/self/maps") as maps:
            places = [line.split() for line in maps]
        for place in places:
            begin, end = (int(text, 16) for text in place[0].split("-"))
            if "r" in place[1] and place[-1] not in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
                try:
                    data = os.pread(memory, end - begin, begin)
                except OSError:
                    continue  # beyond the end of a file
                if _is_in(data, facts["canary"]):
                    return
        raise Refused

    return words_of([("the canary", attempt)])


def key_in_home(facts):
    path = os.path.join(facts["home"], ".ssh", "id_ed25519")
    return words_of([("the key", lambda: _holds(path, facts))])


def account_home(facts):
    """Any file that lies in a home directory. Interpreters may live there: those are none."""

    def attempt(home):
        for name in os.listdir(home):
            path = os.path.join(home, name)
            if os.path.isfile(path) and not sys.prefix.startswith(path):
                read_some(path)
                return
        raise Refused

    homes = {"own": pwd.getpwuid(os.getuid()).pw_dir} if _has_account() else {}
    homes["root's"] = "/root"
    return words_of((word, lambda home=home: attempt(home)) for word, home in homes.items())


def _has_account():
    try:
        return bool(pwd.getpwuid(os.getuid()))
    except KeyError:
        return False


def password_file(facts):
    paths = ("/etc/shadow", "/etc/gshadow")
    return words_of((path, lambda path=path: read_some(path)) for path in paths)


def state_directory(facts):
    """Where boxes have their records: configurations, ports and pids."""
    return words_of([("listed", lambda: require(os.listdir(facts["run"])))])


ATTACKS = {
    "token in the environment": environment,
    "token in inherited memory": own_memory,
    "key in the home directory": key_in_home,
    "files of the account's home": account_home,
    "password hashes": password_file,
    "state directory, reading": state_directory,
}
