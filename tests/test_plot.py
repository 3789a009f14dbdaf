"""Plots for those who look instead of reading, and their words for those who do not see them."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from course_autograd import Tensor, nn, ops, plot
from course_autograd.errors import CourseError
from course_autograd.pictures import Picture, marks

TRAINING = [2.0, 1.0, 0.5, 0.25, 0.125]
VALIDATION = [1.5, 0.9, 0.6, 0.7, 0.8]
LOSSES = {"training": TRAINING, "validation": VALIDATION}
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])

PLOTS: dict[str, Callable[..., Any]] = {
    "learning_curves": lambda **given: plot.learning_curves(LOSSES, best="lowest", **given),
    "gradient_check": lambda **given: plot.gradient_check(lambda x: x**3, 2.0, 12.0, **given),
    "jacobian": lambda **given: plot.jacobian(ops.square, [1.0, 2.0, 3.0], **given),
    "decision_regions": lambda **given: plot.decision_regions(
        lambda x: x[:, 0] > 0.5, CORNERS, [0, 1, 0, 1], **given
    ),
    "decision_curve": lambda **given: plot.decision_curve(
        lambda x: 1 / (1 + np.exp(-x)), [-1.0, 2.0], [0, 1], **given
    ),
}
every_plot = pytest.mark.parametrize("draws", PLOTS.values(), ids=PLOTS)


@pytest.fixture
def ax() -> Axes:
    figure = Figure(figsize=(6, 4))
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def pixels(ax: Axes) -> np.ndarray[Any, Any]:
    """What is drawn in the axes' figure, (rows, columns, 3) from 0 to 1."""
    canvas = ax.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3] / 255.0


def legend(ax: Axes) -> list[str]:
    found = ax.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


def written(ax: Axes) -> list[str]:
    """Texts in the axes that can be seen."""
    return [text.get_text() for text in ax.texts if text.get_visible()]


# --- all of them ------------------------------------------------------------------------------


@every_plot
def test_without_axes_a_notebook_shows_it_with_its_description(draws: Any) -> None:
    picture = draws()
    assert isinstance(picture, Picture)
    assert picture.png.startswith(b"\x89PNG")
    shown = picture._repr_mimebundle_()
    assert shown["text/plain"] == picture.alt
    assert re.search(r'<img src="data:image/png;base64,[^"]+" alt="[^"]{60,}"', shown["text/html"])


@every_plot
def test_in_given_axes_it_draws_there_and_the_words_come_along(draws: Any, ax: Axes) -> None:
    blank = pixels(ax)
    assert draws(ax=ax) is ax
    assert plot.description(ax) == draws().alt
    assert np.abs(pixels(ax) - blank).max() > 0.5


@every_plot
def test_the_words_are_not_drawn_and_go_with_the_axes(draws: Any, ax: Axes) -> None:
    draws(ax=ax)
    assert plot.description(ax) not in written(ax)
    ax.clear()
    with pytest.raises(CourseError, match=r"plot\.description: expected axes into which plot has"):
        plot.description(ax)


@every_plot
def test_no_window_is_left_open(draws: Any) -> None:
    from matplotlib import pyplot

    draws()
    assert pyplot.get_fignums() == []


@every_plot
def test_what_is_no_axes_is_refused(draws: Any, ax: Axes) -> None:
    with pytest.raises(CourseError, match=r"plot\.\w+: expected matplotlib axes, got a Figure\. "):
        draws(ax=ax.figure)
    with pytest.raises(CourseError, match=r"got an array of axes\. .* one at a time"):
        draws(ax=np.array([ax, ax]))


def test_the_words_of_several_axes_are_joined() -> None:
    left, right = Figure().subplots(1, 2)
    plot.learning_curves([3.0, 1.0], ax=left)
    plot.learning_curves([0.5, 0.9], quantity="accuracy", ax=right)
    assert plot.description(left, right) == (
        "Learning curves: loss over 2 epochs. loss falls from 3 to 1. "
        "Learning curves: accuracy over 2 epochs. accuracy rises from 0.5 to 0.9."
    )


def test_a_description_of_nothing_is_refused(ax: Axes) -> None:
    with pytest.raises(CourseError, match=r"expected axes, got nothing\. .*plot\.description\(ax"):
        plot.description()
    with pytest.raises(CourseError, match=r"got axes without a description\. Draw first"):
        plot.description(ax)


@pytest.mark.parametrize("looks", [marks.LINES, marks.MARKERS, marks.HATCHES, marks.COLOURS])
def test_nothing_looks_like_another(looks: tuple[object, ...]) -> None:
    assert len(set(looks)) == len(looks)
    assert len(marks.LINES) <= len(marks.MARKERS) == len(marks.HATCHES) == len(marks.COLOURS)


# --- learning curves --------------------------------------------------------------------------


def test_curves_are_told_apart_without_colour(ax: Axes) -> None:
    plot.learning_curves(dict.fromkeys("abcdef", TRAINING), ax=ax)
    for one, other in combinations(ax.lines, 2):
        assert one.get_marker() != other.get_marker()
        assert vars(one)["_unscaled_dash_pattern"] != vars(other)["_unscaled_dash_pattern"]


def test_epochs_count_from_one(ax: Axes) -> None:
    plot.learning_curves(TRAINING, ax=ax)
    assert list(ax.lines[0].get_xdata()) == [1, 2, 3, 4, 5]


def test_the_validation_looks_the_same_in_every_picture(ax: Axes) -> None:
    plot.learning_curves(LOSSES, ax=ax)
    beside = ax.lines[1]
    plot.learning_curves({"validation": [0.5, 0.9]}, quantity="accuracy", ax=ax)
    alone = ax.lines[-1]
    assert alone.get_color() == beside.get_color() == marks.VERMILION
    assert alone.get_marker() == beside.get_marker()


@pytest.mark.parametrize(
    ("best", "epoch"), [("lowest", 3), ("highest", 1), (4, 4), (np.int64(5), 5)]
)
def test_the_best_epoch_is_marked(best: Any, epoch: int, ax: Axes) -> None:
    plot.learning_curves(LOSSES, best=best, ax=ax)
    stars = [line for line in ax.lines if line.get_marker() == "*"]
    assert [star.get_xdata()[0] for star in stars] == [epoch, epoch]
    assert legend(ax) == ["training", "validation", f"best epoch: {epoch}"]
    assert f"Marked as best: epoch {epoch} (training {TRAINING[epoch - 1]:.3g}, validation" in (
        plot.description(ax)
    )


def test_one_series_needs_no_legend(ax: Axes) -> None:
    plot.learning_curves(TRAINING, ax=ax)
    assert ax.get_legend() is None


def test_a_logarithmic_axis_if_wanted(ax: Axes) -> None:
    plot.learning_curves(LOSSES, ax=ax)
    assert ax.get_yscale() == "linear"
    plot.learning_curves(LOSSES, log=True, ax=ax)
    assert ax.get_yscale() == "log"
    assert "on a logarithmic axis" in plot.description(ax)


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        ([2.0, 1.0], "loss falls from 2 to 1."),
        ([1.0, 2.0], "loss rises from 1 to 2."),
        ([1.0, 1.0], "loss stays at 1."),
        ([0.25], "loss is 0.25."),
        ([1.5, 0.6, 0.8], "loss falls from 1.5 to 0.6 at epoch 2 and ends at 0.8."),
        ([1.0, 9.0, 2.0], "loss rises from 1 to 9 at epoch 2 and ends at 2."),
        ([2.0, 8.0, np.nan], "loss rises from 2 to 8. It is not finite from epoch 3."),
        ([2.0, np.inf, 1.0], "loss falls from 2 to 1. It is not finite at epoch 2."),
        ([np.nan, np.nan], "loss has no finite number."),
    ],
)
def test_how_a_curve_runs_is_said_in_words(curve: list[float], said: str) -> None:
    assert plot.learning_curves(curve).alt.endswith(said)


def test_a_loss_that_explodes_is_named_in_the_legend(ax: Axes) -> None:
    plot.learning_curves({"lr 0.1": [2.0, 1.0], "lr 10": [2.0, np.inf]}, ax=ax)
    assert legend(ax) == ["lr 0.1", "lr 10 (not finite from epoch 2)"]


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ({}, {}, "expected at least one series, got none. Give for example"),
        ([], {}, "with shape (epochs,), one number for each epoch, got shape (0,). Is nothing"),
        (np.ones((5, 3)), {}, "got shape (5, 3). Give each series a name"),
        ({"training": ["high"]}, {}, "expected the series 'training' as real numbers, got a list"),
        ({str(i): [1.0] for i in range(7)}, {}, "expected at most 6 series, got 7."),
        (TRAINING, {"best": 0}, "between 1 and 5, got 0. Epochs are counted from 1 here: add 1"),
        (TRAINING, {"best": 6}, "between 1 and 5, got 6."),
        (TRAINING, {"best": "smallest"}, "an epoch, 'lowest' or 'highest', got 'smallest'."),
        (TRAINING, {"best": True}, "an epoch, 'lowest' or 'highest', got True."),
        ([1.0, 0.0], {"log": True}, "got 0 at epoch 2 of 'loss'. Leave out log=True."),
    ],
)
def test_curves_that_cannot_be_drawn(given: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(CourseError, match=r"^plot\.learning_curves: expected") as caught:
        plot.learning_curves(given, **options)
    assert said in str(caught.value)


# --- the V of a gradient check ----------------------------------------------------------------


def errors(ax: Axes) -> dict[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Steps and errors of the two curves."""
    return {
        str(line.get_label()).split()[0]: (
            np.asarray(line.get_xdata(), dtype=float),
            np.asarray(line.get_ydata(), dtype=float),
        )
        for line in ax.lines
        if "difference" in str(line.get_label())
    }


def test_truncation_has_the_slopes_that_taylor_says(ax: Axes) -> None:
    plot.gradient_check(np.exp, 1.0, np.exp(1.0), steps=[1e-4, 1e-3, 1e-2], ax=ax)
    found = errors(ax)
    slopes = {name: np.diff(np.log10(sizes)) for name, (_, sizes) in found.items()}
    np.testing.assert_allclose(slopes["forward"], 1.0, atol=0.02)
    np.testing.assert_allclose(slopes["central"], 2.0, atol=0.02)


def test_the_error_is_the_one_of_the_formula(ax: Axes) -> None:
    # (2 + h)³ - 2³ = 12 h + 6 h² + h³; (2 + h)³ - (2 - h)³ = 24 h + 2 h³
    plot.gradient_check(lambda x: x**3, 2.0, 12.0, steps=[0.25, 0.5], ax=ax)
    found = errors(ax)
    np.testing.assert_allclose(found["forward"][1], [1.5625, 3.25], rtol=1e-12)
    np.testing.assert_allclose(found["central"][1], [0.0625, 0.25], rtol=1e-12)


def test_the_best_steps_are_marked_and_named(ax: Axes) -> None:
    plot.gradient_check(np.exp, 1.0, np.exp(1.0), ax=ax)
    stars = [line for line in ax.lines if line.get_marker() == "*"]
    found = errors(ax)
    assert len(stars) == 2
    for star, (name, (steps, sizes)) in zip(stars, found.items(), strict=True):
        assert star.get_xdata()[0] == steps[np.argmin(sizes)]
        assert f"{name} difference: ★ best h = {star.get_xdata()[0]:.2g}, error" in str(legend(ax))
    forward, central = (star.get_xdata()[0] for star in stars)
    assert 1e-10 < forward < 1e-6 < central * 10  # about the square and the cube root of 1e-16
    assert central < 1e-3


def test_both_causes_are_written_into_the_picture(ax: Axes) -> None:
    plot.gradient_check(np.exp, 1.0, np.exp(1.0), ax=ax)
    left, right = written(ax)
    assert left.startswith("← rounding: h too small.")
    assert right.startswith("truncation: h too large. →")


def test_in_narrow_axes_the_causes_are_short_and_do_not_overlap() -> None:
    for width in (4.0, 5.0, 7.0):
        figure = Figure(figsize=(width, 3.2), layout="constrained")
        canvas, ax = FigureCanvasAgg(figure), figure.add_subplot()
        plot.gradient_check(np.exp, 1.0, np.exp(1.0), ax=ax)
        canvas.draw()
        left, right = (text.get_window_extent() for text in ax.texts if text.get_visible())
        assert left.x1 < right.x0
        found = ax.get_legend()
        assert found is not None
        assert found.get_window_extent().x1 < figure.bbox.x1
        assert found.get_window_extent().y0 >= ax.get_window_extent().y1
        stars = [line for line in ax.lines if line.get_marker() == "*"]
        boxes = [star.get_window_extent() for star in stars]
        assert not any(box.overlaps(words) for box in boxes for words in (left, right))


def test_a_parabola_has_no_truncation_in_the_central_difference(ax: Axes) -> None:
    plot.gradient_check(lambda x: np.sum(x**2), [1.0, 2.0], [2.0, 4.0], ax=ax)
    assert "truncation (forward only): h too large. →" in "".join(written(ax))
    assert "To the right of it the forward error grows by truncation" in plot.description(ax)
    assert "on this line: error 0" in legend(ax)


def test_a_wrong_gradient_has_no_v(ax: Axes) -> None:
    plot.gradient_check(lambda x: np.sum(x**3), [1.0, 2.0], [3.0, 12.5], ax=ax)
    assert written(ax) == ["No V: the error does not go away.\nThe gradient is not that of f."]
    assert "the gradient is off by 0.5. It is not that of f." in plot.description(ax)
    assert not [line for line in ax.lines if line.get_marker() == "*"]


def test_at_a_kink_it_says_that_nothing_is_decided(ax: Axes) -> None:
    plot.gradient_check(lambda x: np.maximum(x, 0.0), 0.0, 0.5, ax=ax)
    assert "A kink, or too steep to measure" in written(ax)[0]
    assert plot.description(ax).endswith("the errors decide nothing.")


def test_steps_outside_the_domain_are_left_out_and_counted() -> None:
    words = plot.gradient_check(np.log, 0.3, 1 / 0.3, steps=[1e-6, 1e-3, 0.5, 1.0]).alt
    assert "2 steps leave the domain of f." in words
    assert "Forward difference:" in words


def test_a_line_has_no_error_at_all_where_rounding_has_nothing_to_do(ax: Axes) -> None:
    plot.gradient_check(lambda x: x, 0.0, 1.0, ax=ax)
    assert written(ax) == []
    assert plot.description(ax).endswith("smallest (0) at h = 1, 0 at the largest h.")


def test_a_graph_and_the_students_own_gradient_can_be_checked(ax: Axes) -> None:
    x = Tensor([1.0, 2.0], "x")
    f = ops.sum(ops.exp(x))
    given = f.value
    plot.gradient_check(lambda x: ops.sum(ops.exp(x)), x, np.exp(x.value), ax=ax)
    assert "V" not in "".join(written(ax))
    assert x.grad is None
    assert f.value == given


def test_a_function_that_writes_into_its_input_changes_nothing() -> None:
    def f(x: Any) -> float:
        x *= 2
        return float(np.sum(x**2))

    point = np.array([1.0, 2.0])
    words = plot.gradient_check(f, point, [8.0, 16.0]).alt
    assert "There is no V" not in words
    assert point.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("f", "x", "gradient", "options", "said"),
    [
        (3.0, 2.0, 12.0, {}, "expected a function first, got a float. Give f, x and the gradient"),
        (np.sum, [1.0, 2.0], 3.0, {}, "in the shape of x, (2,), got shape ()."),
        (np.sum, [1.0, 2.0], None, {}, "expected the gradient as real numbers, got None."),
        (np.sum, "two", 1.0, {}, "expected the point x as real numbers, got a str."),
        (np.sum, [], [], {}, "expected a point and a gradient of finite numbers"),
        (np.sum, [np.nan], [1.0], {}, "got x [nan] and gradient [1]. Choose a point"),
        (np.sum, np.ones(1001), np.ones(1001), {}, "at most 1,000 entries, got 1,001."),
        (np.square, [1.0, 2.0], [2.0, 4.0], {}, "expected one number from f, got shape (2,). Sum"),
        (lambda _: None, 1.0, 1.0, {}, "expected the value of f as real numbers, got None."),
        (np.log, -2.0, -0.5, {}, "expected finite values of f near x = -2, got none"),
        (np.exp, 0.0, 1.0, {"steps": [0.0, 1.0]}, "two or more positive steps, got [0, 1]."),
        (np.exp, 0.0, 1.0, {"steps": 0.1}, "two or more positive steps, got 0.1."),
    ],
)
def test_gradients_that_cannot_be_checked(
    f: Any, x: Any, gradient: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(CourseError, match=r"^plot\.gradient_check: expected") as caught:
        plot.gradient_check(f, x, gradient, **options)
    assert said in str(caught.value)


# --- the Jacobian -----------------------------------------------------------------------------


def image(ax: Axes) -> np.ndarray[Any, Any]:
    return np.asarray(ax.images[0].get_array())


def hatched(ax: Axes) -> set[tuple[int, int]]:
    """Rows and columns of the entries with hatching."""
    return {
        (int(y), int(x))
        for found in ax.collections
        if isinstance(found, PolyCollection) and found.get_hatch()
        for x, y in (np.asarray(path.vertices)[:4].mean(axis=0) for path in found.get_paths())
    }


def test_a_row_for_each_output_a_column_for_each_input(ax: Axes) -> None:
    plot.jacobian(lambda x: np.array([x[0] * x[1], x[1] + x[2]]), [2.0, 3.0, 5.0], ax=ax)
    np.testing.assert_allclose(image(ax), [[3, 2, 0], [0, 1, 1]], atol=1e-8)
    assert written(ax) == ["3", "2", "0", "0", "1", "1"]
    assert ax.get_title() == "Jacobian of f, shape (2, 3)"
    assert ax.get_xlabel() == "entries of x (3,)"
    assert ax.get_ylabel() == "entries of z (2,)"


def test_a_diagonal_is_called_one() -> None:
    words = plot.jacobian(ops.square, [1.0, 2.0, 3.0]).alt
    assert words == (
        "Jacobian of square: 3 rows for the entries of the output z, shape (3,); 3 columns for the "
        "entries of x, shape (3,). Row 0: 2, 0, 0. Row 1: 0, 4, 0. Row 2: 0, 0, 6. It is diagonal: "
        "0 everywhere except on the line from the upper left to the lower right."
    )
    assert "diagonal" not in plot.jacobian(np.cumsum, [1.0, 2.0]).alt


def test_several_inputs_stand_side_by_side_under_their_names(ax: Axes) -> None:
    W, x = Tensor([[1.0, 2.0], [3.0, -1.0]], "W"), Tensor([2.0, 1.0], "x")
    plot.jacobian(ops.matmul, W, x, ax=ax)
    np.testing.assert_allclose(image(ax), [[2, 1, 0, 0, 1, 2], [0, 0, 2, 1, 3, -1]], atol=1e-8)
    assert ax.get_xlabel() == "entries of W (2, 2) | x (2,)"
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names == ["0,0", "0,1", "1,0", "1,1", "0", "1"]
    assert "6 columns for the entries of W, shape (2, 2), then x, shape (2,)." in (
        plot.description(ax)
    )


def test_inputs_without_a_name_are_called_as_the_function_calls_them(ax: Axes) -> None:
    plot.jacobian(lambda weight, bias: weight * 2.0 + bias, 1.0, 2.0, ax=ax)
    assert ax.get_xlabel() == "entries of weight () | bias ()"
    plot.jacobian(lambda *values: sum(values), 1.0, 2.0, ax=ax)
    assert ax.get_xlabel() == "entries of x0 () | x1 ()"


def test_large_tables_have_no_numbers_and_hatching_where_negative(ax: Axes) -> None:
    plot.jacobian(ops.square, np.linspace(-2.0, 2.0, 20), ax=ax)
    assert written(ax) == []
    assert hatched(ax) == {(i, i) for i in range(10)}
    assert "Entries: -4 … 4; 95% of them are 0" in plot.description(ax)


def test_hatching_can_be_seen_on_negative_entries_only(ax: Axes) -> None:
    plot.jacobian(np.diag([-1e-9] * 10 + [1e-9] * 9 + [1.0]), ax=ax)
    drawn = pixels(ax)
    high = len(drawn)

    def darkest(entry: int) -> float:
        (left, top), (right, bottom) = ax.transData.transform(
            [(entry - 0.4, entry - 0.4), (entry + 0.4, entry + 0.4)]
        )
        return float(
            drawn[int(high - top) : int(high - bottom), int(left) : int(right)].mean(axis=2).min()
        )

    assert all(darkest(entry) < 0.8 for entry in range(10))
    assert all(darkest(entry) > 0.95 for entry in range(10, 19))


def test_small_tables_have_numbers_and_no_hatching(ax: Axes) -> None:
    plot.jacobian([[-1.0, 2.0]], ax=ax)
    assert hatched(ax) == set()
    assert written(ax) == ["-1", "2"]


@pytest.mark.parametrize("entry", np.linspace(-1.0, 1.0, 21))
def test_numbers_can_be_read_on_every_colour(entry: float, ax: Axes) -> None:
    plot.jacobian([[1.0, entry]], ax=ax)

    def luminance(colour: Any) -> float:
        parts = [int(to_hex(colour)[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    paper = luminance(ax.images[0].to_rgba(np.array([entry]))[0])
    ink = luminance(ax.texts[1].get_color())
    assert (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) >= 4.5


def test_a_jacobian_that_one_has_already_is_drawn_as_it_is(ax: Axes) -> None:
    plot.jacobian(np.array([[1.0, 2.0, 3.0]]), ax=ax)
    assert image(ax).tolist() == [[1.0, 2.0, 3.0]]
    assert ax.get_title() == "Jacobian, shape (1, 3)"


def test_what_cannot_be_measured_has_a_question_mark(ax: Axes) -> None:
    plot.jacobian(lambda x: np.maximum(x, 0.0), [1.0, 0.0], ax=ax)
    assert written(ax) == ["1", "0", "0", "?"]
    assert "1 entry cannot be measured (a kink, or no finite value)" in plot.description(ax)


def test_the_inputs_stay_as_they_were() -> None:
    def f(x: Any) -> Any:
        x *= 2
        return x

    point = np.array([1.0, 2.0])
    assert "Row 0: 2, 0. Row 1: 0, 2." in plot.jacobian(f, point).alt
    assert point.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((ops.square,), "expected the inputs of square after it, got none. A Jacobian belongs to"),
        ((np.ones(3),), "expected a Jacobian with two axes, (entries of the output, entries of"),
        ((np.ones((2, 2)), 1.0), "an operation or a function before its inputs, got an array"),
        (("square", 1.0), "an operation, a function, or a Jacobian as real numbers, got a str."),
        ((ops.square, "x"), "expected the input x as real numbers, got a str."),
        ((ops.square, [[1.0], [1.0, 2.0]]), "got a list that is no table of numbers."),
        ((ops.square, np.ones(201)), "at most 200 rows and columns, got 201 × 201, 40,401"),
        ((ops.square, []), "expected inputs and an output with entries, got 0 entries in and 0"),
        ((lambda _: None, 1.0), "expected the output of f as real numbers, got None."),
    ],
)
def test_jacobians_that_cannot_be_drawn(given: tuple[Any, ...], said: str) -> None:
    with pytest.raises(CourseError, match=r"^plot\.jacobian: expected") as caught:
        plot.jacobian(*given)
    assert said in str(caught.value)


# --- a classifier over its inputs -------------------------------------------------------------


def diagonal(x: Any) -> Any:
    return (x[:, 0] + x[:, 1] > 1.2).astype(int)


def test_every_class_has_a_hatching_and_a_marker_of_its_own(ax: Axes) -> None:
    centres = np.array([[np.cos(angle), np.sin(angle)] for angle in np.arange(8) * np.pi / 4])

    def nearest(x: Any) -> Any:
        return -np.sum((x[:, None] - centres) ** 2, axis=-1)

    plot.decision_regions(nearest, centres, range(8), ax=ax)
    hatches = [found.hatches[0] for found in ax.collections if getattr(found, "hatches", [None])[0]]
    markers = [line.get_marker() for line in ax.lines if len(line.get_xdata())]
    assert len(set(hatches)) == len(hatches) == 8
    assert len(set(markers)) == len(markers) == 8
    assert "All 8 examples lie in their region." in plot.description(ax)


def test_examples_in_a_wrong_region_have_a_ring(ax: Axes) -> None:
    plot.decision_regions(diagonal, CORNERS, [0, 0, 1, 1], names=("no", "yes"), ax=ax)
    ring = next(line for line in ax.lines if line.get_markerfacecolor() == "none")
    np.testing.assert_array_equal(np.transpose(ring.get_data()), [[0.0, 1.0]])
    assert legend(ax) == ["no", "yes", "in a wrong region"]
    words = plot.description(ax)
    assert "1 of 4 examples lie in a wrong region: they have a ring." in words
    assert re.search(r"no: 6\d% of the plane, mostly in the lower left\. 2 of its 2 exam", words)
    assert re.search(r"yes: 3\d% of the plane, mostly in the upper right\. 1 of its 2", words)


@pytest.mark.parametrize("smooth", [True, False])
def test_the_border_is_where_the_answer_changes(smooth: bool, ax: Axes) -> None:
    def scores(x: Any) -> Any:
        return np.stack([x[:, 0] - 0.3, 0.3 - x[:, 0]], axis=1)

    classify = scores if smooth else lambda x: np.argmax(scores(x), axis=1)
    plot.decision_regions(classify, CORNERS, [1, 0, 1, 0], ax=ax)
    borders = [
        np.asarray(path.vertices)
        for found in ax.collections
        if not getattr(found, "hatches", [None])[0]
        for path in found.get_paths()
        if len(path.vertices)
    ]
    assert borders
    for border in borders:
        np.testing.assert_allclose(border[:, 0], 0.3, atol=0.005)


def test_labels_scores_and_tensors_are_all_answers() -> None:
    model = nn.Linear(2, 2, rng=np.random.default_rng(0))

    def labels(x: Any) -> Any:
        return np.argmax(model(x).value, axis=1)

    as_scores = plot.decision_regions(model, CORNERS, [0, 1, 0, 1]).alt
    as_labels = plot.decision_regions(labels, Tensor(CORNERS), [0, 1, 0, 1]).alt
    assert as_scores == as_labels


def test_one_answer_everywhere_is_said() -> None:
    words = plot.decision_regions(lambda x: np.zeros(len(x)), CORNERS, [0, 1, 0, 1]).alt
    assert "The whole plane is class 0. 2 of its 2 examples in it." in words
    assert "class 1 has no region. 0 of its 2 examples in it." in words


@pytest.mark.parametrize(
    ("classify", "x", "y", "options", "said"),
    [
        (CORNERS, CORNERS, [0] * 4, {}, "expected a function first, got a ndarray. Give the class"),
        (diagonal, [1.0, 2.0], [0, 1], {}, "with two inputs, shape (examples, 2), got shape (2,)."),
        (diagonal, CORNERS + np.inf, [0] * 4, {}, "examples of finite numbers, got"),
        (diagonal, CORNERS, [0, 1], {}, "the labels y with shape (4,), one for each point, got"),
        (diagonal, CORNERS, np.eye(4), {}, "got shape (4, 4). One-hot rows become labels by"),
        (diagonal, CORNERS, [0, 1, -1, 0], {}, "labels y as integers from 0, got -1."),
        (diagonal, CORNERS, [0, 1, 0.5, 0], {}, "got 0.5. A probability becomes a label by p > 0"),
        (diagonal, CORNERS, [0, 1, 8, 0], {}, "expected at most 8 classes, got 9."),
        (diagonal, CORNERS, [0, 1, 1, 0], {"names": "no"}, "2 names, one for each class from 0,"),
        (diagonal, CORNERS, [0, 1, 1, 0], {"names": ["no"]}, "got 1 names."),
        (lambda _: 1, CORNERS, [0] * 4, {}, "from the classifier labels, shape (57600,), or"),
        (lambda x: x[:, :1], CORNERS, [0] * 4, {}, "got shape (57600, 1) for 57600 points. With"),
        (
            lambda x: x * np.nan,
            CORNERS,
            [0] * 4,
            {},
            "got 115,200 of 115,200 that are not. Has the",
        ),
        (lambda _: None, CORNERS, [0] * 4, {}, "expected answers as real numbers, got None."),
        (lambda x: x[:, 0], CORNERS, [0] * 4, {}, "the classifier's labels as integers from 0"),
    ],
)
def test_regions_that_cannot_be_drawn(
    classify: Any, x: Any, y: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(CourseError, match=r"^plot\.decision_regions: expected") as caught:
        plot.decision_regions(classify, x, y, **options)
    assert said in str(caught.value)


def neuron(x: Any) -> Any:
    return 1 / (1 + np.exp(-(2 * x - 1)))


def test_the_curve_of_a_classifier_with_one_input(ax: Axes) -> None:
    plot.decision_curve(
        neuron, [0.0, 0.2, 0.6, 1.0], [0, 0, 0, 1], names=("zero", "one"), xlabel="ink", ax=ax
    )
    assert legend(ax) == ["zero", "one", "the classifier", "one half at 0.5"]
    curve = next(line for line in ax.lines if line.get_label() == "the classifier")
    np.testing.assert_array_equal(neuron(curve.get_xdata()), curve.get_ydata())
    assert ax.get_xlabel() == "ink"
    words = plot.description(ax)
    assert "The curve passes one half at 0.5." in words
    assert "zero: 3 examples, from 0 to 0.6, half of them at most 0.2; 2 are on their" in words
    assert "one: 1 example, at 1; 1 is on its side of one half." in words


def test_a_curve_that_never_decides_is_said() -> None:
    words = plot.decision_curve(lambda x: 0.2 + 0 * x, [0.0, 1.0], [0, 1]).alt
    assert "The curve does not pass one half." in words


@pytest.mark.parametrize(
    ("f", "x", "y", "said"),
    [
        (0.5, [0.0, 1.0], [0, 1], "expected a function first, got a float."),
        (neuron, CORNERS, [0, 1, 0, 1], "shape (examples,), got shape (4, 2). Choose one column"),
        (neuron, [0.0, np.nan], [0, 1], "examples of finite numbers, got 1 that are not"),
        (neuron, [0.0, 1.0], [0, 2], "expected labels 0 and 1, got 2."),
        (neuron, [0.0, 1.0], [0], "the labels y with shape (2,), one for each point, got shape"),
        (lambda x: x * np.inf, [0.0, 1.0], [0, 1], "expected finite answers, got"),
        (lambda _: 1.0, [0.0, 1.0], [0, 1], "one probability for each of 401 inputs, shape (401"),
    ],
)
def test_curves_of_classifiers_that_cannot_be_drawn(f: Any, x: Any, y: Any, said: str) -> None:
    with pytest.raises(CourseError, match=r"^plot\.decision_curve: expected") as caught:
        plot.decision_curve(f, x, y)
    assert said in str(caught.value)
