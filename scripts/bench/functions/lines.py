"""Writes as many chunks of 32 KB as the event says, in lines of about 100 bytes."""

import os

CHUNK_BYTES = 32 << 10
LINE = b"payload " + b"x" * 91 + b"\n"
CHUNK = LINE * (CHUNK_BYTES // len(LINE))
CHUNK += b"payload " + b"y" * (CHUNK_BYTES - len(CHUNK) - 9) + b"\n"


def write_chunks(fd, count):
    for _ in range(count):
        rest = CHUNK
        while rest:
            rest = rest[os.write(fd, rest) :]


def handler(event, context):
    write_chunks(1, int(event))
    return b"done"
