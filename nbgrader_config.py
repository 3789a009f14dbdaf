"""nbgrader's settings: run nbgrader in this folder. Everything is in `autograder.course`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from autograder.course import configure

configure(get_config())  # noqa: F821 - traitlets defines it where it runs this file
