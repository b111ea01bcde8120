"""`fcbox`, and `python -m sandbox`."""

import sys

from sandbox.version import __version__

__all__ = ["main"]


def main() -> int:
    """Runs the command line; gives the exit code."""
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


def _dispatch(arguments: list[str]) -> int:
    from sandbox.cli.fast import read_run

    options = read_run(arguments)
    if options is not None:
        from sandbox.cli.run import run

        return run(options)
    from sandbox.cli.app import run_app

    return run_app()


def _confess(exc: Exception) -> int:
    """A bug of ours, in words; the traceback only for who asks for it."""
    import os
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
