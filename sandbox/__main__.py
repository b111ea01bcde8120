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
    from sandbox.cli.fast import read_run

    options = read_run(arguments)
    if options is not None:
        from sandbox.cli.run import run

        return run(options)
    from sandbox.cli.app import run_app

    return run_app()


if __name__ == "__main__":
    sys.exit(main())
