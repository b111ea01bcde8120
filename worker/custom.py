"""A custom runtime: a server of any language in the instance, and what is passed on to it.

    supervisor --INVOKE--> worker --POST /invoke-->            server, on its port
                                  --the HTTP request itself-->
               --SETUP-->         --POST /initialize-->
               --PRESTOP-->       --GET /pre-stop-->

The main thread starts the server and waits for its end; signals come to it. Another one reads the
channel, and a thread for each request asks the server where it may have several at a time. When
the server ends, the worker ends in the same way, so that what the supervisor says of the exit is
true. A SIGTERM, or the end of the channel, is a SIGTERM for the server.

None of the function's code runs in this process.
"""

import os
import signal
import threading

from worker import passing, wire
from worker.channel import ChannelClosed, SharedChannel
from worker.failures import Failure
from worker.server import Server, TookTooLong, choose_port, end_like, program, run_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    from worker.channel import Channel

__all__ = ["serve"]

_MOST_OF_A_HOOK = 64 << 10
_LAST_WORDS_S = 5.0
_GIVEN_UP_S = 3.0
"""What a server has to end by its SIGTERM, once it has failed its health checks."""
_DEATH_S = 1.0
"""A connection that breaks is mostly the shadow of a death: wait this long for it."""
NOT_STARTED = "FunctionNotStarted"


def serve(channel, setup, held, say, failure):
    # type: (Channel, Dict[str, Any], List[str], Callable[[str], None], Optional[Failure]) -> None
    """The instance's life, once it is in its surroundings. Does not return.

    `held` are its walls, `say` writes to its log, `failure` is why it is not in order already.
    """
    custom = setup["custom"]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    conversation = _Conversation(SharedChannel(channel, custom["concurrency"]), setup, say)
    if failure is None:
        failure = conversation.start(held)
        if failure is not None:
            say(failure.body().decode("ascii"))
    if failure is not None:
        conversation.refuse(failure.body())
        channel.receive()  # nothing comes: it is ended, or hung up on
    server = conversation.server
    signal.signal(signal.SIGTERM, lambda signum, frame: server.terminate())
    threading.Thread(target=conversation.run, daemon=True).start()
    status = server.wait()
    conversation.finish(_LAST_WORDS_S)
    end_like(status)


class _Conversation(object):
    """What is said between the supervisor and the server."""

    def __init__(self, channel, setup, say):
        # type: (SharedChannel, Dict[str, Any], Callable[[str], None]) -> None
        self.server = Server(0)
        self._unsaid = 1  # the end of the start, and each answer that is due
        self._said = threading.Condition()
        self._channel = channel
        self._setup = setup
        self._custom = setup["custom"]
        self._say = say
        self._headers = passing.common_headers(setup)

    # -- the start -------------------------------------------------------------------------------

    def start(self, held):
        # type: (List[str]) -> Optional[Failure]
        """Has the server come up; gives why it could not even be started."""
        argv = program(self._setup, self._custom["command"])
        try:
            self.server.port = choose_port(self._custom["port"], "net_namespace" in held)
        except OSError as exc:
            return Failure(NOT_STARTED, "there is no port for the server: %s" % exc.strerror)
        for name in ("FC_CUSTOM_LISTEN_PORT", "FC_SERVER_PORT"):
            os.environ[name] = str(self.server.port)
        self.server.watch_port(held)
        try:
            self.server.start(argv)
        except (OSError, ValueError) as exc:
            why = getattr(exc, "strerror", None) or exc
            return Failure(NOT_STARTED, "cannot start %s: %s" % (argv[0], why))
        return None

    def run(self):
        # type: () -> None
        """From the server's first moment to the end of the channel."""
        try:
            failed = self._come_up()
            if failed:
                self._say(failed.decode("utf-8", "replace"))
                self.refuse(failed)
            else:
                self._channel.send(wire.READY, self._usage())
            self._one_is_said()
            self._watch_health()
            self._listen()
        except ChannelClosed:
            self._one_is_said()
            self.server.terminate()
        except Exception as exc:
            _give_up(exc)

    def finish(self, timeout_s):
        # type: (float) -> None
        """Waits until the supervisor has what the server said before it ended."""
        with self._said:
            self._said.wait_for(lambda: self._unsaid <= 0, timeout_s)

    def _one_is_said(self):
        # type: () -> None
        with self._said:
            self._unsaid -= 1
            self._said.notify_all()

    def refuse(self, body):
        # type: (bytes) -> None
        """The instance is not going to serve; its log says why."""
        self._channel.send(wire.INIT_FAILED, self._usage(), body)

    def _come_up(self):
        # type: () -> bytes
        port, timeout_s = self.server.port, self._custom["start_timeout_s"]
        if not self.server.wait_listening(timeout_s):
            why = "did not listen on port %d within %g seconds" % (port, timeout_s)
            if self.server.has_ended.is_set():
                why = "ended before it listened on port %d" % port
            if port != self._custom["port"]:
                why += " (port %d was taken; FC_CUSTOM_LISTEN_PORT told it %d)" % (
                    self._custom["port"],
                    port,
                )
            return Failure(NOT_STARTED, "the server " + why).body()
        return self._initialize() or self._check_first()

    def _check_first(self):
        # type: () -> bytes
        check = self._custom["health_check"]
        if check is None:
            return b""
        self.server.has_ended.wait(check["initial_delay_s"])
        why = self._is_unwell(check)
        return Failure("HealthCheckFailed", why).body() if why else b""

    # -- health ----------------------------------------------------------------------------------

    def _watch_health(self):
        # type: () -> None
        if self._custom["health_check"]:
            threading.Thread(target=self._keep_checking, daemon=True).start()

    def _keep_checking(self):
        # type: () -> None
        check = self._custom["health_check"]
        failures = 0
        while not self.server.has_ended.wait(check["period_s"]):
            why = self._is_unwell(check)
            failures = failures + 1 if why else 0
            if failures >= check["failure_threshold"]:
                text = "%s, %d times in a row: the instance is given up" % (why, failures)
                self._say(Failure("HealthCheckFailed", text).body().decode("ascii"))
                self.server.terminate()
                # A server that hangs may not even come to its handler of the SIGTERM.
                if not self.server.has_ended.wait(_GIVEN_UP_S):
                    self.server.terminate(signal.SIGKILL)
                return

    def _is_unwell(self, check):
        # type: (Dict[str, Any]) -> str
        """Why the check failed, or nothing."""
        headers = [("host", "%s:%d" % (passing.LOCAL, self.server.port))]
        what = "the health check GET %s" % check["path"]
        try:
            port, timeout_s = self.server.port, check["timeout_s"]
            answer = passing.ask(port, "GET", check["path"], headers, b"", timeout_s)
        except (OSError, passing.NoAnswer, passing.TooLarge) as exc:
            return "%s failed: %s" % (what, str(exc) or type(exc).__name__)
        return "" if 200 <= answer.status < 400 else "%s gave %d" % (what, answer.status)

    # -- what is passed on -----------------------------------------------------------------------

    def _listen(self):
        # type: () -> None
        while True:
            message = self._channel.receive()
            if message.kind == wire.PRESTOP:
                self._pre_stop(message.meta.decode("ascii"))
                continue
            if self.server.has_ended.is_set():
                return  # without a mark: another instance takes it
            # In the order in which they came: what has no mark has not begun.
            self._channel.witness_begin()
            with self._said:
                self._unsaid += 1
            if self._custom["concurrency"] > 1:
                self._serve_apart(message)
            else:
                self._answer(message)

    def _serve_apart(self, message):
        # type: (wire.Message) -> None
        try:
            threading.Thread(target=self._answer, args=(message,), daemon=True).start()
        except RuntimeError:  # no thread more: the server took what the instance may have
            failure = Failure("NoThread", "there is no thread to pass the request on")
            self._say(failure.body().decode("ascii"))
            self._channel.send(wire.FAILED, message.meta + self._usage(), failure.body())
            self._one_is_said()

    def _answer(self, message):
        # type: (wire.Message) -> None
        try:
            self._invoke(message)
        except ChannelClosed:
            self.server.terminate()
        except Exception as exc:
            _give_up(exc)
        finally:
            self._one_is_said()

    def _invoke(self, message):
        # type: (wire.Message) -> None
        request_id, is_http = wire.request_id_of(message.meta), wire.is_http(message.meta)
        path = "/http-invoke" if is_http else "/invoke"
        own = self._own_headers(request_id, path)
        kind, body = wire.RESULT, b""
        try:
            if is_http:
                self.server.check_port()
                answer = passing.pass_on(self.server.port, message.body, own)
            else:
                answer = self._ask("POST", path, request_id, message.body)
            has_failed = _says_failed(answer) or not (is_http or 200 <= answer.status < 300)
            body = answer.body
            if has_failed:
                kind, body = wire.FAILED, body or _failure(path, answer).body()
            elif is_http:
                body = wire.pack_http({"status": answer.status, "headers": answer.headers}, body)
                if len(body) > wire.MAX_BODY_BYTES:
                    raise passing.TooLarge
        except (OSError, passing.NoAnswer, passing.TooLarge, wire.ProtocolError) as exc:
            if self.server.has_ended.wait(_DEATH_S):
                return  # how it ended is told instead
            kind, body = wire.FAILED, _no_answer(path, exc)
            self._say(body.decode("ascii"))
        self._channel.send(kind, message.meta + self._usage(), body)

    # -- hooks -----------------------------------------------------------------------------------

    def _pre_stop(self, request_id):
        # type: (str) -> None
        failed = b""
        if self._setup["pre_stop"] or self._custom["pre_stop_command"]:
            failed = self._run_hook("pre_stop", "GET", "/pre-stop", request_id, None)
        if failed:
            self._say(failed.decode("utf-8", "replace"))
        self._channel.send(wire.STOPPED, self._usage(), failed)

    def _initialize(self):
        # type: () -> bytes
        if not (self._setup["initializer"] or self._custom["initializer_command"]):
            return b""
        request_id, timeout_s = self._setup["request_id"], self._custom["initializer_timeout_s"]
        return self._run_hook("initializer", "POST", "/initialize", request_id, timeout_s)

    def _run_hook(self, which, method, path, request_id, timeout_s):
        # type: (str, str, str, str, Optional[float]) -> bytes
        """What its failure is told with; nothing when it went well."""
        self._channel.witness_begin()
        if self._custom[which + "_command"]:
            failure = self._run_command(self._custom[which + "_command"], timeout_s)
            return failure.body() if failure else b""
        try:
            answer = self._ask(method, path, request_id, b"", timeout_s)
        except OSError as exc:
            if timeout_s and "timed out" in str(exc):
                return _timed_out(timeout_s).body()
            self.server.has_ended.wait(_DEATH_S)
            return _no_answer(path, exc)
        except (passing.NoAnswer, passing.TooLarge) as exc:
            return _no_answer(path, exc)
        if 200 <= answer.status < 300 and not _says_failed(answer):
            return b""
        return answer.body[:_MOST_OF_A_HOOK] or _failure(path, answer).body()

    def _run_command(self, command, timeout_s):
        # type: (List[str], Optional[float]) -> Optional[Failure]
        try:
            status = run_command(program(self._setup, command), timeout_s)
        except TookTooLong:
            return _timed_out(timeout_s)
        except (OSError, ValueError) as exc:
            why = getattr(exc, "strerror", None) or exc
            return Failure("HookFailed", "cannot start %s: %s" % (command[0], why))
        return Failure("HookFailed", "%s ended with %d" % (command[0], status)) if status else None

    # -- small parts -----------------------------------------------------------------------------

    def _ask(self, method, path, request_id, body=b"", timeout_s=None):
        # type: (str, str, str, bytes, Optional[float]) -> passing.Answer
        headers = dict(self._own_headers(request_id, path), host="%s:%d" % (
            passing.LOCAL, self.server.port,
        ))  # fmt: skip
        if body:
            headers["content-type"] = "application/octet-stream"
        self.server.check_port()
        return passing.ask(self.server.port, method, path, sorted(headers.items()), body, timeout_s)

    def _own_headers(self, request_id, path):
        # type: (str, str) -> Dict[str, str]
        return dict(self._headers, **{"x-fc-request-id": request_id, "x-fc-control-path": path})

    def _usage(self):
        # type: () -> bytes
        return wire.pack_usage(self.server.peak_kb())


def _give_up(exc):
    # type: (Exception) -> None
    """Does not return: a thread that ended alone would leave requests without an answer."""
    text = "the channel of the runtime broke: %s: %s\n" % (type(exc).__name__, exc)
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    finally:
        os._exit(1)


def _says_failed(answer):
    # type: (passing.Answer) -> bool
    return any(n.lower() == "x-fc-status" and v.strip() == "404" for n, v in answer.headers)


def _failure(path, answer):
    # type: (str, passing.Answer) -> Failure
    return Failure("HTTPStatus", "the server answered %s with status %d" % (path, answer.status))


def _no_answer(path, exc):
    # type: (str, Exception) -> bytes
    if isinstance(exc, passing.TooLarge):
        text = "the answer to %s is larger than %d bytes" % (path, wire.MAX_ANSWER_BYTES)
        return Failure("ResponseSizeTooLarge", text).body()
    return Failure("NoAnswer", "the server did not answer %s: %s" % (path, exc)).body()


def _timed_out(timeout_s):
    # type: (Optional[float]) -> Failure
    return Failure("FunctionTimeout", "Function timed out after %g seconds" % (timeout_s or 0))
