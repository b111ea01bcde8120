"""`fcbox run` without events, as a process: start, signals, and what is left afterwards."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.boxes import environ_of, live_processes, wait_until
from tests.http.serving import ROOT, Served, ask, read_answer, serving, write_config

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
QUICK_S = 1.0
"""What happens at once has this long on a busy machine."""

GATED = """
    import os, time

    def initialize(context):
        pass

    def handler(event, context):
        open("{folder}/started", "w").close()
        while not os.path.exists("{folder}/gate"):
            time.sleep(0.002)
        return "served"

    def preStop(context):
        open("{folder}/stopped", "w").close()
        print("stopped by PreStop")
"""
DAEMON = """
    import os, signal, time

    def handler(event, context):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                with open("{folder}/daemon.new", "w") as file:
                    file.write(str(os.getpid()))
                os.rename("{folder}/daemon.new", "{folder}/daemon")
                while True:
                    time.sleep(3600)
            os._exit(0)
        os.wait()
        open(os.path.join(os.environ["HOME"], "left"), "w").close()
        return "forked"
"""
HANGING = """
    import signal, time

    def handler(event, context):
        return "served"

    def preStop(context):
        print("PreStop hangs", flush=True)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(3600)
"""


def gated(folder: Path) -> Path:
    source = GATED.format(folder=folder)
    return write_config(folder, source, initializer="initialize", pre_stop="preStop")


# -- start ---------------------------------------------------------------------------------------


def test_it_says_where_the_functions_are_and_how_to_stop(tmp_path: Path) -> None:
    with serving(tmp_path, gated(tmp_path), "--isolation", "none") as served:
        port = served.port

        assert served.talk() == (
            f"f  http://127.0.0.1:{port}/2023-03-30/functions/f/invocations\n"
            "isolation: none (own session and clean environment only: "
            "a function can do what you can do)\n"
            "press Ctrl-C to stop\n"
        )


def test_quiet_says_where_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    with serving(tmp_path, gated(tmp_path), "-q", is_ready=False) as served:
        served.wait_talk("/invocations\n")

        assert served.invoke().body == b"served"
        served.signal(signal.SIGINT)
        assert served.wait() == 130
        assert re.fullmatch(r"f  http://127\.0\.0\.1:\d+/\S+\n", served.talk())


def test_the_log_goes_to_a_file_when_asked(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    log = tmp_path / "log"
    log.write_text("kept\n")
    options = ("--log-format", "fc", "--log-file", str(log))
    with serving(tmp_path, gated(tmp_path), *options) as served:
        request_id = served.invoke().headers["x-fc-request-id"]
        served.signal(signal.SIGINT)
        served.wait()

        lines = log.read_text().splitlines()
        assert lines[:5] == [
            "kept",
            "FunctionCompute python3.10 runtime inited.",
            f"FC Initialize Start RequestId: {request_id}",
            f"FC Initialize End RequestId: {request_id}",
            f"FC Invoke Start RequestId: {request_id}",
        ]
        assert [line.partition(" RequestId")[0] for line in lines[5:]] == [
            "FC Invoke End", "FC PreStop Start", "stopped by PreStop", "FC PreStop End",
        ]  # fmt: skip
        assert "FC " not in served.talk()


def test_who_is_early_is_answered(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    with serving(tmp_path, gated(tmp_path), is_ready=False) as served:
        served.wait_talk("/invocations\n")  # the HTTP side is not imported yet

        assert served.invoke().body == b"served"


def test_a_port_in_use_is_told_with_a_hint(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = gated(tmp_path)
        command = [sys.executable, "-m", "sandbox", "run", str(config), "--port", str(port)]
        ended = subprocess.run(
            command, cwd=ROOT, env=environ_of(tmp_path), capture_output=True, text=True
        )

    assert ended.returncode == 69
    assert ended.stdout == ""
    assert ended.stderr == (
        f"error: port {port} is in use\n\n"
        "hint: choose another one, or let --port 0 pick a free one\n"
    )


# -- the first signal ----------------------------------------------------------------------------


@pytest.mark.parametrize("signum", SIGNALS, ids=lambda signum: signum.name)
def test_a_signal_lets_requests_finish_and_runs_prestop(tmp_path: Path, signum: int) -> None:
    with serving(tmp_path, gated(tmp_path), "--log-format", "fc") as served:
        port, tag = served.port, served.box_tag()
        connection = served.begin()
        wait_until((tmp_path / "started").exists, "the request to run")
        served.signal(signum)
        wait_until(lambda: not accepts(port), "the port to be closed")
        (tmp_path / "gate").touch()
        answer = read_answer(connection)
        connection.close()

        assert (answer.status, answer.body) == (200, b"served")
        assert served.wait() == 128 + signum
        assert (tmp_path / "stopped").exists()
        log = served.talk()
        assert log.index("FC Invoke End") < log.index("FC PreStop Start")
        assert log.index("stopped by PreStop") < log.index("FC PreStop End")
        assert re.search(r"FC PreStop End RequestId: [-0-9a-f]+\n", log)
        served.assert_clean(tag)


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    return True


def test_ctrl_c_in_a_terminal_reaches_all_processes_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    with serving(tmp_path, gated(tmp_path), "--log-format", "fc") as served:
        tag = served.box_tag()
        served.invoke()
        os.killpg(served.process.pid, signal.SIGINT)

        assert served.wait() == 130
        assert (tmp_path / "stopped").exists()
        served.assert_clean(tag)


def test_a_signal_right_at_the_start_stops_in_good_order(tmp_path: Path) -> None:
    with serving(tmp_path, gated(tmp_path), is_ready=False) as served:
        served.wait_talk("/invocations\n")
        tag = served.box_tag()
        served.signal(signal.SIGINT)

        assert served.wait() == 130
        assert "Traceback" not in served.talk()
        served.assert_clean(tag)


def test_prestop_runs_though_nobody_reads_standard_error_any_more(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    config = gated(tmp_path)
    command = [sys.executable, "-m", "sandbox", "run", str(config), "--port", "0"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environ_of(tmp_path), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    try:
        with process.stderr as stderr:
            line = stderr.readline()
            assert "press" in stderr.readline() + stderr.readline()
        port = re.search(r":(\d+)/", line)
        assert port
        ask(int(port[1]), "POST", "/2023-03-30/functions/f/invocations", b"")
        process.send_signal(signal.SIGHUP)

        assert process.wait(20) == 129
        assert (tmp_path / "stopped").exists()
        assert os.listdir(tmp_path / "state" / "runs") == []
    finally:
        process.kill()
        process.wait()


def test_a_request_that_waits_for_an_instance_is_told_that_it_did_not_run(tmp_path: Path) -> None:
    source = GATED.format(folder=tmp_path)
    config = write_config(tmp_path, source, box={"functions": {"f": {"maxInstances": 1}}})
    with serving(tmp_path, config) as served:
        runs = served.begin()
        wait_until((tmp_path / "started").exists, "the request to run")
        waits = served.begin()
        wait_until(lambda: queued(served) == 1, "the queue")
        served.signal(signal.SIGTERM)
        refused = read_answer(waits)
        (tmp_path / "gate").touch()
        answer = read_answer(runs)
        waits.close()
        runs.close()

        assert answer.body == b"served"
        assert (refused.status, refused.json["Code"]) == (503, "ServiceUnavailable")
        assert served.wait() == 143


def queued(served: Served) -> int:
    count: int = served.ask("GET", "/fcbox/statistics").json["functions"]["f"]["queued"]
    return count


def test_it_says_what_it_waits_for(tmp_path: Path) -> None:
    source = """
        import time
        def handler(event, context): return "served"
        def preStop(context): time.sleep(2.5)
    """
    config = write_config(tmp_path, source, pre_stop="preStop", pre_stop_timeout_s=9)
    with serving(tmp_path, config) as served:
        instance_id = served.invoke().headers["x-fc-instance-id"]
        served.signal(signal.SIGINT)
        served.wait()

        waited = [line for line in served.talk().splitlines() if line.startswith("waiting")]
        assert waited == [
            f"waiting for preStop of {instance_id}: 1/9 s",
            f"waiting for preStop of {instance_id}: 2/9 s",
        ]


# -- the second signal ---------------------------------------------------------------------------


@pytest.mark.parametrize("second", SIGNALS, ids=lambda signum: signum.name)
def test_a_second_signal_does_not_wait_for_prestop(tmp_path: Path, second: int) -> None:
    config = write_config(tmp_path, HANGING, pre_stop="preStop", pre_stop_timeout_s=60)
    with serving(tmp_path, config) as served:
        tag = served.box_tag()
        served.invoke()
        served.signal(signal.SIGINT)
        served.wait_talk("PreStop hangs")
        began_s = time.monotonic()
        served.signal(second)

        assert served.wait() == 130
        assert time.monotonic() - began_s < QUICK_S
        served.assert_clean(tag)


def test_a_second_signal_does_not_wait_for_a_handler(tmp_path: Path) -> None:
    with serving(tmp_path, gated(tmp_path), "--log-format", "fc") as served:
        tag = served.box_tag()
        connection = served.begin()
        wait_until((tmp_path / "started").exists, "the request to run")
        served.signal(signal.SIGINT)
        served.wait_talk("again to stop hard")
        began_s = time.monotonic()
        served.signal(signal.SIGINT)
        answer = read_answer(connection)
        connection.close()

        assert answer.headers["x-fc-error-type"] == "UnhandledInvocationError"
        assert served.wait() == 130
        assert time.monotonic() - began_s < QUICK_S
        assert not (tmp_path / "stopped").exists()  # no PreStop after a request that was killed
        served.assert_clean(tag)


def test_a_second_signal_does_not_wait_for_clients(tmp_path: Path) -> None:
    with serving(tmp_path, gated(tmp_path)) as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port)
        connection.putrequest("POST", "/2023-03-30/functions/f/invocations")
        connection.putheader("Content-Length", "9")
        connection.endheaders()  # and no body
        served.instances()  # the server has seen all that came before
        served.signal(signal.SIGINT)
        served.wait_talk("again to stop hard")
        began_s = time.monotonic()
        served.signal(signal.SIGINT)

        assert served.wait() == 130
        assert time.monotonic() - began_s < QUICK_S
        connection.close()


# -- kill -9 -------------------------------------------------------------------------------------


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    config = write_config(tmp_path, DAEMON.format(folder=tmp_path))
    with serving(tmp_path, config) as served:
        tag = served.box_tag()
        assert served.invoke().body == b"forked"
        wait_until((tmp_path / "daemon").exists, "the daemon")
        (instance,) = served.instances()
        (zygote,) = served.ask("GET", "/fcbox/statistics").json["zygotes"]
        daemon = int((tmp_path / "daemon").read_text())
        pids = [instance["pid"], zygote, daemon]
        assert all(is_alive(pid) for pid in pids)
        assert {instance["pid"], daemon} <= live_processes(tag)

        served.signal(signal.SIGKILL)
        served.wait()
        wait_until(lambda: not any(map(is_alive, pids)), "their end", QUICK_S)
        assert live_processes(tag) == set()
        assert len(os.listdir(served.state / "runs")) == 1  # it had no chance to tidy up

    with serving(tmp_path, config) as again:
        assert "cleaned up after earlier runs that were killed: 1\n" in again.talk()
        tag = again.box_tag()  # there is one
        assert again.invoke().body == b"forked"
        again.signal(signal.SIGTERM)
        assert again.wait() == 143
        again.assert_clean(tag)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False
