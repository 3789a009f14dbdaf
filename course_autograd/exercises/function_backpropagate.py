"""The exercise ``backpropagate(order, parents, local)``: the accumulator algorithm on plain data.

The truth is the solution of a system of linear equations, one per node: the gradient of a node is
1 for the output, plus what each of its consumers sends. No accumulator is needed to solve it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_autograd.domain import signs
from course_autograd.exercises.base import CLEAN, Array, Case, Finding, Observation
from course_autograd.exercises.functions import (
    FunctionExercise,
    as_number,
    broken,
    explained,
    kind_of,
    near,
    refuted,
)
from course_autograd.exercises.ruled_out import RuledOut
from course_autograd.exercises.values import number_words, numbers_in_words, plain_answer

Parents = Mapping[str, Sequence[str]]

LETTERS = "abcdefghijklmnopqrstuvwxyz"
NEAR = 1e-9  # no arithmetic of a dozen steps is farther off

# facet: graphs as (node, parents) in order of computation.
GRAPHS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("chains and trees", (("x", ""), ("u", "x"), ("v", "u"), ("y", "v"))),
    ("chains and trees", (("a", ""), ("b", ""), ("c", ""), ("q", "ab"), ("f", "qc"))),
    ("a value used twice", (("x", ""), ("y", "xx"))),
    ("a value used twice", (("x", ""), ("u", "x"), ("v", "x"), ("y", "uv"))),
    (
        "a value used twice",
        (("a", ""), ("b", ""), ("p", "ab"), ("s", "p"), ("t", "p"), ("f", "st")),
    ),
    ("paths of unequal length", (("x", ""), ("u", "x"), ("y", "xu"))),
    ("paths of unequal length", (("x", ""), ("u", "x"), ("v", "u"), ("w", "v"), ("y", "wux"))),
    (
        "paths of unequal length",
        (("a", ""), ("b", "a"), ("c", "ab"), ("d", "bb"), ("e", "cad"), ("g", "eb"), ("f", "gce")),
    ),
    ("nodes the output does not need", (("x", ""), ("k", ""), ("u", "x"), ("n", "xk"), ("y", "u"))),
    (
        "nodes the output does not need",
        (("x", ""), ("s", "x"), ("y", "xx"), ("n", "sy"), ("z", "y")),
    ),
    # Deeper, so that a few rounds over the graph are not enough; no square of squares overflows.
    ("chains and trees", (("a", ""), *((LETTERS[i], LETTERS[i - 1]) for i in range(1, 11)))),
)


class Backpropagate(FunctionExercise):
    """Gradients of the last node with respect to all nodes of a graph given as plain data."""

    name = "backpropagate"
    assignment = "01_chain_rule"
    signature = "backpropagate(order, parents, local)"
    facets = (*dict.fromkeys(facet for facet, _ in GRAPHS), CLEAN)

    def cases(self, rng: np.random.Generator) -> list[Case]:
        """Draw local derivatives for every graph, and new names for its nodes."""
        cases = []
        for facet, graph in GRAPHS:
            letters = rng.permutation(len(LETTERS))
            named = {node: LETTERS[i] for (node, _), i in zip(graph, letters, strict=False)}
            order = [named[node] for node, _ in graph]
            parents = {named[node]: [named[one] for one in above] for node, above in graph}
            edges = (sum(map(len, parents.values())),)
            drawn = iter((signs(rng, edges) * rng.uniform(0.5, 2, edges)).tolist())
            local = {node: [next(drawn) for _ in above] for node, above in parents.items()}
            steps = "; ".join(f"{n} from {', '.join(p)}" for n, p in parents.items() if p)
            options = {"order": order, "parents": parents, "local": local}
            cases.append(Case(facet, f"the graph {steps}", options=options))
        return cases

    def ask(self, answer: Any, case: Case) -> Observation:
        """Call the function with lists and dicts of its own."""
        given = Graph.of(case)
        order, parents, local = given.plain()
        result = answer(order, parents, local)
        flags = set() if (order, parents, local) == given.plain() else {"changed_inputs"}
        if not isinstance(result, Mapping):
            return broken(
                "backpropagate must return a dict from node names to numbers, got "
                f"{kind_of(result)}."
            )
        answers = {node: plain_answer(result.get(node)) for node in given.order}
        again = answer(*given.plain())
        if not isinstance(again, Mapping) or answers != {
            node: plain_answer(again.get(node)) for node in given.order
        }:
            flags.add("second_call_differs")
        return Observation(answers=answers, flags=frozenset(flags))

    def compare(self, case: Case, observation: Observation) -> Finding:
        """Compare every node with the solution of the linear system."""
        graph = Graph.of(case)
        truth = graph.gradients()
        passed = {case.facet: True, CLEAN: not observation.flags & {"changed_inputs"}}
        facts: list[str] = []
        numbers = []
        left_out = 0
        for node, right in zip(graph.order, truth, strict=True):
            given = observation.answers.get(node)
            number = as_number(given)
            # A node that was left out is compared as 0: another mistake may show in the others.
            numbers.append(0.0 if given is None else np.nan if number is None else number)
            if given is None:
                left_out += 1
                facts.append(f"node {node} has no gradient in your dict; every node gets one")
            elif number is None:
                facts.append(f"the gradient of node {node}: expected a number, got {given}")
            elif not near(number, right):
                yours, wanted = number_words(number), number_words(float(right))
                facts.append(f"gradient of node {node}: yours {yours}, over all paths {wanted}")
        passed[case.facet] = not facts
        found = np.array(numbers)
        named: tuple[str, ...] = ()
        if left_out and left_out == len(facts):
            named = ("left_out",)
        if "second_call_differs" in observation.flags:
            passed[CLEAN] = False
            facts.append("the same graph gets other gradients at the second call")
            named = ("random",)
        if "changed_inputs" in observation.flags:
            facts.append("your function changed the lists or dicts it was given")
            named = named or ("changed_saved",)
        right = passed[case.facet]
        return Finding(
            case.label,
            passed,
            tuple(facts[:3]),
            {} if right or named else {"nodes": explained(found, graph.predictions(), NEAR)},
            RuledOut({"nodes": refuted(found, graph.predictions, NEAR)} if right else {}),
            named,
            printed=observation.printed,
            inputs=_local_in_words(graph),
            expected=truth,
        )


def _local_in_words(graph: Graph) -> str:
    """Return the local derivatives of a small graph."""
    local = {f"local[{node!r}]": values for node, values in graph.local.items() if values}
    return numbers_in_words(local) if len(local) < 4 else ""


@dataclass(frozen=True)
class Graph:
    """A graph as plain data, and what right and wrong algorithms make of it."""

    order: list[str]
    parents: dict[str, list[str]]
    local: dict[str, list[float]]

    @classmethod
    def of(cls, case: Case) -> Graph:
        """Return the graph of a case."""
        return cls(*(case.options[name] for name in ("order", "parents", "local")))

    def plain(self) -> tuple[list[str], dict[str, list[str]], dict[str, list[float]]]:
        """Return copies of the three arguments; only `order` tells the order of computation."""
        alphabet = sorted(self.order)  # names were drawn at random
        return (
            list(self.order),
            {node: list(self.parents[node]) for node in alphabet},
            {node: [float(one) for one in self.local[node]] for node in alphabet},
        )

    def matrix(self) -> Array:
        """Return the sums of local derivatives: entry [p, n] tells how n moves with p directly."""
        place = {node: i for i, node in enumerate(self.order)}
        direct = np.zeros((len(place), len(place)))
        for node, above in self.parents.items():
            for parent, derivative in zip(above, self.local[node], strict=True):
                direct[place[parent], place[node]] += derivative
        return direct

    def gradients(self) -> Array:
        """Return the gradients of the last node with respect to all, in the order of `order`."""
        direct = self.matrix()
        output = np.zeros(len(direct))
        output[-1] = 1.0
        solution: Array = np.linalg.solve(np.eye(len(direct)) - direct, output)
        return solution

    # --- what wrong algorithms lead to -----------------------------------------------------------

    def predictions(self) -> dict[str, tuple[Array, ...]]:
        """Return the results of the usual mistakes."""
        backwards = self.order[::-1]
        return {
            "overwritten": (self._walk(backwards, "last"), self._walk(backwards, "first")),
            "order": (
                self._walk(self.order),
                self._walk(self._search(first_in=True)),
                self._walk(self._search(first_in=False)),
                self._walk(self._search(first_in=True, again=True)),
                self._walk(self._search(first_in=False, again=True)),
            ),
            "passed": (self._walk(backwards, factor="upstream"),),
            "upstream": (self._walk(backwards, factor="local"),),
            "twice": (self._walk(backwards, factor="squared"),),
            "sign": (self._walk(backwards, factor="negative"), -self.gradients()),
            "averaged": (self._walk(backwards, factor="mean"),),
            "mixed_locals": (self._walk(backwards, factor="mixed"),),
            "truncated": (np.trunc(self.gradients()), np.round(self.gradients())),
            "consumers": (np.linalg.inv(np.eye(len(self.order)) - self.matrix())[0],),
        }

    def _search(self, *, first_in: bool, again: bool = False) -> list[str]:
        """Return the nodes as a search from the output meets them, once or as often as met."""
        waiting, met = [self.order[-1]], list[str]()
        while waiting and len(met) < 200:
            node = waiting.pop(0 if first_in else -1)
            if node in met and not again:
                continue
            met.append(node)
            waiting.extend(self.parents[node])
        return met

    def _walk(self, visits: list[str], keep: str = "sum", factor: str = "both") -> Array:
        """Send messages in the order of `visits`; `keep` says what a second message does."""
        gradient = dict.fromkeys(self.order, 0.0) | {self.order[-1]: 1.0}
        reached: set[str] = set()
        for node in visits:
            slopes = self.local[node]
            for parent, derivative, other in zip(
                self.parents[node], slopes, slopes[::-1], strict=True
            ):
                message = {
                    "both": gradient[node] * derivative,
                    "upstream": gradient[node],
                    "local": derivative,
                    "squared": gradient[node] ** 2 * derivative,
                    "negative": -gradient[node] * derivative,
                    "mean": gradient[node] * derivative / len(slopes),
                    "mixed": gradient[node] * other,
                }[factor]
                if keep == "sum":
                    gradient[parent] += message
                elif keep == "last" or parent not in reached:
                    gradient[parent] = message
                reached.add(parent)
        return np.array([gradient[node] for node in self.order])
