"""`fcbox invoke` on a running supervisor, interrupted while the function runs."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.boxes import wait_until
from tests.configs.commands import started
from tests.http.serving import serving, write_config

QUICK_S = 1.0
WAITING = """
    import os, time

    def handler(event, context):
        open("{folder}/started-" + event.decode(), "w").close()
        time.sleep(3600)
"""


@pytest.mark.parametrize("concurrency", [1, 2])
def test_ctrl_c_cancels_the_requests(tmp_path: Path, concurrency: int) -> None:
    """Exit 130 at once; the supervisor ends the instances, and no further event is invoked."""
    config = write_config(tmp_path, WAITING.replace("{folder}", str(tmp_path)), timeout_s=86400)
    events = ["-e", "1", "-e", "2", "-e", "3", "--concurrency", str(concurrency)]
    with (
        serving(tmp_path, config) as served,
        started(tmp_path, "invoke", "-c", str(config), *events, "-q") as process,
    ):
        for event in range(1, concurrency + 1):
            wait_until((tmp_path / f"started-{event}").exists, f"event {event}")
        before = {instance["id"] for instance in served.instances()}
        began_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)

        assert (process.returncode, out, err) == (130, b"", b"")
        assert time.monotonic() - began_s < QUICK_S
        assert len(before) == concurrency
        wait_until(
            lambda: not before & {instance["id"] for instance in served.instances()},
            "the end of the instances",
        )
        assert len([name for name in os.listdir(tmp_path) if "started-" in name]) == concurrency
