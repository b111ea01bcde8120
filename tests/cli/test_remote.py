"""Finding supervisors, and talking to them, also to such as are gone."""

import signal
import threading
from pathlib import Path

import pytest

from sandbox.cli.remote import (
    RemoteAnswer,
    SupervisorGone,
    find_supervisor,
    instances,
    invoke_remote,
    supervisors,
)
from sandbox.engine.launch import Launch
from tests.boxes import environ_of, wait_until
from tests.http.serving import serving, write_config

SOURCE = """
    import time

    def handler(event, context):
        if event == b"hang":
            time.sleep(3600)
        print("printed")
        return event[::-1]
"""


def test_without_a_supervisor_there_is_none(tmp_path: Path) -> None:
    environ = environ_of(tmp_path)

    assert supervisors(environ) == []
    assert find_supervisor(str(tmp_path / "s.yaml"), environ) is None


def test_a_supervisor_is_found_by_its_configuration(tmp_path: Path) -> None:
    config = write_config(tmp_path, SOURCE)
    link = tmp_path / "link.yaml"
    link.symlink_to(config)
    with serving(tmp_path, config) as served:
        record = find_supervisor(str(link), served.environ)

        assert record is not None
        assert record["pid"] == served.process.pid
        assert record["port"] == served.port
        assert record["config"] == str(config)
        assert record["functions"] == ["f"]
        assert find_supervisor(str(tmp_path / "other.yaml"), served.environ) is None


def test_the_newest_of_several_is_found(tmp_path: Path) -> None:
    config = write_config(tmp_path, SOURCE)
    with serving(tmp_path, config), serving(tmp_path, config) as second:
        record = find_supervisor(str(config), second.environ)

        assert record is not None
        assert record["pid"] == second.process.pid
        assert len(supervisors(second.environ)) == 2


def test_a_run_that_does_not_serve_is_no_supervisor(tmp_path: Path) -> None:
    environ = environ_of(tmp_path)
    launch = Launch([], environ, "process")
    found = supervisors(environ)
    launch.abandon()

    assert found == []


def test_an_invocation_gives_status_headers_and_body(tmp_path: Path) -> None:
    config = write_config(tmp_path, SOURCE)
    with serving(tmp_path, config) as served:
        (record,) = supervisors(served.environ)
        answer = invoke_remote(record, "f", b"abc")
        logged = invoke_remote(record, "f", b"abc", wants_log=True)
        missing = invoke_remote(record, "no such?", b"")

        assert (answer.status, answer.body) == (200, b"cba")
        assert "x-fc-log-result" not in answer.headers
        assert "x-fc-log-result" in logged.headers
        assert missing.status == 404
        assert b"function 'no such?' does not exist" in missing.body


def test_instances_are_listed_with_their_configuration(tmp_path: Path) -> None:
    config = write_config(tmp_path, SOURCE)
    with serving(tmp_path, config) as served:
        records = supervisors(served.environ)
        assert instances(records) == []
        invoke_remote(records[0], "f", b"")
        (item,) = instances(records)

        assert item["function"] == "f"
        assert item["config"] == str(config)


def test_a_supervisor_that_was_gone_before_cannot_have_run_it(tmp_path: Path) -> None:
    config = write_config(tmp_path, SOURCE)
    with serving(tmp_path, config) as served:
        records = supervisors(served.environ)
        served.signal(signal.SIGKILL)
        served.wait()

        with pytest.raises(SupervisorGone, match=r"supervisor \(pid \d+\) has ended") as gone:
            invoke_remote(records[0], "f", b"")
        assert not gone.value.may_have_run
        assert instances(records) == []


def test_a_supervisor_that_ends_meanwhile_may_have_run_it(tmp_path: Path) -> None:
    config = write_config(tmp_path, SOURCE)
    raised: list[SupervisorGone | RemoteAnswer] = []
    with serving(tmp_path, config) as served:
        (record,) = supervisors(served.environ)

        def call() -> None:
            try:
                raised.append(invoke_remote(record, "f", b"hang"))
            except SupervisorGone as gone:
                raised.append(gone)

        caller = threading.Thread(target=call)
        caller.start()
        wait_until(lambda: instances([record]), "the instance")
        served.signal(signal.SIGKILL)
        caller.join(10)

    (gone,) = raised
    assert isinstance(gone, SupervisorGone)
    assert gone.may_have_run


def test_a_supervisor_that_stops_is_not_found_any_more(tmp_path: Path) -> None:
    config = write_config(tmp_path, SOURCE)
    with serving(tmp_path, config) as served:
        connection = served.begin(b"hang")
        wait_until(lambda: served.instances(), "the instance")
        served.signal(signal.SIGINT)
        served.wait_talk("again to stop hard")
        wait_until(lambda: not supervisors(served.environ), "the entry to go")
        served.signal(signal.SIGINT)
        served.wait()
        connection.close()


def test_a_supervisor_that_is_stopped_by_the_shell_does_not_hang_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.cli.remote._MANAGEMENT_TIMEOUT_S", 0.2)
    config = write_config(tmp_path, SOURCE)
    with serving(tmp_path, config) as served:
        records = supervisors(served.environ)
        served.signal(signal.SIGSTOP)
        with pytest.raises(TimeoutError, match=r"supervisor \(pid \d+\) does not answer"):
            instances(records)
