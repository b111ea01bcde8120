"""`fcbox generate-event`, as a process: the vendor's fields, and events that functions can take."""

import base64
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.event_kinds.cbor import encode
from sandbox.event_kinds.kinds import kinds, load
from tests.boxes import environ_of
from tests.configs.commands import ROOT, Ran, fcbox
from tests.http.serving import serving, write_config

SOURCE = """
def handler(event, context):
    return {"statusCode": 200, "body": event.decode()}
"""
KINDS = ["cdn", "eventbridge", "http", "kafka", "log", "mns", "oss", "tablestore", "timer"]
FIXED = ("--time", "2024-05-06T07:08:09.25Z", "--seed", "1")
CLOUD_EVENT = {
    "id", "source", "specversion", "type", "datacontenttype", "subject", "time", "aliyunaccountid",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events")


def generate(folder: Path, kind: str, *parameters: str) -> Any:
    given = [word for parameter in parameters for word in ("--param", parameter)]
    ran = fcbox(folder, "generate-event", kind, *FIXED, *given)
    assert (ran.code, ran.err) == (0, ""), ran
    return json.loads(ran.out)


def refused(folder: Path, *arguments: str) -> str:
    ran: Ran = fcbox(folder, "generate-event", *arguments)
    assert (ran.code, ran.out) == (2, b"")
    return ran.err.splitlines()[0]


def test_all_kinds_are_listed(folder: Path) -> None:
    ran = fcbox(folder, "generate-event")

    assert kinds() == KINDS
    assert [line.split()[0].decode() for line in ran.out.splitlines()] == KINDS


def test_timer(folder: Path) -> None:
    event = generate(folder, "timer", "payload=do it", "trigger=t")

    assert event == {"triggerTime": "2024-05-06T07:08:09Z", "triggerName": "t", "payload": "do it"}


def test_oss(folder: Path) -> None:
    chosen = ("bucket=b", "object=世界.txt", "size=7", "event=ObjectRemoved:DeleteObject")
    (event,) = generate(folder, "oss", *chosen)["events"]

    assert event["eventName"] == "ObjectRemoved:DeleteObject"
    assert event["eventSource"] == "acs:oss"
    assert event["eventTime"] == "2024-05-06T07:08:09.250Z"
    assert event["oss"]["bucket"]["arn"] == "acs:oss:cn-hangzhou:1234567890123456:b"
    assert event["oss"]["object"].keys() == {"deltaSize", "eTag", "key", "size"}
    assert (event["oss"]["object"]["key"], event["oss"]["object"]["size"]) == ("世界.txt", 7)
    assert event["oss"]["ossSchemaVersion"] == event["eventVersion"] == "1.0"
    assert event["requestParameters"].keys() == {"sourceIPAddress"}
    assert len(event["responseElements"]["requestId"]) == 24


def test_log(folder: Path) -> None:
    event = generate(folder, "log", "region=cn-beijing", "logstore=l")

    assert event.keys() == {"parameter", "source", "jobName", "taskId", "cursorTime"}
    assert event["source"]["endpoint"] == "http://cn-beijing-intranet.log.aliyuncs.com"
    assert event["source"]["logstoreName"] == "l"
    assert base64.b64decode(event["source"]["beginCursor"]).isdigit()
    assert event["cursorTime"] == 1714979289


def test_mns(folder: Path) -> None:
    event = generate(folder, "mns", "message=hello", "topic=t")
    plain = fcbox(folder, "generate-event", "mns", "--param", "format=STREAM")

    assert event.keys() == {
        "TopicOwner", "Message", "Subscriber", "PublishTime", "SubscriptionName", "MessageMD5",
        "TopicName", "MessageId",
    }  # fmt: skip
    assert event["MessageMD5"] == "5D41402ABC4B2A76B9719D911017C592"
    assert event["PublishTime"] == 1714979289250
    assert plain.out == b"hello topic"


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("LogFileCreated", {"domain", "endTime", "fileSize", "filePath", "startTime"}),
        (
            "CachedObjectsRefreshed",
            {"objectPath", "createTime", "domain", "completeTime", "objectType", "taskId"},
        ),
        ("CdnDomainStopped", {"domain", "status"}),
    ],
)
def test_cdn(folder: Path, name: str, fields: set[str]) -> None:
    (event,) = generate(folder, "cdn", f"event={name}", "domain=d.example")["events"]

    assert (event["eventName"], event["eventVersion"]) == (name, "1.0.0")
    assert event["eventTime"] == "2024-05-06T15:08:09+08:00"
    assert event["resource"] == {"domain": "d.example"}
    assert event["eventParameter"].keys() == fields
    assert event["userIdentity"] == {"aliUid": "1234567890123456"}


def test_tablestore_is_cbor_as_in_the_cloud(folder: Path) -> None:
    records = generate(folder, "tablestore", "format=json", "type=DeleteRow", "columns=[]")
    same = ("--param", "type=DeleteRow", "--param", "columns=[]")
    binary = fcbox(folder, "generate-event", "tablestore", *FIXED, *same)

    assert records == {
        "Version": "Sync-v1",
        "Records": [
            {
                "Type": "DeleteRow",
                "Info": {"Timestamp": 1714979289250000},
                "PrimaryKey": [{"ColumnName": "pk_0", "Value": "row-1"}],
                "Columns": [],
            }
        ],
    }
    assert binary.out == encode(records)


def test_eventbridge(folder: Path) -> None:
    event = generate(folder, "eventbridge", 'data={"a": 1}', "bus=b", "type=t")

    assert event.keys() == CLOUD_EVENT | {
        "aliyunpublishtime", "aliyunoriginalaccountid", "aliyuneventbusname", "aliyunregionid",
        "aliyunpublishaddr", "data",
    }  # fmt: skip
    assert (event["data"], event["aliyuneventbusname"], event["type"]) == ({"a": 1}, "b", "t")


def test_kafka_comes_in_batches(folder: Path) -> None:
    objects = generate(folder, "kafka", "count=3", "value=v", "topic=t")
    texts = generate(folder, "kafka", "count=3", "value=v", "topic=t", "format=texts")

    assert [event["data"]["offset"] for event in objects] == [0, 1, 2]
    assert len({event["id"] for event in objects}) == 3
    assert objects[0].keys() == CLOUD_EVENT | {"data"}
    assert objects[0]["type"] == "alikafka:Topic:Message"
    assert objects[0]["data"]["headers"] == {"headers": [], "isReadOnly": False}
    assert [json.loads(text) for text in texts] == objects


def test_http(folder: Path) -> None:
    chosen = ("path=/a b/世", "method=POST", 'query={"q": "1,2"}', "body=hi", "encoding=base64")
    event = generate(folder, "http", *chosen, "function=g")

    assert event.keys() == {
        "version", "rawPath", "headers", "queryParameters", "body", "isBase64Encoded",
        "requestContext",
    }  # fmt: skip
    assert (event["version"], event["rawPath"]) == ("v1", "/a%20b/%E4%B8%96")
    assert (event["body"], event["isBase64Encoded"]) == ("aGk=", True)
    assert event["queryParameters"] == {"q": "1,2"}
    context = event["requestContext"]
    assert context["http"].keys() == {"method", "path", "protocol", "sourceIp", "userAgent"}
    assert (context["http"]["method"], context["http"]["path"]) == ("POST", "/a b/世")
    assert context["domainName"].startswith(context["domainPrefix"] + ".")
    assert (context["time"], context["timeEpoch"]) == ("2024-05-06T07:08:09Z", "1714979289250")


def test_http_is_the_event_that_a_trigger_here_makes(folder: Path, tmp_path: Path) -> None:
    """Of the same request, but for when and where it comes from."""
    given = ('query={"a": [1, 2]}', 'headers={"X-mine": "1"}', "user_agent=me", "body=\x7fhi")
    event = generate(folder, "http", *given, "path=/p q", "domain=h.example", "method=PUT")
    config = write_config(tmp_path, SOURCE,
                          triggers=[{"triggerName": "t", "triggerType": "http",
                                     "triggerConfig": {"authType": "anonymous"}}])  # fmt: skip
    sent = {"X-mine": "1", "User-Agent": "me"}
    with serving(tmp_path, config) as served:
        real = served.ask("PUT", "/f/p%20q?a=1&a=2", b"\x7fhi", sent).json

    assert event["headers"] == {"X-Mine": "1", "User-Agent": "me", "Host": "h.example"}
    assert _schema(event) == _schema(real)
    for key in ("rawPath", "queryParameters", "body", "isBase64Encoded"):
        assert event[key] == real[key]
    for key in ("method", "path", "protocol", "userAgent"):
        assert event["requestContext"]["http"][key] == real["requestContext"]["http"][key]


def test_http_takes_bytes_that_are_no_text(folder: Path) -> None:
    made = load("http").make({"body": "\udcff", "path": "/\udcff"}, seed=1)

    assert json.loads(made)["body"] == base64.b64encode(b"\xff").decode()
    assert json.loads(made)["rawPath"] == "/%FF"


def _schema(event: Any) -> Any:
    if isinstance(event, dict):
        return {key: _schema(value) for key, value in event.items() if key != "headers"}
    return type(event)


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_fresh_unless_there_is_a_seed(kind: str) -> None:
    made = load(kind)

    assert made.make({}, seed=1).count(b"$") == 0
    if kind not in ("timer", "tablestore"):
        assert made.make({}) != made.make({})


def test_a_seed_and_a_time_give_the_same_event(folder: Path) -> None:
    assert generate(folder, "oss") == generate(folder, "oss")


def test_what_the_user_gives_is_not_looked_into(folder: Path) -> None:
    assert generate(folder, "timer", "payload=${time.s}")["payload"] == "${time.s}"
    assert generate(folder, "eventbridge", 'data={"$cbor": "${id}"}')["data"] == {"$cbor": "${id}"}


def test_mistakes_are_told(folder: Path) -> None:
    assert refused(folder, "sqs") == "error: no kind of event: sqs"
    assert refused(folder, "oss", "--param", "bukket=b").startswith(
        "error: oss events have no parameter bukket, but: event, region"
    )
    assert refused(folder, "oss", "--param", "size=big") == (
        "error: size: expected a whole number, not big"
    )
    assert refused(folder, "oss", "--param", "size=true").startswith("error: size: expected")
    assert refused(folder, "kafka", "--param", "count=0").startswith("error: count: expected")
    assert refused(folder, "mns", "--param", "format=XML") == (
        "error: format: expected one of JSON, STREAM"
    )
    assert refused(folder, "mns", "--param", "message") == (
        "error: --param message: expected NAME=VALUE"
    )
    assert refused(folder, "mns", "--time", "noon").startswith("error: --time noon: expected")


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_explained(folder: Path, kind: str) -> None:
    out = fcbox(folder, "generate-event", kind, "--help-params").out.decode()

    for parameter in load(kind).parameters:
        assert f"\n{parameter.name} " in out
    assert "format: https://" in out


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_can_be_piped_into_a_run(tmp_path: Path, kind: str) -> None:
    """The function gets the very bytes."""
    source = "def handler(event, context): return event.hex()"
    config = str(write_config(tmp_path, source))
    made = fcbox(tmp_path, "generate-event", kind).out
    ran = fcbox(tmp_path, "run", config, "-q", "-e", "-", stdin=made)

    assert made
    assert (ran.code, bytes.fromhex(ran.out.decode().strip())) == (0, made)


def test_a_terminal_gets_lines(folder: Path) -> None:
    def shown(*arguments: str) -> tuple[int, str]:
        controller, terminal = pty.openpty()
        command = [sys.executable, "-m", "sandbox", "generate-event", *arguments]
        try:
            code = subprocess.run(
                command, cwd=ROOT, env=environ_of(folder), stdout=terminal, stderr=terminal
            ).returncode
            return code, os.read(controller, 1 << 16).decode()
        finally:
            os.close(controller)
            os.close(terminal)

    assert shown("timer", *FIXED)[1].splitlines()[1] == '  "triggerTime": "2024-05-06T07:08:09Z",'
    code, text = shown("tablestore")
    assert code == 2
    assert text.startswith("error: this event is binary")
