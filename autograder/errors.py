"""The errors staff may see: each says what was expected, what came, and what to do."""

from __future__ import annotations


class AutograderError(Exception):
    """Parent of the errors raised on purpose here; the command line prints their text."""


class NotANotebookError(AutograderError):
    """A file handed in cannot be read as a Jupyter notebook. The text is one plain sentence."""


class SourceError(AutograderError):
    """A text source in ``solutions/`` breaks a rule: says file, cell, what was expected."""


class BuildError(AutograderError):
    """Rendering an assignment, or entering it into the grade book, failed."""


class CourseFolderError(AutograderError):
    """The repository does not look as expected: a missing source, a wrong folder."""
