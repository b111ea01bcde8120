"""A client of the Debug Adapter Protocol, as editors have one, over a socket."""

import json
import socket
from typing import Any

__all__ = ["Client"]

PATIENCE_S = 20.0


class Client:
    """Requests out; responses and events in, each kept until it is asked for."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._file = self._socket.makefile("rb")
        self._serial = 0
        self._kept: list[dict[str, Any]] = []

    def begin(self) -> None:
        """The first words of any client; a port scan says nothing."""
        self._socket.sendall(b"Content-Length:")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def send(self, command: str, **arguments: Any) -> int:
        self._serial += 1
        message = {
            "seq": self._serial, "type": "request", "command": command, "arguments": arguments,
        }  # fmt: skip
        body = json.dumps(message).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        return self._serial

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Sends a request, and gives the body of its response."""
        serial = self.send(command, **arguments)
        answer = self._find(lambda message: message.get("request_seq") == serial)
        assert answer["success"], answer
        body: dict[str, Any] = answer.get("body") or {}
        return body

    def wait_event(self, name: str) -> dict[str, Any]:
        event = self._find(lambda message: message.get("event") == name)
        body: dict[str, Any] = event.get("body") or {}
        return body

    def is_ended(self) -> bool:
        """Whether the other side hangs up."""
        while self._receive() is not None:
            pass
        return True

    def attach(self, local: str, breakpoints: dict[str, list[int]]) -> list[dict[str, Any]]:
        """All that an editor does until the function may run; gives the breakpoints."""
        self.ask("initialize", adapterID="python", clientID="test", pathFormat="path",
                 linesStartAt1=True, columnsStartAt1=True)  # fmt: skip
        mappings = [{"localRoot": local, "remoteRoot": "/code"}]
        serial = self.send("attach", pathMappings=mappings, justMyCode=True)
        self.wait_event("initialized")
        found = []
        for file, lines in breakpoints.items():
            answer = self.ask("setBreakpoints", source={"path": f"{local}/{file}"},
                              breakpoints=[{"line": line} for line in lines])  # fmt: skip
            found += answer["breakpoints"]
        self.ask("configurationDone")
        self._find(lambda message: message.get("request_seq") == serial)
        return found

    def wait_stopped(self) -> tuple[int, str, int]:
        """The thread, and the file and line where it has stopped."""
        stopped = self.wait_event("stopped")
        trace = self.ask("stackTrace", threadId=stopped["threadId"])
        top = trace["stackFrames"][0]
        return stopped["threadId"], top["source"]["path"], top["line"]

    def go_on(self, thread: int) -> None:
        self.ask("continue", threadId=thread)

    def _find(self, fits: Any) -> dict[str, Any]:
        while True:
            for message in self._kept:
                if fits(message):
                    self._kept.remove(message)
                    return message
            message = self._receive()
            assert message is not None, "the debugger hung up"
            self._kept.append(message)

    def _receive(self) -> dict[str, Any] | None:
        length = 0
        while True:
            line = self._file.readline()
            if not line:
                return None
            if line == b"\r\n":
                break
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(self._file.read(length))
        return message
