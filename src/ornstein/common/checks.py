"""Validation at the boundary: whatever a person hands over becomes a clean tensor, or one clear sentence."""

from __future__ import annotations

import importlib
import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ornstein.common.errors import InputError

ArrayLike: TypeAlias = Tensor | npt.NDArray[np.generic] | list[object] | tuple[object, ...] | float


def tensor(
    value: object,
    name: str,
    *,
    ndim: tuple[int, ...] | None = None,
    missing: bool = False,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """``value`` as a real, finite tensor of ``dtype``.

    ``ndim`` lists the allowed numbers of axes; with ``missing=True`` NaN is allowed and means "not observed".
    Raises ``InputError`` for object, string or complex values, the wrong number of axes, NaN (count and first index) and inf.
    """
    if isinstance(value, Tensor):
        x = value.detach()
        if x.is_complex():
            raise InputError(f"{name} is complex, but must be real: pass its real part, or real and imaginary part as channels")
    else:
        if isinstance(value, np.ma.MaskedArray):
            value = np.where(value.mask, np.nan, value.data) if value.dtype.kind in "fiub" else value.data
        try:
            array = np.asarray(value)
        except ValueError:
            raise InputError(f"{name} has rows of different lengths: pad or cut them to one length first") from None
        except (TypeError, RuntimeError) as error:
            raise InputError(f"{name} cannot be turned into an array of numbers ({error}): pass a tensor or an array") from None
        if array.dtype.kind == "c":
            raise InputError(f"{name} is complex, but must be real: pass its real part, or real and imaginary part as channels")
        if array.dtype.kind not in "fiub":
            raise InputError(f"{name} holds {array.dtype} values, but must hold numbers: convert it with astype(float) first")
        if array.dtype.itemsize > 8:  # long double, which torch does not have
            array = array.astype(np.float64)
        if array.dtype.byteorder not in "=|" or any(stride < 0 for stride in array.strides) or not array.flags.writeable:
            array = array.astype(array.dtype.newbyteorder("="))
        x = torch.as_tensor(array)
    if ndim is not None and x.ndim not in ndim:
        allowed = " or ".join(str(n) for n in ndim)
        raise InputError(f"{name} has {x.ndim} axes {tuple(x.shape)}, but must have {allowed}: reshape it first")
    x = x.to(dtype)
    if x.numel():
        _finite(x, name, missing)
    return x


def _finite(x: Tensor, name: str, missing: bool) -> None:
    total = x.sum()
    if bool(torch.isfinite(total)):
        return
    for kind, bad in (("NaN", torch.isnan(x)), ("infinite", torch.isinf(x))):
        if kind == "NaN" and missing:
            continue
        count = int(bad.sum())
        if count:
            first = tuple(int(i) for i in bad.nonzero()[0])
            remedy = "impute or drop them first" if kind == "NaN" else "replace or drop them first"
            raise InputError(f"{name} holds {count} {kind} value{'s' * (count > 1)}, first at index {first}: {remedy}")


def positive(value: float, name: str, *, zero: bool = False) -> float:
    """``value`` as a finite float above 0 (or at 0, with ``zero=True``)."""
    number = real(value, name)
    if number < 0 or (number == 0 and not zero):
        raise InputError(f"{name} is {number:g}, but must be {'at least' if zero else 'above'} 0")
    return number


def real(value: float, name: str) -> float:
    """``value`` as a finite float."""
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise InputError(f"{name} is {value!r}, but must be a number") from None
    if not math.isfinite(number):
        raise InputError(f"{name} is {number}, but must be finite")
    return number


def count(value: object, name: str, *, at_least: int = 1, at_most: int | None = None) -> int:
    """``value`` as a whole number in range; a bool, a fraction or a word is refused."""
    upper = "" if at_most is None else f" and at most {at_most}"
    whole = int(value) if isinstance(value, int | np.integer) and not isinstance(value, bool) else None
    if whole is None or whole < at_least or (at_most is not None and whole > at_most):
        raise InputError(f"{name} is {value!r}, but must be a whole number of at least {at_least}{upper}")
    return whole


def extra(module: str, name: str, purpose: str) -> Any:
    """The optional ``module``, or an ``InputError`` that names the extra which brings it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(f"{purpose} needs the extra {name}: pip install '.[{name}]' in a copy of the repository") from None
