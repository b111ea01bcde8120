"""`fcbox`, and `python -m sandbox`."""

import os
import sys

from sandbox.version import __version__

TYPE_CHECKING = False  # not from typing: it takes longer to import than the rest of a start
if TYPE_CHECKING:
    from typing import Any, NoReturn

__all__ = ["main"]


def main() -> int:
    """Runs the command line; gives the exit code."""
    _open_standard_descriptors()
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print(f"fcbox {__version__}")
        return 0
    try:
        return _dispatch(arguments)
    except KeyboardInterrupt:
        return 130
    except Exception as exc:
        return _confess(exc)


def _open_standard_descriptors() -> None:
    """Whatever of 0, 1 and 2 is closed becomes /dev/null: else the next pipe or socket that is
    opened would be standard output, and what is said would go there."""
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
            os.set_inheritable(fd, True)
            setattr(sys, name, open(fd, mode, closefd=False))  # noqa: SIM115 - it stays open


def _dispatch(arguments: list[str]) -> int:
    from sandbox.cli.fast import read_run

    fields = read_run(arguments)
    if fields is not None:
        _run_fast(fields)
    if arguments[:1] == ["invoke"]:
        from sandbox.cli.quick import invoke_quickly

        code = invoke_quickly(arguments, os.environ)
        if code is not None:
            _end(code)
    from sandbox.cli.app import run_app

    return run_app()


def _run_fast(fields: "dict[str, Any]") -> "NoReturn":
    from sandbox.cli.hint import early_launch

    launch = early_launch(fields, os.environ)
    # All further imports happen while the zygote comes up.
    from sandbox.cli.options import RunOptions
    from sandbox.cli.run import run

    _end(run(RunOptions(**fields), launch))


def _end(code: int) -> "NoReturn":
    """Everything was given back; to take the interpreter apart as well costs milliseconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _confess(exc: Exception) -> int:
    """A bug of ours, in words; the traceback only for who asks for it."""
    import traceback

    if os.environ.get("FCBOX_TRACEBACK"):
        traceback.print_exc()
    print(
        f"error: fcbox itself failed: {type(exc).__name__}: {exc}\n\n"
        "hint: please report it, with what FCBOX_TRACEBACK=1 shows",
        file=sys.stderr,
    )
    return 70


if __name__ == "__main__":
    sys.exit(main())
