"""What stands around functions is said: once, in words, and before it matters."""

import json
import signal
from pathlib import Path

import pytest

from sandbox.cli.walls_output import WallsTalk
from sandbox.core.spec import BoxSettings
from sandbox.core.walls import MECHANISMS, Lack, Walls
from tests.cli.refusing import refused_fcbox, refused_process
from tests.configs.commands import fcbox, json_log
from tests.http.serving import serving, write_config

ECHO = """
    def handler(event, context):
        print("at work")
        return event
"""
ALL = frozenset(MECHANISMS)
NO_QUOTA = Walls("process", ALL - {"cpu_quota"}, (Lack("cpu_quota", "no"),), frozenset(("cpu",)))
WARNING = "warning: cpu is not enforced (no cpu quota: no)\n"
NOT_STRICT = Walls("strict", ALL - {"pid_namespace"}, (Lack("pid_namespace", "EPERM"),))
STRICT = BoxSettings(isolation="strict")


def lines_of(err: str, start: str) -> list[str]:
    return [line for line in err.splitlines() if line.startswith(start)]


# --- what is made of reports --------------------------------------------------------------------


def test_a_line_and_a_warning_each_once(capfd: pytest.CaptureFixture[str]) -> None:
    walls_talk = WallsTalk(BoxSettings(), is_quiet=False)
    for walls in (NO_QUOTA, NO_QUOTA, NO_QUOTA._replace(held=ALL), NO_QUOTA):
        walls_talk.tell(walls)

    first, *rest = capfd.readouterr().err.splitlines(keepends=True)
    assert first.startswith("isolation: process, degraded (own root, ")
    assert rest == [WARNING]


def test_a_warning_that_comes_later(capfd: pytest.CaptureFixture[str]) -> None:
    """Another function asks for more."""
    walls_talk = WallsTalk(BoxSettings(), is_quiet=False)
    walls_talk.tell(NO_QUOTA._replace(held=ALL))
    assert "warning" not in capfd.readouterr().err

    walls_talk.tell(NO_QUOTA)
    assert capfd.readouterr().err == WARNING


def test_a_level_that_does_not_hold(capfd: pytest.CaptureFixture[str]) -> None:
    """Each promise has a line of its own; it is an error, and said to who is quiet too."""
    told: list[int] = []
    walls_talk = WallsTalk(STRICT, is_quiet=True)
    walls_talk.on_told = lambda: told.append(1)
    walls_talk.tell(NOT_STRICT)
    walls_talk.tell(NOT_STRICT)

    assert (walls_talk.is_refused, walls_talk.has_told, len(told)) == (True, True, 2)
    assert capfd.readouterr().err == (
        "error: isolation strict does not hold on this machine:\n"
        "  a function sees the processes of this machine (no pid namespace: EPERM)\n\n"
        "hint: `fcbox doctor --isolation strict` says what is missing; "
        "--allow-degraded runs all the same\n"
    )


def test_a_level_that_may_be_degraded(capfd: pytest.CaptureFixture[str]) -> None:
    walls_talk = WallsTalk(STRICT._replace(allows_degraded=True), is_quiet=False)
    walls_talk.tell(NOT_STRICT)

    err = capfd.readouterr().err
    assert not walls_talk.is_refused
    assert err.startswith("isolation: strict, degraded (")
    assert lines_of(err, "warning: ") == [
        "warning: a function sees the processes of this machine (no pid namespace: EPERM)"
    ]


def test_a_reason_cannot_drive_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    WallsTalk(BoxSettings(), is_quiet=False).tell(
        NO_QUOTA._replace(lacks=(Lack("cpu_quota", "\x1b[2J"),))
    )

    assert "\x1b" not in capfd.readouterr().err


# --- fcbox run ----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["none", "process", "strict"])
def test_the_line_comes_before_the_function(tmp_path: Path, level: str) -> None:
    config = write_config(tmp_path, ECHO)
    ran = fcbox(tmp_path, "run", str(config), "-e", "1", "--isolation", level, "--allow-degraded")

    assert (ran.code, ran.out) == (0, b"1\n")
    assert len(lines_of(ran.err, "isolation: ")) == 1
    assert lines_of(ran.err, "isolation: ")[0].split()[1].rstrip(",") == level
    assert ran.err.index("isolation: ") < ran.err.index("at work")


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    config = write_config(tmp_path, ECHO, box={"isolation": "process"})
    by_file = fcbox(tmp_path, "run", str(config), "-e", "1")
    by_option = fcbox(tmp_path, "run", str(config), "-e", "1", "--isolation", "none")
    invoked = fcbox(tmp_path, "invoke", "-c", str(config), "--isolation", "none")

    shown = [lines_of(ran.err, "isolation: ")[0] for ran in (by_file, by_option, invoked)]
    assert [line.split()[1].rstrip(",") for line in shown] == ["process", "none", "none"]


@pytest.mark.parametrize("options", [["-q"], ["--log-format", "fc"], ["--log-format", "json"]])
def test_it_is_for_people_who_want_to_know(tmp_path: Path, options: list[str]) -> None:
    config = write_config(tmp_path, ECHO)
    ran = fcbox(tmp_path, "run", str(config), "-e", "1", *options)

    assert (ran.code, "isolation: " in ran.err) == (0, False)
    if "json" in options:
        json_log(ran.err)  # each line is a record


# --- a machine that refuses namespaces ----------------------------------------------------------


def test_process_goes_on_and_says_what_is_lost(tmp_path: Path) -> None:
    config = write_config(tmp_path, ECHO)
    ran = refused_fcbox(tmp_path, "run", str(config), "-e", "1")

    assert (ran.code, ran.out) == (0, b"1\n")
    assert ", degraded (" in lines_of(ran.err, "isolation: process")[0]
    warnings = lines_of(ran.err, "warning: ")
    assert len(warnings) == len(set(warnings)) > 0
    assert [each for each in warnings if "no own root: " not in each] == []


@pytest.mark.parametrize("options", [[], ["-q"], ["--log-format", "json", "--log-file", "{log}"]])
def test_strict_refuses(tmp_path: Path, options: list[str]) -> None:
    """No user code runs, and the answer says why."""
    config = write_config(tmp_path, ECHO)
    log = str(tmp_path / "log")
    options = [each.format(log=log) for each in options]
    ran = refused_fcbox(tmp_path, "run", str(config), "-e", "1", "--isolation", "strict", *options)

    assert ran.code == 125
    assert "isolation strict does not hold" in json.loads(ran.out)["errorMessage"]
    assert ran.err.count("error: isolation strict does not hold on this machine:\n") == 1
    assert "--allow-degraded" in ran.err
    assert "at work" not in ran.err


def test_strict_runs_degraded_when_it_may(tmp_path: Path) -> None:
    config = write_config(tmp_path, ECHO, box={"isolation": "strict"})
    ran = refused_fcbox(tmp_path, "run", str(config), "-e", "1", "--allow-degraded")

    assert (ran.code, ran.out) == (0, b"1\n")
    assert ", degraded (" in lines_of(ran.err, "isolation: strict")[0]
    assert len(lines_of(ran.err, "warning: ")) > 1


def test_serving_at_strict_is_refused(tmp_path: Path) -> None:
    """It ends by itself: nothing could ever be served."""
    config = write_config(tmp_path, ECHO)
    ran = refused_fcbox(tmp_path, "run", str(config), "--port", "0", "--isolation", "strict")

    assert (ran.code, ran.out) == (125, b"")
    assert "error: isolation strict does not hold on this machine:\n" in ran.err
    assert "press Ctrl-C" not in ran.err


def test_serving_at_process_goes_on(tmp_path: Path) -> None:
    config = write_config(tmp_path, ECHO)
    with refused_process(tmp_path, "run", str(config), "--port", "0") as process:
        assert process.stderr
        lines = list(iter(process.stderr.readline, b"press Ctrl-C to stop\n"))
        process.send_signal(signal.SIGINT)

        assert process.wait(20) == 130
    assert lines[1].startswith(b"isolation: process, degraded (")
    assert [line for line in lines[2:] if not line.startswith(b"warning: ")] == []


# --- serving ------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["none", "process"])
def test_serving_says_it_before_how_to_stop(tmp_path: Path, level: str) -> None:
    config = write_config(tmp_path, ECHO)
    with serving(tmp_path, config, "--isolation", level) as served:
        url, line, *warnings, stop = served.talk().splitlines()

        assert url.startswith("f  http://")
        assert line.startswith(f"isolation: {level}")
        assert [each for each in warnings if not each.startswith("warning: ")] == []
        assert stop == "press Ctrl-C to stop"
        assert served.invoke(b"1").body == b"1"
        assert served.talk().count("isolation: ") == 1
