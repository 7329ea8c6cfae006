"""Closed forms that several tests compare with: dense Gaussian algebra in float64, independent of the library."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.linalg
import scipy.stats
import torch
from torch import Tensor


def spectrum_covariance(eigenvalues: Sequence[float] | Tensor, seed: int = 0) -> Tensor:
    """A dense covariance (d, d) with these eigenvalues in a random orthogonal basis."""
    lam = np.asarray(eigenvalues, dtype=np.float64)
    basis = orthogonal(len(lam), seed).numpy()
    matrix = (basis * lam) @ basis.T
    return torch.from_numpy((matrix + matrix.T) / 2)


def orthogonal(size: int, seed: int = 0) -> Tensor:
    """A random orthogonal matrix (d, d)."""
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))
    return torch.from_numpy(q * np.sign(np.diag(r)))


def gaussian_log_prob(x: Tensor, mean: Tensor, cov: Tensor) -> Tensor:
    """log N(x; mean, cov) for x (case, d), by SciPy; the density on the support where cov is singular."""
    law = scipy.stats.multivariate_normal(mean.numpy(), cov.numpy(), allow_singular=True)
    return torch.from_numpy(np.atleast_1d(np.asarray(law.logpdf(x.numpy()))))


def condition(mean: Tensor, cov: Tensor, a: Tensor, y: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """N(mean, cov) given y = A x + n, n ~ N(0, R): mean (d,), covariance (d, d) and log p(y), all on the support."""
    s = a @ cov @ a.T + r
    inverse = torch.from_numpy(scipy.linalg.pinvh(s.numpy(), rtol=1e-12))
    gain = cov @ a.T @ inverse
    residual = y - a @ mean
    lam = np.linalg.eigvalsh(s.numpy())
    lam = lam[lam > 1e-12 * lam.max()] if len(lam) else lam
    quadratic = residual @ inverse @ residual
    evidence = -0.5 * (quadratic + float(np.log(lam).sum()) + len(lam) * math.log(2 * math.pi))
    return mean + gain @ residual, cov - gain @ a @ cov, evidence


def denoise(x: Tensor, mean: Tensor, cov: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """E[x_0 | x] (case, d) and Cov[x_0 | x] (d, d) for x = x_0 + sigma z with x_0 ~ N(mean, cov), sigma > 0."""
    noisy = cov + sigma**2 * torch.eye(len(cov), dtype=cov.dtype)
    gain = torch.linalg.solve(noisy, cov).T
    return mean + (x - mean) @ gain.T, sigma**2 * gain


def gaussian_kl(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """KL(N_a || N_b) in nats for full-rank laws."""
    delta = mean_b - mean_a
    within = torch.linalg.solve(cov_b, cov_a).trace() + delta @ torch.linalg.solve(cov_b, delta)
    return float(0.5 * (within - len(mean_a) + torch.logdet(cov_b) - torch.logdet(cov_a)))


def gaussian_w2(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """The 2-Wasserstein distance between two Gaussians (Bures)."""
    root = scipy.linalg.sqrtm(cov_a.numpy()).real
    cross = np.trace(scipy.linalg.sqrtm(root @ cov_b.numpy() @ root).real)
    return math.sqrt(max(float((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross), 0.0))
