"""Ends in the way the event names: ok, raise, exit, segv, hang or oom."""

import ctypes
import os


def handler(event, context):
    way = event.decode("utf-8", "replace").strip() or "ok"
    if way not in WAYS:
        raise ValueError("unknown event {!r}: give one of {}".format(way, ", ".join(sorted(WAYS))))
    print("about to {}".format(way))
    return WAYS[way]()


def ok():
    return "ok"


def raise_error():
    raise RuntimeError("raised on purpose")


def exit_at_once():
    os._exit(3)


def segfault():
    ctypes.string_at(0)


def hang():
    while True:
        pass


def exhaust_memory():
    """Takes memory until it is stopped; stops by itself at 512 MB, where no limit is enforced."""
    taken = []
    for _ in range(512):
        taken.append(b"x" * (1 << 20))  # Written, so that the pages are really there.
    return "took {} MB and was not stopped".format(len(taken))


WAYS = {
    "ok": ok,
    "raise": raise_error,
    "exit": exit_at_once,
    "segv": segfault,
    "hang": hang,
    "oom": exhaust_memory,
}
