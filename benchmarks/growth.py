"""How time and memory grow with the graph, and whether training grows at all.

    python -m benchmarks.growth [--quick]

Time and bytes for each node from 10³ to 10⁶ nodes, with the garbage collector on and off; a ladder
of 100 and of 1,000 doublings; backward over forward; resident memory over training steps; numeric
gradients against bare evaluations; layout and picture of about 60 nodes; what the import costs
beyond NumPy's.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import resource
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.contestants import rules
from course_autograd import Tensor, draw, ops
from course_autograd.graph import trace
from course_autograd.numeric import Measurement
from course_autograd.optim import SGD
from course_autograd.pictures.layout import arrange

MEGABYTE = 1 << 20
Graph = Callable[[int], tuple[Any, Tensor]]


def chain(count: int) -> tuple[Any, Tensor]:
    """H = h + 1, many times."""
    x = Tensor(1.0)
    h: Tensor = x
    for _ in range(count):
        h = h + 1.0
    return x, h


def dag(count: int) -> tuple[Any, Tensor]:
    """Every node is computed from the two before it, and used twice."""
    a = Tensor(1.0)
    b: Tensor = a + 0.0
    for _ in range(count):
        a, b = b, b - a
    return a, b


def ladder(count: int) -> tuple[Any, Tensor]:
    """X = x + x: 2^count paths."""
    x = Tensor(1e-300)
    h: Tensor = x
    for _ in range(count):
        h = h + h
    return x, h


def once(graph: Graph, count: int) -> tuple[float, float, float]:
    """Return microseconds per node for building, going back, and freeing."""
    begun = time.process_time()
    first, last = graph(count)
    built = time.process_time()
    last.backward(keep_inner=False)
    back = time.process_time()
    del first, last
    freed = time.process_time()
    return tuple(1e6 * one / count for one in (built - begun, back - built, freed - back))  # type: ignore[return-value]


def best(graph: Graph, count: int, rounds: int) -> tuple[float, ...]:
    """Return the medians of `once` over some rounds."""
    found = [once(graph, count) for _ in range(rounds)]
    return tuple(statistics.median(column) for column in zip(*found, strict=True))


def bytes_per_node(graph: Graph, count: int) -> float:
    """Return the bytes that a graph holds after a backward pass, for each node."""
    gc.collect()
    tracemalloc.start()
    try:
        held = graph(count)
        held[1].backward(keep_inner=False)
        return tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()


def nodes(largest: int) -> None:
    """Print time and bytes for each node."""
    print("| graph | nodes | collector | build µs | back µs | together µs | free µs | bytes |")
    print("|---|---|---|---|---|---|---|---|")
    for name, graph in (("chain", chain), ("dag", dag)):
        for count in (10**power for power in range(3, 7)):
            if count > largest:
                continue
            rounds = 9 if count < 10**5 else 3
            for collects in (True, False):
                gc.collect()
                if not collects:
                    gc.disable()
                built, back, freed = best(graph, count, rounds)
                gc.enable()
                held = f"{bytes_per_node(graph, count):.0f}" if collects else ""
                print(
                    f"| {name} | {count:,} | {'on' if collects else 'off'} | {built:.2f} | "
                    f"{back:.2f} | {built + back:.2f} | {freed:.2f} | {held} |"
                )
    short, deep = best(ladder, 100, 99), best(ladder, 1000, 99)
    per_level = (deep[0] + deep[1]) / (short[0] + short[1])
    print(f"\nladder of 1,000 against one of 100, time per level: {per_level:.2f}")
    built, back, _ = best(dag, 10_000, 9)
    print(f"backward over forward (dag of 10,000): {back / built:.2f}")


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize()


def training(steps: int, sizes: Sequence[int], batch: int) -> None:
    """Print how resident memory and the number of objects change over training steps."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(batch, sizes[0])), rng.integers(0, sizes[-1], batch)
    pairs = list(itertools.pairwise(sizes))
    W = [Tensor(rng.normal(size=pair) / np.sqrt(pair[0])) for pair in pairs]
    b = [Tensor(np.zeros(out)) for _, out in pairs]
    optimizer = SGD([*W, *b], lr=0.01)

    def step() -> None:
        h: Any = x
        for layer in range(len(W)):
            h = ops.linear(h, W[layer], b[layer])
            h = ops.relu(h) if layer < len(W) - 1 else h
        optimizer.zero_grad()
        ops.softmax_cross_entropy(h, labels=labels).backward(keep_inner=False)
        optimizer.step()

    for _ in range(100 if steps > 100 else 3):
        step()
    gc.collect()
    gc.disable()  # what a cycle would hold on to shows
    objects, memory = len(gc.get_objects()), resident()
    for _ in range(steps):
        step()
    grown = (resident() - memory) / MEGABYTE
    print(
        f"training {'-'.join(map(str, sizes))}, {steps:,} steps, collector off: resident memory "
        f"{grown:+.1f} MB, objects {len(gc.get_objects()) - objects:+d}"
    )
    gc.enable()


def numeric(rounds: int) -> None:
    """Print what checking a gradient of 2,048 entries costs, against 2n bare evaluations."""
    rng = np.random.default_rng(0)
    W, x, v = rng.normal(size=(64, 32)), rng.normal(size=(16, 64)), rng.normal(size=32)

    def loss(_ctx: Any, W: Any) -> Any:
        return np.add.reduce(np.tanh(x @ W) @ v, axis=None)

    def evaluations() -> None:
        for _ in range(2 * W.size):
            loss(None, W)

    one, right = np.ones(()), [x.T @ ((1.0 - np.tanh(x @ W) ** 2) * v)]
    wrong = [2.0 * right[0]]

    def confirmed() -> None:
        if not Measurement(loss, (W,)).confirms(one, right, 1):
            raise AssertionError("a right gradient is not confirmed: its cost says nothing")

    # The first takes a fraction of a millisecond, most of it to fill the caches: ten in a row.
    ways: dict[str, tuple[Callable[[], object], int]] = {
        "confirmed along random directions (right answers)": (confirmed, 10),
        "measured entry by entry (to locate a fault)": (
            lambda: Measurement(loss, (W,)).judging(one, wrong),
            1,
        ),
    }
    ratios: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        begun = time.process_time()
        evaluations()
        bare = time.process_time() - begun
        for way, (run, times) in ways.items():
            begun = time.process_time()
            for _ in range(times):
                run()
            ratios[way].append((time.process_time() - begun) / times / bare)
    for way, found in ratios.items():
        print(
            f"gradient of {W.size:,} entries {way}, against 2n bare evaluations: "
            f"{statistics.median(found):.4f}"
        )


def pictures(rounds: int) -> None:
    """Print what the picture of a large graph costs: its layout, and all of it."""
    rng = np.random.default_rng(0)
    xs = [Tensor(float(value), f"x{i}") for i, value in enumerate(rng.normal(size=2))]
    layer, terms = xs, []
    while sum(1 for _ in trace(terms[-1] if terms else xs[0])) < 55:
        layer = [
            ops.tanh(layer[0] * float(w) + layer[1] * float(v)) for w, v in rng.normal(size=(2, 2))
        ]
        terms = [layer[0] + layer[1]]
    planar: Tensor = xs[0]
    for _ in range(10):
        planar = ops.tanh(planar * Tensor(0.5, "w") + Tensor(0.1, "b")) + planar
    for name, root in (("crossing wires", terms[-1]), ("no crossing", planar)):
        graph = trace(root)
        inputs, sizes = [node.inputs for node in graph], [(120.0, 60.0)] * len(graph)
        layout_ms, picture_ms = [], []
        for _ in range(rounds):
            begun = time.process_time()
            crossings = arrange(inputs, sizes).crossings
            laid = time.process_time()
            draw(root, unfold=True)
            layout_ms.append(1e3 * (laid - begun))
            picture_ms.append(1e3 * (time.process_time() - laid))
        print(
            f"layout of {len(graph)} nodes ({name}: {crossings}): "
            f"{statistics.median(layout_ms):.0f} ms, the whole picture "
            f"{statistics.median(picture_ms):.0f} ms"
        )


def imports(rounds: int) -> None:
    """Print what importing the package costs beyond importing NumPy."""

    def used() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime

    def seconds(module: str) -> float:  # processor time: others work on the machine too
        begun = used()
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
        return used() - begun

    pairs = [(seconds("numpy"), seconds("course_autograd")) for _ in range(rounds)]
    bare = statistics.median(one for one, _ in pairs)
    more = statistics.median(two - one for one, two in pairs)
    print(
        f"import course_autograd: {1e3 * more:.0f} ms more than import numpy ({1e3 * bare:.0f} ms)"
    )


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--quick", action="store_true", help="smaller graphs, fewer steps")
    quick = parser.parse_args().quick
    rules.register()
    nodes(10**5 if quick else 10**6)
    training(1_000 if quick else 10_000, (64, 32, 10), 32)
    if not quick:
        training(30, (2048, 2048, 2048), 256)
    numeric(3 if quick else 9)
    pictures(3 if quick else 15)
    imports(5 if quick else 15)


if __name__ == "__main__":
    main()
