"""Mixtures: components asked all at once against the loop over them, and densities against scikit-learn (2 min on one core)."""

from __future__ import annotations

import torch
from harness import against, machine, report
from sklearn.mixture import GaussianMixture
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance import Dense, Diagonal, Spectral
from ornstein.denoisers import Gaussian, Mixture

SIZES = ((64, 25, 8), (64, 25, 64), (64, 100, 8), (10_000, 10, 16), (10_000, 25, 64))
"""(cases, components, dimension)."""


def covariance(structure: str, d: int, seed: int) -> Spectral:
    """Eigenvalues 2 ... .1: in the same basis for all, or in one of its own."""
    lam = torch.linspace(2.0, 0.1, d, dtype=torch.float64) * (1 + seed % 3)
    if structure == "diag":
        return Diagonal(lam)
    return Dense.from_eigen(torch.linalg.qr(Noise(seed if structure == "full" else 0).normal(d, (d,))).Q, lam)


def loop(law: Mixture, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """(log density, denoised signal), component by component."""
    densities = torch.stack([c.log_prob(x, sigma) for c in law.components], -1)
    r = torch.softmax(law.log_weights + densities, -1)
    mean = (r.unsqueeze(-1) * torch.stack([c(x, sigma).mean for c in law.components], -2)).sum(-2)
    return torch.logsumexp(law.log_weights + densities, -1), mean


def peer(law: Mixture, structure: str) -> GaussianMixture:
    """scikit-learn's mixture with the same parameters."""
    found = GaussianMixture(len(law.components), covariance_type=structure)
    found.weights_, found.means_ = law.weights.numpy(), torch.stack([c.mean() for c in law.components]).numpy()
    parts = [c.covariance() for c in law.components]
    if structure == "diag":
        found.precisions_cholesky_ = torch.stack([p.diagonal().rsqrt() for p in parts]).numpy()
    else:
        factors = torch.stack([torch.linalg.cholesky(p.dense()) for p in parts])
        found.precisions_cholesky_ = torch.linalg.inv(factors).mT.numpy()
    return found


def main() -> None:
    machine()
    for structure in ("full", "one basis", "diag"):
        for n, k, d in SIZES:
            parts = [Gaussian(Noise(k).normal(k, (d,))[i] * 3, covariance(structure, d, i)) for i in range(k)]
            law = Mixture(torch.ones(k), parts)
            x = law.sample(n, seed=1)
            level, mean = loop(law, x, 0.5)
            worst = max(float((law.log_prob(x, 0.5) - level).abs().max()), float((law(x, 0.5).mean - mean).abs().max()))
            at = f"{structure}, n = {n}, K = {k}, d = {d}"
            report(f"denoise, {at}", *against(lambda law=law, x=x: law(x, 0.5).mean, lambda law=law, x=x: loop(law, x, 0.5)), "loop")
            theirs, rows = peer(law, "diag" if structure == "diag" else "full"), x.numpy()
            worst = max(worst, float((law.log_prob(x) - torch.from_numpy(theirs.score_samples(rows))).abs().max()))
            report(
                f"log_prob, {at}",
                *against(lambda law=law, x=x: law.log_prob(x), lambda t=theirs, r=rows: t.score_samples(r)),
                "scikit-learn",
                f"largest difference {worst:.0e}",
            )


if __name__ == "__main__":
    main()
