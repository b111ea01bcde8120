"""Output without end, and almost without lines."""

import os

CHUNK = b"A" * 65536


def one_line(event, context):
    for _ in range(int(event) // len(CHUNK)):
        rest = CHUNK
        while rest:
            rest = rest[os.write(1, rest) :]
    return "flooded"


def many_lines(event, context):
    for number in range(int(event)):
        print(f"line {number}")
    return int(event)
