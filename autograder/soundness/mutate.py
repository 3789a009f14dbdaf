"""Mutants of a piece of code: the same code with one small change, made mechanically.

Three tools from PyPI were looked at first (mutmut 3.8, cosmic-ray 8.7, mutatest 3.1; BSD, MIT,
MIT). mutmut and mutatest mutate files and run a test command for each mutant, a second or more
apiece where one check takes 20 ms. cosmic-ray's operators do work on a text in process, but they
know Python only: operators, comparisons, numbers by ±1. The mistakes of this field (an axis, a
transpose, a dropped factor, operands or returned gradients exchanged, `maximum` for `minimum`)
are not among them, and its installation brings a database and a web client. So the mutants are
made here, with Python's own `ast`; this module knows nothing of exercises.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.MatMult)
COMMUTES = (ast.Add, ast.Mult)
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
NEGATIONS: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Is: ast.IsNot, ast.IsNot: ast.Is}
NUMBERS = (0, 1, 2, -1, 0.5)
# Functions, methods and attributes that are taken for one another.
CONFUSED = (
    ("maximum", "minimum", "add"),
    ("max", "min", "sum", "mean"),
    ("add", "subtract"),
    ("exp", "log", "exp2"),
    ("abs", "negative", "square"),
    ("zeros", "ones"),
    ("zeros_like", "ones_like", "empty_like"),
    ("outer", "inner", "multiply"),
    ("matmul", "mul"),
    ("square", "exp"),
    ("hinge", "softmax_cross_entropy"),
    ("arange", "zeros"),
    ("ndim", "size"),
    ("extend", "append"),
    ("zero_grad", "step"),
)
AROUND = (ast.expr, ast.keyword, ast.arguments, ast.Assign, ast.AugAssign, ast.Return)
LENGTH = 60  # characters of code shown before and after the change


@dataclass(frozen=True)
class Mutant:
    """Code with one change.

    Attributes
    ----------
    change : str
        The changed expression or statement before and after; unique among the mutants of one code.
    code : str
        The whole code with the change in it.
    """

    change: str
    code: str


def mutants(code: str) -> list[Mutant]:
    """Return all mutants of `code`, no two with the same text and none with the text of `code`.

    Raises
    ------
    SyntaxError
        If `code` is no Python.
    """
    tree = ast.parse(code)
    seen = {ast.unparse(tree)}
    found: list[Mutant] = []
    counted: Counter[str] = Counter()
    for place in list(_places(tree, (), frozenset())):
        for new in _rewrites(place):
            shown = _context(place)
            before = _header(shown)
            place.put(new)
            text = _text(tree)
            after = _header(new if shown is place.node else shown)
            place.put(place.node)
            if text is None or text in seen:
                continue
            seen.add(text)
            change = f"without {before}" if isinstance(new, ast.Pass) else f"{before} → {after}"
            counted[change] += 1
            again = f" (place {counted[change]})" if counted[change] > 1 else ""
            found.append(Mutant(change + again, text))
    return found


# --- places ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """A node, how to replace it, the nodes around it, and the local names known there."""

    node: ast.AST
    above: tuple[ast.AST, ...]  # from the module down to the parent
    field: str
    index: int | None
    names: frozenset[str]

    def put(self, node: ast.AST) -> None:
        """Put `node` where the place is."""
        if self.index is None:
            setattr(self.above[-1], self.field, node)
        else:
            getattr(self.above[-1], self.field)[self.index] = node


def _places(parent: ast.AST, above: tuple[ast.AST, ...], names: frozenset[str]) -> Iterator[_Place]:
    """Go through the code in the order of the text; decorators and docstrings are left alone."""
    above = (*above, parent)
    if isinstance(parent, ast.FunctionDef):
        names = frozenset(one.arg for one in parent.args.args)
    for field, value in _fields(parent):
        for index, node in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(node, ast.AST) or _is_docstring(node):
                continue
            yield _Place(node, above, field, index, names)
            yield from _places(node, above, names)
            if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.ClassDef):
                names |= _stored(node)
        if field == "target":  # of a loop: known in its body
            names |= _stored(parent)


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    left_alone = ("decorator_list", "annotation", "bases", "ctx", "op", "ops")
    yield from ((name, value) for name, value in ast.iter_fields(node) if name not in left_alone)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _stored(node: ast.AST) -> frozenset[str]:
    return frozenset(
        one.id
        for one in ast.walk(node)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    )


def _context(place: _Place) -> ast.AST:
    """Return what to show of the code around a place: as much as stays short."""
    shown = place.node
    for node in reversed(place.above):
        if not isinstance(node, AROUND):
            break
        if len(_header(node)) > LENGTH:
            break
        shown = node
    return shown


def _header(node: ast.AST) -> str:
    """Return a statement without its body, or an expression."""
    if isinstance(node, ast.keyword):
        return f"{node.arg}={ast.unparse(node.value)}"
    return ast.unparse(node).partition("\n")[0]


def _text(tree: ast.Module) -> str | None:
    """Return the code of a changed tree, None if it is no Python (such as `f(x) = 1`)."""
    try:
        text = ast.unparse(ast.fix_missing_locations(tree))
        compile(text, "<mutant>", "exec")
    except (SyntaxError, ValueError):
        return None
    return text


# --- changes --------------------------------------------------------------------------------------


def _rewrites(place: _Place) -> Iterator[ast.AST]:
    """Return what the node at a place is changed into."""
    node = place.node
    if isinstance(node, ast.Assign | ast.AugAssign | ast.Return | ast.Expr | ast.For | ast.If):
        yield ast.Pass()
    match node:
        case ast.BinOp(left, op, right):
            yield from (
                ast.BinOp(left, one(), right) for one in ARITHMETIC if not isinstance(op, one)
            )
            if not isinstance(op, COMMUTES):
                yield ast.BinOp(right, op, left)
            yield from (left, right)
        case ast.UnaryOp(_, operand):
            yield operand
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            yield from values
        case ast.Compare(left, [op], right):
            others = COMPARISONS if isinstance(op, COMPARISONS) else (NEGATIONS[type(op)],)
            yield from (
                ast.Compare(left, [one()], right) for one in others if not isinstance(op, one)
            )
        case ast.Constant(value):
            yield from _constants(value, in_dict=isinstance(place.above[-1], ast.Dict))
        case ast.Name(name, ast.Load()) if name in place.names:
            yield from (ast.Name(other, ast.Load()) for other in sorted(place.names - {name}))
        case ast.Attribute(value, name):
            yield from _attributes(node, value, name)
        case ast.Call(function, positional, keywords):
            yield from _calls(node, function, positional, keywords)
        case ast.Tuple(elements, context):
            for i, j in combinations(range(len(elements)), 2):
                swapped = list(elements)
                swapped[i], swapped[j] = swapped[j], swapped[i]
                yield ast.Tuple(swapped, context)
            for i in range(len(elements)):
                yield ast.Tuple([*elements[:i], *elements[i + 1 :]], context)
            if len(elements) == 1:
                yield elements[0]
        case ast.Dict(keys, values):
            for i in range(len(keys)):
                yield ast.Dict([*keys[:i], *keys[i + 1 :]], [*values[:i], *values[i + 1 :]])
            for i in range(len(keys) - 1):
                between = [values[i + 1], values[i]]
                yield ast.Dict(keys, [*values[:i], *between, *values[i + 2 :]])
        case ast.Subscript(value, _, ast.Load()):
            yield value
        case ast.IfExp(test, body, otherwise):
            yield from (body, otherwise, ast.IfExp(test, otherwise, body))
        case ast.If(test, body, otherwise):
            yield from (
                ast.If(changed, body, otherwise)
                for changed in (ast.UnaryOp(ast.Not(), test), ast.Constant(True))
            )
        case ast.For(target, iterable, body, otherwise):
            backwards = _call("reversed", _call("list", iterable))
            yield ast.For(target, backwards, body, otherwise)
            yield ast.For(target, iterable, [*body, ast.Break()], otherwise)
        case ast.AugAssign(target, op, value):
            signs = (ast.Add, ast.Sub, ast.Mult)
            yield from (
                ast.AugAssign(target, one(), value) for one in signs if not isinstance(op, one)
            )
            yield ast.Assign([target], value)
        case ast.Assign([ast.Subscript() as target], value):
            yield ast.AugAssign(target, ast.Add(), value)
    if isinstance(node, ast.expr) and _is_result(place):
        yield from _distorted(node)
        yield ast.BinOp(ast.Constant(2), ast.Mult(), node)
        yield ast.BinOp(node, ast.Div(), ast.Constant(2))
        yield ast.Attribute(node, "T", ast.Load())
        yield ast.Attribute(node, "size", ast.Load())
        yield ast.Constant(None)
    elif isinstance(node, ast.Name) and isinstance(place.above[-1], ast.BinOp):
        yield from _distorted(node)
        if isinstance(place.above[-1].op, ast.MatMult):
            yield ast.Attribute(node, "T", ast.Load())


def _distorted(node: ast.expr) -> Iterator[ast.expr]:
    """Another sign, no sign, one more: each shows only on inputs that are chosen well."""
    yield ast.UnaryOp(ast.USub(), node)
    yield _call("abs", node)
    yield ast.BinOp(node, ast.Add(), ast.Constant(1))


def _is_result(place: _Place) -> bool:
    """Whether the place is a returned value, or one of several."""
    parent = place.above[-1]
    returned = place.above[-2] if isinstance(parent, ast.Tuple) else parent
    return isinstance(returned, ast.Return) and not isinstance(place.node, ast.Tuple)


def _call(function: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(function, ast.Load()), list(arguments), [])


def _constants(value: object, *, in_dict: bool) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        near = (value + 1, value - 1)
        if in_dict:
            near = (*near, -value, 2 * value, value / 2)
            near += (value + 0.01, value - 0.01) if isinstance(value, float) else ()
        yield from (ast.Constant(one) for one in dict.fromkeys((*NUMBERS, *near)) if one != value)


def _attributes(node: ast.Attribute, value: ast.expr, name: str) -> Iterator[ast.AST]:
    for group in CONFUSED:
        if name in group:
            yield from (ast.Attribute(value, one, node.ctx) for one in group if one != name)
    if name == "T":
        yield value


def _calls(
    node: ast.Call, function: ast.expr, positional: list[ast.expr], keywords: list[ast.keyword]
) -> Iterator[ast.AST]:
    """The call gone, an argument gone, two exchanged, an axis or kept axes more."""
    if isinstance(function, ast.Attribute):
        yield function.value
    yield from positional[:1]
    for i in range(len(positional)):
        yield ast.Call(function, [*positional[:i], *positional[i + 1 :]], keywords)
    for i, j in combinations(range(len(positional)), 2):
        swapped = list(positional)
        swapped[i], swapped[j] = swapped[j], swapped[i]
        yield ast.Call(function, swapped, keywords)
    for i in range(len(keywords)):
        yield ast.Call(function, positional, [*keywords[:i], *keywords[i + 1 :]])
    if isinstance(function, ast.Attribute) and function.attr == "sum":
        given = {one.arg for one in keywords}
        for name, value in (("keepdims", True), ("axis", 0), ("axis", -1), ("axis", None)):
            extra = ast.keyword(name, ast.Constant(value))
            kept = [one for one in keywords if one.arg != name]
            if name not in given or name == "axis":
                yield ast.Call(function, positional, [*kept, extra])
