"""The digits are the ones that were published; splits and batches lose and repeat nothing."""

from __future__ import annotations

import hashlib
import io
from importlib import resources
from typing import Any

import numpy as np
import pytest

from course_autograd import data
from course_autograd.errors import ShapeError


def rows(count: int) -> tuple[Any, Any]:
    """Examples that carry their own number, so that a mismatch with the target shows."""
    return np.arange(count)[:, None] * np.ones(3), np.arange(count)


# --- digits --------------------------------------------------------------------------------


def test_the_digits_are_1797_pictures_between_0_and_1() -> None:
    digits = data.digits()
    assert digits.images.shape == (1797, 64)
    assert digits.labels.shape == (1797,)
    assert digits.images.dtype == np.float64
    assert digits.labels.dtype == np.int64
    assert digits.images.min() == 0.0
    assert digits.images.max() == 1.0
    assert digits.images[0].reshape(digits.image_shape).shape == (8, 8)


def test_the_digits_are_those_of_the_source() -> None:
    images, labels = data.digits()
    assert (images * 16).sum() == 561718
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert labels[:10].tolist() == list(range(10))
    # The first picture, a zero, as the repository prints it.
    np.testing.assert_array_equal(
        images[0, :16] * 16, [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]
    )


def test_the_file_is_the_one_that_source_md_describes() -> None:
    folder = resources.files("course_autograd.data")
    file, notes = (folder / "digits.npz").read_bytes(), (folder / "SOURCE.md").read_text("utf-8")
    with np.load(io.BytesIO(file)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    assert set(arrays) == {"images", "labels"}
    for content in (file, arrays["images"].tobytes(), arrays["labels"].tobytes()):
        assert hashlib.sha256(content).hexdigest() in notes
    for words in ("CC BY 4.0", "Alpaydin", "10.24432/C50P49"):
        assert words in notes
    assert len(file) < 50_000


def test_every_call_returns_arrays_of_its_own() -> None:
    first = data.digits()
    first.images[...] = -1.0
    assert data.digits().images.min() == 0.0


# --- split ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "parts", "sizes"),
    [
        (1797, (0.6, 0.2, 0.2), (1078, 360, 359)),
        (10, (0.5, 0.3, 0.2), (5, 3, 2)),
        (10, (7, 2, 1), (7, 2, 1)),
        (10, (2, 2, 2), (2, 2, 2)),
        (7, (1 / 3, 1 / 3, 1 / 3), (2, 3, 2)),
    ],
)
def test_a_split_has_the_sizes_asked_for_and_no_overlap(
    count: int, parts: Any, sizes: tuple[int, ...]
) -> None:
    x, y = rows(count)
    split = data.split(x, y, parts, seed=3)
    assert tuple(len(part.y) for part in split) == sizes
    chosen = np.concatenate([part.y for part in split])
    assert len(set(chosen.tolist())) == sum(sizes)
    for part in split:
        np.testing.assert_array_equal(part.x[:, 0], part.y)


def test_a_seed_repeats_a_split_and_another_seed_does_not() -> None:
    x, y = rows(100)
    first, again, other = (data.split(x, y, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.test.y, again.test.y)
    assert not np.array_equal(first.test.y, other.test.y)
    assert not np.array_equal(first.train.y, np.sort(first.train.y))


def test_a_split_copies() -> None:
    x, y = rows(10)
    train, _, _ = data.split(x, y, seed=0)
    train.x[...] = -1
    assert x.min() == 0


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((0.6, 0.2), "three parts"),
        ((0.6, 0.2, 0.3), r"add up to 1\.1"),
        ((0.8, 0.2, 0.0), "all positive"),
        ((1.2, -0.1, -0.1), "all positive"),
        ((6, 3, 2), "6 \\+ 3 \\+ 2 is more than the 10 there are"),
        ((0.98, 0.01, 0.01), "leaves a part empty"),
    ],
)
def test_parts_that_make_no_sense_are_refused(parts: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"split: .*{message}"):
        data.split(*rows(10), parts, seed=0)


# --- batches -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 10, 99])
def test_batches_bring_every_row_once_with_its_target(size: int) -> None:
    x, y = rows(10)
    seen = []
    for x_batch, y_batch in data.batches(x, y, size, seed=0):
        assert 1 <= len(x_batch) <= size
        np.testing.assert_array_equal(x_batch[:, 0], y_batch)
        seen += y_batch.tolist()
    assert sorted(seen) == list(range(10))
    assert size == 99 or len(list(data.batches(x, y, size, seed=0))) == -(-10 // size)


def test_a_generator_shuffles_anew_in_every_epoch_and_a_seed_repeats() -> None:
    x, y = rows(50)

    def order(seed: Any) -> list[int]:
        return [int(label) for batch in data.batches(x, y, 8, seed) for label in batch.y]

    rng = np.random.default_rng(0)
    first, second = order(rng), order(rng)
    assert first != second
    assert first == order(0) == order(0)
    assert first != sorted(first)


def test_bad_batches_are_refused_at_once() -> None:
    x, y = rows(10)
    for size in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="size to be a positive whole number"):
            data.batches(x, y, size, seed=0)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"batches: .*got shapes \(10, 3\) and \(9,\)"):
        data.batches(x, y[:9], 2, seed=0)
    with pytest.raises(ShapeError, match=r"split: .*one target per example"):
        data.split(x, 3, seed=0)
