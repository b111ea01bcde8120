"""What an instance leaves for the next one.

facts: name and number for what has one; key, the number of a key. `leave` runs in one instance,
`look` in others after its end.
"""

import os
import tempfile

import keys
from attempts import Refused, read_some, words_of

PLACES = {"/tmp": "/tmp", "/var/tmp": "/var/tmp", "/dev/shm": "/dev/shm", "/run/lock": "/run/lock"}


def _places():
    places = dict(PLACES)
    places["the directory for temporary files"] = tempfile.gettempdir()
    places["the home directory"] = os.path.expanduser("~")
    places["the code"] = os.path.dirname(os.path.abspath(__file__))
    return places


def _file(folder, facts):
    return os.path.join(folder, facts["name"] + ".left")


def leave(facts):
    """As much as its walls allow."""
    for folder in _places().values():
        try:
            with open(_file(folder, facts), "w") as file:
                file.write("x")
        except OSError:
            continue
    name, number = facts["name"] + ".left", facts["number"] + 1
    for make in (
        lambda: keys.make_segment(number, b"x"),
        lambda: keys.make_semaphores(number),
        lambda: keys.make_queue(number),
        lambda: keys.make_posix_queue(name),
        lambda: keys.add_key(name, b"x"),
    ):
        try:
            make()
        except (OSError, Refused):
            continue
    return []


def look(facts):
    """What of that is there."""
    name, number = facts["name"] + ".left", facts["number"] + 1
    attempts = [
        (word, lambda folder=folder: read_some(_file(folder, facts)))
        for word, folder in _places().items()
    ]
    attempts += [
        ("SysV segment", lambda: keys.find_segment(number)),
        ("SysV semaphores", lambda: keys.find_semaphores(number)),
        ("SysV queue", lambda: keys.find_queue(number)),
        ("POSIX queue", lambda: keys.find_posix_queue(name)),
        ("key", lambda: keys.read_key(keys.find_key(name))),
    ]
    return words_of(attempts)


ATTACKS = {"leave": leave, "look": look}
