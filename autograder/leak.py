"""Does a solution occur where students can read it? Compared as syntax trees, not as text.

Names, brackets, layout and comments do not matter; constants, attributes and structure do. What is
searched for, for every exercise:

- what a backward rule **returns**, twice: the expression with its names replaced by numbers in
  order of appearance, sought everywhere; and, within functions, the expression in terms of what the
  rule is given (``ctx[0]``, ``ctx[1]``, the upstream gradient), with local names filled in. Short
  ones, such as ``(-g,)``, are sought in the second way only.
- the **body** of a rule or of a plain function, as a sequence of statements; of plain functions
  also every long statement by itself.
- of values, every key together with its **answer**.

Unpacking of ctx, signatures, docstrings and forward rules are no secrets.
"""

from __future__ import annotations

import ast
import html
import json
import operator
import re
import textwrap
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeAlias

from autograder.cells import parse_notebook, read_notebook, solution_cells
from autograder.course import Course
from autograder.errors import NotANotebookError

MIN_EXPRESSION = 6  # nodes: (2 * x * g,) has 6, (-g,) has 3
MIN_RETURNED = 3
MIN_STATEMENT = 9
MIN_BODY = 8

ARITHMETIC: dict[type[ast.operator], Callable[[float, float], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Secret:
    """What must not be read of one exercise.

    Attributes
    ----------
    assignment, exercise : str
        Whose solution it is.
    expressions, statements : frozenset of (int, str)
        Number of nodes, and normal form; see the module's text.
    returned : frozenset of str
        Normal forms in terms of what the rule is given.
    bodies : frozenset of (int, str)
        Number of statements, and their normal form.
    answers : frozenset of (str, str)
        Key and value of values.
    """

    assignment: str
    exercise: str
    expressions: frozenset[tuple[int, str]] = frozenset()
    returned: frozenset[str] = frozenset()
    statements: frozenset[tuple[int, str]] = frozenset()
    bodies: frozenset[tuple[int, str]] = frozenset()
    answers: frozenset[tuple[str, str]] = frozenset()

    def __bool__(self) -> bool:
        return any((self.expressions, self.returned, self.statements, self.bodies, self.answers))


@dataclass(frozen=True, order=True)
class Leak:
    """A place where a solution can be read."""

    where: str
    exercise: str
    assignment: str

    def __str__(self) -> str:
        return f"{self.where} shows the solution of {self.exercise} ({self.assignment})"


# --- normal forms ---------------------------------------------------------------------------

_SKIPPED_FIELDS = {"ctx", "type_comment", "kind", "annotation", "returns", "decorator_list"}


class Names:
    """Names replaced by numbers in order of appearance, some by words that are given.

    Parameters
    ----------
    known : mapping
        Names that mean something: ``{"y": "ctx1", "grad_output": "upstream"}``.
    """

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self.known = dict(known or {})
        self.numbers: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """Return what stands for `name`."""
        if name in self.known:
            return self.known[name]
        return self.numbers.setdefault(name, f"n{len(self.numbers)}")

    def unnumbered(self, name: str) -> str:
        """Return what stands for `name` before it is known in which order names appear."""
        return self.known.get(name, "?")


def spell(node: object, name: Callable[[str], str], blank: Callable[[str], str]) -> str:
    """Write a syntax tree as text, with every name replaced by ``name(it)``.

    Factors and summands are sorted, by what they look like with names replaced by ``blank(it)``.
    """

    def again(inner: object) -> str:
        return spell(inner, name, blank)

    if isinstance(node, ast.Name):
        return name(node.id)
    if isinstance(node, ast.arg):
        return name(node.arg)
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53:
            return repr(float(value))
        return repr(value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Add):
        operands = sorted(_chain(node, type(node.op)), key=lambda one: spell(one, blank, blank))
        return f"{type(node.op).__name__}{{{' '.join(map(again, operands))}}}"
    if isinstance(node, ast.Tuple | ast.List):
        return f"({' '.join(map(again, node.elts))})"
    if isinstance(node, ast.IfExp) and "needs" in ast.unparse(node.test):
        return again(node.body)  # `... if ctx.needs[0] else None` only saves work
    if isinstance(node, list | tuple):
        return f"[{' '.join(map(again, node))}]"
    if isinstance(node, ast.AST):
        parts = [
            again(value) for part, value in ast.iter_fields(node) if part not in _SKIPPED_FIELDS
        ]
        return f"{type(node).__name__}({' '.join(parts)})"
    return repr(node)


def _chain(node: ast.expr, kind: type[ast.operator]) -> list[ast.expr]:
    """Return the operands of a * b * c, however it is bracketed."""
    if isinstance(node, ast.BinOp) and type(node.op) is kind:
        return [*_chain(node.left, kind), *_chain(node.right, kind)]
    return [node]


def alpha(node: ast.AST | Sequence[ast.AST]) -> str:
    """Return the normal form of a tree in which only the pattern of names matters."""
    names = Names()
    return spell(node, names, names.unnumbered)


def size(node: ast.AST) -> int:
    """Count the nodes of a tree that `spell` writes, without operators and load/store marks."""
    uncounted = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
    count, stack = 0, [node]
    while stack:
        one = stack.pop()
        if isinstance(one, ast.IfExp) and "needs" in ast.unparse(one.test):
            one = one.body
        count += not isinstance(one, uncounted)
        stack.extend(ast.iter_child_nodes(one))
    return count


def returned_in_terms_of_parameters(function: Function) -> Iterator[tuple[str, int]]:
    """Yield normal form and size of what a rule ``(ctx, grad_output)`` returns.

    ``x, y = ctx`` makes x the first saved value; other names that are assigned once, and never
    changed in place, are replaced by what they stand for.
    """
    parameters = [argument.arg for argument in function.args.args]
    if len(parameters) != 2:
        return
    context, upstream = parameters
    meaning: dict[str, ast.expr] = {}
    given = {upstream: "upstream"}
    changed = _changed_names(function)
    for statement in ast.walk(function):
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target, value = statement.targets[0], statement.value
        if isinstance(value, ast.Name) and value.id == context:
            if isinstance(target, ast.Tuple | ast.List):
                given |= {
                    element.id: f"ctx{position}"
                    for position, element in enumerate(target.elts)
                    if isinstance(element, ast.Name)
                }
        elif isinstance(target, ast.Name) and target.id not in changed:
            meaning[target.id] = value

    class FillIn(ast.NodeTransformer):
        def __init__(self) -> None:
            self.open: set[str] = set()

        def visit_Name(self, node: ast.Name) -> ast.AST:
            if node.id not in meaning or node.id in self.open:
                return node
            self.open.add(node.id)
            filled: ast.AST = self.visit(_copy(meaning[node.id]))
            self.open.discard(node.id)
            return filled

        def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
            if (
                isinstance(node.value, ast.Name)
                and node.value.id == context
                and isinstance(node.slice, ast.Constant)
            ):
                return ast.Name(id=f"ctx{node.slice.value!r}", ctx=ast.Load())
            return self.generic_visit(node)

    known = {f"ctx{position}": f"ctx{position}" for position in range(9)} | given
    for statement in ast.walk(function):
        if isinstance(statement, ast.Return) and statement.value is not None:
            filled = FillIn().visit(_copy(statement.value))
            names = Names(known)
            yield spell(filled, names, names.unnumbered), size(filled)


def _copy(node: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(node), mode="eval").body


def _changed_names(function: Function) -> set[str]:
    """Return names that are assigned twice, in a loop, or changed in place."""
    assigned: dict[str, int] = {}
    changed: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            assigned[node.id] = assigned.get(node.id, 0) + 1
        elif isinstance(node, ast.Expr):  # a call for its effect: np.add.at(gradient, ...)
            changed |= _names(node)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            changed |= _names(node.value)
        elif isinstance(node, ast.AugAssign | ast.For | ast.AsyncFor):
            changed |= _names(node.target)
    return changed | {name for name, times in assigned.items() if times > 1}


def _names(node: ast.AST) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}


def _body(function: Function) -> list[ast.stmt]:
    """Return the statements of a function without its docstring and without unpacking."""
    parameters = {argument.arg for argument in function.args.args}
    return [
        statement
        for statement in function.body
        if not (
            (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
            or (
                isinstance(statement, ast.Assign)
                and isinstance(statement.value, ast.Name)
                and statement.value.id in parameters
            )
        )
    ]


# --- the secrets ----------------------------------------------------------------------------


def secrets(course: Course) -> list[Secret]:
    """Return what must not be read, for all exercises of a course, from their reference."""
    return [
        secret_of(name, exercise, code)
        for name in course.names()
        for exercise, code in solution_cells(course.source(name)).items()
    ]


def secret_of(assignment: str, exercise: str, code: str) -> Secret:
    """Return what must not be read of one solution cell."""
    tree = ast.parse(code)
    expressions: set[tuple[int, str]] = set()
    returned: set[str] = set()
    statements: set[tuple[int, str]] = set()
    bodies: set[tuple[int, str]] = set()
    for function, plain in _secret_functions(tree):
        returns = [
            node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Return) and node.value is not None
        ]
        expressions |= {
            (size(value), alpha(value)) for value in returns if size(value) >= MIN_EXPRESSION
        }
        if not plain:
            returned |= {
                form
                for form, count in returned_in_terms_of_parameters(function)
                if count >= MIN_RETURNED
            }
        body = _body(function)
        if sum(map(size, body)) >= MIN_BODY and len(body) > 1:
            bodies.add((len(body), alpha(body)))
        if plain:
            statements |= {
                (size(statement), alpha(statement))
                for statement in ast.walk(function)
                if isinstance(statement, ast.stmt)
                and statement is not function
                and size(statement) >= MIN_STATEMENT
            }
    return Secret(
        assignment=assignment,
        exercise=exercise,
        expressions=frozenset(expressions),
        returned=frozenset(returned),
        statements=frozenset(statements),
        bodies=frozenset(bodies),
        answers=frozenset(_answers(tree)),
    )


def _secret_functions(tree: ast.Module) -> Iterator[tuple[Function, bool]]:
    """Yield the functions whose bodies are secret, and whether each is a plain function."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node, not node.name.endswith("_backward")
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "backward":
                    yield method, False


def _answers(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if (
                    isinstance(key, ast.Constant)
                    and isinstance(key.value, str)
                    and not _open(value)
                ):
                    yield key.value, _value(value)


def _value(node: ast.expr) -> str:
    """Return the value of a sum, product or power of numbers; the normal form of anything else."""
    number = _number(node)
    return alpha(node) if number is None else repr(number)


def _number(node: ast.expr) -> float | None:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.BinOp):
        left, right = _number(node.left), _number(node.right)
        calculate = ARITHMETIC.get(type(node.op))
        if left is not None and right is not None and calculate is not None:
            try:
                return float(calculate(left, right))
            except (ArithmeticError, TypeError):  # 1 / 0, or a power that is complex
                return None
    return None


def _open(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is ...


# --- searching ------------------------------------------------------------------------------


@dataclass
class _Index:
    """The secrets by normal form."""

    expressions: dict[tuple[int, str], set[Secret]] = field(default_factory=dict)
    returned: dict[str, set[Secret]] = field(default_factory=dict)
    statements: dict[tuple[int, str], set[Secret]] = field(default_factory=dict)
    bodies: dict[tuple[int, str], set[Secret]] = field(default_factory=dict)
    answers: dict[tuple[str, str], set[Secret]] = field(default_factory=dict)
    sizes: set[int] = field(default_factory=set)
    body_lengths: set[int] = field(default_factory=set)


def search(text: str, sought: Sequence[Secret]) -> set[Secret]:
    """Return the secrets that occur in a text: a program, a cell, a page of markdown.

    The text is tried as a whole, in its code blocks and comments, and line by line, so that code
    in comments, strings, prose and broken cells is found as well.
    """
    index = _Index()
    for secret in sought:
        for kind in ("expressions", "returned", "statements", "bodies", "answers"):
            for form in getattr(secret, kind):
                getattr(index, kind).setdefault(form, set()).add(secret)
        index.sizes |= {count for count, _ in secret.expressions | secret.statements}
        index.body_lengths |= {length for length, _ in secret.bodies}
    found: set[Secret] = set()
    for tree in _trees(text):
        found |= _search_tree(tree, index)
    return found


def _search_tree(tree: ast.AST, index: _Index) -> set[Secret]:
    found: set[Secret] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.expr | ast.stmt) and (count := size(node)) in index.sizes:
            places = index.expressions if isinstance(node, ast.expr) else index.statements
            found |= places.get((count, alpha(node)), set())
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for form, _ in returned_in_terms_of_parameters(node):
                found |= index.returned.get(form, set())
        if isinstance(node, ast.Dict):
            for answer in _answers(node):
                found |= index.answers.get(answer, set())
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if isinstance(statements, list):
                found |= _search_block(statements, index)
    return found


def _search_block(statements: list[ast.stmt], index: _Index) -> set[Secret]:
    found: set[Secret] = set()
    for length in index.body_lengths:
        for start in range(len(statements) - length + 1):
            window = statements[start : start + length]
            found |= index.bodies.get((length, alpha(window)), set())
    return found


def _trees(text: str) -> Iterator[ast.AST]:
    """Yield everything in a text that can be read as Python."""
    plain = re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", text)
    seen: set[str] = set()
    for piece in (plain, *_blocks(plain)):
        code = textwrap.dedent(piece).strip()
        if code and code not in seen:
            seen.add(code)
            tree = _parsed(code)
            if tree is not None:
                yield tree


def _blocks(text: str) -> Iterator[str]:
    """Yield code blocks of markdown, strings, runs of comments, code in backticks, and lines."""
    yield from re.findall(r"(?ms)^[ \t]*```[^\n]*\n(.*?)^[ \t]*```", text)
    yield from re.findall(r'(?s)"""(.*?)"""', text)
    yield from re.findall(r"(?s)'''(.*?)'''", text)
    for run in re.findall(r"(?m)(?:^[ \t]*#.*\n?)+", text):
        yield re.sub(r"(?m)^[ \t]*#+", "", run)
    yield from re.findall(r"`+([^`\n]+)`+", text)
    yield from re.findall(r"(?s)<!--(.*?)-->", text)
    yield from re.findall(r"\S[^#\n]*#+(.*)", text)
    yield from re.findall(r"\S.*?\b(return\b.*)", text)
    for line in text.splitlines():
        bare = re.sub(r"^[\s#>*.$-]+", "", line).strip()
        if re.search(r"[-+*/@(\[:]", bare):
            yield bare


def _parsed(code: str) -> ast.AST | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


# --- places ---------------------------------------------------------------------------------


def leaks(text: str, where: str, sought: Sequence[Secret]) -> list[Leak]:
    """Return a `Leak` for every secret that occurs in a text."""
    return sorted(
        Leak(where, secret.exercise, secret.assignment) for secret in search(text, sought)
    )


def leaks_in_assignments(course: Course) -> list[Leak]:
    """Search every file of ``assignments/``: nothing of assignment k or later may be in k's."""
    everything = secrets(course)
    found: list[Leak] = []
    for path in sorted(course.assignments.rglob("*")):
        if path.is_file():
            assignment = path.relative_to(course.assignments).parts[0]
            sought = [secret for secret in everything if secret.assignment >= assignment]
            where = str(path.relative_to(course.root))
            found += leaks_in_file(path.name, path.read_bytes(), where, sought)
    return found


def leaks_in_wheel(wheel: Path, course: Course) -> list[Leak]:
    """Search every file of the wheel: no solution at all may be in it."""
    everything = secrets(course)
    found: list[Leak] = []
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            where = f"{wheel.name}/{name}"
            found += leaks_in_file(name, archive.read(name), where, everything)
    return found


def leaks_in_folder(folder: Path, course: Course) -> list[Leak]:
    """Search every file of the package's source tree, as if it were in the wheel."""
    everything = secrets(course)
    return [
        leak
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
        for leak in leaks_in_file(
            path.name, path.read_bytes(), str(path.relative_to(folder.parent)), everything
        )
    ]


def leaks_in_grading(course: Course) -> list[Leak]:
    """Search ``autograded/`` and ``feedback/`` for what the students did not write themselves.

    A page of feedback shows a student's own cells; what stands there is no leak.
    """
    everything = secrets(course)
    found: list[Leak] = []
    autograded, feedback = (course.grading_folder / step for step in ("autograded", "feedback"))
    for path in sorted([*autograded.rglob("*"), *feedback.rglob("*")]):
        if not path.is_file():
            continue
        step = autograded if autograded in path.parents else feedback
        student, assignment = path.relative_to(step).parts[:2]
        sought = [secret for secret in everything if secret.assignment >= assignment]
        own = _own_work(autograded / student / assignment / f"{assignment}.ipynb")
        written = {secret.exercise for source in own for secret in search(source, sought)}
        where = str(path.relative_to(course.root))
        found += [
            leak
            for leak in leaks_in_file(path.name, path.read_bytes(), where, sought)
            if leak.exercise not in written
        ]
    return found


def _own_work(path: Path) -> list[str]:
    """Return the cells a student wrote in a notebook; none if it cannot be read."""
    try:
        notebook = read_notebook(path)
    except NotANotebookError:
        return []
    return [cell.source for cell in notebook if cell.role in ("solution", "free")]


def leaks_in_file(name: str, content: bytes, where: str, sought: Sequence[Secret]) -> list[Leak]:
    """Search one file: a notebook cell by cell, a page of HTML in its text, other text as it is."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return []  # pictures and arrays hold no syntax trees
    if name.endswith(".ipynb"):
        return _leaks_in_notebook(text, where, sought)
    if name.endswith((".html", ".htm")):
        text = _text_of_html(text)
    return leaks(text, where, sought)


def _leaks_in_notebook(text: str, where: str, sought: Sequence[Secret]) -> list[Leak]:
    content = json.loads(text)
    found = [
        leak
        for cell in parse_notebook(content)
        for leak in leaks(cell.source, f"{where}, cell {cell.index + 1}", sought)
    ]
    for index, cell in enumerate(content["cells"], start=1):
        for shown in _strings(cell.get("outputs", [])):
            output = _text_of_html(shown) if "<" in shown else shown
            found += leaks(output, f"{where}, output of cell {index}", sought)
    return found + leaks(_metadata(content), f"{where}, metadata", sought)


def _metadata(content: Mapping[str, Any]) -> str:
    """Return all texts in the metadata of a notebook and of its cells."""
    places = [content.get("metadata", {}), *(cell.get("metadata", {}) for cell in content["cells"])]
    return "\n".join(_strings(places))


def _strings(value: object) -> Iterator[str]:
    """Yield all texts in parsed JSON; lists of lines come as one text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and value and all(isinstance(line, str) for line in value):
        yield "".join(value)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


class _Text(HTMLParser):
    """Collects the text of a page; scripts and styles left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.skipping = False

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.skipping = self.skipping or tag in ("script", "style")
        if tag in ("pre", "p", "div", "li", "tr", "br"):
            self.parts.append("\n")
        self.parts += [
            f"\n{html.unescape(value)}\n" for key, value in attrs if key == "alt" and value
        ]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self.skipping = False
        if tag == "pre":
            self.parts.append("\n```\n")

    def handle_data(self, data: str) -> None:
        if not self.skipping:
            self.parts.append(data)


def _text_of_html(page: str) -> str:
    reader = _Text()
    reader.feed(page)
    return "".join(reader.parts)
