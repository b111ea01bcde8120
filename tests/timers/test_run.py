"""Timer triggers of a real `fcbox run`."""

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.asynchronous.projects import attempts, policy, wait_attempts, write_project
from tests.boxes import wait_until
from tests.http.serving import serving


def trigger(cron: str, **config: Any) -> dict[str, Any]:
    """The props of a function with one timer trigger."""
    settings = {"cronExpression": cron, "enable": True, "payload": "mine", **config}
    found = {"triggerName": "often", "triggerType": "timer", "triggerConfig": settings}
    return {**policy(), "triggers": [found]}


@pytest.mark.parametrize(("box", "arguments"), [({}, ["--timers"]), ({"timers": True}, [])])
def test_it_fires_each_second(tmp_path: Path, box: dict[str, Any], arguments: list[str]) -> None:
    config = write_project(tmp_path, {"f": trigger("@every 1s")}, box)
    begun_s = time.time()
    with serving(tmp_path, config, *arguments) as served:
        found = wait_attempts(tmp_path, 3)
        elapsed_s = time.time() - begun_s
        events = [json.loads(each.event) for each in found]
        fired = re.findall(r"timer trigger often fires: (1-[0-9a-f-]+)", served.talk())

        assert elapsed_s >= 3
        assert {(each["triggerName"], each["payload"]) for each in events} == {("often", "mine")}
        moments = [
            datetime.strptime(each["triggerTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            for each in events
        ]
        assert [round((each - moments[0]).total_seconds()) for each in moments][:3] == [0, 1, 2]
        assert abs(moments[0].timestamp() - begun_s) < 30
        assert [each.request_id for each in found[:3]] == fired[:3]
        assert "off;" not in served.talk()


def test_they_are_off_unless_asked_for(tmp_path: Path) -> None:
    functions = {"f": trigger("@every 1s"), "g": trigger("0 0 4 * * *", enable=False)}
    with serving(tmp_path, write_project(tmp_path, functions)) as served:
        end = time.monotonic() + 1.5
        wait_until(lambda: time.monotonic() > end, "more than its interval to pass")

        assert attempts(tmp_path) == []
        line = "1 timer trigger is off; --timers, or timers: true below fcbox, lets them fire\n"
        assert line in served.talk()


def test_an_update_is_followed(tmp_path: Path) -> None:
    """A function that is deleted fires no more, and nothing breaks."""
    functions = {"f": trigger("@every 1s"), "g": trigger("@every 1s")}
    with serving(tmp_path, write_project(tmp_path, functions), "--timers") as served:
        wait_until(lambda: {each.function for each in attempts(tmp_path)} == {"f", "g"}, "both")
        assert served.ask("DELETE", "/2023-03-30/functions/g").status == 204
        count = [each.function for each in attempts(tmp_path)].count("f")
        wait_attempts(tmp_path, len(attempts(tmp_path)) + 2)
        last = [each.function for each in attempts(tmp_path)][-2:]

        assert count >= 1
        assert last[-1] == "f"
