"""`fcbox run` with events, as a process: what it prints where, how it exits, how it stops."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.boxes import environ_of, wait_until
from tests.configs.commands import PYTHON, ROOT, Ran, fcbox, json_log, masked, started, stopped
from tests.http.serving import write_config

HELLO = "configs/hello/s.yaml"
EXITED = "Process exited unexpectedly before completing request"
ECHO = """
    def handler(event, context):
        return repr(event)
"""
WAYS = """
    import json, os, signal, sys, time

    def handler(event, context):
        way = event.decode()
        if way:
            print("about to", way)
        if way == "raise":
            raise ValueError("no")
        if way == "loop":
            while True:
                pass
        if way == "exit":
            os._exit(3)
        if way == "exit 0":
            sys.exit(0)
        if way == "segv":
            os.kill(os.getpid(), 11)
        if way == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if way == "lines":
            for number in range(200000):
                print("line", number)
        if way == "close":
            os.close(1)
        return os.environ["FC_INSTANCE_ID"]
"""
GATED = """
    import os, time

    def handler(event, context):
        open("{folder}/started", "w").close()
        while not os.path.exists("{folder}/gate"):
            time.sleep(0.002)
        return "served " + event.decode()

    def preStop(context):
        print("stopped by PreStop")
"""
NO_INIT = """
    def initialize(context):
        raise RuntimeError("no database")

    def handler(event, context):
        return "never"
"""
FC3 = """\
edition: 3.0.0
name: test
access: default
fcbox:
  python: {python}
resources:
  f:
    component: fc3
    props:
      region: cn-hangzhou
      functionName: f
      runtime: python3.10
      code: ./
"""


def write_yaml(folder: Path, props: str) -> Path:
    """An s.yaml with these props, beside an index.py that echoes its event."""
    (folder / "index.py").write_text("def handler(event, context):\n    return event\n")
    path = folder / "s.yaml"
    path.write_text(FC3.format(python=PYTHON) + props)
    return path


def run_ways(folder: Path, *ways: str, timeout_s: int = 30) -> Ran:
    """Invokes with each way to end; the log has the cloud's lines only."""
    config = write_config(folder, WAYS, timeout_s=timeout_s)
    events = [word for way in ways for word in ("-e", way)]
    return fcbox(folder, "run", str(config), "--log-format", "fc", *events)


class TestOutput:
    def test_golden_fc(self, tmp_path: Path) -> None:
        """The mission's page: one id for Initializer and handler, another for PreStop."""
        ran = fcbox(
            tmp_path, "run", HELLO, "-e", '{"name": "world"}', "--log-format", "fc",
            "--python", PYTHON,
        )  # fmt: skip

        assert (ran.code, ran.out) == (0, b"hello, world\n")
        assert masked(ran.err).splitlines() == [
            "FunctionCompute python3 runtime inited.",
            "FC Initialize Start RequestId: <id 1>",
            "<time> <id 1> [info] initializer",
            "FC Initialize End RequestId: <id 1>",
            "FC Invoke Start RequestId: <id 1>",
            "<time> <id 1> [info] handler",
            "FC Invoke End RequestId: <id 1>",
            "FC PreStop Start RequestId: <id 2>",
            "<time> <id 2> [info] preStop",
            "FC PreStop End RequestId: <id 2>",
        ]

    def test_end_line_comes_before_the_answer(self, tmp_path: Path) -> None:
        """Both streams into one pipe: the order in which a person sees them on a terminal."""
        command = [
            sys.executable, "-m", "sandbox", "run", HELLO, "-e", "{}", "-e", '{"name": "x"}',
            "--log-format", "fc", "--python", PYTHON,
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=ROOT, env=environ_of(tmp_path), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=True,
        )  # fmt: skip

        kept = [line for line in masked(done.stdout).splitlines() if "[info]" not in line]
        assert kept[3:] == [
            "FC Invoke Start RequestId: <id 1>",
            "FC Invoke End RequestId: <id 1>",
            "hello, nobody",
            "FC Invoke Start RequestId: <id 2>",
            "FC Invoke End RequestId: <id 2>",
            "hello, x",
            "FC PreStop Start RequestId: <id 3>",
            "FC PreStop End RequestId: <id 3>",
        ]

    def test_json(self, tmp_path: Path) -> None:
        """Each line is an object with the documented keys; only logger records have a level."""
        ran = fcbox(tmp_path, "run", HELLO, "-e", "{}", "--log-format", "json", "--python", PYTHON)
        records = json_log(ran.err)

        keys = {"time", "function", "instance", "request_id", "phase", "source", "late", "text"}
        assert [
            keys | ({"level"} if record["source"] == "logger" else set()) for record in records
        ] == [set(record) for record in records]
        first, last = records[1]["request_id"], records[-1]["request_id"]
        assert first != last
        assert [("", None, "runner")] + [
            (rid, phase, source)
            for rid, phase in ((first, "initialize"), (first, "invoke"), (last, "prestop"))
            for source in ("runner", "logger", "runner")
        ] == [(record["request_id"], record["phase"], record["source"]) for record in records]
        assert {("emojipy", False)} == {(record["function"], record["late"]) for record in records}
        assert len({record["instance"] for record in records}) == 1

    def test_console(self, tmp_path: Path) -> None:
        """Time, function, the end of the instance's id; what isolation there is comes first."""
        ran = fcbox(tmp_path, "run", HELLO, "-e", "{}", "--python", PYTHON, "--isolation", "none")
        first, *lines = ran.err.splitlines()

        assert first.startswith("isolation: none")
        form = re.compile(r"\d\d:\d\d:\d\d\.\d{3} emojipy/[0-9a-f]{4} \| .+")
        assert [line for line in lines if not form.fullmatch(line)] == []
        assert len(lines) == 10

    @pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}])
    def test_no_colour_in_a_pipe(self, tmp_path: Path, environ: dict[str, str]) -> None:
        """Neither in the log nor in findings."""
        config = write_yaml(tmp_path, "      handler: index.handler\n      memorySise: 128\n")
        ran = fcbox(tmp_path, "run", str(config), "-e", "1", environ=environ)

        assert (ran.code, ran.out, "\x1b" in ran.err) == (0, b"1\n", False)

    @pytest.mark.parametrize(("environ", "has_color"), [({}, True), ({"NO_COLOR": "1"}, False)])
    def test_colour_on_a_terminal(
        self, tmp_path: Path, environ: dict[str, str], has_color: bool
    ) -> None:
        """A terminal gets colour, unless NO_COLOR says no."""
        leader, follower = os.openpty()
        try:
            command = [sys.executable, "-m", "sandbox", "run", HELLO, "-e", "{}"]
            subprocess.run(
                [*command, "--python", PYTHON], cwd=ROOT, env={**environ_of(tmp_path), **environ},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=follower, timeout=30,
                check=True,
            )  # fmt: skip
            shown = os.read(leader, 1 << 16)
        finally:
            os.close(leader)
            os.close(follower)

        assert b"isolation: " in shown
        assert has_color == (b"\x1b[" in shown)

    def test_log_file(self, tmp_path: Path) -> None:
        """The log is appended to it, and stderr stays empty."""
        log = tmp_path / "log"
        log.write_text("before\n")
        ran = fcbox(
            tmp_path, "run", HELLO, "-e", "{}", "--log-format", "fc", "--log-file", str(log),
            "--python", PYTHON,
        )  # fmt: skip
        lines = log.read_text().splitlines()

        assert Ran(0, b"hello, nobody\n", "") == ran
        assert (lines[0], len(lines)) == ("before", 11)
        assert lines[-1].startswith("FC PreStop End RequestId: ")

    def test_log_file_that_cannot_be_opened(self, tmp_path: Path) -> None:
        """One line says which file; the function does not run."""
        ran = fcbox(
            tmp_path, "run", HELLO, "-e", "{}", "--log-file", str(tmp_path / "no" / "log"),
            "--python", PYTHON,
        )  # fmt: skip

        said = f"error: cannot start: No such file or directory: {tmp_path}/no/log\n"
        assert Ran(125, b"", said) == ran

    def test_quiet(self, tmp_path: Path) -> None:
        """`-q`: nothing on stderr, not even a warning about the configuration."""
        config = write_yaml(tmp_path, "      handler: index.handler\n      memorySise: 128\n")

        assert Ran(0, b"1\n", "") == fcbox(tmp_path, "run", str(config), "-e", "1", "-q")

    def test_logger_layout_runtime(self, tmp_path: Path) -> None:
        """As the cloud's runtime writes records."""
        ran = fcbox(
            tmp_path, "run", HELLO, "-e", "{}", "--log-format", "fc", "--logger-layout", "runtime",
            "--python", PYTHON,
        )  # fmt: skip
        form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 1-[0-9a-f-]{30} \[INFO\] initializer"

        assert re.fullmatch(form, ran.err.splitlines()[2])

    def test_progress(self, tmp_path: Path) -> None:
        """After a second it says what it waits for; the handler goes on when it has said so."""
        config = str(write_config(tmp_path, GATED.format(folder=tmp_path)))
        with started(tmp_path, "run", config, "-e", "1", "--log-format", "fc") as process:
            assert process.stderr
            told = next(line for line in process.stderr if b" handler of " in line).decode()
            (tmp_path / "gate").touch()
            out, _ = process.communicate(timeout=20)

        # The first second is over up to a tenth before the handler's own: then it is the next one.
        assert re.fullmatch(r"waiting for handler of <instance 1>: [12]/30 s\n", masked(told))
        assert (process.returncode, out) == (0, b"served 1\n")

    def test_quiet_keeps_progress(self, tmp_path: Path) -> None:
        """`-q` is silent however long it takes."""
        source = """
            import time

            def handler(event, context):
                time.sleep(1.2)
        """
        config = str(write_config(tmp_path, source))

        assert fcbox(tmp_path, "run", config, "-e", "", "-q") == Ran(0, b"null\n", "")


class TestEvents:
    @pytest.fixture
    def config(self, tmp_path: Path) -> str:
        return str(write_config(tmp_path, ECHO))

    def test_order(self, tmp_path: Path, config: str) -> None:
        """All `-e` in their order, then `-f`, then `--events`; `-` is standard input."""
        one, two, lines = tmp_path / "one", tmp_path / "two", tmp_path / "lines"
        one.write_bytes(b"one\n")
        two.write_bytes(b"\xfftwo")
        lines.write_bytes(b"l1\nl2\n")
        ran = fcbox(
            tmp_path, "run", config, "-q", "--events", str(lines), "-f", str(two), "-e", "first",
            "-e", f"@{one}", "-f", str(one), "-e", "-", "-e", "last",
            stdin=b"\x00in\n",
        )  # fmt: skip

        events = [
            b"first", b"one\n", b"\x00in\n", b"last", b"\xfftwo", b"one\n", b"l1", b"l2",
        ]  # fmt: skip
        assert (0, [repr(event) for event in events]) == (ran.code, ran.lines)

    def test_events_file_is_raw_bytes(self, tmp_path: Path, config: str) -> None:
        """No line is decoded, trimmed or skipped; the last one needs no newline."""
        lines = [b"\xff\xfe", b"", b"\x00a\r", "世界".encode(), b' {"a": 1} ']
        path = tmp_path / "events"
        path.write_bytes(b"\n".join(lines))
        ran = fcbox(tmp_path, "run", config, "-q", "--events", str(path))

        assert (0, [repr(line) for line in lines]) == (ran.code, ran.lines)

    def test_event_that_is_not_utf_8(self, tmp_path: Path, config: str) -> None:
        """An argument is bytes, whatever they are."""
        done = subprocess.run(
            [os.fsencode(sys.executable), b"-m", b"sandbox", b"run", os.fsencode(config), b"-q",
             b"-e", b"\xff\x80"],
            cwd=ROOT, env=environ_of(tmp_path), capture_output=True, timeout=30, check=True,
        )  # fmt: skip

        assert done.stdout == b"b'\\xff\\x80'\n"

    def test_empty_event(self, tmp_path: Path, config: str) -> None:
        """`-e ''` is one empty event; an empty `--events` file is none."""
        (tmp_path / "none").touch()

        assert Ran(0, b"b''\n", "") == fcbox(tmp_path, "run", config, "-q", "-e", "")
        none = fcbox(tmp_path, "run", config, "-q", "--events", str(tmp_path / "none"))
        assert Ran(0, b"", "") == none

    def test_binary_answer(self, tmp_path: Path) -> None:
        """stdout has the answer's bytes and a newline, one only."""
        config = write_config(tmp_path, "def handler(event, context):\n    return event\n")
        path = tmp_path / "event"
        path.write_bytes(b"\xff\x00\n")

        assert fcbox(tmp_path, "run", str(config), "-q", "-f", str(path)).out == b"\xff\x00\n"

    def test_concurrency_keeps_the_order(self, tmp_path: Path) -> None:
        """Three at a time, and really so: the first waits until the third is there."""
        source = f"""
            import os, time

            def handler(event, context):
                open("{tmp_path}/seen-" + event.decode(), "w").close()
                while event == b"1" and not os.path.exists("{tmp_path}/seen-3"):
                    time.sleep(0.002)
                return event
        """
        config = write_config(tmp_path, source, timeout_s=10, box={"functions": {
            "f": {"maxInstances": 3}
        }})  # fmt: skip
        (tmp_path / "events").write_bytes(b"1\n2\n3\n4\n5\n6\n")
        ran = fcbox(
            tmp_path, "run", str(config), "-q", "--concurrency", "3",
            "--events", str(tmp_path / "events"),
        )  # fmt: skip

        assert Ran(0, b"1\n2\n3\n4\n5\n6\n", "") == ran


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--bogus"], "No such option: --bogus"),
            (["--log-format", "xml"], "Invalid value for '--log-format'"),
            (["--concurrency", "0", "-e", "1"], "Invalid value for '--concurrency'"),
            (["--port", "65536"], "Invalid value for '--port'"),
            (["--port", "9" * 5000], "Invalid value for '--port'"),
            (["-e"], "requires an argument"),
            (["-f", "/nonexistent/event"], "cannot read the event /nonexistent/event: No such"),
            (["-e", "@/nonexistent/event"], "cannot read the event /nonexistent/event: No such"),
            (["--events", "/nonexistent/event"], "cannot read the event /nonexistent/event: No"),
        ],
    )
    def test_mistakes(self, tmp_path: Path, arguments: list[str], said: str) -> None:
        """A wrong command line is exit 2 and tells what is wrong with it."""
        ran = fcbox(tmp_path, "run", HELLO, *arguments, environ={"COLUMNS": "200"})

        assert (ran.code, ran.out) == (2, b"")
        assert said in " ".join(ran.err.replace("│", "").split())

    def test_several_functions(self, tmp_path: Path) -> None:
        """Events need one function: named by functionName or by the resource's key."""
        props = "      handler: index.handler\n"
        second = FC3.partition("  f:\n")[2].replace("functionName: f", "functionName: second")
        config = str(write_yaml(tmp_path, f"{props}  key:\n{second}{props}"))
        ran = fcbox(tmp_path, "run", config, "-e", "1")

        said = "error: there are 2 functions: f, second\n\nhint: name the one to invoke\n"
        assert Ran(2, b"", said) == ran
        for name in ("second", "key"):
            assert Ran(0, b"1\n", "") == fcbox(tmp_path, "run", config, name, "-e", "1", "-q")


class TestConfiguration:
    def test_missing(self, tmp_path: Path) -> None:
        """Exit 66, with the path that was looked at."""
        path = tmp_path / "no.yaml"
        hint = "check the path, or leave it out to use ./s.yaml"
        ran = fcbox(tmp_path, "run", str(path), "-e", "1")

        assert Ran(66, b"", f"error: no configuration: {path}\n\nhint: {hint}\n") == ran

    def test_default(self, tmp_path: Path) -> None:
        """Without CONFIG it is the s.yaml of the current directory, or exit 66."""
        without = fcbox(tmp_path, "run", "-e", "1", cwd=tmp_path)
        write_yaml(tmp_path, "      handler: index.handler\n")

        assert (without.code, without.out) == (66, b"")
        assert Ran(0, b"1\n", "") == fcbox(tmp_path, "run", "-e", "1", "-q", cwd=tmp_path)

    @pytest.mark.parametrize(
        ("props", "findings"),
        [
            (
                "      handler: absent.handler\n",
                "s.yaml:14:16: error: handler 'absent.handler': there is no file absent.py "
                "[FCB404]\n"
                "      handler: absent.handler\n"
                "               ^^^^^^^^^^^^^^\n\n"
                "hint: there is index.py\n\n",
            ),
            (
                "      handler: index.absent\n",
                "s.yaml:14:16: error: handler 'index.absent': index.py has no absent [FCB405]\n"
                "      handler: index.absent\n"
                "               ^^^^^^^^^^^^\n\n"
                "hint: there is handler\n\n",
            ),
            (
                "      handler: index.handler\n      timeout: soon\n",
                "s.yaml:15:16: error: timeout is 'soon': expected a number of seconds from 1 to "
                "86400 [FCB312]\n"
                "      timeout: soon\n"
                "               ^^^^\n\n",
            ),
        ],
        ids=["no file", "no function", "wrong type"],
    )
    def test_one_mistake(self, tmp_path: Path, props: str, findings: str) -> None:
        """Exit 78, one report with place, caret and hint; nothing else is said."""
        write_yaml(tmp_path, props)

        assert Ran(78, b"", findings) == fcbox(tmp_path, "run", "-e", "1", cwd=tmp_path)

    def test_broken_yaml(self, tmp_path: Path) -> None:
        """Exit 78, at the bracket that is not closed."""
        (tmp_path / "s.yaml").write_text("edition: 3.0.0\nresources:\n  f: [open\n    x: y\n")
        ran = fcbox(tmp_path, "run", "-e", "1", cwd=tmp_path)

        assert (ran.code, ran.out) == (78, b"")
        assert ran.err.startswith("s.yaml:3:6: error: not valid YAML: ")
        assert "  f: [open\n     ^\n" in ran.err

    def test_five_mistakes(self, tmp_path: Path) -> None:
        """All at once, in the order of the file, each with its place and a caret below it."""
        props = """\
      handler: index.absent
      memorySize: lots
      timeout: -1
      instanceLifecycleConfig:
        initializer:
          handler: nofile.start
          timeout: 1000
"""
        write_yaml(tmp_path, props)
        ran = fcbox(tmp_path, "run", "-e", "1", cwd=tmp_path)
        places = re.findall(r"^s\.yaml:(\d+):(\d+): error: ", ran.err, re.MULTILINE)

        assert (ran.code, ran.out) == (78, b"")
        expected = [("14", "16"), ("15", "19"), ("16", "16"), ("19", "20"), ("20", "20")]
        assert expected == places
        carets = [line.index("^") + 1 for line in ran.err.splitlines() if set(line) == {" ", "^"}]
        assert [int(column) for _, column in expected] == carets

    def test_unknown_key(self, tmp_path: Path) -> None:
        """A warning that names the closest key; the function runs all the same."""
        write_yaml(tmp_path, "      handler: index.handler\n      memorySise: 128\n")
        ran = fcbox(tmp_path, "run", "-e", "1", "--log-format", "fc", cwd=tmp_path)

        assert (ran.code, ran.out) == (0, b"1\n")
        assert ran.err.startswith(
            "s.yaml:15:7: warning: unknown key 'memorySise' [FCB306]\n"
            "      memorySise: 128\n"
            "      ^^^^^^^^^^\n\n"
            "hint: did you mean memorySize?\n\n"
        )

    def test_unknown_function(self, tmp_path: Path) -> None:
        """A name that the file does not have is told with those that it has."""
        ran = fcbox(tmp_path, "run", HELLO, "nosuch", "-e", "1", "--python", PYTHON)

        assert (ran.code, ran.out) == (78, b"")
        assert f"{HELLO}: error: no function or resource is called 'nosuch'" in ran.err

    def test_interpreter_that_is_not_there(self, tmp_path: Path) -> None:
        """It is found before anything starts."""
        ran = fcbox(tmp_path, "run", HELLO, "-e", "1", "--python", "/nonexistent/python")

        assert (ran.code, ran.out) == (78, b"")
        assert "there is no executable interpreter /nonexistent/python" in ran.err

    def test_interpreter_that_does_not_work(self, tmp_path: Path) -> None:
        """Exit 125 and an answer that says that there is no instance; no hang."""
        python = tmp_path / "python"
        python.write_text("#!/bin/sh\nexit 1\n")
        python.chmod(python.stat().st_mode | stat.S_IXUSR)
        ran = fcbox(tmp_path, "run", HELLO, "-e", "1", "--python", str(python))

        assert (ran.code, len(ran.lines)) == (125, 1)
        assert json.loads(ran.out)["errorMessage"].startswith("no instance could be created: ")


class TestOutcomes:
    def test_raises(self, tmp_path: Path) -> None:
        """Exit 1, the error JSON on stdout and in the log, the suffix on the End line."""
        ran = run_ways(tmp_path, "raise")
        error = json.loads(ran.out)

        assert (ran.code, error["errorType"], error["errorMessage"]) == (1, "ValueError", "no")
        lines = masked(ran.err).splitlines()
        assert lines[:4] == [
            "FunctionCompute python3.10 runtime inited.",
            "FC Invoke Start RequestId: <id 1>",
            "about to raise",
            "<time> <id 1> [error] {",
        ]
        assert lines[-1] == "FC Invoke End RequestId: <id 1>, Error: Unhandled function error"

    def test_first_failure_gives_the_code(self, tmp_path: Path) -> None:
        """The later events are invoked all the same."""
        ran = run_ways(tmp_path, "ok", "segv", "raise", "ok")

        assert (ran.code, ran.lines[-1].startswith("c-")) == (139, True)

    @pytest.mark.parametrize(
        ("way", "code"), [("exit", 1), ("exit 0", 1), ("segv", 139), ("kill", 137)]
    )
    def test_process_ends(self, tmp_path: Path, way: str, code: int) -> None:
        """The caller and the End line get the same text; the next event a new instance."""
        ran = run_ways(tmp_path, way, "ok")
        text = f"{EXITED} (duration: <duration>, maxMemoryUsage: <memory>)"
        answer, second = masked(ran.out.decode()).splitlines()

        assert (code, f'{{"errorMessage":"{text}"}}') == (ran.code, answer)
        assert second == "<instance 1>"
        assert [
            "FunctionCompute python3.10 runtime inited.",
            "FC Invoke Start RequestId: <id 1>",
            f"about to {way}",
            f"FC Invoke End RequestId: <id 1>, Error: {text}",
            "FunctionCompute python3.10 runtime inited.",
            "FC Invoke Start RequestId: <id 2>",
            "about to ok",
            "FC Invoke End RequestId: <id 2>",
        ] == masked(ran.err).splitlines()

    def test_times_out(self, tmp_path: Path) -> None:
        """Exit 124; the stacks are in the log before the End line; the next event is served."""
        ran = run_ways(tmp_path, "loop", "ok", timeout_s=1)
        text = "Function timed out after 1 seconds (maxMemoryUsage: <memory>)"
        answer, second = masked(ran.out.decode()).splitlines()

        assert (124, f'{{"errorMessage":"{text}"}}') == (ran.code, answer)
        assert second == "<instance 1>"
        kept = [line for line in masked(ran.err).splitlines() if not line.startswith("waiting")]
        end = kept.index(f"FC Invoke End RequestId: <id 1>, Error: {text}")
        assert kept[:5] == [
            "FunctionCompute python3.10 runtime inited.",
            "FC Invoke Start RequestId: <id 1>",
            "about to loop",
            "<time> <id 1> [error] Dumping stack trace after function timeout",
            "<time> <id 1> [error] request id = <id 1>, thread id = <thread>",
        ]
        assert '[error]   File "/code/index.py", line ' in kept[5]
        assert end > 5
        assert "FC Invoke Start RequestId: <id 2>" in kept[end:]

    def test_two_hundred_thousand_lines(self, tmp_path: Path) -> None:
        """Each is in the log, once and in order, between the Start and the End of its request."""
        ran = run_ways(tmp_path, "lines", "ok")
        lines = masked(ran.err).splitlines()

        assert (ran.code, masked(ran.out.decode()).splitlines()) == (0, ["<instance 1>"] * 2)
        assert lines[2] == "about to lines"
        assert [f"line {number}" for number in range(200000)] == lines[3:200003]
        assert lines[200003] == "FC Invoke End RequestId: <id 1>"

    def test_closed_stdout_of_the_function(self, tmp_path: Path) -> None:
        """The answer comes all the same, and so does the next one, from the same instance."""
        ran = run_ways(tmp_path, "close", "")

        assert (ran.code, masked(ran.out.decode()).splitlines()) == (0, ["<instance 1>"] * 2)
        assert "[warning] fd 1 was closed or redirected by the function" in ran.err

    def test_initializer_fails(self, tmp_path: Path) -> None:
        """Each event fails with the Initializer's error, on an instance of its own."""
        config = write_config(tmp_path, NO_INIT, initializer="initialize", pre_stop="initialize")
        (tmp_path / "events").write_bytes(b"1\n2\n")
        ran = fcbox(
            tmp_path, "run", str(config), "--events", str(tmp_path / "events"),
            "--log-format", "json",
        )  # fmt: skip
        records = [record for record in json_log(ran.err) if record["source"] != "notice"]
        answers = re.findall(r"^\{$.*?^\}$", ran.out.decode(), re.MULTILINE | re.DOTALL)

        assert ran.code == 1
        assert [
            (error["errorType"], error["errorMessage"]) for error in map(json.loads, answers)
        ] == [("RuntimeError", "no database")] * 2
        instances = list(dict.fromkeys(record["instance"] for record in records))
        assert len(instances) == 2
        for instance in instances:
            texts = [item["text"] for item in records if item["instance"] == instance]
            assert [
                line for line in masked("\n".join(texts)).splitlines() if line[:2] in ("Fu", "FC")
            ] == [
                "FunctionCompute python3.10 runtime inited.",
                "FC Initialize Start RequestId: <id 1>",
                "FC Initialize End RequestId: <id 1>, Error: Unhandled function error",
            ]

    def test_handler_that_cannot_be_loaded(self, tmp_path: Path) -> None:
        """A module that fails on import: exit 1 and the load error."""
        source = "raise OSError('no disk')\n\ndef handler(event, context):\n    pass\n"
        ran = fcbox(tmp_path, "run", str(write_config(tmp_path, source)), "-e", "1", "-q")
        error = json.loads(ran.out)

        assert (ran.code, error["errorType"]) == (1, "UserCodeError")
        assert error["errorMessage"] == "Module initialization error: 'no disk'"


class TestSignals:
    @pytest.fixture
    def config(self, tmp_path: Path) -> str:
        source = GATED.format(folder=tmp_path)
        return str(write_config(tmp_path, source, pre_stop="preStop"))

    @pytest.mark.parametrize(
        ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
    )
    def test_first_drains(
        self, tmp_path: Path, config: str, signum: signal.Signals, code: int
    ) -> None:
        """The running request finishes, the next ones do not begin, PreStop runs."""
        arguments = ("run", config, "-e", "1", "-e", "2", "--log-format", "fc")
        with started(tmp_path, *arguments) as process:
            wait_until((tmp_path / "started").exists, "the handler")
            process.send_signal(signum)
            (tmp_path / "gate").touch()
            out, err = process.communicate(timeout=20)
        ran = stopped(tmp_path, Ran(process.returncode, out, err.decode()))

        assert (code, b"served 1\n") == (ran.code, ran.out)
        lines = [line for line in ran.err.splitlines() if not line.startswith("waiting")]
        assert masked("\n".join(lines)).splitlines() == [
            "FunctionCompute python3.10 runtime inited.",
            "FC Invoke Start RequestId: <id 1>",
            "FC Invoke End RequestId: <id 1>",
            "FC PreStop Start RequestId: <id 2>",
            "stopped by PreStop",
            "FC PreStop End RequestId: <id 2>",
        ]

    def test_second_stops_hard(self, tmp_path: Path, config: str) -> None:
        """The handler never ends by itself: only the second signal can end it. No PreStop."""
        with started(tmp_path, "run", config, "-e", "1", "--log-format", "fc") as process:
            wait_until((tmp_path / "started").exists, "the handler")
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)  # another one: two of a kind may become one
            out, err = process.communicate(timeout=20)
        ran = stopped(tmp_path, Ran(process.returncode, out, err.decode()))

        assert ran.code == 130
        assert ("FC Invoke Start" in ran.err, "PreStop" in ran.err) == (True, False)

    def test_reader_that_went_away(self, tmp_path: Path, config: str) -> None:
        """As with `| head -c0`: nothing more is invoked, PreStop runs, 128 + SIGPIPE."""
        arguments = ("run", config, "-e", "1", "-e", "2", "--log-format", "fc")
        with started(tmp_path, *arguments) as process:
            wait_until((tmp_path / "started").exists, "the handler")
            assert process.stdout
            process.stdout.close()
            process.stdout = None
            (tmp_path / "gate").touch()
            _, err = process.communicate(timeout=20)
        ran = stopped(tmp_path, Ran(process.returncode, b"", err.decode()))

        assert ran.code == 128 + signal.SIGPIPE
        assert ran.err.count("FC Invoke Start") == 1
        assert ran.err.splitlines()[-1].startswith("FC PreStop End")

    def test_stderr_that_went_away(self, tmp_path: Path) -> None:
        """Nobody reads the log: the answer comes all the same."""
        out = tmp_path / "out"
        reader, writer = os.pipe()
        os.close(reader)
        try:
            with out.open("wb") as stdout:
                done = subprocess.run(
                    [sys.executable, "-m", "sandbox", "run", HELLO, "-e", "{}", "-e", "{}",
                     "--python", PYTHON],
                    cwd=ROOT, env=environ_of(tmp_path), stdin=subprocess.DEVNULL, stdout=stdout,
                    stderr=writer, timeout=30, check=False,
                )  # fmt: skip
        finally:
            os.close(writer)

        assert (done.returncode, out.read_text()) == (0, "hello, nobody\n" * 2)
