"""Slopes by a step along the imaginary axis, of functions that are made for it.

Im f(x + ih) / h is the derivative, however small h is: nothing is subtracted, so no digit is lost,
and what is neglected is of the size of h². That holds where f is holomorphic, made of sums,
products and functions such as exp. With |x| or max(x, 0) in it something else comes out, and no
error. So the numbers given to f are `Holomorphic`: they refuse everything not known to be.

Source: Squire and Trapp, "Using complex variables to estimate derivatives of real functions", 1998.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
STEP = 1e-30  # its square is nothing beside any number
# Arithmetic, and the functions whose derivative formula also holds for complex numbers.
UFUNCS = frozenset(
    {
        *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.positive, np.matmul),
        *(np.square, np.reciprocal, np.power, np.sqrt),
        *(np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p),
        *(np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan),
        *(np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh),
    }
)
# Sums, products, and what only puts numbers elsewhere or asks for shapes.
FUNCTIONS = frozenset(
    {
        *(np.sum, np.mean, np.prod, np.cumsum, np.trace),
        *(np.dot, np.inner, np.outer, np.tensordot, np.einsum),
        *(np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.squeeze),
        *(np.expand_dims, np.broadcast_to, np.concatenate, np.stack, np.take, np.repeat),
        *(np.shape, np.ndim, np.size, np.result_type),
    }
)


class NotHolomorphicError(Exception):
    """Something was done with complex numbers that is not known to have a complex derivative."""


def _refuse(*_: object, **__: object) -> NoReturn:
    raise NotHolomorphicError


class Holomorphic(np.ndarray[Any, np.dtype[np.complex128]]):
    """Complex numbers that can only be put into holomorphic functions; so are the results."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Compute what is holomorphic, refuse the rest."""
        if ufunc not in UFUNCS or method == "at":
            raise NotHolomorphicError
        target = options.get("out")
        if target is not None:
            options["out"] = tuple([_plain(one) for one in target])
        found = getattr(ufunc, method)(*[_plain(one) for one in inputs], **options)
        return target[0] if target is not None else _marked(found)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        """Compute what is holomorphic, refuse the rest."""
        if function not in FUNCTIONS:
            raise NotHolomorphicError
        return _marked(super().__array_function__(function, types, inputs, options))

    def __getitem__(self, index: Any) -> Any:
        """Return some of the numbers."""
        return _marked(super().__getitem__(index))

    def dot(self, other: Any) -> Any:  # type: ignore[override]
        """Return the product."""
        return _marked(np.asarray(self).dot(_plain(other)))

    # What looks at numbers without a function of NumPy's, or takes them out.
    real = imag = flat = property(_refuse)
    conj = conjugate = max = min = argmax = argmin = sort = argsort = _refuse
    item = tolist = astype = clip = round = searchsorted = nonzero = _refuse
    __abs__ = __bool__ = __float__ = __int__ = __complex__ = __iter__ = _refuse


def _plain(value: Any) -> Any:
    """Return the numbers without the mark."""
    return np.asarray(value) if isinstance(value, Holomorphic) else value


def _marked(found: Any) -> Any:
    """Return complex numbers with the mark, and anything else as it is."""
    numbers = isinstance(found, np.ndarray | np.generic) and found.dtype.kind == "c"
    return np.asarray(found).view(Holomorphic) if numbers else found


def complex_slopes(
    forward: Callable[..., Any],
    point: Sequence[Array],
    options: Mapping[str, Any],
    position: int,
    entries: Sequence[int],
) -> Array | None:
    """Return the slopes of ``forward(ctx, *point, **options)`` for some entries of one input.

    Parameters
    ----------
    forward : callable
        A forward rule; it gets a fresh, empty ctx each time.
    point : sequence of ndarray
        The inputs.
    options : mapping
        Keyword arguments.
    position : int
        Which input.
    entries : sequence of int
        Which of its entries, counted flat.

    Returns
    -------
    ndarray or None
        Rows for the entries, columns for those of the output; None if the rule does anything with
        its inputs that is not known to be holomorphic.
    """
    slopes = []
    for entry in entries:
        moved = [value.astype(np.complex128, order="C") for value in point]
        moved[position].reshape(-1)[entry] += 1j * STEP
        try:
            value = forward([], *[one.view(Holomorphic) for one in moved], **options)
        except Exception:  # a rule for real numbers may stumble over anything
            return None
        if not isinstance(value, Holomorphic):
            return None
        slopes.append(_plain(value).imag.reshape(-1) / STEP)
    return np.array(slopes)
