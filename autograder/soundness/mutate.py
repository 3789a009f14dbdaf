"""Mutants of a piece of code: the same code with one small change, made mechanically.

Three tools from PyPI were looked at first (mutmut 3.8, cosmic-ray 8.7, mutatest 3.1; BSD, MIT,
MIT). mutmut and mutatest mutate files and run a test command for each mutant, a second or more
apiece where one check takes 20 ms. cosmic-ray's operators do work on a text in process, but they
know Python only: operators, comparisons, numbers by ±1. The mistakes of this field (an axis, a
transpose, a dropped factor, operands or returned gradients exchanged, `maximum` for `minimum`)
are not among them, and its installation brings a database and a web client. So the mutants are
made here, with Python's own `ast`; this module knows nothing of exercises.

As a second opinion, cosmic-ray's operators (without those that exchange variables) were once
applied to all 29 reference solutions: 765 mutants, 426 of them not made here (bit operators,
removed decorators). The checks caught all but 11, which are right: `1 >> b` and `1 ^ b` for
`1 - b` with a truth value b, `//` where nothing remains, and eight times a missing
`@staticmethod`, which `implements` can do without.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

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
LENGTH = 44  # characters of code shown before and after the change


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


def mutants(code: str, leave: Collection[str] = ()) -> list[Mutant]:
    """Return all mutants of `code`, no two with the same text and none with the text of `code`.

    Parameters
    ----------
    code : str
        Statements.
    leave : collection of str
        Keys of dicts whose values are not changed in themselves.

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
        if any(_key(*pair) in leave for pair in pairwise((*place.above, place.node))):
            continue
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


def _key(parent: ast.AST, node: ast.AST) -> object:
    """Return the key under which `node` stands in a dict; None if it does not."""
    if isinstance(parent, ast.Dict):
        for key, value in zip(parent.keys, parent.values, strict=True):
            if value is node and isinstance(key, ast.Constant):
                return key.value
    return None


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
    node, parent = place.node, place.above[-1]
    if isinstance(node, ast.stmt):
        yield from _statements(node)
    elif isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load) and node.id in place.names:
            yield from (ast.Name(one, ast.Load()) for one in sorted(place.names - {node.id}))
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value, in_dict=isinstance(parent, ast.Dict))
    elif isinstance(node, ast.BinOp | ast.UnaryOp | ast.BoolOp | ast.Compare):
        yield from _operators(node)
    elif isinstance(node, ast.expr):
        yield from _expressions(node)
    if isinstance(node, ast.expr) and _is_result(place):
        yield from _distorted(node)
        yield ast.BinOp(ast.Constant(2), ast.Mult(), node)
        yield ast.BinOp(node, ast.Div(), ast.Constant(2))
        yield ast.Attribute(node, "T", ast.Load())
        yield ast.Attribute(node, "size", ast.Load())
        yield ast.Constant(None)
    elif isinstance(node, ast.Name) and isinstance(parent, ast.BinOp):
        yield from _distorted(node)
        if isinstance(parent.op, ast.MatMult):
            yield ast.Attribute(node, "T", ast.Load())


def _statements(node: ast.stmt) -> Iterator[ast.AST]:
    if not isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield ast.Pass()
    match node:
        case ast.If(test, body, otherwise):
            for changed in (ast.UnaryOp(ast.Not(), test), ast.Constant(True)):
                yield ast.If(changed, body, otherwise)
        case ast.For(target, iterable, body, otherwise):
            backwards = _call("reversed", _call("list", iterable))
            yield ast.For(target, backwards, body, otherwise)
            yield ast.For(target, iterable, [*body, ast.Break()], otherwise)
        case ast.AugAssign(target, op, value):
            for one in (ast.Add, ast.Sub, ast.Mult):
                if not isinstance(op, one):
                    yield ast.AugAssign(target, one(), value)
            yield ast.Assign([target], value)
        case ast.Assign([ast.Subscript() as target], value):
            yield ast.AugAssign(target, ast.Add(), value)


def _operators(node: ast.expr) -> Iterator[ast.AST]:
    """Other operators, exchanged operands, one operand alone."""
    match node:
        case ast.BinOp(left, op, right):
            for other in ARITHMETIC:
                if not isinstance(op, other):
                    yield ast.BinOp(left, other(), right)
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
            for comparison in others:
                if not isinstance(op, comparison):
                    yield ast.Compare(left, [comparison()], right)


def _expressions(node: ast.expr) -> Iterator[ast.AST]:
    """Other names of functions, other arguments, elements gone or exchanged, one branch."""
    match node:
        case ast.Attribute(value, name, context):
            for group in CONFUSED:
                if name in group:
                    yield from (ast.Attribute(value, one, context) for one in group if one != name)
            if name == "T":
                yield value
        case ast.Call(function, positional, keywords):
            yield from _calls(function, positional, keywords)
        case ast.Tuple(elements, context):
            yield from (ast.Tuple(swapped, context) for swapped in _exchanged(elements))
            yield from (ast.Tuple(fewer, context) for fewer in _shortened(elements))
            if len(elements) == 1:
                yield elements[0]
        case ast.Dict(keys, values):
            pairs = zip(_shortened(keys), _shortened(values), strict=True)
            yield from (ast.Dict(*fewer) for fewer in pairs)
            for i in range(len(keys) - 1):
                between = [values[i + 1], values[i]]
                yield ast.Dict(keys, [*values[:i], *between, *values[i + 2 :]])
        case ast.Subscript(value, _, ast.Load()):
            yield value
        case ast.IfExp(test, body, otherwise):
            yield from (body, otherwise, ast.IfExp(test, otherwise, body))


def _shortened(entries: list[Any]) -> Iterator[list[Any]]:
    """Return the list without one entry, for each of them."""
    return (entries[:i] + entries[i + 1 :] for i in range(len(entries)))


def _exchanged(entries: list[Any]) -> Iterator[list[Any]]:
    """Return the list with two entries exchanged, for each pair."""
    for i, j in combinations(range(len(entries)), 2):
        swapped = list(entries)
        swapped[i], swapped[j] = swapped[j], swapped[i]
        yield swapped


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
        near: list[float] = [*NUMBERS, value + 1, value - 1]
        if in_dict:
            near += [-value, 2 * value, value / 2]
            near += [value + 0.01, value - 0.01] if isinstance(value, float) else []
        yield from (ast.Constant(one) for one in dict.fromkeys(near) if one != value)


def _calls(
    function: ast.expr, positional: list[ast.expr], keywords: list[ast.keyword]
) -> Iterator[ast.AST]:
    """The call gone, an argument gone, two exchanged, an axis or kept axes more."""
    if isinstance(function, ast.Attribute):
        yield function.value
    yield from positional[:1]
    for arguments in (*_shortened(positional), *_exchanged(positional)):
        yield ast.Call(function, arguments, keywords)
    for fewer in _shortened(keywords):
        yield ast.Call(function, positional, fewer)
    if isinstance(function, ast.Attribute) and function.attr == "sum":
        for name, value in (("keepdims", True), ("axis", 0), ("axis", -1), ("axis", None)):
            others = [one for one in keywords if one.arg != name]
            extra = ast.keyword(name, ast.Constant(value))
            yield ast.Call(function, positional, [*others, extra])
