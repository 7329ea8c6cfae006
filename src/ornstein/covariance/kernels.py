"""Covariances by formula: a kernel of the lag with a few parameters, fitted by marginal likelihood; and the similarity kernel.

Sigma_ij = variance k(|i - j|; length, period) + floor delta_ij,      lags counted in samples
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, unknown_name
from ornstein.common.gradients import with_gradients
from ornstein.covariance.base import refuse_dense
from ornstein.covariance.structures import Dense

Correlation = Callable[[Tensor, Tensor, Tensor], Tensor]

KERNELS: dict[str, Correlation] = {
    "squared-exponential": lambda lag, length, _: torch.exp(-0.5 * (lag / length) ** 2),
    "matern-5/2": lambda lag, length, _: (
        (1 + math.sqrt(5) * lag / length + 5 * (lag / length) ** 2 / 3) * torch.exp(-math.sqrt(5) * lag / length)
    ),
    "matern-3/2": lambda lag, length, _: (1 + math.sqrt(3) * lag / length) * torch.exp(-math.sqrt(3) * lag / length),
    "ornstein-uhlenbeck": lambda lag, length, _: torch.exp(-lag / length),
    "periodic": lambda lag, length, period: torch.exp(-2 * torch.sin(math.pi * lag / period) ** 2 / length**2),
}
"""Correlation against lag, for a length scale and (periodic) a period (Rasmussen and Williams 2006, section 4.2)."""

_STEPS = 60
_CLIMBS = 2
_LENGTHS = 8
_PEAKS = 4
_FARTHEST = 18.0
"""Bound of the logarithms of the parameters, for signals of power 1."""
_JITTER = 1e-8
"""Relative floor below which no Cholesky factor exists, and which 1e16 cases could not tell from 0."""
LIMIT = 2048


@dataclass(frozen=True)
class Kernel:
    """A kernel with its parameters, in samples and squared units of the signal. ``period`` is used by "periodic" only."""

    name: str
    variance: float
    length: float
    floor: float = 0.0
    period: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in KERNELS:
            raise unknown_name("kernel", self.name, KERNELS)
        for name in ("variance", "length", "period"):
            checks.positive(getattr(self, name), name)
        checks.positive(self.floor, "floor", zero=True)

    def covariance(self, size: int) -> Dense:
        """The covariance of ``size`` samples."""
        refuse_dense(size, "a kernel covariance")
        values = (self.variance, self.length, self.floor, self.period)
        return Dense(_matrix(self.name, size, *(torch.tensor(v, dtype=torch.float64) for v in values)))


def fit_kernel(rows: Tensor, name: str) -> Kernel:
    """The parameters of highest marginal likelihood of centred rows (n, d): a coarse grid, then L-BFGS on their logarithms.

        log p = -n/2 (log det Sigma + tr(Sigma^-1 S) + d log 2 pi),      S = rows^T rows / n

    Periods are looked for at the peaks of the autocovariance. Cost: about 150 Cholesky factors of size d.
    Raises ``InputError`` for signals that are constant, or d above 2048.
    """
    n, d = rows.shape
    if d > LIMIT:
        raise InputError(
            f"the kernel {name!r} needs a {d} x {d} matrix many times, but at most {LIMIT} samples are fitted: use shorter windows"
        )
    second = rows.T @ rows / n
    power = second.diagonal().mean()
    if not bool(power > 0):
        raise InputError("a kernel cannot be fitted to signals that are constant: drop them, or use structure 'diagonal'")
    second = second / power
    starts = sorted((_scaled(name, second, *start) for start in _grid(name, second)), key=lambda start: start[0])
    climbed = [_climb(name, d, second, start.log()) for _, start in starts[: _CLIMBS if name == "periodic" else 1]]
    variance, length, floor, period = min(climbed, key=lambda found: found[0])[1].exp().tolist()
    return Kernel(name, variance * float(power), length, (floor + _JITTER) * float(power), period)


def _grid(name: str, second: Tensor) -> Iterator[tuple[float, float, float]]:
    """(length, floor over variance, period) from which a climb may start."""
    d = len(second)
    if name != "periodic":
        for length in torch.logspace(math.log10(0.5), math.log10(2 * d), _LENGTHS, dtype=torch.float64).tolist():
            yield from ((length, floor, 1.0) for floor in (1e-3, 0.1, 1.0))
        return
    r = torch.stack([second.diagonal(k).mean() for k in range(d)])[: max(3 * d // 4, 3)]
    inner = r[1:-1]
    peaks = ((inner >= r[:-2]) & (inner > r[2:])).nonzero()[:, 0] + 1
    best = peaks[r[peaks].argsort(descending=True)][:_PEAKS].tolist()
    for period in {*best, *(max(2.0, d / k) for k in (1.5, 2.5))}:
        yield from ((length, floor, float(period)) for length in (0.5, 1.5) for floor in (0.01, 0.5))
    # signals without a period: with one far beyond the window the kernel is a squared exponential of length l = length period / 2 pi
    unseen = 8.0 * d
    for length in torch.logspace(math.log10(0.5), math.log10(d), _LENGTHS // 2, dtype=torch.float64).tolist():
        yield from ((2 * math.pi * length / unseen, floor, unseen) for floor in (1e-3, 0.1))


def _scaled(name: str, second: Tensor, length: float, floor: float, period: float) -> tuple[float, Tensor]:
    """(misfit, parameters) at the best variance for this shape, which has a closed form: tr(K^-1 S) / d."""
    d = len(second)
    shape = torch.tensor([1.0, length, floor + _JITTER, period], dtype=torch.float64)
    factor, failed = torch.linalg.cholesky_ex(_matrix(name, d, *shape))
    if bool(failed):
        return math.inf, shape
    variance = torch.cholesky_solve(second, factor).diagonal().sum() / d
    misfit = d * variance.log() + 2 * factor.diagonal().log().sum()
    return float(misfit), torch.stack([variance, shape[1], floor * variance, shape[3]])


def similarity(curve: object) -> Dense:
    """The tutorial's exp(-(v_i - v_j)^2): a Gaussian similarity of the values of one curve (d,), positive semi-definite.

    It serves as a covariance, but is made from the curve itself: it is not the covariance of an ensemble.
    """
    v = checks.tensor(curve, "curve", ndim=(1,))
    refuse_dense(len(v), "a similarity kernel")
    return Dense(torch.exp(-((v.unsqueeze(1) - v) ** 2)))


def _matrix(name: str, size: int, variance: Tensor, length: Tensor, floor: Tensor, period: Tensor) -> Tensor:
    lag = torch.arange(size, dtype=torch.float64)
    row = variance * KERNELS[name](lag, length, period)
    index = torch.arange(size)
    return row[(index.unsqueeze(1) - index).abs()] + floor * torch.eye(size, dtype=torch.float64)


def _lag_sums(matrix: Tensor) -> Tensor:
    """The sums of a symmetric matrix (d, d) over all entries at every lag, (d,)."""
    size = len(matrix)
    slanted = torch.nn.functional.pad(matrix.flip(0), (0, size)).flatten()[: size * (2 * size - 1)].view(size, 2 * size - 1)
    sums = slanted.sum(0)[size - 1 :]  # every row begins one place later than the last, so that diagonals became columns
    sums[1:] *= 2
    return sums


def _climb(name: str, size: int, second: Tensor, start: Tensor) -> tuple[float, Tensor]:
    """(misfit, logarithms of the parameters) where L-BFGS ends within the bounds.

    With G = Sigma^-1 - Sigma^-1 S Sigma^-1 the slope is sum_ij G_ij dSigma_ij, so the sums of G over every lag are all that the
    formula of the kernel, a row of d numbers, has to be differentiated against.
    """
    from scipy.optimize import minimize  # heavy to import, and needed only here

    lag = torch.arange(size, dtype=torch.float64)
    place = (lag.unsqueeze(1) - lag).abs().long()

    @with_gradients
    def loss(at: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        parameters = torch.tensor(at, requires_grad=True)
        variance, length, _floor, period = parameters.exp()
        row = variance * KERNELS[name](lag, length, period)
        white = math.exp(at[2])
        matrix = row.detach()[place]
        matrix.diagonal().add_(white + _JITTER)
        factor, failed = torch.linalg.cholesky_ex(matrix)
        if bool(failed):
            return 1e12, np.zeros_like(at)
        inverse = torch.cholesky_inverse(factor)
        fitted = inverse @ second
        against = inverse - fitted @ inverse
        (slope,) = torch.autograd.grad(row, parameters, _lag_sums(against))
        slope[2] += white * against.trace()
        return float(2 * factor.diagonal().log().sum() + fitted.trace()), slope.numpy()

    begin = start.clamp(-_FARTHEST, _FARTHEST).numpy()
    options = {"maxiter": _STEPS, "gtol": 1e-8 * size, "ftol": 1e-14}
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=[(-_FARTHEST, _FARTHEST)] * len(begin), options=options)
    return float(found.fun), torch.from_numpy(found.x)
