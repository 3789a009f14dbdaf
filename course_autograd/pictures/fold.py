"""Large graphs made readable: parts of them folded into one node each.

A part may be folded where only one of its values is used outside, its result: the folded node
has that value and that gradient, and is a node like any other. Folds are looked for in this order,
until the graph is small enough:

1. modules, by the names of parameters: all that ``hidden.W`` and ``hidden.b`` take part in;
   ``blocks.3.conv.W`` belongs to ``blocks.3.conv``, and if that is not enough to ``blocks.3``;
2. trees of operations that occur several times, such as the blocks of a residual network;
3. the same pattern several times in a row, such as matmul, add, relu;
4. any tree of operations.

Nothing here draws: nodes and messages come in and go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np

from course_autograd.errors import CourseError
from course_autograd.graph import Message, Node
from course_autograd.words import one_line

READABLE = 60  # nodes
DEEP = 20  # columns: a graph that has to be folded is folded until it is no wider, if possible
LEAST = 3  # a fold of fewer nodes hides more than it saves
LONGEST = 24  # operations in a pattern that is looked for in a chain


@dataclass(frozen=True, eq=False)
class Fold(Node):
    """A part of a graph as one node; value and gradient are those of its result.

    Attributes
    ----------
    members : tuple of int
        Numbers of its nodes in the whole graph, in the order of computation; its result last.
    """

    members: tuple[int, ...] = ()


def fold(
    nodes: Sequence[Node],
    known: Sequence[Message] = (),
    unfold: bool | str | Iterable[str] = False,
    readable: int = READABLE,
) -> tuple[list[Node], list[Message]]:
    """Return a graph of few nodes that stands for a large one; a small one as it is.

    Parameters
    ----------
    nodes : sequence of Node
    known : sequence of Message
        A folded node sends to each of its inputs the sum of what its members send there.
    unfold : bool, str or names
        What not to fold: everything, or the parts of these names.
    readable : int
        The number of nodes from which on parts are folded.

    Raises
    ------
    CourseError
        If there is no folded part of such a name.
    """
    if unfold is True or len(nodes) <= readable:
        found: dict[str, list[int]] = {}
        texts: dict[str, tuple[str, str]] = {}
    else:
        parts = _Parts(nodes)
        parts.shrink(readable)
        found, texts = parts.named()
    for name in _names(unfold):
        if name not in found:
            there = ", ".join(found) if found else "nothing is folded in this picture"
            raise CourseError(
                f"draw: there is no folded part {name!r} to be unfolded. Expected one of: {there}. "
                "unfold=True unfolds everything."
            )
        del found[name]
    return _folded(nodes, known, found, texts)


class _Parts:
    """A graph whose nodes are merged step by step; a part goes by the number of its result."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.part = list(range(len(nodes)))  # of each node
        self.members: dict[int, list[int]] = {i: [i] for i in range(len(nodes))}
        self.about: dict[int, tuple[str, int, tuple[str, ...]]] = {}  # name, times, pattern
        self._look()

    def _look(self) -> None:
        """Find the inputs and the users of every part."""
        self.inputs: dict[int, list[int]] = {}
        self.users: dict[int, list[int]] = {part: [] for part in self.members}
        for part in sorted(self.members):
            given: dict[int, None] = {}
            for member in self.members[part]:
                given |= {
                    self.part[i]: None for i in self.nodes[member].inputs if self.part[i] != part
                }
            self.inputs[part] = list(given)
            for source in given:
                self.users[source].append(part)

    def shrink(self, readable: int) -> None:
        """Merge parts until so few are left, or nothing is found to be merged."""
        deepest = max(len(_modules_of(node)) for node in self.nodes)
        for depth in range(deepest, 0, -1):
            for step in (lambda depth=depth: self._modules(depth), self._rows):
                step()
                if self._small(readable):
                    return
            if len(self.members) <= readable:
                break
        before = 0
        while len(self.members) != before:
            before = len(self.members)
            for step in (self._trees, self._rows):
                step()
                if self._small(readable):
                    return
        if len(self.members) > readable:
            self._trees(least_times=1)

    def _small(self, readable: int) -> bool:
        column: dict[int, int] = {}
        for part in sorted(self.members):
            column[part] = 1 + max((column[source] for source in self.inputs[part]), default=0)
        return len(self.members) <= readable and max(column.values()) <= DEEP

    def named(self) -> tuple[dict[str, list[int]], dict[str, tuple[str, str]]]:
        """Return the members of every fold by its name, and what is to be said about it."""
        found: dict[str, list[int]] = {}
        texts: dict[str, tuple[str, str]] = {}
        taken = {node.label for node in self.nodes}
        for part in sorted(self.members):
            members = self.members[part]
            if part not in self.about or len(members) < LEAST:
                continue
            name, times, pattern = self.about[part]
            label = _unused(name, taken)
            taken.add(label)
            found[label] = members
            inside = f": {pattern[0]} … {pattern[-1]}" if len(pattern) > 1 else f": {pattern[0]}"
            texts[label] = (
                label + (f" {times}×" if times > 1 else ""),
                one_line(f"{len(members):,} nodes{inside}", 34),
            )
        return found, texts

    # --- what may be merged ------------------------------------------------------------------

    def _merge(
        self, parts: Sequence[int], leaves: Iterable[int], name: str = "", times: int = 1
    ) -> None:
        """Merge parts and leaves into one, whose result is that of the last."""
        result = max(parts)
        inner = {*parts, *leaves}
        pattern = [
            self.nodes[i].operation
            for part in sorted(parts)
            for i in self.members[part]
            if self.nodes[i].operation
        ]
        members = sorted(i for part in inner for i in self.members[part])
        for part in inner:
            del self.members[part]
            self.about.pop(part, None)
        for member in members:
            self.part[member] = result
        self.members[result] = members
        self.about[result] = name, times, tuple(pattern[: len(pattern) // times])

    def _leaves(self, parts: Sequence[int]) -> dict[tuple[int, int], int]:
        """Return the leaves that serve these parts alone, by where they come in."""
        there = set(parts)
        members = [member for part in parts for member in self.members[part]]
        return {
            (place, position): source
            for place, member in enumerate(members)
            for position, source in enumerate(self.nodes[member].inputs)
            if _is_leaf(self.nodes[source])
            and self.part[source] == source
            and set(self.users[source]) <= there
        }

    def _merge_alike(self, alike: Sequence[Sequence[int]], together: bool) -> None:
        """Merge parts that compute in the same way; with the leaves that all of them have.

        Where one has an input of the graph and the others a value of the part before, the input
        stays outside.
        """
        leaves = [self._leaves(parts) for parts in alike]
        common = set(leaves[0]).intersection(*leaves[1:])
        own = [{source for place, source in one.items() if place in common} for one in leaves]
        if together:
            every = [part for parts in alike for part in parts]
            names = [self.about[part][0] for part in every if part in self.about]
            self._merge(every, set().union(*own), _joined(names), len(alike))
            return
        for parts, more in zip(alike, own, strict=True):
            if len(more) + sum(len(self.members[part]) for part in parts) >= LEAST:
                names = [self.about[part][0] for part in parts if part in self.about]
                self._merge(parts, more, names[0] if len(names) == 1 else "")

    def _inner(self, part: int) -> list[int]:
        """Return the inputs of a part that were computed."""
        return [source for source in self.inputs[part] if not _is_leaf(self.nodes[source])]

    def _modules(self, depth: int) -> None:
        """Merge what belongs to the same module, with names of at most `depth` steps."""
        own: dict[int, str] = {}  # of parts with parameters of one module
        above: dict[int, frozenset[str]] = {}  # modules in all that a part is computed from
        for part in sorted(self.members):
            names = {
                ".".join(_modules_of(self.nodes[i])[:depth])
                for i in (*self.members[part], *self.inputs[part])
            } - {""}
            if len(names) == 1 and not _is_leaf(self.nodes[part]):
                own[part] = next(iter(names))
            given = self._inner(part)
            # One object where nothing is new: the sets of a long chain are one set.
            sets = {above[source] for source in given} | ({frozenset(names)} if names else set())
            largest = max(sets, key=len, default=frozenset())
            above[part] = largest if all(s <= largest for s in sets) else frozenset().union(*sets)
        taken: set[int] = set()
        found: list[tuple[str, list[int]]] = []
        for part in sorted(self.members, reverse=True):
            if part in taken or part not in own:
                continue
            name = own[part]
            cone = self._cone(
                part,
                lambda source, name=name: (
                    own.get(source) == name or (source not in own and name in above[source])
                ),
                taken,
            )
            taken |= set(cone)
            if len(cone) > 1 or self._leaves([part]):
                found.append((name, cone))
        for name, cone in reversed(found):
            self._merge(cone, self._parameters(cone, name), name)
        self._look()

    def _cone(self, top: int, belongs: Any, taken: set[int]) -> list[int]:
        """Return `top` and what serves it alone and belongs to it."""
        cone, waiting = {top}, [top]
        while waiting:
            # The largest number first: all users of a part come before it.
            waiting.sort()
            part = waiting.pop()
            if part != top:
                if not set(self.users[part]) <= cone or not belongs(part) or part in taken:
                    continue
                cone.add(part)
            waiting += [source for source in self._inner(part) if source not in waiting]
        return sorted(cone)

    def _parameters(self, cone: Sequence[int], name: str) -> set[int]:
        """Return the leaves that a module takes in: its parameters and constant numbers."""
        return {
            source
            for source in self._leaves(cone).values()
            if self.nodes[source].label.startswith(f"{name}.")
            or (self.nodes[source].constant and not np.ndim(self.nodes[source].value))
        }

    def _trees(self, least_times: int = 2) -> None:
        """Merge trees of operations between branches, if the same tree occurs several times."""
        top: dict[int, int] = {}
        trees: dict[int, list[int]] = {}
        for part in sorted(self.members, reverse=True):
            if _is_leaf(self.nodes[part]):
                continue
            users = self.users[part]
            top[part] = top[users[0]] if len(users) == 1 else part
            trees.setdefault(top[part], []).append(part)
        kinds: dict[object, list[list[int]]] = {}
        last = max(self.members)
        for root, tree in trees.items():
            tree.reverse()
            if (root != last or least_times == 1) and len(tree) > 1:
                kinds.setdefault(self._structure(tree), []).append(tree)
        for alike in kinds.values():
            if len(alike) >= least_times:
                self._merge_alike(alike, together=False)
        self._look()

    def _rows(self) -> None:
        """Merge patterns that occur several times in a row along a chain."""
        for chain in self._chains():
            kinds = [self._structure(side) for side in chain]
            at = 0
            while at < len(chain):
                length, times = _repetition(kinds, at)
                if times > 1 and length * times > LEAST:
                    end = at + length * times
                    rows = [
                        [part for side in chain[i : i + length] for part in side]
                        for i in range(at, end, length)
                    ]
                    self._merge_alike(rows, together=True)
                    at = end
                else:
                    at += 1
        self._look()

    def _chains(self) -> list[list[list[int]]]:
        """Return chains of parts, each used by the next alone, with what joins from the side."""
        size: dict[int, int] = {}  # of the tree that serves a part alone
        for part in sorted(self.members):
            single = [s for s in self._inner(part) if len(self.users[s]) == 1]
            size[part] = 1 + sum(size[s] for s in single)
        found = []
        taken: set[int] = set()
        for part in sorted(self.members, reverse=True):
            if part in taken or _is_leaf(self.nodes[part]):
                continue
            chain = []
            here: int | None = part
            while here is not None:
                single = [s for s in self._inner(here) if len(self.users[s]) == 1]
                follows = max(single, key=lambda s: (size[s], -s), default=None)
                side = [here]
                waiting = [s for s in single if s != follows]
                while waiting:
                    one = waiting.pop()
                    side.append(one)
                    waiting += [s for s in self._inner(one) if len(self.users[s]) == 1]
                chain.append(sorted(side))
                taken |= set(side)
                here = follows
            found.append(chain[::-1])
        return found

    def _structure(self, parts: Sequence[int]) -> object:
        """Return what is the same for parts that compute in the same way."""
        members = [member for part in parts for member in self.members[part]]
        place = {member: i for i, member in enumerate(members)}
        return tuple(
            (node.operation, node.options, node.constant, tuple(place.get(i) for i in node.inputs))
            for node in (self.nodes[member] for member in members)
        )


def _joined(names: Sequence[str]) -> str:
    """Return a name for modules in a row: ``blocks`` for ``blocks.0`` ... ``blocks.7``."""
    if not names or not all(names):
        return ""
    steps = [name.split(".") for name in names]
    common = [one[0] for one in zip(*steps, strict=False) if len(set(one)) == 1]
    return ".".join(common) or f"{names[0]} to {names[-1]}"


def _names(unfold: bool | str | Iterable[str]) -> list[str]:
    if isinstance(unfold, bool):
        return []
    if isinstance(unfold, str):
        return [unfold]
    if isinstance(unfold, Iterable):
        names = list(unfold)
        if all(isinstance(name, str) for name in names):
            return names
    raise CourseError(
        f"draw: expected unfold to be True or names of folded parts, got {unfold!r}. "
        'Write unfold="hidden", for example.'
    )


def _unused(name: str, taken: set[str]) -> str:
    """Return a name of its own for a fold: ``hidden``, ``hidden (2)``; ``part1`` without one."""
    numbers = count(1)
    while True:
        number = next(numbers)
        label = f"part{number}" if not name else name if number == 1 else f"{name} ({number})"
        if label not in taken:
            return label


def _modules_of(node: Node) -> list[str]:
    """Return the modules that a parameter belongs to, the outermost first."""
    leaf = _is_leaf(node) and not node.constant
    return node.label.split(".")[:-1] if leaf else []


def _is_leaf(node: Node) -> bool:
    return not node.operation


def _repetition(kinds: Sequence[object], at: int) -> tuple[int, int]:
    """Return length and number of the pattern that covers most from a place on."""
    best = (1, 1)
    for length in range(1, min(LONGEST, (len(kinds) - at) // 2) + 1):
        times, start = 1, at + length
        while kinds[start : start + length] == kinds[at : at + length]:
            times, start = times + 1, start + length
        if times > 1 and length * times > best[0] * best[1]:
            best = length, times
    return best


def _folded(
    nodes: Sequence[Node],
    known: Sequence[Message],
    found: dict[str, list[int]],
    texts: dict[str, tuple[str, str]],
) -> tuple[list[Node], list[Message]]:
    """Build the graph in which some parts are one node."""
    if not found:
        return list(nodes), list(known)
    name_of = {member: name for name, members in found.items() for member in members}
    number: dict[int, int] = {}  # of each old node in the new graph
    made: list[Node] = []
    for node in nodes:
        name = name_of.get(node.number)
        if name is None:
            given = tuple(number[i] for i in node.inputs)
            number[node.number] = len(made)
            made.append(replace(node, number=len(made), inputs=given))
        elif node.number == found[name][-1]:
            members = found[name]
            inside = set(members)
            sources = dict.fromkeys(
                number[i] for m in members for i in nodes[m].inputs if i not in inside
            )
            symbol, options = texts[name]
            for member in members:
                number[member] = len(made)
            fields = (len(made), name, False, "fold", symbol, options, tuple(sources))
            made.append(Fold(*fields, node.value, node.grad, False, tuple(members)))
    return made, _sent(made, number, known)


def _sent(made: Sequence[Node], number: dict[int, int], known: Sequence[Message]) -> list[Message]:
    """Return what the nodes of a folded graph send each other."""
    sent: dict[tuple[int, int, int], Message] = {}
    for message in known:
        sender, receiver = number[message.sender], number[message.receiver]
        if sender == receiver:
            continue
        whole = made[sender]
        if not isinstance(whole, Fold):
            sent[sender, receiver, message.position] = replace(
                message, sender=sender, receiver=receiver
            )
            continue
        key = sender, receiver, whole.inputs.index(receiver)
        with np.errstate(all="ignore"):  # gradients may be infinite
            total = sent[key].sent + message.sent if key in sent else message.sent
        sent[key] = Message(*key, whole.grad, None, total)
    return list(sent.values())


__all__ = ["READABLE", "Fold", "fold"]
