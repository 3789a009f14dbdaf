"""Who may import whom, and no import cycles: imports inside functions count."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

from autograder.course import ROOT

PACKAGES = ("course_autograd", "autograder")

# The rooms of course_autograd, from the street to the inside: a room imports rooms before it in
# this list only (see also ALLOWED). What is not a single line of rooms stands in one set.
ROOMS: list[set[str]] = [
    {"errors", "rows", "words"},
    {"contract", "domain", "explaining", "recording", "arraylike", "complex_step"},
    {"rule", "values"},
    {"backward"},
    {"tensor", "numeric"},
    {"operation", "kinks"},
    {"registering", "ops"},
    {
        "nn",
        "optim",
        "data",
        "state",
        "graph",
        "exercises",
        "mistakes",
        "symptoms",
        "replay",
    },
    {"faults"},
    {"pictures"},
    {"checking"},
]
# Within one set.
ALLOWED = {
    ("nn", "state"),
    ("optim", "state"),
    ("optim", "nn"),
    ("state", "nn"),
    ("exercises", "replay"),
    ("exercises", "mistakes"),
    ("exercises", "symptoms"),
    ("exercises", "nn"),
    ("exercises", "optim"),
    ("numeric", "tensor"),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): path for package in PACKAGES for path in (ROOT / package).rglob("*.py")
}


def imports(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """Names that a module imports, anywhere in it but under TYPE_CHECKING."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            stack.extend(node.orelse)
            continue
        stack.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")
                above = above[: len(above) - node.level + is_package]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}"


def known(name: str) -> str | None:
    """The module of ours that an imported name lives in."""
    while name:
        if name in MODULES:
            return name
        name = name.rpartition(".")[0]
    return None


def import_graph() -> nx.DiGraph[str]:
    graph: nx.DiGraph[str] = nx.DiGraph()
    for module, path in MODULES.items():
        graph.add_node(module)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name in imports(tree, module, path.name == "__init__.py"):
            target = known(name)
            if target is not None and target != module:
                graph.add_edge(module, target)
    return graph


def room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


GRAPH = import_graph()


def test_there_are_no_import_cycles() -> None:
    assert [sorted(cycle) for cycle in nx.simple_cycles(GRAPH)] == []


def test_the_package_never_imports_what_is_the_staffs() -> None:
    wrong = []
    for module, path in MODULES.items():
        if module.startswith("course_autograd"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for name in imports(tree, module, path.name == "__init__.py"):
                if name.split(".")[0] in ("autograder", "nbgrader", "jupytext", "nbconvert"):
                    wrong.append((module, name))
    assert wrong == []


def test_rooms_import_in_one_direction() -> None:
    level = {name: number for number, names in enumerate(ROOMS) for name in names}
    wrong = []
    for importer, imported in GRAPH.edges:
        if not importer.startswith("course_autograd.") or imported == "course_autograd":
            if importer.startswith("course_autograd."):
                wrong.append((importer, imported))  # a room never imports the front door
            continue
        here, there = room(importer), room(imported)
        if here is None or there is None or here == there:
            continue
        assert here in level, f"{here} is a new room: give it a place in ROOMS"
        if level[there] >= level[here] and (here, there) not in ALLOWED:
            wrong.append((importer, imported))
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import autograder.judge", ["autograder.judge"]),
        ("def f():\n    from autograder import judge", ["autograder.judge"]),
        ("from . import ops", ["course_autograd.ops"]),
        ("from .errors import CourseError", ["course_autograd.errors.CourseError"]),
        ("if TYPE_CHECKING:\n    import autograder", []),
        ("try:\n    import networkx\nexcept ImportError:\n    pass", ["networkx"]),
    ],
)
def test_imports_are_seen_wherever_they_stand(source: str, found: list[str]) -> None:
    assert list(imports(ast.parse(source), "course_autograd.tensor", False)) == found


def lines_of_code(path: Path) -> int:
    """Count the lines that hold code: no blank lines, no comments, no docstrings."""
    source = path.read_text(encoding="utf-8")
    left_out = {
        number
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and ast.get_docstring(node) is not None
        for number in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    layout = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    return len(
        {
            number
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type not in layout
            for number in range(token.start[0], token.end[0] + 1)
        }
        - left_out
    )


def test_lines_of_code_are_neither_blank_nor_comments_nor_docstrings(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        '"""About.\n\nMore."""\n\n# why\nx = (\n    1,  # one\n)\n\n'
        'def f():\n    """Do."""\n    return x\n'
    )
    assert lines_of_code(path) == 5


def test_the_core_is_read_in_one_sitting() -> None:
    core = (ROOT / "course_autograd" / name for name in ("tensor.py", "backward.py"))
    assert sum(map(lines_of_code, core)) < 300


def test_no_import_hides_behind_try() -> None:
    wrong = [
        module
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Try)
        for child in node.body
        if isinstance(child, ast.Import | ast.ImportFrom)
    ]
    assert wrong == []


FOLDERS = (
    "course_autograd",
    "course_autograd/pictures",
    "autograder",
    "solutions",
    "assignments",
    "tests",
    "benchmarks",
)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_room_has_a_readme_of_few_lines(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    most = 300 if folder == "benchmarks" else 40  # there the figures stand
    assert 3 <= len(text.splitlines()) <= most
