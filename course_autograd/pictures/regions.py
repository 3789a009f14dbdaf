"""What a classifier says over its inputs: regions for two inputs, a curve for one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from course_autograd.errors import OptionError, ShapeError, ValueTypeError
from course_autograd.pictures.described import Array, axes_for, calm, count_text, finished, numbers
from course_autograd.pictures.marks import (
    COLOURS,
    HATCHES,
    INK,
    MARKER_SIZES,
    MARKERS,
    MOST_CLASSES,
)
from course_autograd.pictures.show import Picture
from course_autograd.recording import no_grad
from course_autograd.tensor import Tensor
from course_autograd.words import number_text, shape_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REGIONS = "plot.decision_regions"
CURVE = "plot.decision_curve"
GRID = 240  # points of the plane along each axis
PALE = 0.22  # how much of its colour a region shows: points must stand out

RING: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 12,
    "markerfacecolor": "none",
    "markeredgecolor": INK,
    "markeredgewidth": 1.3,
}

Ints = npt.NDArray[np.int64]
Classifier = Callable[[Any], Any]


@dataclass(frozen=True)
class _Answers:
    """What a classifier says at some points.

    Parameters
    ----------
    labels : ndarray of shape (points,)
    scores : ndarray of shape (points, classes), or None
    """

    labels: Ints
    scores: Array | None

    def margin(self, label: int) -> Array:
        """Return how far `label` is ahead: positive where it is the answer, 0 on the border."""
        if self.scores is None or label >= self.scores.shape[1]:
            return _smooth(np.where(self.labels == label, 0.5, -0.5))
        others = np.delete(self.scores, label, axis=1)
        return np.asarray(self.scores[:, label] - others.max(axis=1))


@overload
def decision_regions(
    classify: Classifier,
    x: npt.ArrayLike | Tensor,
    y: npt.ArrayLike | Tensor,
    *,
    names: Sequence[str] | None = ...,
    xlabel: str = ...,
    ylabel: str = ...,
    ax: None = ...,
) -> Picture: ...


@overload
def decision_regions(
    classify: Classifier,
    x: npt.ArrayLike | Tensor,
    y: npt.ArrayLike | Tensor,
    *,
    names: Sequence[str] | None = ...,
    xlabel: str = ...,
    ylabel: str = ...,
    ax: Axes,
) -> Axes: ...


def decision_regions(
    classify: Classifier,
    x: npt.ArrayLike | Tensor,
    y: npt.ArrayLike | Tensor,
    *,
    names: Sequence[str] | None = None,
    xlabel: str = "first input",
    ylabel: str = "second input",
    ax: Axes | None = None,
) -> Picture | Axes:
    """Plot which class a classifier with two inputs answers where, and the examples on top.

    Every class has its colour, its hatching and its marker; examples in a wrong region have a
    ring.

    Parameters
    ----------
    classify : callable
        Takes points, shape (n, 2); returns labels, shape (n,), or a score for each class, shape
        (n, classes), of which the highest counts. An ``nn`` model is one. Tensors are fine.
    x : array_like or tensor
        Examples, shape (examples, 2).
    y : array_like or tensor
        Their labels, integers from 0, shape (examples,).
    names : sequence of str, optional
        What the classes are called; "class 0" and so on where nothing is given.
    xlabel, ylabel : str
        What the two inputs are called.
    ax : matplotlib.axes.Axes, optional
        Draw there.

    Returns
    -------
    Picture or Axes
        A picture with a description, which a notebook shows; with `ax`, the axes, whose
        description ``plot.description(ax)`` gives.

    Raises
    ------
    CourseError
        If the shapes do not fit, labels are not integers from 0, there are more than 8 classes,
        or the answers of `classify` are neither labels nor scores.
    """
    _refuse_no_function(REGIONS, classify, "plot.decision_regions(network, x, y)")
    points = numbers(REGIONS, "the examples x", x)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ShapeError(
            f"{REGIONS}: expected examples with two inputs, shape (examples, 2), got shape "
            f"{shape_text(points.shape)}. Choose two columns: x[:, [0, 1]]. For one input there is "
            "plot.decision_curve."
        )
    _refuse_not_finite(REGIONS, points)
    labels = _labels(REGIONS, "the labels y", numbers(REGIONS, "the labels y", y), len(points))
    across, up = _span(points[:, 0]), _span(points[:, 1])
    plane = np.stack([grid.ravel() for grid in np.meshgrid(across, up)], axis=1)
    said, right = _ask(classify, plane), _ask(classify, points).labels == labels
    called = _called(REGIONS, names, max(said.labels.max(), labels.max()) + 1)
    drawn = axes_for(REGIONS, ax, (6.4, 4.2))
    _draw_regions(drawn, said, across, up)
    _draw_examples(drawn, points, labels, right)
    drawn.set(xlabel=xlabel, ylabel=ylabel)
    drawn.set(xlim=(across[0], across[-1]), ylim=(up[0], up[-1]))
    _legend(drawn, said, labels, right, called)
    words = _words_of_regions(said, plane, labels, right, called, (xlabel, ylabel))
    return finished(drawn, ax, words)


@overload
def decision_curve(
    probability: Classifier,
    x: npt.ArrayLike | Tensor,
    y: npt.ArrayLike | Tensor,
    *,
    names: Sequence[str] | None = ...,
    xlabel: str = ...,
    ylabel: str = ...,
    ax: None = ...,
) -> Picture: ...


@overload
def decision_curve(
    probability: Classifier,
    x: npt.ArrayLike | Tensor,
    y: npt.ArrayLike | Tensor,
    *,
    names: Sequence[str] | None = ...,
    xlabel: str = ...,
    ylabel: str = ...,
    ax: Axes,
) -> Axes: ...


def decision_curve(
    probability: Classifier,
    x: npt.ArrayLike | Tensor,
    y: npt.ArrayLike | Tensor,
    *,
    names: Sequence[str] | None = None,
    xlabel: str = "input",
    ylabel: str = "probability of class 1",
    ax: Axes | None = None,
) -> Picture | Axes:
    """Plot the probability that a classifier with one input gives class 1, and the examples.

    Parameters
    ----------
    probability : callable
        Takes inputs, shape (n,); returns probabilities of class 1, shape (n,). Tensors are fine.
    x : array_like or tensor
        Examples, shape (examples,).
    y : array_like or tensor
        Their labels, 0 or 1, shape (examples,).
    names : sequence of str, optional
        What the two classes are called; "class 0" and "class 1" where nothing is given.
    xlabel, ylabel : str
        What the input and the probability are called.
    ax : matplotlib.axes.Axes, optional
        Draw there.

    Returns
    -------
    Picture or Axes
        A picture with a description, which a notebook shows; with `ax`, the axes, whose
        description ``plot.description(ax)`` gives.

    Raises
    ------
    CourseError
        If the shapes do not fit, labels are not 0 or 1, or `probability` does not return one
        number for each input.
    """
    _refuse_no_function(CURVE, probability, "plot.decision_curve(neuron, x, y)")
    points = numbers(CURVE, "the examples x", x)
    if points.ndim != 1 or not len(points):
        raise ShapeError(
            f"{CURVE}: expected examples with one input, shape (examples,), got shape "
            f"{shape_text(points.shape)}. Choose one column: x[:, 0]. For two inputs there is "
            "plot.decision_regions."
        )
    _refuse_not_finite(CURVE, points)
    labels = _labels(CURVE, "the labels y", numbers(CURVE, "the labels y", y), len(points))
    if labels.max() > 1:
        raise OptionError(
            f"{CURVE}: expected labels 0 and 1, got {labels.max()}. "
            "A probability of class 1 tells two classes apart: keep two of them."
        )
    called = _called(CURVE, names, 2)
    across = _span(points, 401)
    curve = _probabilities(probability, across)
    right = (_probabilities(probability, points) > 0.5) == (labels == 1)
    drawn = axes_for(CURVE, ax, (6.4, 3.2))
    _draw_curve(drawn, across, curve, points, labels, called)
    drawn.set(xlabel=xlabel, ylabel=ylabel, xlim=(across[0], across[-1]))
    return finished(
        drawn, ax, _words_of_curve(across, curve, points, labels, right, called, (xlabel, ylabel))
    )


# --- what is given ---------------------------------------------------------------------------


def _refuse_no_function(who: str, given: object, example: str) -> None:
    if not callable(given):
        raise ValueTypeError(
            f"{who}: expected a function first, got a {type(given).__name__}. "
            f"Give the classifier, the examples and their labels: {example}."
        )


def _refuse_not_finite(who: str, points: Array) -> None:
    if not np.isfinite(points).all():
        raise ShapeError(
            f"{who}: expected examples of finite numbers, got {np.sum(~np.isfinite(points))} that "
            "are not. Leave those examples out."
        )


def _labels(who: str, what: str, given: Array, count: int) -> Ints:
    if given.shape != (count,):
        raise ShapeError(
            f"{who}: expected {what} with shape ({count},), one for each point, got shape "
            f"{shape_text(given.shape)}. One-hot rows become labels by np.argmax(y, axis=1)."
        )
    if np.any(given != np.round(given)) or np.any(given < 0):
        wrong = given[(given != np.round(given)) | (given < 0)][0]
        raise OptionError(
            f"{who}: expected {what} as integers from 0, got {number_text(wrong)}. "
            "A probability becomes a label by p > 0.5."
        )
    return given.astype(np.int64)


def _called(who: str, names: Sequence[str] | None, classes: int) -> list[str]:
    if classes > MOST_CLASSES:
        raise OptionError(
            f"{who}: expected at most {MOST_CLASSES} classes, got {classes}. "
            "More cannot be told apart in one picture: keep some of them."
        )
    if names is None:
        return [f"class {label}" for label in range(classes)]
    if isinstance(names, str) or len(names) < classes:
        came = repr(names) if isinstance(names, str) else f"{len(names)} names"
        raise OptionError(
            f"{who}: expected {classes} names, one for each class from 0, got {came}. "
            'Write for example names=["zero", "one"].'
        )
    return [str(name) for name in names]


def _span(values: Array, count: int = GRID) -> Array:
    """Return evenly spaced numbers over the range of `values` and a little more."""
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, count)


def _called_with(who: str, f: Classifier, points: Array) -> Array:
    with no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        given = f(points.copy())
    answers = numbers(who, "answers", given)
    lost = int(np.sum(~np.isfinite(answers)))
    if lost:
        raise ShapeError(
            f"{who}: expected finite answers, got {lost:,} of {answers.size:,} that are not. Has "
            "the training gone astray? A smaller learning rate may help."
        )
    return answers


def _ask(classify: Classifier, points: Array) -> _Answers:
    given = _called_with(REGIONS, classify, points)
    if given.ndim == 2 and len(given) == len(points) and given.shape[1] > 1:
        return _Answers(np.argmax(given, axis=1), given)
    if given.shape != (len(points),):
        raise ShapeError(
            f"{REGIONS}: expected from the classifier labels, shape ({len(points)},), or scores, "
            f"shape ({len(points)}, classes), got shape {shape_text(given.shape)} for "
            f"{len(points)} points. With one score for each point, return a label: "
            "lambda x: f(x)[:, 0] > 0."
        )
    return _Answers(_labels(REGIONS, "the classifier's labels", given, len(points)), None)


def _probabilities(f: Classifier, points: Array) -> Array:
    given = _called_with(CURVE, f, points)
    if given.shape != points.shape:
        raise ShapeError(
            f"{CURVE}: expected one probability for each of {len(points)} inputs, shape "
            f"({len(points)},), got shape {shape_text(given.shape)}. "
            "The function gets all inputs at once, as an array."
        )
    return given


# --- the pictures ----------------------------------------------------------------------------


def _draw_regions(ax: Axes, said: _Answers, across: Array, up: Array) -> None:
    from matplotlib import rc_context  # slow to import

    ax.set_facecolor("white")
    with rc_context({"hatch.linewidth": 0.6}):
        for label in np.unique(said.labels):
            margin = said.margin(int(label)).reshape(up.size, across.size)
            colour = COLOURS[label]
            filled = ax.contourf(
                across,
                up,
                margin,
                levels=[0.0, np.inf],
                colors=[(*_rgb(colour), PALE)],
                hatches=[HATCHES[label]],
                zorder=0,
            )
            filled.set_edgecolor((*_rgb(colour), 0.5))
            filled.set_linewidth(0.0)
            if (margin < 0).any():
                ax.contour(across, up, margin, levels=[0.0], colors=INK, linewidths=1.3, zorder=1)


def _mark(label: int) -> dict[str, Any]:
    return {
        "linestyle": "none",
        "marker": MARKERS[label],
        "markersize": MARKER_SIZES[label],
        "color": COLOURS[label],
        "markeredgecolor": "white",
        "markeredgewidth": 0.7,
    }


def _draw_examples(ax: Axes, points: Array, labels: Ints, right: npt.NDArray[np.bool_]) -> None:
    for label in np.unique(labels):
        ax.plot(*points[labels == label].T, **_mark(label), zorder=3)
    ax.plot(*points[~right].T, **RING, zorder=4)


def _legend(
    ax: Axes,
    said: _Answers,
    labels: Ints,
    right: npt.NDArray[np.bool_],
    called: Sequence[str],
) -> None:
    from matplotlib.lines import Line2D  # slow to import
    from matplotlib.patches import Patch

    handles: list[Any] = []
    texts = []
    for label in np.union1d(said.labels, labels):
        colour = COLOURS[label]
        region = Patch(
            facecolor=(*_rgb(colour), PALE), edgecolor=colour, hatch=HATCHES[label], linewidth=1.0
        )
        mark = Line2D([], [], **_mark(label))
        handles.append((region, mark))
        texts.append(called[label])
    if not right.all():
        handles.append(Line2D([], [], **RING))
        texts.append("in a wrong region")
    ax.legend(
        handles,
        texts,
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
        handlelength=3.2,
        handleheight=2.0,
        labelspacing=0.9,
    )


def _draw_curve(
    ax: Axes, across: Array, curve: Array, points: Array, labels: Ints, called: Sequence[str]
) -> None:
    calm(ax)
    spread = np.random.default_rng(0).uniform(-0.045, 0.045, len(points))  # so that none hides
    for label in (0, 1):
        rows = labels == label
        ax.plot(
            points[rows],
            label + spread[rows],
            linestyle="none",
            marker="ox"[label],
            markersize=5.5,
            markeredgewidth=(0.5, 1.4)[label],
            color=COLOURS[label],
            markerfacecolor=COLOURS[label] if label else "white",
            markeredgecolor=COLOURS[label],
            alpha=0.75,
            label=called[label],
        )
    ax.plot(across, curve, color=INK, linewidth=2.0, label="the classifier")
    for number, border in enumerate(_borders(across, curve)):
        name = f"one half at {number_text(border, 2)}" if not number else None
        ax.axvline(border, color=INK, linewidth=1.1, linestyle=":", label=name)
    ax.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0])
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def _borders(across: Array, curve: Array) -> list[float]:
    """Return where the curve passes one half, between two of its points."""
    above = curve > 0.5
    found = []
    for i in np.flatnonzero(above[1:] != above[:-1]):
        part = (0.5 - curve[i]) / (curve[i + 1] - curve[i])
        border = across[i] + part * (across[i + 1] - across[i])
        found.append(round(float(border), 3))
    return found


def _smooth(steps: Array) -> Array:
    """Round off the stairs of a border on the square grid, for the eye; it does not move."""
    grid = steps.reshape(GRID, GRID)
    for _ in range(4):
        for axis in (0, 1):
            wide = np.pad(grid, [(int(axis == 0),) * 2, (int(axis == 1),) * 2], mode="edge")
            ends = [np.take(wide, range(k, k + GRID), axis) for k in range(3)]
            grid = (ends[0] + 2 * ends[1] + ends[2]) / 4
    return grid.ravel()


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb  # slow to import

    return to_rgb(colour)


# --- in words --------------------------------------------------------------------------------


def _words_of_regions(
    said: _Answers,
    plane: Array,
    labels: Ints,
    right: npt.NDArray[np.bool_],
    called: Sequence[str],
    axes: tuple[str, str],
) -> str:
    low, high = plane.min(axis=0), plane.max(axis=0)
    ranges = " and ".join(
        f"{name} from {_number(start)} to {_number(end)}"
        for name, start, end in zip(axes, low, high, strict=True)
    )
    words = [f"Decision regions over {ranges}."]
    for label in np.union1d(said.labels, labels):
        here = said.labels == label
        own = labels == label
        name = called[label]
        if here.all():
            words.append(f"The whole plane is {name}.")
        elif here.any():
            middle = (plane[here].mean(axis=0) - low) / (high - low)
            words.append(f"{name}: {here.mean():.0%} of the plane, {_place(middle)}.")
        else:
            words.append(f"{name} has no region.")
        if own.any():
            count = count_text(int(own.sum()), "example")
            words.append(f"{right[own].sum()} of its {count} in it.")
    wrong = int(np.sum(~right))
    words.append(
        f"{wrong} of {len(right)} examples lie in a wrong region: they have a ring."
        if wrong
        else f"All {len(right)} examples lie in their region."
    )
    return " ".join(words)


def _place(middle: Array) -> str:
    """Say where the middle of a region lies, e.g. ``"mostly in the upper left"``."""
    across = "left" if middle[0] < 0.42 else "right" if middle[0] > 0.58 else ""
    up = "lower" if middle[1] < 0.42 else "upper" if middle[1] > 0.58 else ""
    if across and up:
        return f"mostly in the {up} {across}"
    if across:
        return f"mostly on the {across}"
    return f"mostly in the {up} part" if up else "around the middle"


def _words_of_curve(
    across: Array,
    curve: Array,
    points: Array,
    labels: Ints,
    right: npt.NDArray[np.bool_],
    called: Sequence[str],
    axes: tuple[str, str],
) -> str:
    words = [
        f"Curve of {axes[1]}, from {_number(curve[0])} at {axes[0]} = {_number(across[0])} to "
        f"{_number(curve[-1])} at {_number(across[-1])}."
    ]
    borders = _borders(across, curve)
    words.append(
        f"The curve passes one half at {' and '.join(map(_number, borders))}."
        if borders
        else "The curve does not pass one half."
    )
    for label in (0, 1):
        own = points[labels == label]
        if not own.size:
            continue
        where = f"at {_number(own[0])}"
        if own.size > 1:
            where = (
                f"from {_number(own.min())} to {_number(own.max())}, half of them at most "
                f"{_number(float(np.median(own)))}"
            )
        there = count_text(int(right[labels == label].sum()), "is on its", "are on their")
        count = count_text(own.size, "example")
        words.append(f"{called[label]}: {count}, {where}; {there} side of one half.")
    return " ".join(words)


def _number(value: float) -> str:
    return number_text(value, 2)
