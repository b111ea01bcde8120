"""Functions that try to stall or end the supervisor: their siblings are answered all the same."""

import json
import textwrap
import time
from pathlib import Path

from sandbox import BoxSettings, Cause, FunctionSpec
from tests.boxes import open_box, write_function

NO_WALLS = BoxSettings(isolation="none", grace_s=1.0, dump_grace_s=0.5)
PATIENCE_S = 3.0
SIBLING = "def handler(event, context): return 'alive'\n"
CHANNEL = """
import fcntl, json, os, select, socket, stat, struct, time
def own(kind, way):
    found = []
    for name in os.listdir('/proc/self/fd'):
        try:
            mode = os.fstat(int(name)).st_mode
            flags = fcntl.fcntl(int(name), fcntl.F_GETFL)
        except OSError:
            continue
        if int(name) > 2 and kind(mode) and flags & os.O_ACCMODE == way:
            found.append(int(name))
    return found
"""


def attacker(folder: Path, source: str, **fields: object) -> list[FunctionSpec]:
    code = CHANNEL + textwrap.dedent(source)
    return [
        write_function(folder, code, name="attacker", timeout_s=8.0, **fields),  # type: ignore[arg-type]
        write_function(folder, SIBLING, name="sibling"),
    ]


def test_status_flags_of_the_channel(tmp_path: Path) -> None:
    """Made blocking and emptied by the function: the supervisor does not block at its death."""
    source = """
    def handler(event, context):
        for name in os.listdir('/proc/self/fd'):
            try:
                fcntl.fcntl(int(name), fcntl.F_SETFL, os.O_NONBLOCK)
                if 'eventfd' in os.readlink('/proc/self/fd/' + name):
                    os.read(int(name), 8)
            except OSError:
                pass
            try:
                fcntl.fcntl(int(name), fcntl.F_SETFL, 0)
            except OSError:
                pass
        os._exit(3)
    """
    with open_box(tmp_path, attacker(tmp_path, source), NO_WALLS) as box:
        pending = box.submit("attacker", b"")

        assert pending.result(timeout=PATIENCE_S).cause is Cause.EXIT
        assert box.invoke("sibling", b"").body == b"alive"


def test_error_of_nothing_but_brackets(tmp_path: Path) -> None:
    """The Initializer answers for the runtime, with what no parser likes."""
    source = """
    def initialize(context):
        body = b'[' * 60000
        frame = struct.pack('>BBHI', 4, 0, 4, len(body)) + bytes(4) + body
        for fd in own(stat.S_ISFIFO, os.O_WRONLY):
            if fd < 64 and os.get_blocking(fd):
                os.write(fd, frame)
        time.sleep(5)
    def handler(event, context): pass
    """
    with open_box(tmp_path, attacker(tmp_path, source, initializer="initialize"), NO_WALLS) as box:
        result = box.submit("attacker", b"").result(timeout=PATIENCE_S)

        assert result.error == {"errorMessage": "[" * 60000}
        assert box.invoke("sibling", b"").body == b"alive"


def test_sockets_that_linger(tmp_path: Path) -> None:
    """Sent to the supervisor, which would wait for their data when it closes them."""
    source = """
    def handler(event, context):
        listener = socket.socket(); listener.bind(('127.0.0.1', 0)); listener.listen(1)
        out = socket.create_connection(listener.getsockname())
        held = listener.accept()[0]
        out.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 6))
        out.setblocking(False)
        try:
            while True:
                out.send(bytes(1 << 20))
        except BlockingIOError:
            pass
        for fd in own(stat.S_ISSOCK, os.O_RDWR):
            bulk = socket.socket(fileno=os.dup(fd))
            if bulk.family == socket.AF_UNIX:
                try:
                    bulk.sendmsg([b'1'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                           struct.pack('i', out.fileno()))])
                except OSError as exc:
                    no_linger = struct.pack('ii', 0, 0)  # it would wait for itself now
                    out.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
                    return json.dumps(exc.errno)
        out.close()
        return 'x' * 100000
    """
    with open_box(tmp_path, attacker(tmp_path, source), NO_WALLS) as box:
        box.invoke("sibling", b"")
        began = time.monotonic()
        result = box.invoke("attacker", b"")

        assert json.loads(result.body) == 1, "refused by the kernel, EPERM (Linux 6.16)"
        assert box.invoke("sibling", b"").body == b"alive"
        assert time.monotonic() - began < PATIENCE_S
