"""The file of the queue, with real SQLite files; its lock; and the thread that writes it."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.asynchronous import store as store_module
from sandbox.asynchronous.places import Place, open_place
from sandbox.asynchronous.policy import begun, stopped
from sandbox.asynchronous.records import Acceptance, Status, TaskRecord, accept_record
from sandbox.asynchronous.store import DuplicateTask, Store, Unusable
from sandbox.asynchronous.writer import Change, Writer
from sandbox.core.spec import AsyncSettings
from sandbox.engine.loop import PollLoop

NOW = 1_000_000


def record_of(request_id: str, *, task_id: str = "", at_ms: int = NOW) -> TaskRecord:
    settings = AsyncSettings(on_success="g", is_task=True)
    event = bytes(range(256))
    return accept_record(Acceptance(request_id, "f", event, task_id, at_ms, settings))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(str(tmp_path / "s.sqlite"))
    yield store
    store.close()


def test_what_is_written_is_read_again(store: Store, tmp_path: Path) -> None:
    record = begun(record_of("1-a", task_id="t"), NOW + 1)
    with store.transaction():
        store.insert(record_of("1-a", task_id="t"))
        store.update(record)
    store.close()
    again = Store(str(tmp_path / "s.sqlite"))
    found = (again.get("1-a"), again.find("f", "t"), again.get("1-b"))
    again.close()

    assert found == (record, record, None)


def test_no_text_of_a_function_keeps_a_record_from_being_written(store: Store) -> None:
    """An exception may have lone surrogates in its message, which SQLite refuses."""
    store.insert(record_of("1-a"))
    store.update(record_of("1-a")._replace(error="ValueError: \ud800 broken"))

    found = store.get("1-a")
    assert found is not None
    assert found.error == "ValueError: ? broken"


def test_a_commit_waits_for_the_disk(store: Store) -> None:
    """FULL: in WAL mode NORMAL would lose the last commits when the machine ends."""
    rows = [
        store._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("synchronous", "journal_mode")
    ]

    assert rows == [2, "wal"]


def test_a_task_id_is_taken_once(store: Store) -> None:
    store.insert(record_of("1-a", task_id="t"))

    with pytest.raises(DuplicateTask):
        store.insert(record_of("1-b", task_id="t"))
    store.insert(record_of("1-b", task_id="other"))


def test_what_fails_takes_nothing_else_with_it(store: Store) -> None:
    with store.transaction():
        store.insert(record_of("1-a"))
        with pytest.raises(DuplicateTask), store.part():
            store.insert(record_of("1-a"))
        store.insert(record_of("1-b"))

    assert [each.request_id for each in store.unfinished()] == ["1-a", "1-b"]


def test_only_what_has_not_ended_is_unfinished(store: Store) -> None:
    store.insert(record_of("1-a"))
    store.insert(stopped(record_of("1-b"), NOW))

    assert [each.request_id for each in store.unfinished()] == ["1-a"]
    assert [each.event for each in store.recent("f")] == [b"", b""]
    assert store.recent("g") == []


def test_what_ended_long_ago_is_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MOST_KEPT", 2)
    store.insert(record_of("1-waits"))
    for number, ended_ms in enumerate((NOW, NOW + 1, NOW + 2, NOW + 3)):
        store.insert(stopped(record_of(f"1-{number}"), ended_ms))
    store.prune(NOW + store_module.KEPT_MS + 3)

    assert {each.request_id for each in store.recent()} == {"1-waits", "1-3"}


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    old = os.umask(0)
    try:
        place = open_place(str(state), "s.yaml", pytest.fail)
        modes = {
            path.name.rpartition(".")[2]: stat.S_IMODE(path.stat().st_mode)
            for path in [state / "async", *(state / "async").iterdir()]
        }
        place.close()
    finally:
        os.umask(old)

    assert modes.pop("async") == 0o700
    assert set(modes.values()) == {0o600}
    assert {"sqlite", "lock", "sqlite-wal"} <= set(modes)


def test_an_empty_file_goes_away(tmp_path: Path) -> None:
    place = open_place(str(tmp_path), "s.yaml", pytest.fail)
    place.close()

    assert os.listdir(tmp_path / "async") == []


def test_a_second_one_has_a_file_of_its_own_and_the_next_takes_it_over(tmp_path: Path) -> None:
    said: list[str] = []
    first = open_place(str(tmp_path), "s.yaml", said.append)
    assert said == []
    second = open_place(str(tmp_path), "s.yaml", said.append)
    assert len(said) == 1
    assert "another supervisor" in said[0]
    first.store.insert(record_of("1-a"))
    second.store.insert(record_of("1-b"))
    other = open_place(str(tmp_path), "other.yaml", said.append)
    other.close()
    first.close()
    second.close()
    third = open_place(str(tmp_path), "s.yaml", said.append)
    found = [each.request_id for each in third.store.unfinished()]
    third.close()

    assert len(said) == 1
    assert found == ["1-a", "1-b"]
    assert len(list((tmp_path / "async").glob("*.sqlite"))) == 1


@pytest.mark.parametrize("damage", ["text", "middle", "version"])
def test_a_file_that_cannot_be_read_is_set_aside(tmp_path: Path, damage: str) -> None:
    said: list[str] = []
    place = open_place(str(tmp_path), "s.yaml", said.append)
    for number in range(200):
        place.store.insert(record_of(f"1-{number}"))
    place.close()
    path = Path(place.path)
    if damage == "text":
        path.write_text("this is no database, and never was\n" * 100)
    elif damage == "middle":
        data = bytearray(path.read_bytes())
        data[4096 : 3 * 4096] = b"\xff" * 8192
        path.write_bytes(data)
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
    damaged = path.read_bytes()
    again = open_place(str(tmp_path), "s.yaml", said.append)
    again.store.insert(record_of("1-new"))
    again.close()

    (kept,) = path.parent.glob("*.unreadable-*[0-9a-f]")
    assert kept.read_bytes() == damaged
    assert len(said) == 1
    assert str(kept) in said[0]


def test_a_damaged_file_is_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"\0" * 10_000)

    with pytest.raises(Unusable):
        Store(str(path))


def test_many_changes_share_a_commit_and_each_hears_of_its_own(tmp_path: Path) -> None:
    """While the thread is held in one change, the others come together."""
    loop, gate, entered = PollLoop(), threading.Event(), threading.Event()
    commits: list[str] = []
    results: list[tuple[object, type | None]] = []

    def opened() -> Place:
        place = open_place(str(tmp_path), "s.yaml", pytest.fail)
        place.store._connection.set_trace_callback(commits.append)
        return place

    def hold(store: Store) -> str:
        entered.set()
        assert gate.wait(10)
        return "held"

    def then(result: object, exc: Exception | None) -> None:
        results.append((result, type(exc) if exc else None))

    writer = Writer(loop, opened)
    writer.start()
    writer.submit(hold, then)
    assert entered.wait(10)
    for number in (1, 2, 1, 3):
        writer.submit(lambda store, n=number: store.insert(record_of(f"1-{n}")), then)  # type: ignore[misc]
    writer.submit(lambda store: "\ud800".encode(), then)
    gate.set()
    loop.run_until(lambda: len(results) == 6)
    writer.close()
    loop.close()

    assert results == [
        ("held", None), (None, None), (None, None), (None, DuplicateTask), (None, None),
        (None, UnicodeEncodeError),
    ]  # fmt: skip
    assert commits.count("COMMIT") == 2


def test_what_a_full_disk_refuses_takes_nothing_else_of_its_batch_with_it(tmp_path: Path) -> None:
    """SQLite has rolled back what came before it too, and nothing after it is in a transaction."""
    loop, gate = PollLoop(), threading.Event()
    results: list[tuple[object, type | None]] = []

    def opened() -> Place:
        place = open_place(str(tmp_path), "s.yaml", pytest.fail)
        (pages,) = place.store._connection.execute("PRAGMA page_count").fetchone()
        place.store._connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        return place

    def submit(change: Change) -> None:
        writer.submit(change, lambda result, exc: results.append((result, exc and type(exc))))

    def insert(name: str, size: int) -> None:
        record = record_of(name)._replace(event=bytes(size))
        submit(lambda store: store.insert(record))

    def read() -> None:
        submit(lambda store: [each.request_id for each in store.unfinished()])

    writer = Writer(loop, opened)
    writer.start()
    submit(lambda store: gate.wait(10))
    for name, size in (("1-small", 10), ("1-large", 100_000), ("1-after", 10)):
        insert(name, size)
        read()
    gate.set()
    loop.run_until(lambda: len(results) == 7)
    writer.close()
    loop.close()

    small, refused = ["1-small"], (None, sqlite3.OperationalError)
    both = [*small, "1-after"]
    assert results[1:] == [
        (None, None), (small, None), refused, (small, None), (None, None), (both, None),
    ]  # fmt: skip
    left = Store(next(iter((tmp_path / "async").glob("*.sqlite"))).as_posix())
    assert [each.request_id for each in left.unfinished()] == both
    left.close()


def test_a_file_that_cannot_be_opened_is_told_to_each(tmp_path: Path) -> None:
    loop = PollLoop()
    results: list[Exception | None] = []

    def refuse() -> Place:
        raise PermissionError(13, "Permission denied")

    writer = Writer(loop, refuse)
    writer.start()
    for _ in range(2):
        writer.submit(lambda store: None, lambda result, exc: results.append(exc))
    loop.run_until(lambda: len(results) == 2)
    writer.close()
    loop.close()

    assert [type(exc) for exc in results] == [PermissionError, PermissionError]


def test_who_comes_after_the_end_is_told(tmp_path: Path) -> None:
    """A connection may ask while the last answers are read; it must not wait for ever."""
    loop = PollLoop()
    results: list[Exception | None] = []
    writer = Writer(loop, lambda: open_place(str(tmp_path), "s.yaml", pytest.fail))
    writer.start()
    writer.close()
    writer.submit(lambda store: None, lambda result, exc: results.append(exc))
    loop.run_until(lambda: results != [])
    loop.close()

    assert [isinstance(exc, OSError) for exc in results] == [True]


def test_status_words_are_the_clouds() -> None:
    assert {status.value for status in Status} == {
        "Enqueued", "Running", "Retrying", "Stopping", "Succeeded", "Failed", "Stopped",
        "Expired", "Invalid",
    }  # fmt: skip
