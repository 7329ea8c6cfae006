"""Sampling Gaussians and mixtures against scikit-learn's exact draws and azula's denoiser and sampler, with the error of each."""

import numpy as np
import torch
from harness import against, machine, report
from sklearn.mixture import GaussianMixture

from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian, Mixture
from ornstein.samplers import DDIM, Exact, sample
from ornstein.schedules import RectifiedFlow

N = 2000


def spectrum_law(d: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    basis = torch.linalg.qr(Noise(seed).normal(d, (d,))).Q
    return Noise(seed + 1).normal(1, (d,))[0], (basis * torch.logspace(0, -3, d, dtype=torch.float64)) @ basis.T


def relative_error(x: torch.Tensor, covariance: torch.Tensor) -> float:
    return float((torch.cov(x.T) - covariance).norm() / covariance.norm())


def gaussian(d: int) -> None:
    mean, covariance = spectrum_law(d)
    law = Gaussian(mean, Dense(covariance))
    rng = np.random.default_rng(0)
    ours, peer = against(lambda: law.sample(N), lambda: rng.multivariate_normal(mean.numpy(), covariance.numpy(), N))
    report(f"Gaussian exact draws, d = {d}, n = {N}", ours, peer, "numpy multivariate_normal")
    try:
        from azula.denoise import GaussianDenoiser
        from azula.linalg.covariance import FullCovariance
        from azula.noise import RectifiedSchedule
        from azula.sample import DDIMSampler
    except ImportError:
        print("azula is not installed: pip install --no-deps -r benchmarks/requirements.txt")
        return
    eigenvalues, basis = torch.linalg.eigh(covariance)
    peer_law = GaussianDenoiser(mean, FullCovariance(basis, eigenvalues), RectifiedSchedule())
    for steps in (5, 64):
        sampler = DDIMSampler(peer_law, steps=steps, silent=True, dtype=torch.float64)
        noise = Noise(7).normal(N, (d,))
        ours, peer = against(lambda s=steps: sample(law, DDIM(), RectifiedFlow(), s, N), lambda s=sampler, z=noise: s(z.clone()), rounds=3)
        error_ours = relative_error(sample(law, DDIM(), RectifiedFlow(), steps, 20_000), covariance)
        report(f"Gaussian, DDIM {steps} steps, d = {d}, n = {N}", ours, peer, "azula DDIM", f"covariance error {error_ours:.3f}")
        exact, _ = against(lambda s=steps: sample(law, Exact(), RectifiedFlow(), s, N), lambda: None, rounds=3)
        error = relative_error(sample(law, Exact(), RectifiedFlow(), steps, 20_000), covariance)
        report(f"Gaussian, Exact {steps} steps, d = {d}, n = {N}", exact, peer, "azula DDIM", f"covariance error {error:.3f}")


def mixture(d: int, k: int) -> None:
    parts = [spectrum_law(d, seed=10 * j) for j in range(k)]
    law = Mixture(torch.full((k,), 1 / k), [Gaussian(m, Dense(c)) for m, c in parts])
    peer = GaussianMixture(k)
    peer.weights_ = np.full(k, 1 / k)
    peer.means_ = np.stack([m.numpy() for m, _ in parts])
    peer.covariances_ = np.stack([c.numpy() for _, c in parts])
    ours, theirs = against(lambda: law.sample(N), lambda: peer.sample(N))
    report(f"mixture of {k} exact draws, d = {d}, n = {N}", ours, theirs, "GaussianMixture.sample")


if __name__ == "__main__":
    machine()
    for size in (64, 512):
        gaussian(size)
    mixture(64, 8)
    mixture(256, 8)
