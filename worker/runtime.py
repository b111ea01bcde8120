"""The life of one instance, seen from inside: set up, Initializer, requests, PreStop, SIGTERM.

    HELLO -> SETUP -> WALLS -> [Initializer] -> READY -> INVOKE/RESULT ...
                                                      -> [PRESTOP/STOPPED] -> SIGTERM

The main thread does all of it, one message at a time; nothing is opened or created to answer a
request, so that a function that used up its descriptors still gets its answer out. User code
is imported lazily, inside the first callback that names it. SIGTERM while a callback runs means
that its time is up: dump every thread's stack and end with 143. SIGTERM otherwise means goodbye:
run the atexit hooks and end.
"""

import atexit
import json
import os
import signal
import sys
import time

from worker import custom, debugging, importer, wire, wsgi
from worker.channel import Channel, ChannelClosed
from worker.context import make_context_factory
from worker.environment import build_environment, build_sys_path
from worker.failures import Failure, from_exception
from worker.loader import Loader, LoadFailed
from worker.mounts import enter
from worker.output import RequestLog, flush_stdio
from worker.peak import Peak
from worker.results import encode_result
from worker.walls import Walls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple

    from worker.walls import Ground

__all__ = ["hide_modules", "run"]

_OWN_DIR = os.path.dirname(os.path.abspath(__file__))
_TIMEOUT_STATUS = 143

_STAND_IN = {
    "runtime": "python3.10",
    "function": {"name": "", "handler": "records.record_pieces", "memory": 128, "timeout": 3},
    "service": {
        "name": "",
        "log_project": "",
        "log_store": "",
        "qualifier": "",
        "version_id": "",
    },
    "credentials": {"access_key_id": "", "access_key_secret": "", "security_token": ""},
    "region": "",
    "account_id": "",
    "environment": {},
    "instance_id": "",
    "home": "",
    "code_dir": "",
    "layers": [],
    "mounts": [],
}  # type: Dict[str, Any]


class Runtime(object):
    """What the instance is once SETUP has come. `setup` is its JSON."""

    def __init__(self, channel, setup, ground, peak):
        # type: (Channel, Dict[str, Any], Ground, Peak) -> None
        self._channel = channel
        self._setup = setup
        self._ground = ground
        self._peak = peak
        self._make_context = make_context_factory(setup)
        self._handler = None  # type: Optional[Callable[..., object]]
        self._busy = False
        self._pid = os.getpid()
        self._held = []  # type: List[str]

    def _enter(self, request_id):
        # type: (str) -> Optional[Failure]
        """Makes the process look to the user's code as the cloud's does, or tells why it cannot."""
        step = "mount"
        setup = self._setup
        try:
            report = self._raise_walls()
            self._held = report["held"]
            if setup.get("debug"):
                step = "start the debugger"
                report["debug"] = debugging.listen(setup)
            self._channel.send(wire.WALLS, b"", wire.pack_walls(report))
            step = "set the environment"
            self._set_surroundings()
            # It was there when the configuration was read; that may be long ago.
            step = "enter the code directory " + setup["code_dir"]
            os.chdir(setup["code_dir"])
            self._show_code()
            failure = None
        except (OSError, ValueError) as exc:
            text = "cannot %s: %s" % (step, getattr(exc, "strerror", None) or exc)
            failure = Failure("RuntimeError", text)
        token = bytes.fromhex(setup["log_token"])
        self._log = RequestLog(setup["logger_layout"], token, setup["code_dir"])
        self._loader = Loader(setup["code_dir"])
        if failure is not None:
            self._log.begin(request_id)
            self._log.error(failure.body().decode("ascii"))
        return failure

    def _show_code(self):
        # type: () -> None
        """Has what is imported from the code directory, which is the current one, say /code."""
        if not self._setup.get("debug"):
            importer.install(self._setup["code_dir"], os.getcwd())
        elif "root" not in self._held:
            debugging.map_code(os.getcwd())  # a debugger sets breakpoints in files that exist

    def _raise_walls(self):
        # type: () -> Dict[str, Any]
        """Gives the report of what is in force. Does not return where that is not enough."""
        if self._setup["walls"] is None:
            return {"held": [], "lacks": [], "mounts": enter(self._setup)}
        walls = Walls(self._setup, self._ground)
        if not walls.raise_all():
            # The supervisor knows from the report that this cannot go on, and ends it.
            self._channel.send(wire.WALLS, b"", wire.pack_walls(walls.report()))
            self._channel.receive()
        return walls.report()

    def _set_surroundings(self):
        # type: () -> None
        setup = self._setup
        environment = build_environment(setup, dict(os.environ))
        has_own_zone = environment.get("TZ") != os.environ.get("TZ")
        for key in set(os.environ) - set(environment):
            del os.environ[key]
        # What is the same already is left alone: each write copies a page that was shared.
        os.environ.update({k: v for k, v in environment.items() if os.environ.get(k) != v})
        if has_own_zone:
            time.tzset()  # which reads a file
        if setup.get("custom"):
            return  # none of the function's code comes into this process
        sys.path[:] = build_sys_path(setup, sys.path)
        sys.argv[:] = [""]
        sys.dont_write_bytecode = True  # /code is read-only in the cloud

    def serve(self):
        # type: () -> None
        """From SETUP to the end. Raises ChannelClosed when the supervisor hangs up."""
        if self._setup.get("custom"):
            failure = self._enter(self._setup["request_id"])
            custom.serve(self._channel, self._setup, self._held, self._log.error, failure)
        signal.signal(signal.SIGTERM, self._on_sigterm)
        self._initialize()
        while True:
            message = self._channel.receive()
            if message.kind == wire.INVOKE:
                self._invoke(message)
            else:
                self._pre_stop(message.meta.decode("ascii"))

    def _initialize(self):
        # type: () -> None
        request_id = self._setup["request_id"]
        failure = self._enter(request_id)
        if failure is None:
            if (self._setup.get("debug") or {}).get("waits"):
                debugging.wait_attached()
            failure = self._run_hook("initializer", request_id)
        if failure is None:
            self._channel.send(wire.READY, self._usage())
        else:
            self._channel.send(wire.INIT_FAILED, self._usage(), failure.body())

    def _pre_stop(self, request_id):
        # type: (str) -> None
        failure = self._run_hook("pre_stop", request_id)
        self._channel.send(wire.STOPPED, self._usage(), failure.body() if failure else b"")

    def _run_hook(self, which, request_id):
        # type: (str, str) -> Optional[Failure]
        hook = self._setup[which]
        if not hook:
            return None

        def callback():
            # type: () -> bytes
            return encode_result(self._loader.load(hook)(self._make_context(request_id)))

        return self._guard(callback, request_id)[1]

    def _invoke(self, message):
        # type: (wire.Message) -> None
        request_id, retries = wire.request_id_of(message.meta), wire.retries_of(message.meta)

        def callback():
            # type: () -> bytes
            handler = self._handler
            if handler is None:
                handler = self._handler = self._loader.load(self._setup["function"]["handler"])
            context = self._make_context(request_id, retries)
            if self._setup.get("is_wsgi"):
                return wsgi.answer(handler, message.body, wire.is_http(message.meta), context)
            return encode_result(handler(message.body, context))

        answer, failure = self._guard(callback, request_id)
        if failure is None:
            self._channel.send(wire.RESULT, message.meta + self._usage(), answer)
        else:
            self._channel.send(wire.FAILED, message.meta + self._usage(), failure.body())

    def _guard(self, callback, request_id):
        # type: (Callable[[], bytes], str) -> Tuple[bytes, Optional[Failure]]
        """Runs user code. All its output is in the pipes when this returns.

        SystemExit goes through: in the cloud the process ends there. A child that the code forked,
        and that came back out of it, ends here: only one process may speak on the channel.
        """
        self._log.begin(request_id)
        self._peak.reset()
        self._channel.witness_begin()
        self._busy = True
        answer, failure, hint = b"", None, ""
        try:
            answer = callback()
            if len(answer) > wire.MAX_ANSWER_BYTES:
                failure = _too_large(len(answer))
        except SystemExit as exc:
            if os.getpid() != self._pid:
                _end_child(_exit_status(exc.code))
            raise
        except LoadFailed as exc:
            failure = exc.failure
            hint = exc.hint
        except BaseException as exc:
            failure = from_exception(exc, self._setup["code_dir"], _OWN_DIR)
        if failure is not None:
            self._log.error(failure.body().decode("ascii"))
            if hint:
                self._log.error(hint)
        if os.getpid() != self._pid:
            _end_child(0 if failure is None else 1)
        self._log.end()
        self._busy = False
        return answer, failure

    def _usage(self):
        # type: () -> bytes
        return wire.pack_usage(self._peak.read_kb())

    def _on_sigterm(self, signum, frame):
        # type: (int, object) -> None
        if os.getpid() != self._pid:
            # A child of the function's own, multiprocessing's say: it is its signal, not ours.
            signal.signal(signum, signal.SIG_DFL)
            os.kill(os.getpid(), signum)
        elif self._busy:
            self._log.dump_stacks()
            os._exit(_TIMEOUT_STATUS)
        else:
            _say_goodbye()


def run(requests, answers, bulk, witness, is_spare, ground):
    # type: (int, int, int, int, int, Ground) -> None
    """The instance's whole life, on the four descriptors of its channel."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    channel = Channel(requests, answers, bulk, witness)
    try:
        if is_spare:
            rehearse()
        channel.send(wire.HELLO)
        peak = Peak()  # while the set-up is on its way
        setup = json.loads(channel.receive().body.decode("utf-8"))
        Runtime(channel, setup, ground, peak).serve()
    except ChannelClosed:
        _say_goodbye()
    except (OSError, wire.ProtocolError) as exc:
        # The function closed or used our descriptors: there is nobody left to answer to. What it
        # reads in its log is one line of ours, not where in this package that came out.
        _say_last("the function closed or used a descriptor of the runtime: %s" % exc)
        os._exit(1)


def rehearse():
    # type: () -> None
    """What an instance does at its start, done once on a stand-in, by a spare that has the time.

    Nothing comes of it, but memory that is shared with the zygote is copied when it is first
    written, and at four microseconds a page that is most of a start.
    """
    setup = json.loads(json.dumps(_STAND_IN))
    os.environ.update(dict(os.environ))
    build_environment(setup, dict(os.environ))
    build_sys_path(setup, sys.path)
    with open(os.path.join(_OWN_DIR, "records.py")) as source:
        compile(source.read(), "records.py", "exec")  # the loader below may find bytecode
    Loader(_OWN_DIR).load(_STAND_IN["function"]["handler"])
    del sys.modules["records"]
    encode_result(make_context_factory(setup)("").to_json())
    log = RequestLog("doc", b"", "")
    log.begin("")
    log.end()
    log.close()


def hide_modules():
    # type: () -> None
    """Takes ours out of `sys.modules`: the user may have a worker.py or a wire.py of their own."""
    for name in list(sys.modules):
        if name == "worker" or name.startswith("worker."):
            del sys.modules[name]


def _say_goodbye():
    # type: () -> None
    # Not by SystemExit: that would wait for the user's threads, and tear down the interpreter.
    # It may have come by the EOF: the SIGTERM must not cut the hooks short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    atexit._run_exitfuncs()
    flush_stdio()
    os._exit(0)


def _say_last(text):
    # type: (str) -> None
    flush_stdio()
    try:
        os.write(2, text.encode("utf-8", "backslashreplace") + b"\n")
    except OSError:
        pass  # that one too


def _end_child(status):
    # type: (int) -> None
    # No atexit hooks: those are the instance's, and it lives on.
    flush_stdio()
    os._exit(status)


def _exit_status(code):
    # type: (object) -> int
    """What the interpreter makes of `sys.exit(code)`."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _too_large(size):
    # type: (int) -> Failure
    text = "Response payload size (%d bytes) exceeded maximum allowed size (%d bytes)."
    return Failure("ResponseSizeTooLarge", text % (size, wire.MAX_ANSWER_BYTES), None)
