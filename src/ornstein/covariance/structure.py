"""The table of structures: a name becomes an operator fitted to centred signals."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, unknown_name
from ornstein.covariance import stationary_fits as time
from ornstein.covariance.base import Covariance, Spectral, refuse_dense
from ornstein.covariance.coregionalised import stamps
from ornstein.covariance.coregionalised_fit import fit_coregionalised
from ornstein.covariance.kernel_sum import sum_of_kernels
from ornstein.covariance.kernels import KERNELS, fit_kernel
from ornstein.covariance.lowrank import low_rank
from ornstein.covariance.prediction import burg
from ornstein.covariance.separable import separable
from ornstein.covariance.shrinking import check_shrinkage, shrunk
from ornstein.covariance.structures import Diagonal, Kronecker

ANY_ORDER = ("dense", "diagonal", "low-rank")
"""Structures of a vector whose entries have no order."""
IN_TIME = ("stationary", "multitaper", "welch", "toeplitz", *KERNELS)
"""Structures that take every time step for like; several channels get a full covariance between them."""
STRUCTURES = (*ANY_ORDER, *IN_TIME, "autoregressive", "kronecker", "coregionalised", "image")


@dataclass(frozen=True)
class Options:
    """What a fit may be told: the shrinkage of full matrices, the rank of a low-rank one, the seed of randomised parts, the time
    stamps of the samples where they are not even, and how many neighbours on either side share samples with a case (``overlap``):
    what a choice holds out is not fitted by way of them."""

    shrinkage: str | float = "oas"
    rank: int | None = None
    seed: int = 0
    times: tuple[float, ...] | None = None
    overlap: int = 0


@dataclass(frozen=True)
class Fitted:
    """An operator, the weight of its shrinkage, and how many free numbers it holds."""

    covariance: Covariance
    shrinkage: float
    numbers: int


def check_structure(structure: str, options: Options, event_shape: tuple[int, ...]) -> None:
    """Raise ``InputError`` for names, ranks and shapes that do not fit, before any work."""
    check_shrinkage(options.shrinkage)
    if not isinstance(structure, str):
        raise unknown_name("structure", structure, [*STRUCTURES, "auto"])
    parts = structure.split("*")
    for part in parts:
        if part not in STRUCTURES:
            raise unknown_name("structure", part, [*STRUCTURES, "auto"])
    size = math.prod(event_shape)
    if options.times is not None:
        if structure != "coregionalised":
            raise InputError(f"times are given, but structure is {structure!r}: times belong to structure 'coregionalised'")
        stamps(options.times, event_shape[-1])
    if options.rank is not None:
        checks.count(options.rank, "rank", at_most=max(size, 1))
        if "low-rank" not in parts:
            raise InputError(f"rank is {options.rank}, but structure is {structure!r}: rank belongs to structure 'low-rank'")
    if structure == "dense":
        refuse_dense(size, "a dense covariance")
    channels = len(event_shape) > 1 and event_shape[0] > 1
    alone = ("kronecker", "autoregressive", "coregionalised")
    if len(parts) > 2 or (len(parts) == 2 and (len(event_shape) < 2 or parts[0] in (*alone, "image") or parts[1] in alone)):
        raise InputError(
            f"structure {structure!r} does not fit signals of shape {event_shape}: name one factor for channels and one for time"
        )
    if structure == "kronecker" and not channels:
        raise InputError(
            f"structure 'kronecker' needs several channels, but the signals have shape {event_shape}: use 'dense' or 'toeplitz'"
        )
    if structure == "autoregressive" and channels:
        raise InputError(f"structure 'autoregressive' is for one channel, but the signals have shape {event_shape}: use 'dense*toeplitz'")
    if parts[-1] == "image":
        if len(event_shape) < 1 + len(parts):
            what = "channels, height and width" if len(parts) > 1 else "height and width"
            raise InputError(f"structure {structure!r} needs {what}, but the signals have shape {event_shape}")
    elif parts[-1] in (*IN_TIME, "autoregressive", "coregionalised"):
        if len(event_shape) > 2:
            raise InputError(f"structure {structure!r} is for time, but the signals are images of shape {event_shape}: use 'image'")
        if event_shape[-1] < 4:
            raise InputError(f"structure {structure!r} needs an order in time, but the signals have {event_shape[-1]} samples: use 'dense'")


def fit_structure(centred: Tensor, structure: str, options: Options, count: float | None = None) -> Fitted:
    """The operator that fits centred signals (case, *event).

    Rows may be scaled by the square roots of weights that average to 1; ``count`` is then the effective number of cases.
    """
    event = tuple(centred.shape[1:])
    check_structure(structure, options, event)
    cases = float(len(centred)) if count is None else count
    if structure == "coregionalised":
        times = stamps(options.times, event[-1])
        law = fit_coregionalised(centred.reshape(len(centred), -1, event[-1]), times, seed=options.seed)
        return Fitted(sum_of_kernels(law, times), 0.0, law.numbers)
    left, _, right = structure.partition("*")
    if structure == "kronecker":
        left, right = "dense", "dense"
    elif structure in IN_TIME and len(event) > 1 and event[0] > 1:
        left, right = "dense", structure
    elif structure == "image" and len(event) > 2:
        left, right = ("dense", "image") if event[0] > 1 else ("image", "")
    if not right:
        return _factor(centred.flatten(1), left, options, cases, event[-2:])
    pixels = event[1:] if right == "image" else ()

    def fit(name: str, shape: tuple[int, ...], rows: Tensor, effective: float) -> tuple[Spectral, float, int]:
        fitted = _factor(rows, name, options, effective, shape, len(rows) // len(centred))
        if not isinstance(fitted.covariance, Spectral):
            raise InputError(f"structure {name!r} cannot be a factor of 'kronecker': use 'toeplitz'")
        return fitted.covariance, fitted.shrinkage, fitted.numbers

    operator, weight, numbers = separable(
        centred.flatten(2), lambda rows, n: fit(left, (), rows, n), lambda rows, n: fit(right, pixels, rows, n), cases
    )
    return Fitted(operator, weight, numbers)


def _factor(rows: Tensor, name: str, options: Options, count: float, grid: tuple[int, ...] = (), together: int = 1) -> Fitted:
    """One structure for rows (n, d), of which ``together`` in a row belong to one case."""
    d = rows.shape[1]
    if name == "dense":
        refuse_dense(d, "a dense covariance")
        dense, weight = shrunk(rows.T @ rows / len(rows), count, options.shrinkage, rows)
        return Fitted(dense, weight, d * (d + 1) // 2)
    if name == "diagonal":
        return Fitted(Diagonal(rows.square().mean(0)), 0.0, d)
    if name == "low-rank":
        shared = (options.overlap + 1) * together if options.overlap and together > 1 else options.overlap
        low = low_rank(rows, options.rank, seed=options.seed, overlap=shared)
        r = low.components
        return Fitted(low, 0.0, r * d - r * (r - 1) // 2 + 1)
    if name == "toeplitz":
        return Fitted(time.toeplitz(rows, together), 0.0, d)
    if name == "autoregressive":
        process = burg(rows, count=count)
        return Fitted(process, 0.0, process.order + 1)
    if name == "image":
        image: Kronecker = time.image(rows.reshape(len(rows), *grid))
        return Fitted(image, 0.0, d)
    if name in KERNELS:
        kernel = fit_kernel(rows, name)
        return Fitted(kernel.covariance(d), 0.0, 4 if name == "periodic" else 3)
    tapers = {"stationary": None, "multitaper": time.sine_tapers(d), "welch": time.hann_taper(d)}[name]
    return Fitted(time.circulant(rows, tapers), 0.0, d // 2 + 1)
