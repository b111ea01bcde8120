"""Takes memory until it is stopped, or processes. Bounded by itself."""

import os
import time


def memory(event, context):
    if event == b"well":
        return "well"
    held = []
    while len(held) < 64:
        held.append(bytearray(b"x") * (64 << 20))
    return "4 GiB"


def processes(event, context):
    """Each is gone after ten seconds."""
    made = 0
    try:
        while made < 3000:
            if os.fork() == 0:
                time.sleep(10)
                os._exit(0)
            made += 1
    except OSError as exc:
        return {"made": made, "errno": exc.errno}
    return {"made": made, "errno": 0}
