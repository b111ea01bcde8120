"""Hot reload of `fcbox run`, as a process: what is saved, what is said, who answers then."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.archives import write_zip
from tests.boxes import environ_of, wait_until
from tests.http.serving import ROOT, invocations, read_answer
from tests.reload.conftest import SOURCE, Project

Open = Callable[..., Project]
REPLACED = "its instances are replaced"
GATED = """
import os, time

def initialize(context):
    pass

def handler(event, context):
    open("{folder}/started", "w").close()
    while not os.path.exists("{folder}/gate"):
        time.sleep(0.002)
    return "old"

def preStop(context):
    pass
"""


def edit(config: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Saves the s.yaml as editors do: a new file takes its name."""
    document = json.loads(config.read_text(encoding="utf-8"))
    change(document)
    new = config.with_name("s.yaml.new")
    new.write_text(json.dumps(document, indent=2), encoding="utf-8")
    new.rename(config)


def test_a_save_ends_the_old_instance_and_the_next_request_gets_a_new_one(
    open_project: Open,
) -> None:
    project = open_project("--log-format", "fc")
    assert project.answer() == b"one"
    project.save("two")
    project.wait_said("FC PreStop End")

    assert project.answer() == b"two"
    log = project.served.talk()
    places = [log.index(text) for text in (
        "code of f changed (index.py): its instances are replaced", "FC PreStop Start",
        "stopped one", "FC PreStop End", "initialized two",
    )]  # fmt: skip
    assert places == sorted(places)


def test_a_request_in_flight_ends_on_the_old_code(open_project: Open, tmp_path: Path) -> None:
    project = open_project(source=GATED.format(folder=tmp_path))
    connection = project.served.begin()
    wait_until((tmp_path / "started").exists, "the request to run")
    project.save("new")
    project.wait_said(REPLACED)

    assert project.answer() == b"new"
    (tmp_path / "gate").touch()
    assert read_answer(connection).body == b"old"
    connection.close()


def test_a_save_of_the_same_size_in_the_same_second_is_seen(open_project: Open) -> None:
    project = open_project()
    for times, word in enumerate(("two", "six", "ten", "one"), 1):
        assert project.answer()
        project.save(word)
        project.wait_said(REPLACED, times)

        assert project.answer() == word.encode()


def test_a_burst_is_one_replacement(open_project: Open) -> None:
    project = open_project()
    project.answer()
    project.save("two")
    project.wait_said(REPLACED)
    project.answer()
    for number in range(1000):
        (project.code / f"module_{number}.py").write_text(f"n = {number}\n")
    project.wait_said("and 998 more")
    project.answer()
    edit(project.config, lambda document: document["resources"]["f"]["props"].update(timeout=9))
    project.wait_said("f updated")

    assert project.said(REPLACED) == 2


def test_what_git_and_editors_ignore_is_no_change(open_project: Open) -> None:
    project = open_project()
    (project.code / "data").mkdir()
    (project.code / ".gitignore").write_text("*.log\n")
    (project.code / "data" / ".gitignore").write_text("*\n!kept.txt\n")
    project.wait_said("code of f changed")
    said = project.said("code of f changed")
    project.answer()
    (project.code / "a.log").touch()
    (project.code / "data" / "junk.txt").touch()
    (project.code / ".index.py.swp").touch()
    (project.code / "index.py~").touch()
    (project.code / "__pycache__").mkdir()
    (project.code / "__pycache__" / "index.cpython-310.pyc").touch()
    (project.code / "data" / "kept.txt").touch()
    project.wait_said("code of f changed", said + 1)

    assert "changed (data/kept.txt): its instances" in project.served.talk()
    assert project.said("code of f changed") == said + 1


def test_an_invalid_configuration_leaves_in_force_what_runs(open_project: Open) -> None:
    project = open_project()
    assert project.answer() == b"one"

    def break_it(document: dict[str, Any]) -> None:
        document["resources"]["f"]["props"]["timeout"] = -3

    edit(project.config, break_it)
    project.wait_said("s.yaml is not valid: the running configuration stays in force")
    assert project.answer() == b"one"
    edit(project.config, lambda document: document.update(name="again"))
    project.wait_said("stays in force", 2)

    assert project.said("FCB312") == 1
    assert project.said("PreStop Start") == 0
    edit(project.config, lambda doc: doc["resources"]["f"]["props"].update(timeout=7))
    project.wait_said("s.yaml changed: f updated")
    project.wait_said("PreStop End")
    assert project.answer() == b"one"


def test_functions_come_change_and_go_with_the_file(open_project: Open) -> None:
    project = open_project()

    def add(document: dict[str, Any]) -> None:
        resource = json.loads(json.dumps(document["resources"]["f"]))
        resource["props"]["functionName"] = "g"
        document["resources"]["g"] = resource

    edit(project.config, add)
    project.wait_said("s.yaml changed: g added")
    path = "/2023-03-30/functions/g/invocations"
    wait_until(lambda: project.served.ask("POST", path, b"").body == b"one", "g to answer")
    invoked = subprocess.run(
        [sys.executable, "-m", "sandbox", "invoke", "g", "-c", str(project.config)],
        cwd=ROOT, env=environ_of(project.folder), capture_output=True, text=True,
    )  # fmt: skip
    assert invoked.stdout.strip() == "one", invoked.stderr
    assert len({item["function"] for item in project.served.instances()}) == 1
    edit(project.config, lambda document: document["resources"].pop("g"))
    project.wait_said("s.yaml changed: g removed")
    project.wait_said("stopped one")

    assert project.served.ask("POST", path, b"").status == 404
    assert project.answer() == b"one"


def test_a_setting_of_the_box_waits_for_the_next_start(open_project: Open) -> None:
    project = open_project()
    edit(project.config, lambda document: document["fcbox"].update(grace=9))
    project.wait_said("fcbox.grace has changed: it takes effect with the next start")

    assert project.answer() == b"one"


def test_a_directory_that_takes_the_name_of_the_code_is_the_code(open_project: Open) -> None:
    project = open_project()
    assert project.answer() == b"one"
    new = project.folder / "new"
    shutil.copytree(project.code, new)
    (new / "index.py").write_text(SOURCE.replace("one", "two"))
    project.code.rename(project.folder / "old")
    new.rename(project.code)
    project.wait_said(REPLACED)
    wait_until(lambda: project.answer() == b"two", "the new code")
    said = project.said(REPLACED)
    project.save("three")  # the new directory is watched, too
    project.wait_said(REPLACED, said + 1)

    assert project.answer() == b"three"


def test_a_link_to_the_code_that_leads_elsewhere_is_followed(
    open_project: Open, tmp_path: Path
) -> None:
    project = open_project()
    project.code.rename(tmp_path / "first")
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    (tmp_path / "second" / "index.py").write_text(SOURCE.replace("one", "two"))
    for target, answer in (("first", b"one"), ("second", b"two")):
        link = tmp_path / "link"
        link.symlink_to(tmp_path / target)
        os.rename(link, project.code)
        wait_until(lambda answer=answer: project.answer() == answer, f"{target} to answer")


def test_an_archive_is_unpacked_anew(open_project: Open) -> None:
    project = open_project()
    archive = project.folder / "code.zip"
    write_zip(archive, {"index.py": SOURCE.replace("one", "zipped")})
    edit(project.config, lambda doc: doc["resources"]["f"]["props"].update(code="./code.zip"))
    project.wait_said("f updated")
    assert project.answer() == b"zipped"
    write_zip(archive, {"index.py": SOURCE.replace("one", "again")})
    project.wait_said("code of f changed (code.zip)")
    wait_until(lambda: project.answer() == b"again", "the new archive")


def unpacked(project: Project) -> list[Path]:
    return sorted(project.served.state.glob("runs/*/code/*"))


def share_an_archive(project: Project, archive: str) -> None:
    def change(document: dict[str, Any]) -> None:
        document["resources"]["f"]["props"].update(code=archive)
        for name in ("g", "h"):
            document["resources"][name] = json.loads(json.dumps(document["resources"]["f"]))
            document["resources"][name]["props"]["functionName"] = name

    edit(project.config, change)
    project.wait_said("h added")


def test_an_archive_is_unpacked_once_for_all_and_its_old_code_removed(open_project: Open) -> None:
    project = open_project()
    archive = project.folder / "code.zip"
    write_zip(archive, {"index.py": SOURCE.replace("one", "zipped")})
    share_an_archive(project, "./code.zip")
    (first,) = unpacked(project)
    assert project.answer() == b"zipped"
    write_zip(archive, {"index.py": SOURCE.replace("one", "again")})
    wait_until(lambda: project.answer() == b"again", "the new archive")
    wait_until(lambda: not first.exists(), "the removal of the old code")

    assert len(unpacked(project)) == 1
    assert project.served.ask("POST", invocations("h"), b"").body == b"again"


def test_old_code_stays_while_an_instance_runs_it(open_project: Open, tmp_path: Path) -> None:
    project = open_project(source=GATED.format(folder=tmp_path))
    archive = project.folder / "code.zip"
    write_zip(archive, {"index.py": GATED.format(folder=tmp_path)})
    share_an_archive(project, "./code.zip")
    connection = project.served.begin()
    wait_until((tmp_path / "started").exists, "the request to run")
    (first,) = unpacked(project)
    write_zip(archive, {"index.py": SOURCE.replace("one", "new")})
    project.wait_said("code of f changed (code.zip)")
    wait_until(lambda: project.answer() == b"new", "the new code")
    write_zip(archive, {"index.py": SOURCE.replace("one", "newest")})
    wait_until(lambda: project.answer() == b"newest", "the newest code")
    assert first.exists()
    (tmp_path / "gate").touch()
    assert read_answer(connection).body == b"old"
    connection.close()
    wait_until(lambda: len(unpacked(project)) == 1, "the removal of the old code")

    assert not first.exists()


@pytest.mark.parametrize("is_known", [False, True])
def test_an_archive_that_was_half_written_is_looked_at_again(
    open_project: Open, is_known: bool
) -> None:
    project = open_project()
    archive = project.folder / "code.zip"
    whole = Path(write_zip(project.folder / "whole.zip", {"index.py": SOURCE})).read_bytes()
    if is_known:
        archive.write_bytes(whole)
        share_an_archive(project, "./code.zip")
    archive.write_bytes(whole[: len(whole) // 2])

    def change(document: dict[str, Any]) -> None:
        document["resources"]["f"]["props"].update(code="./code.zip", timeout=9)

    edit(project.config, change)
    project.wait_said("is not valid")
    archive.write_bytes(whole)

    project.wait_said("f updated", 2 if is_known else 1)
    assert project.answer() == b"one"


def test_requests_are_answered_while_very_many_changes_are_sorted(open_project: Open) -> None:
    project = open_project()
    project.answer()
    for folder in range(50):
        (project.code / str(folder)).mkdir()
    (project.code / ".gitignore").write_text("*.log\n/out\n")
    project.wait_said("code of f changed")
    for number in range(40_000):
        (project.code / str(number % 50) / f"{number}.txt").touch()
    slowest_s = 0.0
    while "changed (0/0.txt" not in project.served.talk():
        began_s = time.monotonic()
        project.answer()
        slowest_s = max(slowest_s, time.monotonic() - began_s)

    assert slowest_s < 0.7


def test_nothing_is_watched_when_asked_so(open_project: Open) -> None:
    project = open_project("--no-watch")
    assert project.answer() == b"one"
    project.save("two")
    edit(project.config, lambda document: document["resources"].pop("f"))
    project.served.signal(signal.SIGINT)
    project.served.wait()

    assert not re.search("changed|not valid", project.served.talk())


def test_without_watches_files_are_polled_and_that_is_told(open_project: Open) -> None:
    """A limit of inotify of none: in a user namespace of its own (namespaces(7))."""
    limited = shutil.which("unshare")
    assert limited
    project = open_project("--no-watch")
    command = (
        "echo 0 > /proc/sys/user/max_inotify_watches; "
        f"exec {sys.executable} -m sandbox run {project.config} --port 0 --isolation none"
    )
    talk = project.folder / "polled"
    with talk.open("wb") as stderr:
        process = subprocess.Popen(
            [limited, "-Ur", "sh", "-c", command], cwd=ROOT, env=environ_of(project.folder),
            stderr=stderr, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        wait_until(lambda: "looked at every" in talk.read_text(), "the talk of polling")
        project.save("two")
        wait_until(lambda: "code of f changed (index.py)" in talk.read_text(), "a change")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
