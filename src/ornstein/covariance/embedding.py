"""Stationary draws of ten million samples: a Toeplitz covariance as the corner of a larger circulant one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.linalg
import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise

Autocovariance: TypeAlias = checks.ArrayLike | Callable[[Tensor], Tensor]
"""c_0, c_1, ... as numbers, or a function of lags (float64 tensor of whole numbers) that returns them."""

LONGEST = 1 << 26
_CIRCLE = 1 << 27
"""Lags of half a circle beyond which it is not enlarged: 1 GiB in float64."""
_DOUBLINGS = 5
_SHORT = 1 << 15
"""A short signal can have a long memory: half-circles up to here cost nothing, however short the signal."""
_EXACT = 1e-12
"""Relative error of a covariance that is rounding: transforms of 1e7 numbers leave 1e-14."""
_BATCH = 1 << 22
_ORDER, _RIDGE = 64, 1e-10
"""Of the autoregression that continues given autocovariances; the ridge keeps that of a smooth signal stable."""
_ANY_SIZE = 1 << 20
"""Up to here the smallest circle is taken as it is; beyond, its length is rounded up to one without large prime factors, whose
transform would take ten times the time and memory."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """A circulant covariance of 2 h samples whose first ``length`` samples have the wanted autocovariance.

    eigenvalues  (h + 1,), at least 0: the power at 0, 1, ..., h cycles per 2 h samples
    error        by how much the draws' variance exceeds c_0, as a share of c_0; no entry of their covariance is off by more.
                 0 up to rounding where no eigenvalue was negative
    clipped      how many of the 2 h eigenvalues were negative and became 0
    """

    eigenvalues: Tensor
    length: int
    error: float
    clipped: int

    @property
    def white_size(self) -> int:
        """How many white numbers one draw takes: 2 h."""
        return 2 * (len(self.eigenvalues) - 1)

    def color(self, z: Tensor) -> Tensor:
        """White noise (..., 2 h) as stationary draws (..., length): the first rows of H diag(lambda)^(1/2), H the Hartley transform."""
        inner = self.eigenvalues[1:-1]
        root = torch.cat([self.eigenvalues, inner.flip(0)]).sqrt_()
        half: Tensor = torch.fft.rfft(z * root, norm="ortho")[..., : self.length]
        return half.real - half.imag

    def draw(self, noise: Noise, cases: int, stream: int = 0) -> Tensor:
        """Draws (cases, length). Cost: one real FFT of 2 h per case."""
        return self.color(noise.normal(cases, (self.white_size,), stream))


@dataclass(frozen=True, eq=False)
class StationaryDraws:
    """Draws (case, length), and the error of their covariance as in ``Embedding``: a share of c_0."""

    values: Tensor
    error: float


def stationary_draws(autocovariance: Autocovariance, length: int, cases: int = 1, *, seed: int) -> StationaryDraws:
    """Draws of a stationary signal of mean 0, Cov(x_i, x_j) = c_|i - j|: Toeplitz, without the wrap-around of ``Stationary``.

    Exact where ``error`` is at the level of rounding, which is the rule (see ``embed`` for when it is not). Draw i under a seed
    does not depend on how many are drawn. Cost: one FFT of at least 2 ``length`` per draw: 1e7 samples take
    seconds and 1.5 GiB.
    Raises ``InputError`` as ``embed`` does.
    """
    cases, seed = checks.count(cases, "cases"), checks.count(seed, "seed", at_least=0)
    made = embed(autocovariance, length)
    values = torch.empty(cases, made.length, dtype=torch.float64)
    step = max(1, _BATCH // made.white_size)
    for first in range(0, cases, step):
        some = min(step, cases - first)
        values[first : first + some] = made.draw(Noise(seed, first), some)
    return StationaryDraws(values, made.error)


def embed(autocovariance: Autocovariance, length: int) -> Embedding:
    """The smallest circulant embedding found of a Toeplitz covariance (Davies and Harte 1987; Dietrich and Newsam 1997).

        lambda_k = c_0 + 2 sum_{0 < j < h} c_j cos(pi j k / h) + (-1)^k c_h,      k = 0 ... h,   h >= length - 1

    autocovariance  a function of lags, which is asked for as many as the embedding needs; or numbers c_0, c_1, ...: where they end
                    before ``length``, the rest is 0 (a moving average); where they do not, what follows is free, and an
                    autoregression of order 64 continues them

    The circle of 2 (length - 1) is enough for convex falling autocovariances and for short memory. Where it has negative
    eigenvalues it is doubled: five times, further for short signals (to 2^16 samples), never beyond 2^28. Where negative ones
    stay, the circle with the least of them is used with those set to 0, which adds the autocovariance e_j of the clipped part:
    |e_j| <= e_0, and ``error`` = e_0 / c_0.

    Raises ``InputError`` for c_0 not above 0, any |c_j| above c_0 (there is no such signal), and length outside 1 ... 2^26.
    """
    length = checks.count(length, "length", at_most=LONGEST)
    if callable(autocovariance):
        known, asked = torch.empty(0), autocovariance
    else:
        known, asked = checks.tensor(autocovariance, "autocovariance", ndim=(1,)), None
    best: Embedding | None = None
    for half in _circles(length):
        found = _circle(_asked(asked, half) if asked else _given(known, length, half), length)
        if best is None or found.error < best.error:
            best = found
        if best.error <= _EXACT:
            break
    assert best is not None
    return best


def _circles(length: int) -> list[int]:
    """Half-circles to try, shortest first."""
    least = max(length - 1, 1)
    halves = [least if least <= _ANY_SIZE else int(scipy.fft.next_fast_len(least, real=True))]
    largest = min(max(least << _DOUBLINGS, _SHORT), _CIRCLE)
    while (longer := int(scipy.fft.next_fast_len(2 * halves[-1], real=True))) <= largest:
        halves.append(longer)
    return halves


def _circle(c: Tensor, length: int) -> Embedding:
    """From c_0 ... c_h. A type-1 cosine transform is the FFT of the mirrored row at a quarter of its memory."""
    eigenvalues = torch.from_numpy(scipy.fft.dct(c.numpy(), type=1))
    times = torch.full_like(eigenvalues, 2.0)  # every frequency but the first and last stands for itself and its mirror image
    times[[0, -1]] = 1.0
    negative = eigenvalues < 0
    excess = (times * eigenvalues)[negative].abs().sum() / (2 * (len(c) - 1))
    return Embedding(eigenvalues.clamp_min_(0), length, float(excess / c[0]), int(times[negative].sum()))


def _asked(autocovariance: Callable[[Tensor], Tensor], half: int) -> Tensor:
    """c_0 ... c_half from a function."""
    c = checks.tensor(autocovariance(torch.arange(half + 1, dtype=torch.float64)), "autocovariance", ndim=(1,))
    if len(c) != half + 1:
        raise InputError(f"autocovariance returned {len(c)} numbers for {half + 1} lags, but must return one for each")
    return _possible(c)


def _given(known: Tensor, length: int, half: int) -> Tensor:
    """c_0 ... c_half from numbers: beyond them 0, or, where no draw depends on it, half a cosine wave from the last one to 0."""
    if not len(known):
        raise InputError("autocovariance is empty, but must start with c_0, the variance")
    c = torch.zeros(half + 1, dtype=torch.float64)
    last = min(len(known), half + 1)
    c[:last] = known[:last]
    _possible(c)
    if last <= half and length <= last:
        c[last:] = torch.from_numpy(_predicted(c[:last].numpy(), half + 1 - last))
    return c


def _predicted(c: npt.NDArray[np.float64], more: int) -> npt.NDArray[np.float64]:
    """The next ``more`` autocovariances of the autoregression that has the first ones: c_k = sum_j a_j c_{k - j} (Yule and Walker).

    A process of that order is continued exactly, so that a larger circle has room for it. Whatever follows leaves the draws alone.
    """
    import scipy.signal  # heavy to import, and needed only here

    order = min(_ORDER, len(c) // 2)
    if not order:
        return np.zeros(more)
    matrix = scipy.linalg.toeplitz(c[:order])
    matrix[np.diag_indices(order)] *= 1 + _RIDGE
    recursion = np.concatenate([[1.0], -np.linalg.lstsq(matrix, c[1 : order + 1], rcond=None)[0]])
    start = scipy.signal.lfiltic([1.0], recursion, y=c[::-1][:order])
    ahead, _ = scipy.signal.lfilter([1.0], recursion, np.zeros(more), zi=start)
    safe: npt.NDArray[np.float64] = np.nan_to_num(ahead, nan=0.0).clip(-c[0], c[0])
    return safe


def _possible(c: Tensor) -> Tensor:
    if float(c[0]) <= 0:
        raise InputError(f"autocovariance starts with {float(c[0]):g}, but c_0 is the variance and must be above 0")
    worst = int(c.abs().argmax())
    if float(c[worst].abs()) > float(c[0]) * (1 + 1e-9):
        raise InputError(f"autocovariance at lag {worst} is {float(c[worst]):g}, but must lie within ± c_0 = {float(c[0]):g}")
    return c
