"""Fitting the analytic laws to signals: covariance by structure, mixtures by EM, kernels by leave-one-out likelihood."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance import Options, as_spectral, estimate
from ornstein.covariance.structure import check_structure
from ornstein.denoisers.collapse import FLOOR
from ornstein.denoisers.components_choice import AUTO, Choice, choose, of_one
from ornstein.denoisers.em import climb_often
from ornstein.denoisers.empirical import Empirical
from ornstein.denoisers.gaussian import Gaussian
from ornstein.denoisers.mixture import Mixture

_LEAVE_ONE_OUT = 1000


def fit_gaussian(
    x: object,
    structure: str = "dense",
    *,
    shrinkage: str | float = "oas",
    rank: int | None = None,
    times: object = None,
    overlap: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Gaussian:
    """N(mu, Sigma) by ``covariance.estimate``; NaN in x is missing data."""
    fitted = estimate(x, structure, shrinkage=shrinkage, rank=rank, times=times, overlap=overlap, progress=progress)
    return Gaussian(fitted.mean, fitted.covariance)


def fit_mixture(
    x: Tensor,
    components: int | None = None,
    structure: str = "dense",
    *,
    shrinkage: str | float = AUTO,
    rank: int | None = None,
    starts: int | None = None,
    seed: int | None = 0,
    overlap: int = 0,
) -> Mixture:
    """Mixture of ``components`` Gaussians of one structure by EM (Dempster et al. 1977), started from k-means.

    Without ``components`` their number, the ``starts`` of EM whose densities are averaged (``em.climb_often``) and, with shrinkage "auto",
    the shrinkage of each are chosen by held-out cases (``choose_mixture``); with a number, "auto" is "oas" and there is one start, if not
    said otherwise. ``overlap`` = how many neighbours on either side share samples with a case: those of held-out ones are not fitted.
    Components that fall below two cases are dropped. One that stands on repeated cases would shrink without end, its density growing:
    its variances are kept at ``FLOOR`` of those of all cases in the same directions, and a ``UserWarning`` says so; a number of
    components at which that happens is not chosen. Cost per step: one covariance fit per component.
    """
    x, structure, options = _checked(x, structure, shrinkage, rank, seed, overlap)
    runs = None if starts is None else checks.count(starts, "starts")
    chosen = choose(x, structure, options, starts=runs) if components is None else Choice(components, of_one(shrinkage), runs or 1)
    components = checks.count(chosen.components, "components")
    if components > len(x) // 2:
        raise InputError(f"components is {components}, but {len(x)} cases allow at most {max(len(x) // 2, 1)}: two per component")
    mixture, collapsed = climb_often(x, components, structure, replace(options, shrinkage=chosen.shrinkage), chosen.starts)
    if collapsed:
        what = "one component of the mixture stands" if collapsed == 1 else f"{collapsed} components of the mixture stand"
        warnings.warn(
            f"{what} on cases that are the same, or on too few: variances were kept at {FLOOR:g} of those of all cases. "
            "Remove repeated cases, shrink more, or use fewer components",
            UserWarning,
            stacklevel=2,
        )
    return mixture


def choose_mixture(
    x: Tensor,
    structure: str = "dense",
    *,
    shrinkage: str | float = AUTO,
    rank: int | None = None,
    starts: int | None = None,
    seed: int | None = 0,
    overlap: int = 0,
) -> Choice:
    """How many components, how much each is shrunk, and of how many starts, as ``fit_mixture`` chooses: ``components_choice.choose``."""
    return choose(*_checked(x, structure, shrinkage, rank, seed, overlap), starts=starts)


def _checked(
    x: Tensor, structure: str, shrinkage: str | float, rank: int | None, seed: int | None, overlap: int
) -> tuple[Tensor, str, Options]:
    x = checks.tensor(x, "x", ndim=(2, 3, 4))
    options = Options(shrinkage, rank, checks.seed(seed), overlap=checks.count(overlap, "overlap", at_least=0))
    first = replace(options, shrinkage=of_one(shrinkage))
    if structure == "auto":
        structure = estimate(x, "auto", shrinkage=first.shrinkage, seed=options.seed, overlap=options.overlap).structure
    check_structure(structure, first, tuple(x.shape[1:]))
    return x, structure, options


def fit_empirical(
    x: Tensor,
    bandwidth: float | None = None,
    structure: str = "dense",
    *,
    shrinkage: str | float = "oas",
    rank: int | None = None,
    overlap: int = 0,
) -> Empirical:
    """Kernel density with K = h^2 Sigma, the covariance of the data itself; h by leave-one-out likelihood.

        h* = argmax_h  mean_i log 1/(n-1) sum_{j != i} N(x_i; x_j, h^2 Sigma)      (on up to 1000 of the cases i)

    ``bandwidth`` sets h; 0 keeps the bare points. The ``overlap`` cases on either side of i, which share samples with it, are left out
    too. Cost: n^2 d flops, at most 1000 n d.
    """
    points = checks.tensor(x, "x", ndim=(2, 3, 4))
    if bandwidth is not None and checks.positive(bandwidth, "bandwidth", zero=True) == 0:
        return Empirical(points)
    covariance = as_spectral(estimate(points, structure, shrinkage=shrinkage, rank=rank, overlap=overlap).covariance)
    if covariance.rank() < covariance.size:
        few = covariance.rank() > 0 and structure == "dense" and shrinkage in ("none", 0)
        remedy = "use shrinkage 'oas', or bandwidth 0" if few else "leave constant entries out, or use bandwidth 0"
        raise InputError(f"the covariance has rank {covariance.rank()} of {covariance.size}, so it cannot serve as a kernel: {remedy}")
    h = _leave_one_out(covariance.whiten(points.flatten(1)), overlap) if bandwidth is None else bandwidth
    return Empirical(points, covariance.scaled(h, 0.0))


def _leave_one_out(white: Tensor, overlap: int) -> float:
    """The best h on a logarithmic grid around Scott's rule n^(-1/(d+4)), refined once."""
    n, d = white.shape
    chosen = torch.linspace(0, n - 1, min(n, _LEAVE_ONE_OUT)).long()
    distance = torch.cdist(white[chosen], white).square()
    distance[(torch.arange(n) - chosen.unsqueeze(1)).abs() <= min(overlap, (n - 1) // 2)] = torch.inf

    def best(grid: Tensor) -> float:
        levels = torch.stack([torch.logsumexp(-0.5 * distance / h**2, -1).mean() - d * h.log() for h in grid])
        return float(grid[levels.argmax()])

    coarse = torch.logspace(-2, 0.5, 26, dtype=torch.float64) * n ** (-1 / (d + 4))
    h = best(coarse)
    return best(h * torch.logspace(-0.1, 0.1, 21, dtype=torch.float64))
