"""Conditioning N(0, Sigma) on y = A x + n: the law stays Gaussian, and the evidence comes with it.

Up to CONDITION_DENSE dimensions the new covariance is formed from a factor, which keeps its zero directions exact;
above, it stays implicit (``Conditioned``) and costs products with Sigma only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, listed
from ornstein.common.linear import LinearMap
from ornstein.covariance.base import Covariance, Spectral
from ornstein.covariance.conditioned import Conditioned
from ornstein.covariance.structures import Dense, Diagonal, as_spectral

CONDITION_DENSE = 1024
LOG_TAU = math.log(2 * math.pi)


@dataclass(frozen=True)
class Conditioning:
    """The result: x | y ~ N(mu + shift, covariance), and log_evidence = log N(y; A mu, A Sigma A^T + R) in nats."""

    shift: Tensor
    covariance: Covariance
    log_evidence: Tensor


def diagonal_noise(noise: object, measurement: LinearMap, y: Tensor) -> tuple[LinearMap, Tensor, Tensor]:
    """The measurement and y in the eigenbasis of the noise, with its variances there: (map, y (..., m), variances (m,)).

    ``noise`` is a standard deviation (a number, or one per entry of y) or a covariance (matrix (m, m) or operator).
    """
    m = measurement.size_out
    if not isinstance(noise, Spectral):
        deviation = checks.tensor(noise, "noise", ndim=(0, 1, 2))
        if deviation.ndim < 2:
            return measurement, y, _variances(deviation, m)
        noise = Dense(deviation)
    if noise.size != m:
        raise InputError(f"noise is a covariance of size {noise.size}, but y has {m} entries")
    if isinstance(noise, Diagonal):
        return measurement, y, noise.eigenvalues
    if len(noise.eigenvalues) > m:  # a basis with more than m coordinates would count y twice
        noise = Dense(noise.dense())
    return measurement.rotated(noise.rotate), noise.rotate(y), noise.eigenvalues


def _variances(deviation: Tensor, m: int) -> Tensor:
    if deviation.ndim and len(deviation) != m:
        raise InputError(f"noise has {len(deviation)} entries, but y has {m}: give one standard deviation per entry, or one number")
    if bool((deviation < 0).any()):
        raise InputError(f"noise is {float(deviation.min()):g}, but a standard deviation must be at least 0 (0 = exact)")
    return (deviation**2).expand(m)


def condition(covariance: Covariance, measurement: LinearMap, y: Tensor, noise: float | Tensor | Spectral) -> Conditioning:
    """Condition N(0, Sigma) on residuals y of shape (..., m); a leading axis gives one mean per row under one covariance.

    Exact entries (noise 0) become constraints: their directions leave the support, and the evidence is the density on the
    support of y. Cost: O(d^3) up to d = 1024, else products with Sigma. Raises ``InputError`` for exact constraints that contradict.
    Above d = 1024 the exact entries must be independent under Sigma: where they are not, the mean is right, but rank, evidence
    and log-determinant count the repeated ones.
    """
    measurement, y, variances = diagonal_noise(noise, measurement, y)
    if not isinstance(covariance, Conditioned) and covariance.size <= CONDITION_DENSE:
        return _factored(as_spectral(covariance), measurement, y, variances)
    implicit = Conditioned.on(covariance, measurement, variances)
    before = y.new_zeros(implicit.measurement.size_out - y.shape[-1])
    joint = torch.cat([before.expand(*y.shape[:-1], -1), y], -1)
    shift, evidence = implicit.pull(joint), implicit.log_evidence(joint)
    if isinstance(covariance, Conditioned):
        evidence = evidence - covariance.log_evidence(before)
    exact = (variances == 0).nonzero()[:, 0]
    miss = (y - measurement(shift))[..., exact].abs()
    refuse_missed(miss, y, covariance.trace().sqrt(), exact)
    return Conditioning(shift, implicit, evidence)


def _factored(covariance: Spectral, measurement: LinearMap, y: Tensor, variances: Tensor) -> Conditioning:
    """x = F u with u white: exact rows fix some directions of u, noisy rows shrink others, and F F^T stays positive."""
    root = covariance.eigenvalues.sqrt()
    support = root > 0
    factor = covariance.unrotate(torch.diag(root)[support]).T
    b = measurement(factor.T).T
    exact, noisy = (variances == 0).nonzero()[:, 0], (variances > 0).nonzero()[:, 0]
    reach = root.amax() * measurement.rows(exact).matrix(root.dtype).norm(dim=-1).amax() if exact.numel() else root.amax()
    u, free, evidence_exact = _constrain(b[exact], y[..., exact], reach, exact)
    deviation = variances[noisy].sqrt()
    rest = (y[..., noisy] - u @ b[noisy].T) / deviation
    p, s, q = torch.linalg.svd((b[noisy] / deviation.unsqueeze(-1)) @ free, full_matrices=False)
    seen = rest @ p
    u = u + (seen * s / (1 + s**2)) @ q
    left_over = (rest**2).sum(-1) - (seen**2).sum(-1)
    quadratic = left_over + (seen**2 / (1 + s**2)).sum(-1)
    evidence_noisy = -0.5 * (quadratic + torch.log1p(s**2).sum() + len(noisy) * LOG_TAU) - deviation.log().sum()
    kept = free - (q.T * (1 - torch.rsqrt(1 + s**2))) @ q
    return Conditioning(u @ factor.T, Dense.from_factor(factor @ kept, covariance.eigenvalues.amax()), evidence_exact + evidence_noisy)


def _constrain(b: Tensor, y: Tensor, reach: Tensor, names: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """u | B u = y for white u: its mean, the projector onto what stays free, and the log-density of y on its support.

    ``reach`` is the largest deviation that a row of B could see. A variance below rounding error of its square is that of a
    direction outside the support, as everywhere else: an entry measured twice, for example.
    """
    p, s, q = torch.linalg.svd(b, full_matrices=False)
    r = int((s**2 > max(b.shape) * torch.finfo(b.dtype).eps * reach**2).sum())
    p, s, q = p[:, :r], s[:r], q[:r]
    seen = y @ p
    miss = (y - seen @ p.T).abs()
    refuse_missed(miss, y, reach, names)
    a = seen / s
    evidence = -0.5 * ((a**2).sum(-1) + r * LOG_TAU) - s.log().sum()
    free = torch.eye(b.shape[1], dtype=b.dtype, device=b.device) - q.T @ q
    return a @ q, free, evidence


def refuse_missed(miss: Tensor, y: Tensor, scale: Tensor, names: Tensor) -> None:
    """``miss`` is how far the exact entries, called ``names``, stay from being reproduced.

    Entries that contradict each other share the blame, so several miss by the same: the first of those is named, and with it up to six
    others. What they share is known to some percent only where S is singular and solved by its factor, hence the wide margin of a quarter.
    """
    if miss.numel() and bool((miss > 1e-6 * (y.abs().amax(-1, keepdim=True) + scale)).any()):
        each = miss.reshape(-1, miss.shape[-1]).amax(0)
        worst, *others = names[each >= 0.75 * each.max()].tolist()
        also = f", as much at {listed([str(k) for k in others], 6)}" if others else ""
        raise InputError(
            f"the exact measurements contradict each other or the law (most at entry {worst} of y{also}): give them some noise"
        )
