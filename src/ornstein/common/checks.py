"""Validation at the boundary: whatever a person hands over becomes a clean tensor, or one clear sentence."""

from __future__ import annotations

import importlib
import math
import secrets
import warnings
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ornstein.common.errors import InputError, short, unknown_name

ArrayLike: TypeAlias = Tensor | npt.NDArray[np.generic] | list[object] | tuple[object, ...] | float

COUNTABLE = (1 << 63) - 1
LARGEST = 1e150
"""Size of a signal's value up to which its square fits into float64 with room for sums; its inverse is the smallest that squares to more
than nothing."""

_PART = 1 << 20
"""Numbers that are looked at together."""


def tensor(
    value: object,
    name: str,
    *,
    ndim: tuple[int, ...] | None = None,
    missing: bool = False,
    dtype: torch.dtype = torch.float64,
    largest: float = LARGEST,
) -> Tensor:
    """``value`` as a real, finite tensor of ``dtype``, detached and dense, on the device where it is.

    ``ndim`` lists the allowed numbers of axes; with ``missing=True`` NaN is allowed and means "not observed". Every law squares its
    signals, so values above ``largest``, and signals that are all below 1 / ``largest``, are refused: variances may pass more.
    Raises ``InputError`` for object, string, complex, sparse, nested and quantised values, for tensors without values (device "meta"),
    the wrong number of axes, NaN (count and first index) and inf.
    """
    if isinstance(value, Tensor):
        x = _plain(value, name)
    else:
        if isinstance(value, np.ma.MaskedArray):
            value = np.where(value.mask, np.nan, value.data) if value.dtype.kind in "fiub" else value.data
        try:
            array = np.asarray(value)
        except ValueError:
            raise InputError(f"{name} has rows of different lengths: pad or cut them to one length first") from None
        except Exception:  # whatever an object of someone else's may raise when it is asked for its numbers
            kind = type(value).__name__
            hint = ": stack its tensors first, torch.stack(x)" if isinstance(value, list | tuple) else ": pass a tensor or an array"
            raise InputError(f"{name} is a {kind} that cannot be turned into an array of numbers{hint}") from None
        if array.dtype.kind == "c":
            raise InputError(f"{name} is complex, but must be real: pass its real part, or real and imaginary part as channels")
        if array.dtype.kind not in "fiub":
            raise InputError(f"{name} {_unusable(value, array)}")
        if array.dtype.itemsize > 8:  # long double, which torch does not have
            array = array.astype(np.float64)
        if array.dtype.byteorder not in "=|" or any(stride < 0 for stride in array.strides) or not array.flags.writeable:
            array = array.astype(array.dtype.newbyteorder("="))
        x = torch.as_tensor(array)
    if ndim is not None and x.ndim not in ndim:
        allowed = " or ".join(str(n) for n in ndim)
        raise InputError(f"{name} has {x.ndim} axes {tuple(x.shape)}, but must have {allowed}: reshape it first")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a subclass may warn that it becomes a plain tensor
        x = x.to(dtype)
    if x.numel():
        _finite(x, name, missing)
        _squares(x, name, largest)
    return x


def _plain(value: Tensor, name: str) -> Tensor:
    """A tensor whose numbers can be read: no sparse, quantised, nested or complex one, and not one of device "meta"."""
    if value.device.type == "meta":
        raise InputError(f"{name} is on the device 'meta', which holds shapes without values: pass a tensor with numbers")
    if value.is_complex():
        raise InputError(f"{name} is complex, but must be real: pass its real part, or real and imaginary part as channels")
    for kind, wrong, remedy in (
        ("sparse", value.layout != torch.strided and not value.is_nested, "to_dense()"),
        ("quantised", value.is_quantized, "dequantize()"),
        ("nested", value.is_nested, "torch.nested.to_padded_tensor(x, float('nan'))"),
    ):
        if wrong:
            raise InputError(f"{name} is a {kind} tensor, but must be dense: convert it with {remedy} first")
    with torch.no_grad():
        x = value.detach()
        # a plain copy of what inference mode made: such a tensor could not be used where gradients are taken
        return x.clone() if x.is_inference() else x


def _unusable(value: object, array: npt.NDArray[np.generic]) -> str:
    """Why an array of words or objects is no array of numbers, and what helps."""
    if value is None:
        return "is None, but must hold numbers: pass a tensor or an array"
    if array.ndim == 0 and array.dtype.kind == "O":
        return f"is a {type(value).__name__}, but must hold numbers: pass a tensor or an array"
    if array.dtype.kind in "Mm":
        return "holds dates or times, but must hold numbers: count them in seconds first"
    if array.dtype.kind in "US":
        return "holds words, but must hold numbers: convert it with astype(float) first"
    if array.dtype.kind == "O":
        first = next((entry for entry in array.flat if not isinstance(entry, int | float)), None)
        what = "None" if first is None else f"{type(first).__name__}s"
        return f"holds {what} beside or in place of numbers: write NaN where a value is missing, and convert it with astype(float)"
    return f"holds {array.dtype} values, but must hold numbers: convert it with astype(float) first"


def _squares(x: Tensor, name: str, largest: float) -> None:
    """Refuse values whose squares overflow, or all vanish."""
    if not x.is_floating_point() or largest == math.inf:
        return
    # a memory map is looked at a part at a time, so that no copy of it is made
    parts = x.view(-1).split(_PART) if x.numel() > _PART and x.is_contiguous() else (x,)
    top = max(map(_size, parts))
    limit = min(largest, torch.finfo(x.dtype).max)
    if top > limit:
        raise InputError(
            f"{name} holds values up to {top:.3g}, whose squares do not fit into float64: divide them by a unit such as {top:.0e}"
        )
    if 0 < top < 1 / largest:
        raise InputError(
            f"{name} holds no value above {top:.3g}, and the squares of such values are 0: divide them by a unit such as {top:.0e}"
        )


def _size(x: Tensor) -> float:
    """The largest absolute value, NaN left out; 0 where there is no other."""
    low, high = x.aminmax()
    top = max(float(-low), float(high))
    return top if not math.isnan(top) else float(x.abs().nan_to_num(0.0).max())


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


def positive(value: object, name: str, *, zero: bool = False) -> float:
    """``value`` as a finite float above 0 (or at 0, with ``zero=True``)."""
    number = real(value, name)
    if number < 0 or (number == 0 and not zero):
        raise InputError(f"{name} is {number:g}, but must be {'at least' if zero else 'above'} 0")
    return number


def real(value: object, name: str) -> float:
    """``value`` as a finite float: a number, or an array or tensor of one entry; no bool and no word."""
    number = None
    if not isinstance(value, bool | np.bool_ | str | bytes):
        try:
            number = float(value)  # type: ignore[arg-type]  # whatever has no number in it raises
        except (TypeError, ValueError, RuntimeError, OverflowError, NotImplementedError):
            number = None
    if number is None:
        raise InputError(f"{name} is {shown(value)}, but must be a number")
    if not math.isfinite(number):
        raise InputError(f"{name} is {number}, but must be finite")
    return number


def count(value: object, name: str, *, at_least: int = 1, at_most: int | None = None) -> int:
    """``value`` as a whole number in range; a bool, a fraction or a word is refused, and what no 64-bit counter holds."""
    upper = "" if at_most is None else f" and at most {at_most}"
    whole = int(value) if isinstance(value, int | np.integer) and not isinstance(value, bool) else None
    if isinstance(value, Tensor) and value.ndim == 0 and not value.is_floating_point() and value.dtype != torch.bool and not value.is_meta:
        whole = int(value)
    if whole is None or whole < at_least or (at_most is not None and whole > at_most):
        raise InputError(f"{name} is {shown(value)}, but must be a whole number of at least {at_least}{upper}")
    if whole > COUNTABLE:
        raise InputError(f"{name} is {shown(value)}, but counts go up to {COUNTABLE}, 2^63 - 1")
    return whole


def seed(value: object, name: str = "seed") -> int:
    """``value`` as a seed, any whole number; None draws one from the operating system, as in NumPy and scikit-learn.

    Its lowest 64 bits count.
    """
    if value is None:
        return secrets.randbits(63)
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InputError(f"{name} is {shown(value)}, but must be a whole number, or None for another one at each call")
    return int(value)


def name_in(value: object, what: str, allowed: Iterable[str]) -> str:
    """``value`` as one of the allowed words. Raises ``InputError`` with the nearest one; lists, None and other things are no words."""
    names = list(allowed)
    if isinstance(value, str) and value in names:
        return value
    raise unknown_name(what, value, names)


def levels(value: object, name: str) -> Tensor:
    """``value`` as probabilities (level,), each between 0 and 1."""
    found = tensor(value, name, ndim=(1,))
    if not len(found) or bool(((found <= 0) | (found >= 1)).any()):
        raise InputError(f"{name} is {shown(value)}, but must list numbers between 0 and 1, such as 0.05, 0.5, 0.95")
    return found


def plain(**options: object) -> None:
    """Refuse tensors and arrays of several entries where a word, a number or None belongs, before anything compares them."""
    for name, value in options.items():
        if isinstance(value, np.void) or (isinstance(value, Tensor | np.ndarray) and not _one(value)):
            raise InputError(f"{name} is {shown(value)}, but must be a word, a number or None")


def names(**options: object) -> None:
    """Refuse lists and their kin as well, where a name or an object of its kind belongs."""
    plain(**options)
    for name, value in options.items():
        if isinstance(value, list | tuple | dict | set | bytes):
            raise InputError(f"{name} is {shown(value)}, but must be a single name")


def _one(value: Tensor | npt.NDArray[np.generic]) -> bool:
    return not (isinstance(value, Tensor) and (value.is_nested or value.is_meta)) and value.ndim == 0


def shown(value: object) -> str:
    """A value in a sentence: short, on one line, a tensor or array by its shape."""
    if isinstance(value, Tensor) and value.is_nested:
        return "a nested tensor"
    if isinstance(value, Tensor) and (value.ndim or value.is_meta):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape}"
    return short(value.item() if isinstance(value, Tensor | np.generic) else value)


def extra(module: str, name: str, purpose: str) -> Any:
    """The optional ``module``, or an ``InputError`` that names the extra which brings it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(f"{purpose} needs the extra {name}: pip install '.[{name}]' in a copy of the repository") from None
