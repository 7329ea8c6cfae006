"""A low-rank law from data with gaps: expectation-maximization for probabilistic PCA, all cases and entries at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from ornstein.common.folds import every
from ornstein.covariance.missing import moments
from ornstein.covariance.missing_held_out import lines_help
from ornstein.covariance.missing_start import origin_of, refuse_empty, started, warn_of_unseen
from ornstein.covariance.structures import LowRank

ITERATIONS = 300
TOLERANCE = 1e-7


@dataclass(frozen=True)
class Factors:
    """x = mean + W z + sqrt(floor) e: loadings W (d, r), mean (d,), floor > 0."""

    loadings: Tensor
    mean: Tensor
    floor: float

    def law(self) -> LowRank:
        """The covariance W W^T + floor I in its eigenbasis."""
        basis, singular, _ = torch.linalg.svd(self.loadings, full_matrices=False)
        return LowRank(basis, singular**2 + self.floor, self.floor)

    def posterior(self, x: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(E[z] (n, r), Cov[z] (n, r, r), observed log-likelihood (n,)) of each case, from its observed entries alone."""
        w, r = self.loadings, self.loadings.shape[1]
        residual = torch.where(seen, x - self.mean, torch.zeros_like(x))
        products = (w.unsqueeze(2) * w.unsqueeze(1)).flatten(1)
        inner = (seen.to(w) @ products).view(-1, r, r) + self.floor * torch.eye(r, dtype=w.dtype)
        factor = torch.linalg.cholesky(inner)
        pulled = residual @ w
        z = torch.cholesky_solve(pulled.unsqueeze(2), factor).squeeze(2)
        count = seen.sum(1).to(w)  # an integer times a number of Python would be float32
        quadratic = (residual.square().sum(1) - (pulled * z).sum(1)) / self.floor
        logdet = (count - r) * math.log(self.floor) + 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1)
        return z, self.floor * torch.cholesky_inverse(factor), -0.5 * (quadratic + logdet + count * math.log(2 * math.pi))


def low_rank_with_gaps(
    x: Tensor, rank: int | None = None, *, iterations: int = ITERATIONS, tolerance: float = TOLERANCE, overlap: int = 0
) -> tuple[Tensor, LowRank]:
    """Mean (d,) and probabilistic PCA of signals (case, *event) in which NaN is missing at random (Ilin and Raiko 2010).

    Maximum likelihood on the observed entries; without ``rank``, the least one that is within one standard error of the highest
    likelihood of a held-out fifth of the cases (``overlap`` is that of ``folds.every``): ranks double as long as it grows, then the
    steps halve, up to d / 2. Started from straight lines in time or from means, whichever guess better. Cost per step: 2 n d r^2
    flops twice, no loop over cases: 4000 x 1680 records with 80 % missing take about a second a step at rank 16.
    Raises ``InputError`` for an entry or a case without any observation.
    """
    flat = x.flatten(1)
    warn_of_unseen(refuse_empty(x), flat.shape[1])
    origin = origin_of(flat, rows=False)
    flat, filled = flat - origin, started(x, lines=lines_help(x)).flatten(1) - origin
    if not bool((torch.nan_to_num(flat) != 0).any()):
        return origin, LowRank(torch.eye(flat.shape[1], 1, dtype=x.dtype), torch.zeros(1, dtype=x.dtype))
    if rank is None:
        rank = _choose(flat, filled, (iterations, tolerance), overlap)
    factors = fit_factors(flat, rank, iterations=iterations, tolerance=tolerance, filled=filled)
    return origin + factors.mean, factors.law()


def fit_factors(
    x: Tensor, rank: int, *, iterations: int = ITERATIONS, tolerance: float = TOLERANCE, filled: Tensor | None = None
) -> Factors:
    """EM until the log-likelihood of the observed entries gains less than ``tolerance`` of a nat per entry and step.

    ``filled`` is x (case, d) with something in its gaps, from which the loadings start; default: as above.
    """
    seen = ~torch.isnan(x)
    rank = min(rank, x.shape[1] - 1, len(x) - 1)
    factors, last = _start(started(x, lines=lines_help(x)) if filled is None else filled, rank), -math.inf
    for _ in range(iterations):
        z, spread, level = factors.posterior(x, seen)
        now = float(level.sum())
        if now - last < tolerance * float(seen.sum()):
            break
        factors, last = _maximise(x, seen, z, spread, factors), now
    return factors


def _maximise(x: Tensor, seen: Tensor, z: Tensor, spread: Tensor, factors: Factors) -> Factors:
    """Every entry's loadings and mean by least squares on the cases that observed it; then the floor."""
    n, r = z.shape
    filled = torch.where(seen, x - factors.mean, torch.zeros_like(x))
    extended = torch.cat([z, torch.ones(n, 1, dtype=z.dtype)], 1)
    second = extended.unsqueeze(2) * extended.unsqueeze(1)
    second[:, :r, :r] += spread
    left = (seen.to(z).T @ second.flatten(1)).view(-1, r + 1, r + 1)
    right = filled.T @ extended
    ridge = 1e-10 * left.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-300).view(-1, 1, 1)
    solved = torch.linalg.solve(left + ridge * torch.eye(r + 1, dtype=z.dtype), right.unsqueeze(2)).squeeze(2)
    rest = filled.square().sum() - (solved * right).sum()
    smallest = 1e-12 * filled.square().mean() + torch.finfo(z.dtype).tiny
    floor = float((rest / seen.sum()).clamp_min(smallest))
    return Factors(solved[:, :r], factors.mean + solved[:, r], floor)


def _start(filled: Tensor, rank: int) -> Factors:
    mean, second = moments(filled)
    eigenvalues, basis = torch.linalg.eigh(second)
    eigenvalues, basis = eigenvalues.flip(0), basis.flip(1)
    total, d = float(second.diagonal().sum()), len(second)
    floor = max((total - float(eigenvalues[:rank].clamp_min(0).sum())) / max(d - rank, 1), 1e-3 * total / d, 1e-300)
    return Factors(basis[:, :rank] * (eigenvalues[:rank] - floor).clamp_min(0.01 * floor).sqrt(), mean, floor)


def _choose(x: Tensor, filled: Tensor, settled: tuple[int, float], overlap: int) -> int:
    iterations, tolerance = settled
    fitted, held = every(len(x), 5, overlap)
    train, test = x[fitted], x[held]
    alive = (~torch.isnan(train)).any(0)
    train, test, begun = train[:, alive], test[:, alive], filled[fitted][:, alive]
    test = test[(~torch.isnan(test)).any(1)]
    most = min(len(train) - 1, train.shape[1] // 2)

    @cache
    def levels(rank: int) -> Tensor:
        factors = fit_factors(train, rank, iterations=iterations // 3, tolerance=10 * tolerance, filled=begun)
        return factors.posterior(test, ~torch.isnan(test))[2]

    def level(rank: int) -> float:
        return float(levels(rank).mean()) if 1 <= rank <= most and len(test) else -math.inf

    best = 1
    while level(2 * best) > level(best):
        best *= 2
    step = best // 2
    while step:
        best = max((best, best - step, best + step), key=level)
        step //= 2

    def near(rank: int) -> bool:
        gap = levels(best) - levels(rank)
        return float(gap.mean()) <= float(gap.std(correction=0)) / math.sqrt(len(gap))

    least = best
    while least > 1 and near(least - 1):
        least -= 1
    return least
