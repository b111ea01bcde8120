"""Takes away the descriptors that it, and its runtime, stand on."""

import os


def everything(event, context):
    if event == b"well":
        return "well"
    print("closing")
    os.closerange(0, 4096)
    return "cannot be delivered"


def stdio(event, context):
    os.closerange(0, 3)
    taken = [os.open("/dev/null", os.O_RDWR) for _ in range(3)]
    print("not to be seen")
    return taken


def stdout(event, context):
    if event == b"close":
        os.close(1)
    return "ok"


def covered(event, context):
    if event == b"well":
        return "well"
    null = os.open("/dev/null", os.O_RDWR)
    for fd in range(3, 1024):
        try:
            os.fstat(fd)
            if fd != null:
                os.dup2(null, fd)
        except OSError:
            pass
    return "lost"
