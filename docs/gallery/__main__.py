"""Draw every drawing of the lectures: ``python -m docs.gallery``.

python -m docs.gallery --write     renders docs/drawings.md and docs/pictures/*.svg
python -m docs.gallery --check     whether they are what would be rendered now
python -m docs.gallery --screenshots   takes docs/screenshots/*.png in a browser (chromium); the
                                   class report is there after `python -m autograder demo`
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from docs.gallery.render import FOLDER, differences, rendered


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare; return 0 if all is as it should be."""
    parser = argparse.ArgumentParser(prog="python -m docs.gallery", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--write", action="store_true", help="render all files")
    how.add_argument("--check", action="store_true", help="fail if a file is not up to date")
    how.add_argument("--screenshots", action="store_true", help="take them in a browser")
    args = parser.parse_args(arguments)
    if args.screenshots:
        from docs.gallery.screenshots import take  # needs a browser

        for path in take():
            print(f"docs/{path.relative_to(FOLDER)}")
        return 0
    files = rendered()
    if args.check:
        different = differences(files)
        for name in different:
            print(f"docs/{name} is out of date. Run python -m docs.gallery --write.")
        return 1 if different else 0
    for name in differences(files):
        path = FOLDER / name
        if name in files:
            path.parent.mkdir(exist_ok=True)
            path.write_text(files[name], encoding="utf-8")
        else:
            path.unlink()
        print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
