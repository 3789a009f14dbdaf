"""``python -m autograder handout``: the folder and the archive that students get.

A handout holds the notebook, the package as a wheel, and a README with one line to install both.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from autograder.build import out_of_date
from autograder.course import COURSE, ROOT, Course
from autograder.errors import BuildError
from autograder.source import COMMAND

# Two handouts of one state of the repository are the same bytes: the first moment zip can write.
EPOCH = (1980, 1, 1, 0, 0, 0)
EPOCH_SECONDS = "315532800"
PACKAGED = ("pyproject.toml", "README.md", "LICENSE", "course_autograd")
SETUPTOOLS = 77  # what pyproject.toml asks for

README = """\
# {name}

0. **Unzip first.** Open a terminal in the folder that comes out of the archive.

1. **Install**, once, in this folder. You need Python 3.11 or later. Installed for an earlier
   assignment? Go to step 2.

       python -m pip install ./{wheel} jupyterlab

   If `python` is not found, use `python3` (Windows: `py`).

2. **Open** the notebook:

       python -m jupyter lab {name}.ipynb

3. **Work** from top to bottom. Write your answers where it says `# YOUR CODE HERE` or `...`. Delete
   the line `raise NotImplementedError()` when you write your own lines. Run the `check(...)` below
   each as often as you like. It tells you what it saw.

4. **Hand in** the saved notebook, `{name}.ipynb`, and nothing else. Keep its name, and do not
   delete or copy cells that cannot be edited.
"""


def make_handout(
    name: str, to: Path, course: Course = COURSE, package: Path = ROOT
) -> tuple[Path, Path]:
    """Make the handout of one assignment.

    Parameters
    ----------
    name : str
        The assignment.
    to : Path
        Folder for the handout; made if missing. An earlier handout of the same name is replaced.
    course : Course
        Whose notebook is handed out.
    package : Path
        The folder with ``pyproject.toml`` and ``course_autograd``.

    Returns
    -------
    tuple of Path
        The folder and the archive.

    Raises
    ------
    BuildError
        If the notebook is not up to date, or the wheel cannot be built.
    """
    (name,) = course.select([name])
    stale = out_of_date([name], course)
    if stale:
        raise BuildError(f"{'; '.join(stale)}. Run: {COMMAND} {name}")
    folder, archive = to / name, to / f"{name}.zip"
    with tempfile.TemporaryDirectory(prefix="handout-") as made:
        wheel = build_wheel(Path(made), package)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copyfile(course.assignment(name), folder / f"{name}.ipynb")
        shutil.copyfile(wheel, folder / wheel.name)
    text = README.format(name=name, wheel=wheel.name)
    (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(f"{name}/{path.name}", EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, path.read_bytes())
    return folder, archive


def build_wheel(to: Path, package: Path = ROOT) -> Path:
    """Build the wheel of `course_autograd` from a copy, so that no earlier build is in it.

    Raises
    ------
    BuildError
        With the last words of pip.
    """
    with tempfile.TemporaryDirectory(prefix="wheel-") as copied:
        copy = Path(copied)
        for item in PACKAGED:
            source = package / item
            if source.is_dir():
                shutil.copytree(
                    source, copy / item, ignore=shutil.ignore_patterns("__pycache__", ".*")
                )
            else:
                shutil.copyfile(source, copy / item)
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(to)]
        if _setuptools_is_new():
            command.append("--no-build-isolation")
        done = subprocess.run(
            [*command, "--disable-pip-version-check", "--quiet", str(copy)],
            env=os.environ | {"SOURCE_DATE_EPOCH": EPOCH_SECONDS},
            capture_output=True,
            text=True,
            check=False,
        )
    wheels = sorted(to.glob("course_autograd-*.whl"))
    if done.returncode or not wheels:
        said = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise BuildError(f"the wheel could not be built. pip says:\n{said}")
    return wheels[-1]


def _setuptools_is_new() -> bool:
    """Whether the wheel can be built with what is installed, without the network."""
    try:
        version = importlib.metadata.version("setuptools")
    except importlib.metadata.PackageNotFoundError:
        return False
    major = re.match(r"\d+", version)
    return major is not None and int(major.group()) >= SETUPTOOLS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``handout``."""
    parser.add_argument("name", metavar="NAME", help="the assignment")
    parser.add_argument(
        "--to",
        metavar="DIR",
        type=Path,
        default=COURSE.root / "handout",
        help="where to put it (default: handout/)",
    )


def run(args: argparse.Namespace) -> int:
    """``python -m autograder handout NAME [--to DIR]``."""
    folder, archive = make_handout(args.name, args.to)
    print(f"For the students: {archive}")
    print(f"The same as a folder: {folder}")
    return 0
