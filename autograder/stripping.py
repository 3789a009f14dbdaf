"""Taking out of the package, before it is imported, what a submission must not find ready made.

The package is compiled here from its source, and some of its functions get another body on the
way: one that says that it is not here. What is taken out has never existed in the process, so no
closure, no garbage collector, no frame and no cache of sources can give it back.
"""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Collection, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import NoReturn

OPERATIONS = "course_autograd.ops"
RULE = "backward"
SAYS_SO = "_not_here"  # what the new bodies call, by this name of their module


class Missing:
    """What a stripped rule calls: says that it is not here, and remembers having been asked.

    Attributes
    ----------
    asked : bool
        Whether a rule of the package was asked for.
    """

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, name: str) -> NoReturn:
        """Raise a `RuleNotHereError`."""
        # The package is imported after this module: these errors are relatives of its own.
        from course_autograd.errors import CourseError

        class RuleNotHereError(CourseError, NotImplementedError):
            """The package's own backward rules do not exist where submissions are judged."""

        self.asked = True
        raise RuleNotHereError(
            f"{name}: the grader runs your cells without the package's own backward rules. "
            "Your answer must not need this one."
        )


class Stripper(MetaPathFinder):
    """Finds the modules with operations, and compiles them without their backward rules.

    Parameters
    ----------
    kept : collection of str or None
        Operations whose rule stays; None if all of them do.
    """

    def __init__(self, kept: Collection[str] | None) -> None:
        self.kept = kept
        self.missing = Missing()

    def install(self) -> None:
        """Be asked before Python's own finders; the package must not be imported yet."""
        if any(name.split(".")[0] == "course_autograd" for name in sys.modules):
            raise RuntimeError("course_autograd is imported already, with all that it holds.")
        sys.meta_path.insert(0, self)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: types.ModuleType | None = None,  # noqa: ARG002 - the protocol's name
    ) -> ModuleSpec | None:
        """Find a module with operations; nothing else."""
        if self.kept is None or not f"{fullname}.".startswith(f"{OPERATIONS}."):
            return None
        found = PathFinder.find_spec(fullname, path)
        if found is None or found.origin is None:
            return None
        source = Path(found.origin)
        # Under the package, as the package's own frames are told by their folder; but no file.
        nowhere = source.with_name(f"stripped {source.name}")
        return spec_from_file_location(
            fullname,
            nowhere,
            loader=_Compiler(source, self),
            submodule_search_locations=found.submodule_search_locations,
        )

    def stripped(self, source: str) -> ast.Module:
        """Return a module's code with other bodies in the rules that are not kept."""
        tree = ast.parse(source)
        for operation in tree.body:
            if not isinstance(operation, ast.ClassDef) or operation.name in (self.kept or ()):
                continue
            for rule in operation.body:
                if isinstance(rule, ast.FunctionDef) and rule.name == RULE:
                    call = f"return {SAYS_SO}({operation.name!r})"
                    rule.body = ast.parse(f'"""Say that this rule is not here."""\n{call}').body
        return ast.fix_missing_locations(tree)


class _Compiler(Loader):
    """Executes one module from its stripped source; knows no source to show."""

    def __init__(self, source: Path, stripper: Stripper) -> None:
        self._source, self._stripper = source, stripper

    def exec_module(self, module: types.ModuleType) -> None:
        """Compile and execute."""
        tree = self._stripper.stripped(self._source.read_text(encoding="utf-8"))
        setattr(module, SAYS_SO, self._stripper.missing)
        assert module.__spec__ is not None and module.__spec__.origin is not None  # noqa: PT018
        code = compile(tree, module.__spec__.origin, "exec", dont_inherit=True)
        exec(code, module.__dict__)
