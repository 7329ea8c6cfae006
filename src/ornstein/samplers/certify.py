"""The exact error of a sampler on a Gaussian law, without a single sample.

On N(mu, Sigma) every step of a linear method is an affine map of each eigenmode, x_0 = shift + slope x_T + sum_j weight_j z_j.
The production loop itself is run on a few rows: the zero vector, the unit start, and one unit row per array of noise. Their ends
are the numbers of the map, and the exact law of x_T pushed through it is the law of the samples: mean and variance, mode by mode.
"""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Diagonal, Operator, Sigma, Spectral, as_spectral
from ornstein.denoisers import Gaussian, Posterior
from ornstein.denoisers.base import White
from ornstein.samplers.base import Sampler, Source, walk
from ornstein.samplers.certificate import Certificate
from ornstein.samplers.level import Level, levels
from ornstein.samplers.sampling import Steps, grid_of
from ornstein.schedules import Schedule

_ZERO, _UNIT, _NOISE = 0, 1, 5
_PROBES = slice(2, _NOISE)
"""The rows of a run: nothing, the unit start, three mixtures of start and noise to test the reading, and then one per array."""

_AFFINE = 1e-7
"""Rounding of a run in float64, relative to the largest term: 1e-12 for 50 steps; an adaptive method is off by its tolerance."""


def certify(sampler: Sampler, steps: Steps, schedule: Schedule, covariance: Operator | Tensor, mean: Tensor | None = None) -> Certificate:
    """The exact law of ``sampler`` on N(mean, covariance) against the law itself.

    steps        a number of steps on the schedule's own grid, a ``Grid``, or its times
    covariance   an operator, a matrix (d, d), or eigenvalues (d,); an operator without an eigenbasis is diagonalised
    mean         (*event); 0 by default. A sampler that holds arrays of its own needs it for their event shape

    Cost: two runs, on 1 row and on 3 rows and one per array of noise. Raises ``InputError`` for a sampler that is not affine in
    each eigenmode, such as one that adapts its steps to the sample or holds a reference with another eigenbasis.
    """
    basis, mu = _law(covariance, mean, sampler.bound)
    visited = levels(schedule, grid_of(schedule, steps))
    first, last = visited[0], visited[-1]
    lam = basis.eigenvalues
    centre = basis.rotate(mu.flatten())
    law = _Counted(mu, basis) if sampler.bound else _Counted(centre, Diagonal(lam))
    shape = tuple(mu.shape) if sampler.bound else tuple(lam.shape)

    def into(w: Tensor) -> Tensor:
        return basis.unrotate(w).reshape(len(w), *shape) if sampler.bound else w

    def ends(start: Tensor, source: Source) -> Tensor:
        x = deque(walk(sampler, law, schedule, visited, into(start), source), maxlen=1)[0].x
        return basis.rotate(x.flatten(1)) if sampler.bound else x

    asked = _Asked((1, *shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run that is read says it
        ends(torch.zeros(1, len(lam), dtype=torch.float64), asked)
    calls = law.calls
    units = _Units(asked, _patterns(lam), into)
    x = ends(units.start(), units)
    shift = x[_ZERO]
    slope, weights = x[_UNIT] - shift, x[_NOISE:] - shift
    expected = units.patterns * (slope + units.mixture @ weights)
    size = float(torch.stack([shift.abs().max(), slope.abs().max(), *weights.abs().amax(-1)]).max())
    if law.split or float((x[_PROBES] - shift - expected).abs().max()) > _AFFINE * size:
        raise InputError(
            f"sampler is {sampler}, whose result is not an affine function of each eigenmode, so its law cannot be computed exactly: "
            "certify one with fixed steps, and with a reference in the eigenbasis of the covariance"
        )
    variance = slope**2 * (first.alpha**2 * lam + first.sigma**2) + (weights**2).sum(0)
    bias = shift + (slope * first.alpha - last.alpha) * centre
    return Certificate(lam, basis.multiplicity, last.alpha**2 * lam + last.sigma**2, variance, bias, calls)


class _Counted(Gaussian):
    """The Gaussian law, which some samplers know by its type, with a count of its calls; ``split``: one had a sigma for every case."""

    calls, split = 0, False

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        self._note(sigma)
        return super().__call__(x, sigma)

    def posterior_draw(self, x: Tensor, sigma: Sigma, white: White) -> Tensor:
        self._note(sigma)
        return super().posterior_draw(x, sigma, white)

    def _note(self, sigma: Sigma) -> None:
        self.calls += 1
        self.split |= isinstance(sigma, Tensor) and sigma.ndim > 0


@dataclass(eq=False)
class _Asked:
    """A source without noise that writes down what was asked for: the ends of Brownian increments, and the arrays of steps."""

    shape: tuple[int, ...]
    clocks: set[float] = field(default_factory=set)
    arrays: dict[tuple[int, int], int] = field(default_factory=dict)

    def increment(self, now: Level, then: Level) -> Tensor:
        self.clocks |= {_clock(now), _clock(then)}
        return torch.zeros(self.shape, dtype=torch.float64)

    def fresh(self, step: int, use: int) -> Tensor:
        self.arrays.setdefault((step, use), len(self.arrays))
        return torch.zeros(self.shape, dtype=torch.float64)


class _Units:
    """Noise 0 but for one row per independent array, where every mode gets 1, and for the probes, where each gets its own number.

    Increments of one Brownian path over intervals that overlap are not independent: each is made of the shortest pieces between
    all times that were asked for, weighted by the roots of their shares.
    """

    def __init__(self, asked: _Asked, patterns: Tensor, into: Callable[[Tensor], Tensor]) -> None:
        self.clocks, self.arrays, self.patterns, self.into = sorted(asked.clocks), asked.arrays, patterns, into
        self.pieces = max(len(self.clocks) - 1, 0)
        count = self.pieces + len(self.arrays)
        self.mixture = torch.sin(torch.arange(len(patterns) * count, dtype=torch.float64) + 2).reshape(len(patterns), count)

    def start(self) -> Tensor:
        """The rows in the coordinates of the eigenbasis at the start of the run."""
        w = torch.zeros(_NOISE + self.mixture.shape[1], self.patterns.shape[1], dtype=torch.float64)
        w[_UNIT], w[_PROBES] = 1.0, self.patterns
        return w

    def increment(self, now: Level, then: Level) -> Tensor:
        begin, end = (bisect.bisect_left(self.clocks, _clock(level)) for level in (now, then))
        v = self.clocks[begin : end + 1]
        whole = v[-1] - v[0]
        shares = [1.0 if math.isinf(b) else 0.0 if math.isinf(whole) else (b - a) / whole for a, b in itertools.pairwise(v)]
        return self._array(list(range(begin, end)), [math.sqrt(share) for share in shares])

    def fresh(self, step: int, use: int) -> Tensor:
        return self._array([self.pieces + self.arrays[step, use]], [1.0])

    def _array(self, chosen: list[int], weights: list[float]) -> Tensor:
        w = torch.zeros(_NOISE + self.mixture.shape[1], self.patterns.shape[1], dtype=torch.float64)
        for k, weight in zip(chosen, weights, strict=True):
            w[_NOISE + k] = weight
            w[_PROBES] += weight * self.mixture[:, k : k + 1] * self.patterns
        return self.into(w)


def _patterns(lam: Tensor) -> Tensor:
    """What the probes multiply each mode with, (probe, mode): all modes by different numbers, the strongest alone, the weakest alone."""
    mixed = torch.cos(torch.arange(len(lam), dtype=torch.float64) + 1)
    alone = torch.nn.functional.one_hot(torch.stack([lam.argmax(), lam.argmin()]), len(lam))
    return torch.cat([mixed[None], alone.to(torch.float64)])


def _clock(level: Level) -> float:
    """The time of the Brownian path: the signal-to-noise ratio, from 0 (noise) to inf (data)."""
    return math.inf if level.sigma == 0 else (level.alpha / level.sigma) ** 2


def _law(covariance: Operator | Tensor, mean: Tensor | None, square: bool) -> tuple[Spectral, Tensor]:
    """The covariance in an eigenbasis, which is ``square`` where signals have to be made from its coordinates, and the mean."""
    if isinstance(covariance, Operator):
        basis = as_spectral(covariance)
    else:
        matrix = checks.tensor(covariance, "covariance", ndim=(1, 2))
        basis = Diagonal(matrix) if matrix.ndim == 1 else Dense(matrix)
    if basis.batch_shape:
        raise InputError(f"covariance holds {basis.batch_shape} matrices, but a certificate is of one law: pass one of them")
    if square and basis.eigenvalues.shape[-1] != basis.size:
        basis = Dense(basis.dense())
    mu = torch.zeros(basis.size, dtype=torch.float64) if mean is None else checks.tensor(mean, "mean")
    if mu.numel() != basis.size:
        raise InputError(f"mean has shape {tuple(mu.shape)}, but the covariance is of signals with {basis.size} entries")
    return basis, mu
