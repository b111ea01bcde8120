"""Fixtures of all tests: a private temp directory, the leak guard, a MariaDB server."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests import leaks

if TYPE_CHECKING:
    from tests import mariadb as mariadb_module

# How long an input takes to make says how busy the machine is, and the first ones of a new
# environment take a second: hypothesis makes its tables then.
settings.register_profile("fcbox", settings(), suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fcbox")

# A shell's background job ignores Ctrl-C and nohup the hangup, and a program inherits that: the
# commands that tests interrupt would not notice.
for usual in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(usual) is signal.SIG_IGN:
        is_interrupt = usual is signal.SIGINT
        signal.signal(usual, signal.default_int_handler if is_interrupt else signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def private_directories() -> Iterator[Path]:
    """TMPDIR and XDG_RUNTIME_DIR of our own, so that nobody else's files look like our leaks.

    The path is short because sockets live here; the mode is that of /tmp because instances and
    servers of other users do too. pytest's own tmp_path stays where it is kept after a failure.
    """
    usual = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="fcbox-tests-"))
    folder.chmod(0o1777)
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DEBUG_TEMPROOT", os.environ.get("PYTEST_DEBUG_TEMPROOT", usual))
        patch.setenv("TMPDIR", str(folder))
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def leak_guard(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves a child, descriptor, thread or fcbox* temp entry behind.

    It is set up before a test's other fixtures and looks after their tear-down. Fixtures of the
    session must be asked for as arguments: only then are they there when the guard first looks.
    """
    marker = request.node.get_closest_marker("leaks_allowed")
    if marker is not None:
        if not (marker.args or marker.kwargs):
            pytest.fail("leaks_allowed needs a reason")
        yield
        return
    before = leaks.snapshot()
    yield
    found = leaks.wait_no_leaks(before)
    if found:
        pytest.fail("this test left behind:\n  " + "\n  ".join(found), pytrace=False)


@pytest.fixture(scope="session")
def mariadb_template(private_directories: Path) -> Path:
    """A data directory for mariadb.serve: for tests that need a server of their own."""
    from tests import mariadb

    if reason := mariadb.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = private_directories / "mariadb"
    folder.mkdir()
    return mariadb.install(folder)


@pytest.fixture(scope="session")
def mariadb(mariadb_template: Path) -> Iterator["mariadb_module.Server"]:
    """The session's MariaDB server; its user owns the database `fcbox` and no other."""
    from tests import mariadb as module

    with module.serve(mariadb_template) as server:
        yield server
