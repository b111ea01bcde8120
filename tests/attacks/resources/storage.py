"""Takes space in files: real, and only claimed. Bounded by itself."""

import os
import tempfile

MB = 1 << 20
MOST_MB = 512


def fill(event, context):
    """Many files, each of which is small."""
    folder = tempfile.gettempdir()
    stored = 0
    try:
        while stored < MOST_MB:
            with open(os.path.join(folder, f"part {stored}"), "wb") as file:
                file.write(b"x" * (4 * MB))
            stored += 4
    except OSError as exc:
        return {"stored": stored, "errno": exc.errno}
    finally:
        if event == b"well":
            _empty(folder)
    return {"stored": stored, "errno": 0}


def hollow(event, context):
    """A file of a terabyte without a byte in it; then many of what is allowed, made real."""
    found = {}
    path = os.path.join(tempfile.gettempdir(), "hollow")
    with open(path, "wb") as file:
        try:
            os.ftruncate(file.fileno(), 1 << 40)
            found["terabyte"] = 0
        except OSError as exc:
            found["terabyte"] = exc.errno
    os.unlink(path)
    found["real"], found["errno"] = _made_real(tempfile.gettempdir())
    _empty(tempfile.gettempdir())
    return found


def _made_real(folder):
    """How many MB a file system gives to files that are mostly holes."""
    made = 0
    for number in range(MOST_MB // 16):
        path = os.path.join(folder, f"hole {number}")
        fd = os.open(path, os.O_RDWR | os.O_CREAT)
        try:
            os.ftruncate(fd, 32 * MB)
            os.posix_fallocate(fd, 0, 16 * MB)
        except OSError as exc:
            return made, exc.errno
        finally:
            os.close(fd)
        made += 16
    return made, 0


def _empty(folder):
    for name in os.listdir(folder):
        if name.startswith(("part ", "hole ")):
            os.unlink(os.path.join(folder, name))
