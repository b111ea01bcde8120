"""The terminal that the supervisor was started from. facts: terminal, its path."""

import array
import fcntl
import os
import termios

from attempts import Refused, words_of

TIOCLINUX = 0x541C


def _own_terminals(facts):
    for name in os.listdir("/proc/self/fd"):
        if os.isatty(int(name)):
            yield int(name)


def _type(fd):
    fcntl.ioctl(fd, termios.TIOCSTI, b"#")


def typing(facts):
    def by_path(path):
        _type(os.open(path, os.O_RDWR | os.O_NOCTTY))

    def inherited():
        for fd in _own_terminals(facts):
            _type(fd)
            return
        raise Refused

    return words_of(
        [
            ("typed by its name", lambda: by_path(facts["terminal"])),
            ("typed by /dev/tty", lambda: by_path("/dev/tty")),
            ("typed into an inherited one", inherited),
        ]
    )


def reading_and_writing(facts):
    def opened(flags):
        os.close(os.open(facts["terminal"], flags | os.O_NOCTTY | os.O_NONBLOCK))

    def settings():
        fd = os.open(facts["terminal"], os.O_RDONLY | os.O_NOCTTY)
        termios.tcsetattr(fd, termios.TCSANOW, termios.tcgetattr(fd))

    def inherited():
        if not list(_own_terminals(facts)):
            raise Refused

    return words_of(
        [
            ("opened to read", lambda: opened(os.O_RDONLY)),
            ("opened to write", lambda: opened(os.O_WRONLY)),
            ("settings", settings),
            ("inherited", inherited),
        ]
    )


def console(facts):
    """TIOCLINUX can paste into a virtual console; asked for the shift state it does no harm."""

    def attempt():
        fd = os.open("/dev/tty1", os.O_RDWR | os.O_NOCTTY)
        fcntl.ioctl(fd, TIOCLINUX, array.array("b", [6]))

    return words_of([("TIOCLINUX", attempt)])


ATTACKS = {
    "typing into the terminal": typing,
    "the terminal": reading_and_writing,
    "the console": console,
}
