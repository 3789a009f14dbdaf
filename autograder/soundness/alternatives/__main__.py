"""``python -m autograder.soundness.alternatives``: no right answer is rejected."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tqdm import tqdm

from autograder.soundness.alternatives import alternatives
from autograder.soundness.alternatives.trial import (
    Rejection,
    chunks,
    cores,
    rows,
    table,
    work,
)

SEEDS = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the right answers; return 1 if one was rejected."""
    parser = argparse.ArgumentParser(
        prog="python -m autograder.soundness.alternatives",
        description="Put right answers in other words to the checks; none may be rejected.",
    )
    parser.add_argument("exercise", nargs="?", choices=[*alternatives()], metavar="EXERCISE")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"default: {SEEDS}")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes; default: all cores")
    chosen = parser.parse_args(arguments)
    if chosen.seeds < 1 or chosen.jobs < 1:
        parser.error("expected at least 1 for --seeds and --jobs.")
    names = [chosen.exercise] if chosen.exercise else [*alternatives()]
    pieces = chunks(names, chosen.seeds)
    found: list[Rejection] = []
    seeds = sum(len(piece.seeds) for piece in pieces)
    with tqdm(total=seeds, unit="seed", disable=not sys.stderr.isatty()) as bar:
        for piece, rejected in work(pieces, chosen.jobs):
            found += rejected
            bar.set_postfix_str(piece.exercise, refresh=False)
            bar.update(len(piece.seeds))
    results = rows(names, found, chosen.seeds)
    print("\n".join(table(results)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
