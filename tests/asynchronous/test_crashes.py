"""The supervisor is killed, at random moments, between acceptance and completion.

What was answered with 202 is done or reported; nothing is tried more often than its policy says.
The function itself counts: it appends a line for each attempt. A run prints its seed.
"""

import http.client
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.asynchronous.projects import (
    ask_async,
    attempts,
    policy,
    tasks,
    wait_attempts,
    wait_status,
    write_project,
)
from tests.boxes import wait_until
from tests.http.serving import Served, serving

SEED = int(os.environ.get("FCBOX_TEST_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
RETRIES = 1
KILLS = 6
EVENTS = (b"well", b"nap", b"fail", b"die")
ENDS = {"Succeeded", "Failed"}


@contextmanager
def clients(served: Served, accepted: dict[str, bytes], chance: random.Random) -> Iterator[None]:
    """Send as fast as they are answered, until the supervisor is gone."""
    lock, is_over = threading.Lock(), threading.Event()

    def send(events: list[bytes]) -> None:
        for event in events:
            if is_over.is_set():
                return
            try:
                answer = ask_async(served, event)
            except (OSError, http.client.HTTPException):
                return  # it was killed: whether this one was accepted, nobody was told
            assert answer.status == 202, answer
            with lock:
                accepted[answer.headers["x-fc-request-id"]] = event

    threads = [
        threading.Thread(target=send, args=(chance.choices(EVENTS, k=200),)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


@pytest.mark.timeout(180)
def test_nothing_is_lost_and_nothing_runs_too_often(tmp_path: Path) -> None:
    print(f"FCBOX_TEST_SEED={SEED}")
    chance = random.Random(SEED)
    box = {"functions": {"f": {"maxInstances": 4}}}
    config = write_project(tmp_path, {"f": policy(RETRIES)}, box)
    accepted: dict[str, bytes] = {}
    for _ in range(KILLS):
        with serving(tmp_path, config) as served, clients(served, accepted, chance):
            before = len(accepted)
            wait_until(lambda n=before: len(accepted) > n, "something to be accepted")  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.25))  # the moment is what is random
            served.signal(signal.SIGKILL)
            served.wait()
            assert "Traceback" not in served.talk()
    with serving(tmp_path, config) as served:
        wait_until(lambda: _all_ended(served), "all to end", 90)
        ended = tasks(served)
        assert "Traceback" not in served.talk()

    assert not accepted.keys() - ended.keys()
    counts = Counter(each.request_id for each in attempts(tmp_path))
    for request_id, item in ended.items():
        assert counts[request_id] <= item["attempts"] <= RETRIES + 1, item
        if accepted.get(request_id, b"") in (b"fail", b"die"):
            assert (item["status"], item["attempts"]) == ("Failed", RETRIES + 1)
        if item["status"] == "Succeeded":
            assert counts[request_id] >= 1
    assert counts.keys() <= ended.keys()


def _all_ended(served: Served) -> bool:
    return {item["status"] for item in tasks(served).values()} <= ENDS


@pytest.mark.parametrize("retries", [0, 1])
def test_an_attempt_that_was_interrupted_counts(tmp_path: Path, retries: int) -> None:
    config = write_project(tmp_path, {"f": policy(retries)})
    with serving(tmp_path, config) as served:
        request_id = ask_async(served, b"sleep").headers["x-fc-request-id"]
        wait_attempts(tmp_path, 1)
        served.signal(signal.SIGKILL)
        served.wait()
    with serving(tmp_path, config) as served:
        served.wait_talk("the supervisor ended in the middle of it")
        if retries:
            assert wait_attempts(tmp_path, 2)[1].retry_count == 1
        else:
            failed = wait_status(served, request_id, "Failed")
            assert failed["attempts"] == len(attempts(tmp_path)) == 1


def test_a_stop_that_was_answered_holds_after_a_crash(tmp_path: Path) -> None:
    config = write_project(tmp_path, {"f": policy(3)})
    with serving(tmp_path, config) as served:
        request_id = ask_async(served, b"fail").headers["x-fc-request-id"]
        wait_status(served, request_id, "Retrying")
        path = f"/2023-03-30/functions/f/async-tasks/{request_id}/stop"
        assert served.ask("PUT", path).status < 300
        wait_status(served, request_id, "Stopped")
        served.signal(signal.SIGKILL)
        served.wait()
        count = len(attempts(tmp_path))
    with serving(tmp_path, config) as served:
        assert tasks(served)[request_id]["status"] == "Stopped"
        served.signal(signal.SIGTERM)
        served.wait()

    assert len(attempts(tmp_path)) == count
