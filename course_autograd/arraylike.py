"""What a tensor has in common with an array: ``x.shape``, ``x + y``, ``x[i]``, ``x.sum()``.

Every operator only names its operation. `course_autograd.ops` fills the table of names, and
`course_autograd.tensor` puts `apply` here, so that this module needs neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np

from course_autograd.errors import OptionError

if TYPE_CHECKING:
    from course_autograd.tensor import Tensor

OPERATORS: dict[str, Any] = {}
apply: Callable[..., Tensor] = cast("Any", None)


class ArrayLike:
    """The part of `Tensor` in which it is used like an array: shape, looks, operators."""

    __slots__ = ()
    value: Any
    operation: Any
    name: str | None
    # NumPy must leave `array * tensor` to our reflected operators.
    __array_ufunc__ = None

    # --- shape and looks -----------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        shape: tuple[int, ...] = self.value.shape
        return shape

    @property
    def ndim(self) -> int:
        """Number of axes of the value."""
        return len(self.value.shape)

    @property
    def size(self) -> int:
        """Number of entries of the value."""
        return int(self.value.size)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of the value: float64 or float32."""
        dtype: np.dtype[Any] = self.value.dtype
        return dtype

    def item(self) -> float:
        """Return the value of a one-element tensor as a Python float."""
        return float(self.value.item())

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        made = f", operation={self.operation.__name__}" if self.operation is not None else ""
        named = f", name={self.name!r}" if self.name else ""
        return f"Tensor({np.array2string(np.asarray(self.value), precision=6)}{named}{made})"

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return self.item()

    # --- operators, looked up in OPERATORS -----------------------------------------------------

    def __add__(self, other: object) -> Tensor:
        return apply(OPERATORS["add"], (self, other))

    def __radd__(self, other: object) -> Tensor:
        return apply(OPERATORS["add"], (other, self))

    def __sub__(self, other: object) -> Tensor:
        return apply(OPERATORS["subtract"], (self, other))

    def __rsub__(self, other: object) -> Tensor:
        return apply(OPERATORS["subtract"], (other, self))

    def __mul__(self, other: object) -> Tensor:
        return apply(OPERATORS["mul"], (self, other))

    def __rmul__(self, other: object) -> Tensor:
        return apply(OPERATORS["mul"], (other, self))

    def __truediv__(self, other: object) -> Tensor:
        return apply(OPERATORS["divide"], (self, other))

    def __rtruediv__(self, other: object) -> Tensor:
        return apply(OPERATORS["divide"], (other, self))

    def __matmul__(self, other: object) -> Tensor:
        return apply(OPERATORS["matmul"], (self, other))

    def __rmatmul__(self, other: object) -> Tensor:
        return apply(OPERATORS["matmul"], (other, self))

    def __neg__(self) -> Tensor:
        return apply(OPERATORS["negate"], (self,))

    def __pow__(self, exponent: float) -> Tensor:
        if type(exponent) in (int, float) and exponent == 0:
            return self * 0.0 + 1.0  # the power rule would give 0 x^-1, which is no number at 0
        return apply(OPERATORS["power"], (self,), {"exponent": exponent})

    def __rpow__(self, base: object) -> NoReturn:
        raise OptionError(
            f"power: expected a tensor to the power of a constant, got {type(base).__name__} ** "
            "Tensor. Write ops.exp(x * np.log(base))."
        )

    def __getitem__(self, index: Any) -> Tensor:
        return apply(OPERATORS["getitem"], (self,), {"index": index})

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Sum over `axis` (all axes by default)."""
        return apply(OPERATORS["sum"], (self,), {"axis": axis, "keepdims": keepdims})

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Arithmetic mean over `axis` (all axes by default)."""
        return apply(OPERATORS["mean"], (self,), {"axis": axis, "keepdims": keepdims})

    def max(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Largest entry along `axis` (of all by default)."""
        return apply(OPERATORS["max"], (self,), {"axis": axis, "keepdims": keepdims})

    def reshape(self, *shape: int | tuple[int, ...]) -> Tensor:
        """Return the same entries in another shape."""
        whole = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return apply(OPERATORS["reshape"], (self,), {"shape": whole})

    def transpose(self, axes: tuple[int, ...] | None = None) -> Tensor:
        """Permute the axes (reverse them by default)."""
        return apply(OPERATORS["transpose"], (self,), {"axes": axes})

    @property
    def T(self) -> Tensor:  # noqa: N802 - NumPy's name
        """The transpose."""
        return apply(OPERATORS["transpose"], (self,), {"axes": None})
