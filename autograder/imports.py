"""Which modules a notebook's cells import, as far as its text tells.

Read with a regular expression on purpose: a hostile cell can crash Python's own parser, and the
judge reads this where it is trusted. What is missed here can still be imported by a child if its
server has it; everything else ends in an `ImportError`, as would a module that is not installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from autograder.server import importable

MOST = 100  # names for one notebook
_STATEMENT = re.compile(
    r"^[ \t]*(?:import[ \t]+(?P<whole>[^\n;#]{1,300})"
    r"|from[ \t]+(?P<base>[\w.]{1,100})[ \t]+import[ \t]*"
    r"(?P<parts>\([^()]{1,600}\)|[^\n;#]{1,300}))",
    re.MULTILINE,
)
_NAME = re.compile(r"[ \t\n(]*([\w.]+)")


def asked_for(sources: Iterable[str]) -> tuple[str, ...]:
    """Return the modules that cells import and that may be imported for them.

    Examples
    --------
    >>> asked_for(["from scipy import special as s, stats", "import my_own"])
    ('scipy', 'scipy.special', 'scipy.stats')
    """
    found: dict[str, None] = {}
    for source in sources:
        for name in _names(source):
            if importable(name):
                found[name] = None
            if len(found) >= MOST:
                return tuple(found)
    return tuple(found)


def _names(source: str) -> Iterator[str]:
    for statement in _STATEMENT.finditer(source):
        base = statement["base"]
        if base:
            yield base
        for part in (statement["parts"] if base else statement["whole"]).split(","):
            name = _NAME.match(part)
            if name:  # a part may be a module of its package, or anything else in it
                yield f"{base}.{name[1]}" if base else name[1]
