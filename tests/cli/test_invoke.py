"""`fcbox invoke`: on the running supervisor of its configuration, else one-shot."""

import json
import os
from pathlib import Path

import pytest

from tests.boxes import wait_until
from tests.configs.commands import Ran, fcbox, masked, started
from tests.http.serving import ROOT, serving, write_config

SOURCE = """
    import os, time

    count = 0

    def handler(event, context):
        global count
        count += 1
        way = event.decode("utf-8", "replace")
        print("got", repr(event))
        if way == "raise":
            raise ValueError("no")
        if way == "loop":
            while True:
                pass
        if way == "segv":
            os.kill(os.getpid(), 11)
        if way == "long":
            print("x" * 10000)
        if way == "wait":
            open("{folder}/started", "w").close()
            while True:
                time.sleep(3600)
        return "%s %d" % (os.environ["FC_INSTANCE_ID"], count)
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    source = SOURCE.replace("{folder}", str(tmp_path))
    return write_config(tmp_path, source, timeout_s=1)


def invoke(folder: Path, config: Path, *arguments: str, stdin: bytes = b"") -> Ran:
    """Beside a supervisor, whose registration and directories stay: they are not looked at."""
    with started(folder, "invoke", "-c", str(config), *arguments) as process:
        out, err = process.communicate(stdin, 30)
    assert "Traceback" not in err.decode(), err
    return Ran(process.returncode, out, err.decode())


class TestRunningSupervisor:
    def test_its_instance_answers(self, tmp_path: Path, config: Path) -> None:
        """The instance counts on: it is the supervisor's own, and there is no other one."""
        with serving(tmp_path, config) as served:
            warm = served.invoke(b"")
            first = invoke(tmp_path, config, "f", "-e", "a")
            second = invoke(tmp_path, config, "-e", "b")
            (instance,) = served.instances()

        name = instance["id"]
        assert f"{name} 1" == warm.body.decode()
        assert (0, [f"{name} 2"]) == (first.code, first.lines)
        assert (0, [f"{name} 3"]) == (second.code, second.lines)

    def test_log_is_on_stderr(self, tmp_path: Path, config: Path) -> None:
        """The request's own log, and nothing of the supervisor."""
        with serving(tmp_path, config) as served:
            served.invoke(b"")
            ran = invoke(tmp_path, config, "-e", "a")
            quiet = invoke(tmp_path, config, "-e", "a", "-q")
            (instance,) = served.instances()

        lines = masked(ran.err).splitlines()
        assert lines[:3] == [
            "FC Invoke Start RequestId: <id 1>",
            "got b'a'",
            "FC Invoke End RequestId: <id 1>",
        ]
        assert Ran(0, f"{instance['id']} 3\n".encode(), "") == quiet

    def test_long_log_is_cut(self, tmp_path: Path, config: Path) -> None:
        """The last 4 KB, as the header has them."""
        with serving(tmp_path, config):
            ran = invoke(tmp_path, config, "-e", "long")

        assert (ran.code, 3000 < len(ran.err) <= 4097) == (0, True)
        assert "FC Invoke End RequestId: " in ran.err

    def test_no_event_is_an_empty_one(self, tmp_path: Path, config: Path) -> None:
        """As POST with an empty body."""
        with serving(tmp_path, config):
            ran = invoke(tmp_path, config)

        assert "got b''\n" in ran.err

    def test_events_in_order(self, tmp_path: Path, config: Path) -> None:
        """Raw bytes of all kinds; three at a time keep the order of the events."""
        (tmp_path / "events").write_bytes(b"\xff\n\n3\n")
        with serving(tmp_path, config) as served:
            ran = invoke(
                tmp_path, config, "-e", "-", "--events", str(tmp_path / "events"), stdin=b"\x00"
            )
            many = invoke(tmp_path, config, "--concurrency", "3", *["-e", "x"] * 6)
            instances = {item["id"] for item in served.instances()}

        got = [line for line in ran.err.splitlines() if line.startswith("got")]
        assert got == ["got b'\\x00'", "got b'\\xff'", "got b''", "got b'3'"]
        assert (many.code, len(many.lines)) == (0, 6)
        assert {line.split()[0] for line in many.lines} <= instances

    @pytest.mark.parametrize(
        ("way", "code", "said"),
        [
            ("raise", 1, "no"),
            ("loop", 124, "Function timed out after 1 seconds"),
            ("segv", 139, "Process exited unexpectedly before completing request"),
        ],
    )
    def test_exit_codes(self, tmp_path: Path, config: Path, way: str, code: int, said: str) -> None:
        """As one-shot; the supervisor serves on."""
        with serving(tmp_path, config):
            ran = invoke(tmp_path, config, "-e", way)
            after = invoke(tmp_path, config, "-e", "ok")

        assert ran.code == code
        assert json.loads(ran.out)["errorMessage"].startswith(said)
        assert f"got b'{way}'\n" in ran.err
        assert after.code == 0

    def test_first_failure_gives_the_code(self, tmp_path: Path, config: Path) -> None:
        """The later events are invoked all the same."""
        with serving(tmp_path, config):
            ran = invoke(tmp_path, config, "-e", "ok", "-e", "segv", "-e", "raise", "-e", "ok")

        assert (ran.code, ran.lines[-1].startswith("c-")) == (139, True)

    def test_found_by_any_path_to_its_file(self, tmp_path: Path, config: Path) -> None:
        """A relative path and a symbolic link name the same configuration."""
        link = tmp_path / "link.yaml"
        link.symlink_to(config)
        with serving(tmp_path, config) as served:
            served.invoke(b"")
            relative = invoke(tmp_path, Path(os.path.relpath(config, ROOT)), "-e", "a", "-q")
            linked = invoke(tmp_path, link, "-e", "a", "-q")
            (instance,) = served.instances()

        assert (f"{instance['id']} 2\n".encode(), f"{instance['id']} 3\n".encode()) == (
            relative.out,
            linked.out,
        )

    def test_supervisor_that_is_killed_meanwhile(self, tmp_path: Path, config: Path) -> None:
        """Exit 69, one error with a hint, and no second try."""
        arguments = ("invoke", "-c", str(config), "-e", "wait")
        with serving(tmp_path, config) as served, started(tmp_path, *arguments) as process:
            wait_until((tmp_path / "started").exists, "the handler")
            served.process.kill()
            out, err = process.communicate(timeout=20)

        assert (process.returncode, out) == (69, b"")
        assert err.decode().startswith("error: the supervisor (pid ")
        assert "hint: " in err.decode()

    def test_unknown_function(self, tmp_path: Path, config: Path) -> None:
        """It is told before anybody is asked."""
        with serving(tmp_path, config):
            ran = invoke(tmp_path, config, "nosuch", "-e", "1")

        assert (ran.code, ran.out) == (78, b"")
        assert "no function or resource is called 'nosuch'" in ran.err


class TestOneShot:
    def test_without_a_supervisor(self, tmp_path: Path, config: Path) -> None:
        """Start, invoke, exit: nothing is left."""
        ran = fcbox(tmp_path, "invoke", "-c", str(config), "-e", "a", "--log-format", "fc")

        assert (ran.code, masked(ran.out.decode())) == (0, "<instance 1> 1\n")
        assert masked(ran.err).splitlines() == [
            "FunctionCompute python3.10 runtime inited.",
            "FC Invoke Start RequestId: <id 1>",
            "got b'a'",
            "FC Invoke End RequestId: <id 1>",
        ]

    def test_supervisor_of_another_configuration(self, tmp_path: Path, config: Path) -> None:
        """It is not asked: this function's code is another one."""
        other = tmp_path / "other"
        other.mkdir()
        another = write_config(other, "def handler(event, context):\n    return 'another'\n")
        with serving(tmp_path, config) as served:
            ran = invoke(tmp_path, another, "-e", "a", "-q")
            instances = served.instances()

        assert (Ran(0, b"another\n", ""), []) == (ran, instances)

    def test_supervisor_that_was_killed(self, tmp_path: Path, config: Path) -> None:
        """What it has registered misleads nobody."""
        with serving(tmp_path, config) as served:
            served.invoke(b"")
            served.process.kill()
            served.wait()
            ran = fcbox(tmp_path, "invoke", "-c", str(config), "-e", "a", "-q")

        assert (ran.code, masked(ran.out.decode()), ran.err) == (0, "<instance 1> 1\n", "")

    @pytest.mark.parametrize(("way", "code"), [("raise", 1), ("loop", 124), ("segv", 139)])
    def test_exit_codes(self, tmp_path: Path, config: Path, way: str, code: int) -> None:
        """Those of `fcbox run`."""
        assert fcbox(tmp_path, "invoke", "-c", str(config), "-e", way, "-q").code == code

    def test_no_event_is_an_empty_one(self, tmp_path: Path, config: Path) -> None:
        """It invokes once; it does not serve."""
        ran = fcbox(tmp_path, "invoke", "-c", str(config), "--log-format", "fc")

        assert (ran.code, "got b''" in ran.err.splitlines()) == (0, True)

    def test_default_configuration(self, tmp_path: Path, config: Path) -> None:
        """The s.yaml of the current directory; exit 66 without one."""
        nowhere = fcbox(tmp_path, "invoke", "-e", "1", cwd=tmp_path / "code")

        assert fcbox(tmp_path, "invoke", "-e", "1", "-q", cwd=tmp_path).code == 0
        assert (nowhere.code, nowhere.out) == (66, b"")
        assert nowhere.err.startswith("error: no configuration: ")

    def test_several_functions(self, tmp_path: Path, config: Path) -> None:
        """One of them must be named: exit 2."""
        document = json.loads(config.read_text())
        props = {**document["resources"]["f"]["props"], "functionName": "g"}
        document["resources"]["g"] = {"component": "fc3", "props": props}
        config.write_text(json.dumps(document))
        ran = fcbox(tmp_path, "invoke", "-c", str(config), "-e", "1")

        assert (ran.code, ran.out) == (2, b"")
        assert ran.err.startswith("error: there are 2 functions: f, g")
