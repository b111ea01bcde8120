"""The invocations of one configuration in an SQLite file.

One table whose columns are the fields of TaskRecord. The file is in WAL mode with
`synchronous=FULL`: a commit that has returned survives the machine's end, not only ours
(sqlite.org/pragma.html#pragma_synchronous). The caller begins and commits: see `writer`.

What has ended is kept for some days, so that it can be looked at, but not for ever.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sandbox.asynchronous.records import FINISHED, Status, TaskEvent, TaskRecord

__all__ = ["DuplicateTask", "Store", "Unusable", "Waiting"]

SCHEMA = 1
KEPT_MS = 7 * 24 * 3600 * 1000
"""How long finished invocations are kept: the cloud shows those of seven days."""
MOST_KEPT = 1000
MOST_LISTED = 1000

_COLUMNS = ", ".join(TaskRecord._fields)
_MARKS = ", ".join("?" * len(TaskRecord._fields))
_CHANGES = ", ".join(f"{name} = ?" for name in TaskRecord._fields if name != "event")
_LISTED = _COLUMNS.replace("event,", "x'' AS event,", 1)
_ENDED = ", ".join(f"'{status}'" for status in sorted(FINISHED))
_TABLE = f"""
    CREATE TABLE invocations ({_COLUMNS}, PRIMARY KEY (request_id));
    CREATE UNIQUE INDEX tasks ON invocations (function, task_id);
    CREATE INDEX ends ON invocations (ended_ms, status);
    PRAGMA user_version = {SCHEMA};
"""


class DuplicateTask(ValueError):
    """There is an invocation of that function with that task id."""


class Unusable(Exception):
    """The file is no store, is damaged, or was made by a newer fcbox."""


class Waiting(NamedTuple):
    """What has not ended, without its event."""

    request_id: str
    function: str
    status: Status
    due_ms: int
    expires_ms: int


class Store:
    """Not thread-safe: whoever opens it uses it. Raises OSError, sqlite3.Error and Unusable."""

    def __init__(self, path: str) -> None:
        # SQLite would make it with the umask's mode; its -wal and -shm take the mode of the file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        self._connection = sqlite3.connect(path, isolation_level=None)
        try:
            self._prepare(path)
        except sqlite3.DatabaseError as exc:
            self.close()
            if _is_damage(exc):
                raise Unusable(str(exc)) from None
            raise
        except BaseException:
            self.close()
            raise

    def _prepare(self, path: str) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA):
            raise Unusable(f"its version is {version}, and this fcbox knows {SCHEMA}")
        if version == 0:
            self._connection.executescript(f"BEGIN IMMEDIATE; {_TABLE} COMMIT;")
        (verdict,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise Unusable(verdict)

    @property
    def is_in_transaction(self) -> bool:
        """Not any more after an error that rolled all of it back, such as a full disk."""
        return self._connection.in_transaction

    def close(self) -> None:
        """Gives the file back."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What happens inside is on the disk when it is left, or nothing of it is."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def part(self) -> Iterator[None]:
        """Inside a transaction: what fails in here takes nothing else with it."""
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:  # a full disk has rolled all of it back
                self._connection.execute("ROLLBACK TO part")
            raise
        finally:
            if self._connection.in_transaction:
                self._connection.execute("RELEASE part")

    def insert(self, record: TaskRecord) -> None:
        """Raises DuplicateTask."""
        statement = f"INSERT INTO invocations ({_COLUMNS}) VALUES ({_MARKS})"
        try:
            self._connection.execute(statement, _row(record))
        except sqlite3.IntegrityError:
            raise DuplicateTask(record.task_id) from None

    def update(self, record: TaskRecord) -> None:
        """All of it but the event, which never changes."""
        values = [value for name, value in zip(record._fields, _row(record), strict=True)
                  if name != "event"]  # fmt: skip
        statement = f"UPDATE invocations SET {_CHANGES} WHERE request_id = ?"
        self._connection.execute(statement, [*values, record.request_id])

    def get(self, request_id: str) -> TaskRecord | None:
        """The record of that id."""
        return self._one("request_id = ?", request_id)

    def find(self, function: str, task_id: str) -> TaskRecord | None:
        """The record of that task id."""
        return self._one("function = ? AND task_id = ?", function, task_id)

    def recent(self, function: str = "") -> list[TaskRecord]:
        """The newest first, of one function or of all, without their events."""
        where = "WHERE function = ?" if function else ""
        rows = self._connection.execute(
            f"SELECT {_LISTED} FROM invocations {where} ORDER BY accepted_ms DESC, rowid DESC "
            f"LIMIT {MOST_LISTED}",
            (function,) if function else (),
        )
        return [_record(row) for row in rows]

    def unfinished(self) -> list[Waiting]:
        """In the order in which they were accepted."""
        rows = self._connection.execute(
            "SELECT request_id, function, status, due_ms, expires_ms FROM invocations "
            f"WHERE status NOT IN ({_ENDED}) ORDER BY accepted_ms, rowid"
        )
        return [Waiting(row[0], row[1], Status(row[2]), row[3], row[4]) for row in rows]

    def is_empty(self) -> bool:
        """Whether nothing would be lost with the file."""
        return self._connection.execute("SELECT 1 FROM invocations LIMIT 1").fetchone() is None

    def prune(self, now_ms: int) -> None:
        """Forgets what ended long ago, and the oldest of very many."""
        self._connection.execute(
            "DELETE FROM invocations WHERE ended_ms > 0 AND (ended_ms < ? OR request_id IN "
            "(SELECT request_id FROM invocations WHERE ended_ms > 0 "
            f"ORDER BY ended_ms DESC LIMIT -1 OFFSET {MOST_KEPT}))",
            (now_ms - KEPT_MS,),
        )

    def adopt(self, other: "Store") -> None:
        """Takes over what another store holds; what is here already stays as it is."""
        for row in other._connection.execute(f"SELECT {_COLUMNS} FROM invocations ORDER BY rowid"):
            self._connection.execute(
                f"INSERT OR IGNORE INTO invocations ({_COLUMNS}) VALUES ({_MARKS})", row
            )

    def _one(self, where: str, *values: str) -> TaskRecord | None:
        statement = f"SELECT {_COLUMNS} FROM invocations WHERE {where}"
        row = self._connection.execute(statement, values).fetchone()
        return _record(row) if row else None


def _is_damage(exc: sqlite3.DatabaseError) -> bool:
    codes = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_NOTADB) & 0xFF in codes


def _row(record: TaskRecord) -> list[Any]:
    fields = record._asdict()
    fields["status"] = record.status.value
    fields["is_task"] = int(record.is_task)
    fields["events"] = json.dumps(record.events)
    return [_storable(value) if isinstance(value, str) else value for value in fields.values()]


def _storable(text: str) -> str:
    """SQLite takes no lone surrogates, and the message of a function's error may have some."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _record(row: tuple[Any, ...]) -> TaskRecord:
    record = TaskRecord(*row)
    events = json.loads(str(record.events))
    return record._replace(
        status=Status(record.status),
        is_task=bool(record.is_task),
        events=tuple(TaskEvent(Status(status), at_ms, detail) for status, at_ms, detail in events),
    )
