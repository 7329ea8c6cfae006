"""Expectation and maximisation: the steps of a mixture from k-means to where likelihood stops rising."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ornstein.covariance import Options
from ornstein.covariance.structure import fit_structure
from ornstein.denoisers.collapse import kept_open, spread_of
from ornstein.denoisers.em_dense import maximize_dense, together
from ornstein.denoisers.gaussian import Gaussian
from ornstein.denoisers.mixture import Mixture

STEPS = 200
SHORT = 40
"""Steps of an EM that is one of several, or only judged: what later ones gain is small beside what is averaged or compared."""
_TOLERANCE = 1e-6

Start = Callable[[Tensor, int, int], Tensor]
"""Cases (case, *event), a number of clusters and a seed -> the number of the cluster of every case (case,)."""


def climb(
    x: Tensor, components: int, structure: str, options: Options, steps: int = STEPS, starts: Start | None = None
) -> tuple[Mixture, int]:
    """(the mixture that EM ends at, how many of its components were kept from collapsing).

    ``starts`` are clusters of x, as ``k_means`` finds them. Cost: a covariance per component and step.
    """
    responsibilities = members((starts or k_means)(x, components, options.seed), components)
    spread, collapsed = spread_of(x), 0
    last = -math.inf
    for _ in range(steps if components > 1 else 1):
        mixture, collapsed = maximize(x, responsibilities, structure, options, spread)
        responsibilities, levels = mixture.expectation(x)
        level = float(levels.mean())
        if level - last < _TOLERANCE * max(1.0, abs(level)):
            break
        last = level
    return Mixture.from_log_weights(mixture.log_weights, mixture.components), collapsed  # the same to the last bit after a save


def climb_often(x: Tensor, components: int, structure: str, options: Options, starts: int) -> tuple[Mixture, int]:
    """``climb`` from each of several k-means, and the mean of their densities: again a mixture, of up to ``starts`` times as many.

        log mean_s p_s(x) >= mean_s log p_s(x)      (Jensen; Ormoneit and Tresp 1996, NIPS 8: averaging over EM runs)

    What the runs have in common stays, what each of them makes of few cases averages out. Runs in which a component collapsed are left
    out where others are left.
    """
    if starts == 1:
        return climb(x, components, structure, options)
    runs = [climb(x, components, structure, replace(options, seed=options.seed + k), SHORT) for k in range(starts)]
    kept = [mixture for mixture, collapsed in runs if not collapsed]
    return (averaged(kept), 0) if kept else runs[0]


def averaged(laws: Sequence[Mixture]) -> Mixture:
    """The mixture whose density is the mean of those of mixtures."""
    return Mixture(torch.cat([law.weights for law in laws]), [part for law in laws for part in law.components])


def k_means(x: Tensor, components: int, seed: int) -> Tensor:
    """The number of the cluster of every case (case,)."""
    if components == 1:
        return torch.zeros(len(x), dtype=torch.int64)
    from sklearn.cluster import KMeans  # heavy to import, and needed only here

    labels = KMeans(components, n_init=3, random_state=seed % (1 << 32)).fit_predict(x.flatten(1).numpy())
    return torch.as_tensor(labels, dtype=torch.int64)


def members(labels: Tensor, components: int) -> Tensor:
    """Responsibilities (case, K) of cases that belong to one cluster each."""
    return torch.nn.functional.one_hot(labels, components).to(torch.float64)


def maximize(x: Tensor, responsibilities: Tensor, structure: str, options: Options, spread: Tensor | None = None) -> tuple[Mixture, int]:
    """(the mixture of weighted means and covariances, how many components were kept from collapsing); those below two cases go.

    ``spread`` is ``spread_of(x)``, which does not change from step to step.
    """
    mass = responsibilities.sum(0)
    alive = (mass >= 2).nonzero()[:, 0].tolist() or [int(mass.argmax())]
    spread = spread_of(x) if spread is None else spread
    if together(structure, options.shrinkage):
        return maximize_dense(x, responsibilities[:, alive], options.shrinkage, spread)
    parts, collapsed = [], 0
    for k in alive:
        r = responsibilities[:, k]
        mean = (r @ x.flatten(1) / mass[k]).view(x.shape[1:])
        rows = r.mul(len(x) / mass[k]).sqrt().view(-1, *(1,) * (x.ndim - 1)) * (x - mean)
        fitted = fit_structure(rows, structure, options, count=float(mass[k]))
        covariance, raised = kept_open(fitted.covariance, spread)
        collapsed += raised
        parts.append(Gaussian(mean, covariance))
    return Mixture(mass[alive], parts), collapsed
