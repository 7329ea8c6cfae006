"""What guides the particles of a posterior: a mixture of the signals that a denoiser draws."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.covariance import Dense
from ornstein.denoisers import Denoiser, Gaussian, Mixture, fit_gaussian
from ornstein.denoisers.em import k_means, members
from ornstein.fitting.network import reference_structure
from ornstein.samplers import DPMSolver, Exponential, sample
from ornstein.schedules import VP

DRAWS, STEPS = 4096, 24
"""Signals a guide is fitted to and denoiser calls for each: together less than what a Gaussian guide costs in two posteriors."""

LARGEST = 1024
"""Entries up to which a guide is fitted: one eigenbasis."""

MOST, PATIENCE, HELD_OUT = 64, 3, 5
EM_STEPS, TOLERANCE = 60, 1e-6

SURE = 3.0
"""Standard errors by which more components must foresee held-out signals better: a Gaussian then stays one in 999 of 1000 tries."""

PRIOR_CASES = 4.0
"""Cases that the mean variance of an entry counts for in that of a component, so that a kind of a few signals does not shrink to them."""

_NEAR = 10
"""Principal directions in which k-means looks for the kinds."""


def guide(denoiser: Denoiser, known: Gaussian, *, seed: int = 0) -> Gaussian | Mixture:
    """The mixture that guides particles of ``denoiser``, fitted to ``DRAWS`` signals of its own, which start from the Gaussian ``known``.

    A mixture that knows the kinds of signals needs a quarter of the steps of a Gaussian, and errs less (``docs/experiments.md``). Where
    held-out draws support a single component, and above ``LARGEST`` entries, the Gaussian stays. Cost: ``DRAWS`` * ``STEPS`` denoiser
    calls, and ``kinds``.
    """
    if known.size > LARGEST or known.batch_shape:
        return known
    found = kinds(own_signals(denoiser, known, DRAWS, seed), seed)
    return found if len(found.components) > 1 else known


def own_signals(denoiser: Denoiser, known: Gaussian | None, cases: int, seed: int = 0) -> Tensor:
    """Draws (case, *event) of a denoiser in ``STEPS`` calls, from the Gaussian of its signals where one is known."""
    method = DPMSolver(2) if known is None else Exponential(known)
    return sample(denoiser, method, VP(), STEPS, cases, seed=seed, reference=known).cpu()


def moments(x: Tensor) -> Gaussian:
    """The Gaussian of signals (case, *event), NaN left out, in the structure that suits their shape."""
    return fit_gaussian(x, reference_structure(tuple(x.shape[1:]), gaps=bool(torch.isnan(x).any())))


def kinds(x: Tensor, seed: int = 0) -> Mixture:
    """The mixture of 1, 2, 4, ... components that foresees a held-out fifth of the signals x (case, *event) best.

    All components have variances along the principal directions of all signals, so that everything about them is one matrix product
    (``denoisers.components``). Numbers of components are doubled until ``PATIENCE`` of them did no better. Cost: an eigenbasis, and for
    each number up to ``EM_STEPS`` products of (case, d) and (d, K).
    """
    flat = x.flatten(1).to(torch.float64)
    mean = flat.mean(0)
    basis = Dense(torch.cov(flat.T).view(flat.shape[1], flat.shape[1]))
    along = basis.rotate(flat - mean)
    held = torch.arange(len(along)) % HELD_OUT == 0
    best = _Axes.climb(along[~held], 1, seed)
    levels, since, k = best.log_prob(along[held]), 0, 2
    while k <= min(MOST, len(along) // 10) and since < PATIENCE:
        tried = _Axes.climb(along[~held], k, seed)
        gains = tried.log_prob(along[held]) - levels
        if float(gains.mean()) > SURE * float(gains.std()) / math.sqrt(len(gains)):
            best, levels, since = tried, levels + gains, 0
        else:
            since += 1
        k *= 2
    centres = (mean + basis.unrotate(best.means)).view(-1, *x.shape[1:])
    return Mixture(best.weights, [Gaussian(c, basis.replace(v)) for c, v in zip(centres, best.variances, strict=True)])


class _Axes(NamedTuple):
    """Gaussians of independent entries: weights (K,), means and variances (K, d)."""

    weights: Tensor
    means: Tensor
    variances: Tensor

    def joint(self, x: Tensor) -> Tensor:
        """log w_k N(x; mu_k, diag v_k), (case, K); x is centred, so that the terms of the square do not cancel."""
        inverse = 1 / self.variances
        squares = x.square() @ inverse.T - 2 * x @ (self.means * inverse).T + (self.means.square() * inverse).sum(1)
        return self.weights.log() - 0.5 * (squares + (2 * math.pi * self.variances).log().sum(1))

    def log_prob(self, x: Tensor) -> Tensor:
        """log density of the mixture, (case,)."""
        return torch.logsumexp(self.joint(x), 1)

    @classmethod
    def climb(cls, x: Tensor, components: int, seed: int) -> _Axes:
        """Where EM ends, from k-means in the first directions; kinds of less than two cases are dropped.

        Means are shrunk to that of all by what chance alone would set them apart (empirical Bayes, direction by direction): among
        hundreds of entries only few tell the kinds.
        """
        shares, last, common = members(k_means(x[:, :_NEAR], components, seed), components), -math.inf, x.square().mean(0)
        least = 1e-9 * common.mean().clamp_min(torch.finfo(torch.float64).tiny)
        for _ in range(EM_STEPS):
            mass = shares.sum(0)
            alive = mass >= 2
            shares, mass = shares[:, alive], mass[alive].unsqueeze(1)
            means = shares.T @ x / mass
            variances = (shares.T @ x.square() / mass - means.square()).clamp_min(0)
            typical = (mass * variances).sum(0) / mass.sum()
            between = (mass * means.square()).sum(0) / mass.sum() - (len(mass) - 1) * typical / mass.sum()
            means = means * (between.clamp_min(0) + least) / (between.clamp_min(0) + least + typical / mass)
            variances = (mass * variances + PRIOR_CASES * typical) / (mass + PRIOR_CASES) + least
            found = cls(mass[:, 0] / mass.sum(), means, variances)
            joint = found.joint(x)
            level = float(torch.logsumexp(joint, 1).mean())
            if level - last < TOLERANCE * max(1.0, abs(level)):
                break
            last, shares = level, torch.softmax(joint, 1)
        return found
