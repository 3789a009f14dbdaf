"""Where everything lies, which assignments there are, and nbgrader's settings.

The root's ``nbgrader_config.py`` calls `configure`; so do the commands of this package, which is
why ``nbgrader generate_assignment NAME`` by hand and ``python -m autograder build`` agree.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from autograder.errors import CourseFolderError

COURSE_ID = "backpropagation"
NAME = re.compile(r"\d\d_[a-z0-9_]+")

# nbgrader's own list for GenerateAssignment, with ClearAnswers in place of ClearSolutions.
GENERATE_PREPROCESSORS = [
    "nbgrader.preprocessors.IncludeHeaderFooter",
    "nbgrader.preprocessors.LockCells",
    "autograder.answers.ClearAnswers",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbgrader.preprocessors.ClearMarkScheme",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# nbgrader reads the configuration of the folder it is started in. Without one it would quietly
# work on an empty course here, and overwrite what lies beside it.
GUARD = '''"""Says where nbgrader is to be run. Written by autograder/course.py."""

raise SystemExit("nbgrader: this is not the root of the course. Go up one folder and try again.")
'''

# What ``nbgrader autograde`` does to a submission before and after it is judged. The judge stands
# in place of the step that would execute the notebook in the TA's own name.
SANITIZE_PREPROCESSORS = [
    "autograder.plugin.RepairSubmission",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.DeduplicateIds",
    "autograder.plugin.OverwriteKernelspec",
    "autograder.plugin.OverwriteCells",
    "autograder.plugin.CheckCellMetadata",
]
AUTOGRADE_PREPROCESSORS = [
    "autograder.plugin.JudgeSubmission",
    "nbgrader.preprocessors.LimitOutput",
    "autograder.gradebook.SaveScores",
    "nbgrader.preprocessors.AssignLatePenalties",
    "autograder.plugin.CheckCellMetadata",
]
FEEDBACK_PREPROCESSORS = [
    "autograder.gradebook.ShowScores",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]


@dataclass(frozen=True)
class Course:
    """The folders of one course.

    Parameters
    ----------
    root : Path
        The repository's root, or a copy of its layout.
    grading : str
        Folder below `root` with everything that concerns students: submissions, marks, feedback.
    """

    root: Path
    grading: str = "grading"

    @property
    def solutions(self) -> Path:
        """Text sources and the reference notebooks rendered from them."""
        return self.root / "solutions"

    @property
    def assignments(self) -> Path:
        """Rendered notebooks of the students: nbgrader's "release"."""
        return self.root / "assignments"

    @property
    def grading_folder(self) -> Path:
        """Submissions, marks and feedback; never in version control."""
        return self.root / self.grading

    @property
    def db_url(self) -> str:
        """The grade book, as SQLAlchemy names it."""
        return f"sqlite:///{(self.grading_folder / 'gradebook.db').as_posix()}"

    def source(self, name: str) -> Path:
        """Text source of an assignment."""
        return self.solutions / f"{name}.py"

    def reference(self, name: str) -> Path:
        """Reference notebook of an assignment."""
        return self.solutions / name / f"{name}.ipynb"

    def assignment(self, name: str) -> Path:
        """The students' notebook of an assignment."""
        return self.assignments / name / f"{name}.ipynb"

    def names(self) -> list[str]:
        """Names of all assignments, in the order of the course.

        Raises
        ------
        CourseFolderError
            If there is none: this is not the root of the repository.
        """
        names = sorted(
            path.stem for path in self.solutions.glob("*.py") if NAME.fullmatch(path.stem)
        )
        if not names:
            raise CourseFolderError(
                f"no assignment found: expected text sources such as 01_chain_rule.py in "
                f"{self.solutions}. Run this in the root of the repository."
            )
        return names

    def select(self, names: list[str] | None = None) -> list[str]:
        """Return `names`, or all assignments if none is given, in the order of the course.

        Raises
        ------
        CourseFolderError
            For a name that is no assignment.
        """
        known = self.names()
        unknown = [name for name in names or [] if name not in known]
        if unknown:
            raise CourseFolderError(
                f"no assignment is called {unknown[0]!r}. There are: {', '.join(known)}."
            )
        return [name for name in known if not names or name in names]


ROOT = Path(__file__).resolve().parent.parent
COURSE = Course(ROOT)


def configure(c: Any, course: Course = COURSE) -> None:
    """Fill nbgrader's configuration object; make the folder for grading.

    Parameters
    ----------
    c : traitlets.config.Config
        What ``get_config()`` returns in ``nbgrader_config.py``.
    course : Course
        The folders to use.
    """
    course.grading_folder.mkdir(exist_ok=True)
    guard = course.grading_folder / "nbgrader_config.py"
    if not guard.exists():
        guard.write_text(GUARD, encoding="utf-8")
    _put_tools_on_path()
    _guard_copying(course.root)
    grading = course.grading
    c.CourseDirectory.course_id = COURSE_ID
    c.CourseDirectory.root = str(course.root)
    c.CourseDirectory.source_directory = "solutions"
    c.CourseDirectory.release_directory = "assignments"
    c.CourseDirectory.submitted_directory = f"{grading}/submitted"
    c.CourseDirectory.autograded_directory = f"{grading}/autograded"
    c.CourseDirectory.feedback_directory = f"{grading}/feedback"
    c.CourseDirectory.solution_directory = f"{grading}/solution"
    c.CourseDirectory.source_with_tests_directory = f"{grading}/source_with_tests"
    c.CourseDirectory.db_url = course.db_url
    c.GenerateAssignment.preprocessors = list(GENERATE_PREPROCESSORS)
    c.Autograde.exporter_class = "autograder.plugin.SubmissionExporter"
    c.Autograde.sanitize_preprocessors = list(SANITIZE_PREPROCESSORS)
    c.Autograde.autograde_preprocessors = list(AUTOGRADE_PREPROCESSORS)
    # A page that is older than the grade misleads: after a regrade, or points given by hand.
    c.GenerateFeedback.force = True
    c.GenerateFeedback.exporter_class = "autograder.pages.FeedbackExporter"
    c.GenerateFeedback.preprocessors = list(FEEDBACK_PREPROCESSORS)
    c.ExportApp.plugin_class = "autograder.export.GradesExport"
    c.ZipCollectApp.downloaded_directory = f"{grading}/downloaded"
    c.ZipCollectApp.extractor_plugin = "autograder.collect.Archives"
    c.ZipCollectApp.collector_plugin = "autograder.collect.FileNames"


def _guard_copying(root: Path) -> None:
    """Let nothing be copied that was not passed; nbgrader is imported by its commands anyway."""
    import_module("autograder.guard").guard(root)


def _put_tools_on_path() -> None:
    """Let nbgrader find ``alembic`` beside Python, also where no environment is activated.

    nbgrader calls it by its bare name when it creates a grade book.
    """
    tools = str(Path(sys.executable).parent)
    known = os.environ.get("PATH", "").split(os.pathsep)
    if tools not in known:
        os.environ["PATH"] = os.pathsep.join([tools, *known])
