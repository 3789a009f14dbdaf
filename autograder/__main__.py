"""``python -m autograder COMMAND``: what staff do, besides nbgrader's own commands.

A command is a module of this package with two functions: ``add_arguments(parser)`` declares its
arguments, ``run(args)`` does the work and returns the exit status. Only the module of the command
that was asked for is imported: nbgrader takes two seconds.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from autograder.errors import AutograderError

# An optional dependency of nbformat's validator builds a grammar when it is imported, which takes
# most of a second, for a format of addresses that no notebook has.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

COMMANDS = {
    "build": "render the notebooks from their text sources (--check: only compare)",
    "register": "enter the assignments into the grade book",
    "handout": "make the folder and the archive that students get",
    "grade": "judge, grade book and feedback of a whole class, with a progress bar",
    "report": "what the class can and cannot do: one page, and tables",
    "verify": "judge one notebook, without a grade book",
    "replay": "judge a kept submission again: is the recorded verdict the same?",
    "demo": "build the notebooks, then grade a sample class in a folder that is cleared first",
    "mistakes": "are the checks sound? every exercise against every kind of mistake",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="python -m autograder", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "For staff. Run this in the root of the repository."
    chosen = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    module = None
    for command, summary in COMMANDS.items():
        own = chosen.add_parser(command, help=summary, description=summary)
        if given[:1] == [command]:
            module = importlib.import_module(f"autograder.{command}")
            module.add_arguments(own)
    args = parser.parse_args(given)
    assert module is not None
    try:
        status: int = module.run(args)
    except AutograderError as error:
        print(f"{parser.prog} {args.command}: {error}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
