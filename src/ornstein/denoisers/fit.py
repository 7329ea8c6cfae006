"""Fitting the analytic laws to signals: covariance by structure, mixtures by EM, kernels by leave-one-out likelihood."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance import Options, as_spectral, estimate
from ornstein.covariance.structure import check_structure, fit_structure
from ornstein.denoisers.collapse import FLOOR, kept_open
from ornstein.denoisers.empirical import Empirical
from ornstein.denoisers.gaussian import Gaussian
from ornstein.denoisers.mixture import Mixture

_EM_STEPS = 200
_EM_TOLERANCE = 1e-6
_HELD_OUT = 5
_LEAVE_ONE_OUT = 1000


def fit_gaussian(
    x: object,
    structure: str = "dense",
    *,
    shrinkage: str | float = "oas",
    rank: int | None = None,
    times: object = None,
    progress: Callable[[str], None] | None = None,
) -> Gaussian:
    """N(mu, Sigma) by ``covariance.estimate``; NaN in x is missing data."""
    fitted = estimate(x, structure, shrinkage=shrinkage, rank=rank, times=times, progress=progress)
    return Gaussian(fitted.mean, fitted.covariance)


def fit_mixture(
    x: Tensor,
    components: int | None = None,
    structure: str = "dense",
    *,
    shrinkage: str | float = "oas",
    rank: int | None = None,
    seed: int | None = 0,
) -> Mixture:
    """Mixture of ``components`` Gaussians of one structure by EM (Dempster et al. 1977), started from k-means.

    Without ``components`` their number doubles from 1 as long as a held-out fifth of the cases gains in log-likelihood; where all of
    that fifth are repeats of the others it judges nothing, and ``InputError`` says so.
    Components that fall below two cases are dropped. One that stands on repeated cases would shrink without end, its density growing:
    its variances are kept at ``FLOOR`` of those of all cases in the same directions, and a ``UserWarning`` says so; a number of
    components at which that happens is not chosen. Cost per step: one covariance fit per component.
    """
    x = checks.tensor(x, "x", ndim=(2, 3, 4))
    options = Options(shrinkage, rank, checks.seed(seed))
    if structure == "auto":
        structure = estimate(x, "auto", shrinkage=shrinkage, seed=options.seed).structure
    check_structure(structure, options, tuple(x.shape[1:]))
    if components is None:
        components = _choose_components(x, structure, options)
    components = checks.count(components, "components")
    if components > len(x) // 2:
        raise InputError(f"components is {components}, but {len(x)} cases allow at most {max(len(x) // 2, 1)}: two per component")
    mixture, collapsed = _climb(x, components, structure, options)
    if collapsed:
        what = "one component of the mixture stands" if collapsed == 1 else f"{collapsed} components of the mixture stand"
        warnings.warn(
            f"{what} on cases that are the same, or on too few: variances were kept at {FLOOR:g} of those of all cases. "
            "Remove repeated cases, shrink more, or use fewer components",
            UserWarning,
            stacklevel=2,
        )
    return mixture


def _climb(x: Tensor, components: int, structure: str, options: Options) -> tuple[Mixture, int]:
    """(the mixture that EM ends at, how many of its components were kept from collapsing)."""
    responsibilities, collapsed = clusters(x, components, options.seed), 0
    last = -math.inf
    for _ in range(_EM_STEPS):
        mixture, collapsed = _maximize(x, responsibilities, structure, options)
        responsibilities = mixture.responsibilities(x)
        level = float(mixture.log_prob(x).mean())
        if level - last < _EM_TOLERANCE * max(1.0, abs(level)):
            break
        last = level
    return mixture, collapsed


def clusters(x: Tensor, components: int, seed: int) -> Tensor:
    """Membership (case, K) by k-means."""
    if components == 1:
        return torch.ones(len(x), 1, dtype=torch.float64)
    from sklearn.cluster import KMeans  # heavy to import, and needed only here

    labels = KMeans(components, n_init=3, random_state=seed % (1 << 32)).fit_predict(x.flatten(1).numpy())
    return torch.nn.functional.one_hot(torch.as_tensor(labels, dtype=torch.int64), components).to(torch.float64)


def _maximize(x: Tensor, responsibilities: Tensor, structure: str, options: Options) -> tuple[Mixture, int]:
    mass = responsibilities.sum(0)
    alive = (mass >= 2).nonzero()[:, 0].tolist() or [int(mass.argmax())]
    parts, collapsed, centred = [], 0, (x - x.mean(0)).flatten(1)
    for k in alive:
        r = responsibilities[:, k]
        mean = (r @ x.flatten(1) / mass[k]).view(x.shape[1:])
        rows = r.mul(len(x) / mass[k]).sqrt().view(-1, *(1,) * (x.ndim - 1)) * (x - mean)
        fitted = fit_structure(rows, structure, options, count=float(mass[k]))
        covariance, raised = kept_open(fitted.covariance, centred)
        collapsed += raised
        parts.append(Gaussian(mean, covariance))
    return Mixture(mass[alive], parts), collapsed


def _choose_components(x: Tensor, structure: str, options: Options) -> int:
    held = torch.arange(len(x)) % _HELD_OUT == 0
    distinct, kind = torch.unique(x.flatten(1), dim=0, return_inverse=True)
    if bool(torch.isin(kind[held], kind[~held]).all()):
        raise InputError(
            f"x holds {len(x)} cases, but only {len(distinct)} different ones, and held-out cases that are repeats cannot judge how many "
            "components there are: remove the repeats, or say components="
        )
    train, test = x[~held], x[held]
    best, best_level = 1, -math.inf
    k = 1
    while k <= max(len(train) // 10, 1):
        mixture, collapsed = _climb(train, k, structure, options)
        level = float(mixture.log_prob(test).mean())
        if not level > best_level or (collapsed and k > 1):
            break
        best, best_level, k = k, level, 2 * k
    return best


def fit_empirical(
    x: Tensor, bandwidth: float | None = None, structure: str = "dense", *, shrinkage: str | float = "oas", rank: int | None = None
) -> Empirical:
    """Kernel density with K = h^2 Sigma, the covariance of the data itself; h by leave-one-out likelihood.

        h* = argmax_h  mean_i log 1/(n-1) sum_{j != i} N(x_i; x_j, h^2 Sigma)      (on up to 1000 of the cases i)

    ``bandwidth`` sets h; 0 keeps the bare points. Cost: n^2 d flops, at most 1000 n d.
    """
    points = checks.tensor(x, "x", ndim=(2, 3, 4))
    if bandwidth is not None and checks.positive(bandwidth, "bandwidth", zero=True) == 0:
        return Empirical(points)
    covariance = as_spectral(estimate(points, structure, shrinkage=shrinkage, rank=rank).covariance)
    if covariance.rank() < covariance.size:
        few = covariance.rank() > 0 and structure == "dense" and shrinkage in ("none", 0)
        remedy = "use shrinkage 'oas', or bandwidth 0" if few else "leave constant entries out, or use bandwidth 0"
        raise InputError(f"the covariance has rank {covariance.rank()} of {covariance.size}, so it cannot serve as a kernel: {remedy}")
    h = _leave_one_out(covariance.whiten(points.flatten(1))) if bandwidth is None else bandwidth
    return Empirical(points, covariance.scaled(h, 0.0))


def _leave_one_out(white: Tensor) -> float:
    """The best h on a logarithmic grid around Scott's rule n^(-1/(d+4)), refined once."""
    n, d = white.shape
    chosen = torch.linspace(0, n - 1, min(n, _LEAVE_ONE_OUT)).long()
    distance = torch.cdist(white[chosen], white).square()
    distance[torch.arange(len(chosen)), chosen] = torch.inf

    def best(grid: Tensor) -> float:
        levels = torch.stack([torch.logsumexp(-0.5 * distance / h**2, -1).mean() - d * h.log() for h in grid])
        return float(grid[levels.argmax()])

    coarse = torch.logspace(-2, 0.5, 26, dtype=torch.float64) * n ** (-1 / (d + 4))
    h = best(coarse)
    return best(h * torch.logspace(-0.1, 0.1, 21, dtype=torch.float64))
