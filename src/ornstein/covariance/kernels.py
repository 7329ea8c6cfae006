"""Covariances by formula: a kernel of the lag with a few parameters, fitted by marginal likelihood; and the similarity kernel.

Sigma_ij = variance k(|i - j|; length, period) + floor delta_ij,      lags counted in samples
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein import checks
from ornstein.covariance.base import refuse_dense
from ornstein.covariance.structures import Dense
from ornstein.errors import InputError, unknown_name

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
_STARTS = 3
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
    """The parameters of highest marginal likelihood of centred rows (n, d), by L-BFGS on their logarithms from several starts.

        log p = -n/2 (log det Sigma + tr(Sigma^-1 S) + d log 2 pi),      S = rows^T rows / n

    Cost: about 200 Cholesky factors of size d. Raises ``InputError`` for signals that are constant, or d above 2048.
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
    best: tuple[float, Tensor] | None = None
    for k in range(_STARTS):
        length = 1.0 if name == "periodic" else d ** ((k + 1) / (_STARTS + 1))
        start = torch.tensor([1.0, length, 0.1, max(2.0, d / (k + 1.5))], dtype=torch.float64)
        level, parameters = _climb(name, d, second / power, start.log())
        if best is None or level < best[0]:
            best = level, parameters
    assert best is not None
    variance, length, floor, period = best[1].exp().tolist()
    return Kernel(name, variance * float(power), length, floor * float(power), period)


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


def _climb(name: str, size: int, second: Tensor, start: Tensor) -> tuple[float, Tensor]:
    parameters = start.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([parameters], max_iter=_STEPS, line_search_fn="strong_wolfe", tolerance_change=1e-10)

    def loss() -> Tensor:
        optimiser.zero_grad()
        # parameters stay where a factor exists: a relative floor of 1e-8 is below what 1e16 cases could tell
        variance, length, floor, period = parameters.clamp(-18, 18).exp()
        factor, failed = torch.linalg.cholesky_ex(_matrix(name, size, variance, length, floor + 1e-8, period))
        if bool(failed):
            return parameters.sum() * 0 + 1e12
        value: Tensor = 2 * factor.diagonal().log().sum() + torch.cholesky_solve(second, factor).diagonal().sum()
        value.backward()
        return value

    optimiser.step(loss)
    with torch.no_grad():
        final = parameters.clamp(-18, 18)
    return float(loss().detach()), final.detach()
