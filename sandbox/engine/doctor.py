"""What this machine can hold of an isolation level: found out by doing it.

A box without a function of anybody's: throw-away workers raise the walls on an empty code
directory, one as most functions do, one asking for all that a function can ask for. They report,
and are killed.
"""

import os
import tempfile
from collections.abc import Mapping

from sandbox.core.spec import BoxSettings, FunctionSpec
from sandbox.core.walls import Walls
from sandbox.engine.box import Box
from sandbox.engine.loop import PollLoop

__all__ = ["examine"]


def examine(python: str, level: str, environ: Mapping[str, str]) -> Walls | None:
    """The walls that an instance of this interpreter gets; None when no worker could be started.

    A cpu quota is tried, but no promise here: few functions ask for one. Raises OSError like `Box`.
    """
    with tempfile.TemporaryDirectory(prefix="fcbox-doctor-") as directory:
        os.chmod(directory, 0o755)  # code that only its owner can read is another question
        plain = FunctionSpec("plain", "index.handler", directory, python)
        asking = plain._replace(name="asking", cpu=1.0, network="off", is_frozen_when_idle=True)
        settings = BoxSettings(isolation=level, allows_degraded=True)
        loop = PollLoop()
        box = Box(loop, [plain, asking], settings, [], environ)
        ended: list[bool] = []
        box.supervisor.start(tries_walls=True)
        loop.run_until(lambda: not box.supervisor.is_trying)
        box.drain(lambda: ended.append(True))
        loop.run_until(lambda: bool(ended))
        loop.close()
    walls = box.supervisor.walls
    return walls and walls._replace(conditions=walls.conditions - {"cpu"})
