"""Compares what fcbox makes of an s.yaml with what the official parser makes of it.

    python scripts/compare_parse_spec.py                  all of tests/config/corpus
    python scripts/compare_parse_spec.py DIRECTORY...     these projects
    python scripts/compare_parse_spec.py --write          and keep the official answers there

A project is a directory with an s.yaml and what belongs to it; a file `arguments` holds options
for both sides, such as `--env prod`. Every project sees the environment of compare/answers.py.
`--write` keeps the official answers as `expected.json` beside each s.yaml, so that the tests can
compare with them where there is no Node.

    PROJECT/s.yaml --+--> node compare/parse_spec.js --> official answer --+
                     +--> sandbox.config             --> fcbox's answer  --+--> differences

Node and the package are looked for (`--package DIR`: where it is installed); with CI=true the
package is installed into a temporary directory. The official parser executes what it is given as
JavaScript: run this on files that you trust.

Exit codes: 0 nothing but deliberate differences; 1 others; 3 no Node, or no package.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

SCRIPTS = str(Path(__file__).resolve().parent)
if SCRIPTS not in sys.path:
    sys.path.insert(0, SCRIPTS)

from compare.answers import (  # noqa: E402 - the path comes first
    EXPECTED,
    Answer,
    all_projects,
    differences,
    fcbox_answer,
    keep,
    sorted_out,
)
from compare.deliberate import DELIBERATE  # noqa: E402
from compare.official import (  # noqa: E402
    HINT,
    Missing,
    find_node,
    find_package,
    official_answers,
)

NO_NODE = 3


def compare(projects: Sequence[Path], answers: Sequence[Answer], *, complete: bool) -> int:
    """Prints what differs. Gives the number of troubles."""
    found = [
        difference
        for project, answer in zip(projects, answers, strict=True)
        for difference in differences(project.name, answer, fcbox_answer(project))
    ]
    unmeant, seen = sorted_out(found)
    for each in unmeant:
        print(each)
    stale = [row for row in DELIBERATE if row not in seen] if complete else []
    for row in stale:
        print(f"{row.project}/s.yaml: {row.path}: listed as deliberate, but there is no difference")
    print(
        f"{len(projects)} projects, {len(unmeant)} differences, {len(seen)} deliberate ones",
        file=sys.stderr,
    )
    return len(unmeant) + len(stale)


def main(argv: Sequence[str]) -> int:
    """Gives the exit code."""
    summary, _, _ = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("projects", nargs="*", type=Path, help="directories; else the corpus")
    parser.add_argument("--package", type=Path, metavar="DIR", help="where it is installed")
    parser.add_argument("--write", action="store_true", help=f"keep the answers as {EXPECTED}")
    options = parser.parse_args(argv)
    projects = [each.resolve() for each in options.projects] or all_projects()
    with ExitStack() as stack:
        try:
            node, package = find_node(), find_package(options.package, stack)
        except Missing as missing:
            print(f"not compared: {missing}", file=sys.stderr)
            print(f"\nhint: {HINT}", file=sys.stderr)
            return NO_NODE
        answers = official_answers(projects, node, package)
    if options.write:
        for project, answer in zip(projects, answers, strict=True):
            keep(project, answer)
    return 1 if compare(projects, answers, complete=not options.projects) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
