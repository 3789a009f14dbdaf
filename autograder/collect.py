"""What arrives by e-mail or from a learning platform, for ``nbgrader zip_collect``.

Files and archives lie in ``grading/downloaded/NAME/archive/``. A file belongs to the student whose
id stands before the first ``_`` of its name, or of the folder or archive it lies in:
``ada_01_chain_rule.ipynb``, ``ada_4711_late_01_chain_rule (2).ipynb``,
``Ada Lovelace_4711_file_/01_chain_rule.ipynb``, ``ada_homework.zip``. What cannot be assigned or
opened is named and left out; nobody else is affected.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin
from nbgrader.utils import unzip

from autograder.course import Course

MAX_BYTES = 2_000_000_000  # of one archive, unpacked
STUDENT = re.compile(r"[^\W_][^_/\\*?\[\]{}]*")  # a folder of its own; never .., never a pattern
JUNK = ("__MACOSX", "._", ".ipynb_checkpoints")


class Archives(ExtractorPlugin):  # type: ignore[misc]  # nbgrader has no types
    """nbgrader's extractor, which goes on when an archive is broken.

    Raises
    ------
    SystemExit
        If there is no such assignment: nbgrader itself would say that a folder is missing, and end
        as if all were well.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        coursedir = self.parent.coursedir
        names = Course(Path(coursedir.root)).names()
        if coursedir.assignment_id not in names:
            raise SystemExit(
                f"zip_collect: there is no assignment '{coursedir.assignment_id}'. "
                f"There are: {', '.join(names) or 'none'}."
            )

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Unpack archives and copy other files from one folder to another."""
        source, target = Path(archive_path), Path(extracted_path)
        files = [path for path in sorted(source.rglob("*")) if path.is_file()]
        if not files:
            self.log.warning("No files found in %s: put what students sent there.", source)
        for path in files:
            folder = target / path.parent.relative_to(source)
            folder.mkdir(parents=True, exist_ok=True)
            if path.suffix not in self.zip_ext:
                shutil.copy(path, folder / path.name)
                continue
            try:
                _require_bounded(path)
                unzip(
                    str(path), str(folder), zip_ext=self.zip_ext, create_own_folder=True, tree=True
                )
            except Exception as error:
                self.log.error("%s: not collected, the archive is broken (%s).", path.name, error)


def _require_bounded(path: Path) -> None:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_BYTES:
            raise ValueError(f"it would unpack to {size // 1_000_000} MB")


class FileNames(FileNameCollectorPlugin):  # type: ignore[misc]
    """Tells the student and the notebook from the names of files and folders."""

    def collect(self, submitted_file: str) -> dict[str, str] | None:
        """Return student and notebook of one extracted file; None for what is left out."""
        path = Path(submitted_file)
        if not hasattr(self, "_sorted"):
            self._sorted = self._sort()
        found = self._sorted.get(path)
        if isinstance(found, str):
            self.log.error("%s: not collected, %s", path.relative_to(self._extracted), found)
        return {"student_id": found[0], "file_id": found[1]} if isinstance(found, tuple) else None

    def _sort(self) -> dict[Path, tuple[str, str] | str]:
        """Return for every notebook its student and name, or why it is left out.

        Of several files of one student, the last attempt counts: ``x (10)`` after ``x (2)``.
        """
        extracted = Path(self.parent._format_collect_path(self.parent.extracted_directory))
        self._extracted = extracted
        assignment = self.parent.coursedir.assignment_id
        names = Course(Path(self.parent.coursedir.root)).names()
        result: dict[Path, tuple[str, str] | str] = {}
        latest: dict[tuple[str, str], Path] = {}
        for path in sorted(extracted.rglob("*.ipynb"), key=_attempt):
            relative = path.relative_to(extracted)
            if any(part.startswith(JUNK) for part in relative.parts):
                continue
            found = identify(relative, names)
            if found is None:
                result[path] = (
                    "no student's id stands before an underscore in its name. "
                    f"Rename it to STUDENT_{assignment}.ipynb."
                )
            elif found[1] in names and found[1] != assignment:
                result[path] = f"it is called after {found[1]}, not after {assignment}."
            else:
                if found in latest:
                    result[latest[found]] = f"{relative} of the same student is later."
                result[path], latest[found] = found, path
        return result


def identify(relative: Path, names: list[str]) -> tuple[str, str] | None:
    """Return student and notebook for a path below the folder of extracted files.

    Examples
    --------
    >>> identify(Path("ada_4711_01_chain_rule (2).ipynb"), ["01_chain_rule"])
    ('ada', '01_chain_rule')
    """
    stem = relative.stem
    named = next((name for name in names if name in stem), None)
    folders = [
        part for part in reversed(relative.parent.parts) if not part.startswith(tuple(names))
    ]
    if named is not None and not stem.startswith(named):
        owners = [stem, *folders]
    else:
        owners = [*folders, stem] if named is None else folders
    for owner in owners:
        student, underscore, rest = owner.partition("_")
        if underscore and STUDENT.fullmatch(student):
            return student, named or (rest if owner is stem else stem)
    return None


def _attempt(path: Path) -> list[list[tuple[int, str]]]:
    """Key that sorts ``x`` before ``x (2)`` before ``x (10)``, also where x is a folder."""
    return [
        [(int(bit), "") if bit.isdecimal() else (-1, bit) for bit in re.split(r"(\d+)", part)]
        for part in path.with_suffix("").parts
    ]
