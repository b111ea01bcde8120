"""What hot reload does with a batch of changed paths.

    a file of the configuration   load it again; with errors, what runs stays as it is
    a file of a function's code   replace that function's instances
    an archive of code            unpack it anew, and replace the instances

Old instances finish their requests and run PreStop; the next request gets a new one. What changes
while a batch is dealt with makes up the next one.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from sandbox.config.messages.diagnostics import Diagnostic
from sandbox.config.result import Config, ConfigMissing
from sandbox.core.spec import FunctionSpec
from sandbox.http.front import Front
from sandbox.reload.changes import changed_settings, changes_between
from sandbox.reload.roots import Roots
from sandbox.reload.unpacking import Unpacking
from sandbox.reload.watching import Watching

if TYPE_CHECKING:  # it brings all of the configuration along
    from sandbox.config.compile import Loaded

__all__ = ["Reload"]

_Code = Mapping[str, str | OSError]

_MOST_NAMED = 2
_SWEEP_S = 1.0
_CLOCK_TICK_S = 0.01
"""The times of files come from a clock that ticks every few milliseconds."""


class Reload:
    """A `Service`. `load` reads the configuration as at the start; it is called on a thread.

    `say` takes a line for people, `report` the findings of a configuration that is not valid, or
    has something new to say. What is at or below a path of `quiet` is never looked at: the log.
    """

    def __init__(
        self,
        front: Front,
        load: Callable[[], "Loaded"],
        say: Callable[[str], None],
        report: Callable[[Config], None],
        quiet: Iterable[str] = (),
    ) -> None:
        self._front = front
        self._load = load
        self._report = report
        self._say_line = say
        self._quiet = tuple(os.path.realpath(path) for path in quiet)
        self._placed: dict[str, str] = {}
        """Where the code of each function of the file is, as the box knows it."""
        self._told: tuple[Diagnostic, ...] = ()
        self._batch: set[str] = set()
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._unpacking = Unpacking(front)
        self._began_s = time.time() - _CLOCK_TICK_S

    def start(self) -> None:
        """Serving begins: from here on nobody waits for what is imported."""
        self._watching = Watching(self._on_changes, self._say)
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._ended)

    def stop(self) -> None:
        """No instance is replaced any more."""
        self._is_stopping = True
        self._watching.stop()
        self._task.cancel()

    def close(self) -> None:
        """Nothing is held but threads that end by themselves."""

    async def _run(self) -> None:
        await asyncio.to_thread(import_module, "watchfiles")
        if await self._begin():
            while True:
                await self._wait()
                self._woken.clear()
                batch, self._batch = self._batch, set()
                if batch:
                    await self._take(batch)
                if self._unpacking.has_old:
                    await self._unpacking.sweep()

    async def _wait(self) -> None:
        """For changes; for a while only when there is code to remove that may still be used."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SWEEP_S if self._unpacking.has_old else None):
                await self._woken.wait()

    async def _begin(self) -> bool:
        """Watches; and finds what has changed since it was read, and nobody was watching."""
        try:
            loaded = await asyncio.to_thread(self._load)
        except ConfigMissing:
            self._say("the configuration is gone: its files are not watched")
            return False
        # What runs was read before; the file may have been saved since.
        settings = self._front.supervisor.host.settings
        self._config = loaded.config._replace(specs=self._front.box.given, settings=settings)
        self._roots = Roots(self._config.specs, loaded.inputs)
        self._note_places(spec.name for spec in self._config.specs)
        moved = {
            spec.code_dir
            for spec in self._config.specs
            if spec.code_dir and os.path.realpath(spec.code_dir) != self._placed.get(spec.name)
        }
        self._roots.forget(moved)
        self._watch()
        await asyncio.sleep(0)  # a turn of the loop: the watchers are there before the look
        late = await asyncio.to_thread(self._roots.changed_since, self._began_s)
        self._told = () if late & self._roots.config else loaded.config.diagnostics
        self._on_changes(late | moved)
        return True

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (exc := task.exception()):
            self._say(f"files are not watched any more: {exc!r}")

    def _watch(self) -> None:
        self._watching.watch(self._roots.trees, self._roots.folders)

    def _on_changes(self, paths: set[str]) -> None:
        self._batch |= paths
        if self._batch:
            self._woken.set()

    def _without_quiet(self, paths: set[str]) -> set[str]:
        """It follows the links of every directory: call it on a thread."""
        mounts = (mount.source for spec in self._config.specs for mount in spec.mounts)
        places = (*self._quiet, *mounts)
        folders = {folder: os.path.realpath(folder) for folder in set(map(os.path.dirname, paths))}
        real = (
            (path, os.path.join(folders[os.path.dirname(path)], os.path.basename(path)))
            for path in paths
        )
        return {path for path, at in real if not any(is_within(at, place) for place in places)}

    async def _take(self, batch: set[str]) -> None:
        from sandbox.reload.ignoring import Ignored  # not before something has changed

        batch = await asyncio.to_thread(self._without_quiet, batch)
        if not batch:
            return
        before = self._roots
        done: set[str] = set()
        if batch & before.config:
            done = await self._configure(sorted(batch & before.config))
        specs = [each for each in self._config.specs if each.name not in done]
        changed = await asyncio.to_thread(self._roots.code_among, specs, batch, Ignored())
        changed = [(spec, files) for spec, files in changed if self._is_ours(spec.name)]
        code = await self._unpacking.directories(spec for spec, _ in changed)
        for spec, files in changed:
            if self._is_ours(spec.name):
                self._replace(spec, files, code)
        if self._roots.moved or not self._roots.is_like(before):
            self._watch()

    # -- code ------------------------------------------------------------------------------------

    def _is_ours(self, name: str) -> bool:
        """Whether the function runs the code of the file, and not what came over the API."""
        pool = self._front.supervisor.pools.get(name)
        return pool is not None and pool.spec.code_dir == self._placed.get(name)

    def _replace(self, spec: FunctionSpec, changed: list[str], code: _Code) -> None:
        name, pool = spec.name, self._front.supervisor.pools[spec.name]
        then = ": its instances are replaced" if pool.shells else ""
        self._say(f"code of {name} changed ({_named(changed)}){then}")
        try:
            # Links are followed once more.
            self._front.box.update(pool.spec._replace(code_dir=_unpacked(spec, code).code_dir))
        except OSError as exc:
            self._say(f"{name} keeps its code: {exc.strerror or exc}")
            return
        if pool.spec.code_dir == self._placed[name]:
            self._front.supervisor.recycle(name)
        self._note_places([name])

    def _note_places(self, names: Iterable[str]) -> None:
        pools = self._front.supervisor.pools
        self._placed.update({name: pools[name].spec.code_dir for name in names if name in pools})

    # -- configuration ---------------------------------------------------------------------------

    async def _configure(self, files: list[str]) -> set[str]:
        """Takes over what the files say now; gives the functions that are new then."""
        try:
            loaded = await asyncio.to_thread(self._load)
        except ConfigMissing as missing:
            self._say(f"{missing}: the running configuration stays in force")
            return set()
        if self._is_stopping:
            return set()
        config = loaded.config
        if config.diagnostics and config.diagnostics != self._told:
            self._report(config)
        self._told = config.diagnostics
        if not config.ok or not config.specs:
            self._roots = self._roots.with_inputs(loaded.inputs)
            self._say(f"{_named(files)} is not valid: the running configuration stays in force")
            return set()
        for key in changed_settings(self._config.settings, config.settings):
            self._say(f"{key} has changed: it takes effect with the next start")
        done = await self._apply(config, files)
        self._config = config
        self._roots = Roots(config.specs, loaded.inputs)
        return done

    async def _apply(self, config: Config, files: list[str]) -> set[str]:
        changes = changes_between(self._config.specs, config.specs)
        code = await self._unpacking.directories((*changes.added, *changes.updated))
        words = [f"{spec.name} added" for spec in changes.added]
        words += [f"{spec.name} updated" for spec in changes.updated]
        words += [f"{name} removed" for name in changes.removed]
        concerned = ", ".join(words) or "no function is concerned"
        self._say(f"{_named(files)} changed: {concerned}")
        for name in changes.removed:
            self._placed.pop(name, None)
            if name in self._front.supervisor.pools:
                self._front.supervisor.remove(name)
        for spec in (*changes.added, *changes.updated):
            self._put(spec, code)
        self._front.box.registration.renew({"functions": list(self._front.supervisor.pools)})
        return {spec.name for spec in (*changes.added, *changes.updated)}

    def _put(self, spec: FunctionSpec, code: _Code) -> None:
        box = self._front.box
        try:
            spec = _unpacked(spec, code)
            if spec.name in self._front.supervisor.pools:
                box.update(spec)
            else:
                box.add(spec)
        except OSError as exc:
            self._say(f"{spec.name} stays as it is: {exc.strerror or exc}")
        else:
            self._note_places([spec.name])

    def _say(self, text: str) -> None:
        self._front.box.hub.flush()  # each line at its place in the log
        self._say_line(text)


def _unpacked(spec: FunctionSpec, code: _Code) -> FunctionSpec:
    """With the directory of its archive. Raises OSError."""
    directory = code.get(spec.code_archive, "")
    if isinstance(directory, OSError):
        raise directory
    return spec._replace(code_dir=spec.code_dir or directory)


def is_within(path: str, folder: str) -> bool:
    """Whether `path` is `folder`, or below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _named(paths: list[str]) -> str:
    names = [os.path.basename(path) if os.path.isabs(path) else path for path in paths]
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
