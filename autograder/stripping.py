"""Taking out of the package, before it is imported, what a submission must not find ready made.

The package is compiled here from its source, and some of its functions get another body on the
way: one that says that it is not here. What is taken out has never existed in the process, so no
closure, no garbage collector, no frame and no cache of sources can give it back. Taken out are

- the backward rules of the package, but those an exercise lists in ``needs``: from the rule of
  `divide` that of `mul` follows;
- everything that measures derivatives (``numeric``, ``complex_step``, ``kinks``): it is an answer
  to `numeric_gradient`, and inside a rule it stands for the rule;
- what the judging side alone needs of the exercises: the answers to `backpropagate` and to the
  values exercises are worked out there, and what explains wrong answers comes close to right ones.

What stays, because exercises are run with it: the forward rules (also those of operations whose
forward rule is part of an exercise: graphs are computed anew with them), the engine itself, layers
and optimizers. Measuring a derivative by hand, from forward rules, stays possible.
"""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Collection, Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import NoReturn

PACKAGE = "course_autograd"
OPERATIONS = "course_autograd.ops"
EXERCISES = "course_autograd.exercises"
RULE = "backward"
SAYS_SO = "_not_here"  # what the new bodies call, by this name of their module

# Of these modules, whatever is not called while they are imported.
WHOLE = frozenset(
    {
        f"{PACKAGE}.complex_step",
        f"{PACKAGE}.kinks",
        f"{PACKAGE}.numeric",
        f"{EXERCISES}.evidence",
        f"{EXERCISES}.hypotheses",
        f"{EXERCISES}.special",
    }
)
# Of all other modules with exercises, the functions and methods of these names.
JUDGING = frozenset({"compare", "corners", "judge", "measure", "predictions", "trials", "try_rule"})
# Of some, a few more; "lambda" stands for all that have no name.
MORE = {
    f"{EXERCISES}.function_backpropagate": {"gradients", "matrix", "_search", "_walk"},
    f"{EXERCISES}.values": {"lambda", "slope", "right", "recognised"},
}

Function = ast.FunctionDef | ast.Lambda


class Missing:
    """What a stripped function calls: says that it is not here, and remembers a rule asked for.

    Attributes
    ----------
    asked : bool
        Whether a rule of the package was asked for.
    """

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, name: str, *, is_rule: bool = False) -> NoReturn:
        """Raise a `NotHereError`."""
        # The package is imported after this module: the error is a relative of its own.
        from course_autograd.errors import CourseError

        class NotHereError(CourseError, NotImplementedError):
            """A part of the package that does not exist where submissions are judged."""

        if not is_rule:
            raise NotHereError(f"{name}: this does not exist where the grader runs your cells.")
        self.asked = True
        raise NotHereError(
            f"{name}: the grader runs your cells without the package's own backward rules. "
            "Your answer must not need this one."
        )


class Stripper(MetaPathFinder):
    """Finds the modules of which something is taken out, and compiles them without it.

    Parameters
    ----------
    kept : collection of str or None
        Operations whose backward rule stays; None if all of them do.
    """

    def __init__(self, kept: Collection[str] | None) -> None:
        self.kept = kept
        self.missing = Missing()

    def install(self) -> None:
        """Be asked before Python's own finders; the package must not be imported yet."""
        if any(name.split(".")[0] == PACKAGE for name in sys.modules):
            raise RuntimeError(f"{PACKAGE} is imported already, with all that it holds.")
        sys.meta_path.insert(0, self)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: types.ModuleType | None = None,  # noqa: ARG002 - the protocol's name
    ) -> ModuleSpec | None:
        """Find a module of which something is taken out; no other."""
        room = f"{fullname}."
        if fullname not in WHOLE and not room.startswith((f"{OPERATIONS}.", f"{EXERCISES}.")):
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

    def stripped(self, source: str, module: str) -> ast.Module:
        """Return a module's code with other bodies in the functions that are taken out."""
        tree = ast.parse(source)
        if module.startswith(OPERATIONS):
            for name, rule in backward_rules(tree):
                if self.kept is not None and name not in self.kept:
                    _empty(rule, name, is_rule=True)
        else:
            for name, function in list(taken(tree, module)):
                _empty(function, name, is_rule=False)
        return ast.fix_missing_locations(tree)


def backward_rules(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the operations of a module that have a backward rule, and that rule."""
    for operation in tree.body:
        if isinstance(operation, ast.ClassDef):
            for rule in operation.body:
                if isinstance(rule, ast.FunctionDef) and rule.name == RULE:
                    yield operation.name, rule


def taken(tree: ast.Module, module: str) -> Iterator[tuple[str, Function]]:
    """Yield what is taken out of a module that does not hold operations."""
    names = JUDGING | MORE.get(module, set())
    spared = _called_at_import(tree) if module in WHOLE else set[str]()
    for node in _outermost(tree):
        name = "lambda" if isinstance(node, ast.Lambda) else node.name
        if name not in spared and (module in WHOLE or name in names):
            yield name, node


def _outermost(tree: ast.AST) -> Iterator[Function]:
    """Yield the functions, methods and lambdas of a module, but not those inside of others."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield node
        else:
            yield from _outermost(node)


def _called_at_import(tree: ast.Module) -> set[str]:
    """Return the names of a module's functions that are called while it is imported."""
    functions = {one.name: one for one in _outermost(tree) if isinstance(one, ast.FunctionDef)}
    found: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = node.func.id
            if name in functions and name not in found:
                found.add(name)
                waiting += functions[name].body
        if isinstance(node, ast.FunctionDef):
            waiting += node.decorator_list
        elif not isinstance(node, ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return found


def _empty(function: Function, name: str, *, is_rule: bool) -> None:
    """Give a function a body that says that it is not here."""
    call = f"{SAYS_SO}({name!r}, is_rule={is_rule})"
    if isinstance(function, ast.Lambda):
        function.body = ast.parse(call, mode="eval").body
    else:
        function.body = ast.parse(f'"""Not here."""\n{call}').body


class _Compiler(Loader):
    """Executes one module from its stripped source; knows no source to show."""

    def __init__(self, source: Path, stripper: Stripper) -> None:
        self._source, self._stripper = source, stripper

    def exec_module(self, module: types.ModuleType) -> None:
        """Compile and execute."""
        name = module.__name__
        tree = self._stripper.stripped(self._source.read_text(encoding="utf-8"), name)
        setattr(module, SAYS_SO, self._stripper.missing)
        code = compile(tree, str(module.__file__), "exec", dont_inherit=True)
        exec(code, module.__dict__)
