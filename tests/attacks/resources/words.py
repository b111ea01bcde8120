"""Says more than anybody wants to hear: on stdout, as an answer, as an exception."""

import os

MB = 1 << 20


def flood(event, context):
    if event == b"well":
        return "well"
    chunk = b"x" * MB
    for _ in range(128):
        view = memoryview(chunk)
        while view:
            view = view[os.write(1, view) :]
    return "flooded"


def lines(event, context):
    if event == b"well":
        return "well"
    chunk = b"\n" * (64 << 10)
    for _ in range(16):
        view = memoryview(chunk)
        while view:
            view = view[os.write(1, view) :]
    return "flooded"


def answer(event, context):
    if event == b"well":
        return "well"
    return b"x" * (100 * MB)


def exception(event, context):
    if event == b"well":
        return "well"
    raise ValueError("x" * (100 * MB))


def nested(event, context):
    """An exception for each of ten thousand causes."""
    if event == b"well":
        return "well"
    cause = None
    for number in range(10000):
        error = ValueError(str(number) + " " + "x" * 1000)
        error.__cause__, cause = cause, error
    raise cause
