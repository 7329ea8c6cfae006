"""Four ways to estimate the trace of a denoiser's Jacobian, at the same number of products with it.

    python benchmarks/trace_estimators.py

On laws whose Jacobian is known, Cov[x_0 | x] / sigma^2 of a mixture, how many times smaller the mean squared error of each estimator is
than that of plain Rademacher. Points x are draws of the noisy law; noise levels are 0.1, 0.5 and 2 deviations of the data.
"""

from __future__ import annotations

import numpy as np
import torch

from ornstein.covariance import Dense
from ornstein.data import examples
from ornstein.denoisers import Gaussian, Law, Mixture, fit_mixture, matched

PRODUCTS = (6, 12)
POINTS, TRIALS = 12, 60
LEVELS = (0.1, 0.5, 2.0)


def smooth(size: int, length: float, floor: float = 1e-4) -> torch.Tensor:
    t = torch.arange(size, dtype=torch.float64) / size
    return torch.exp(-0.5 * ((t[:, None] - t) / length) ** 2) + floor * torch.eye(size, dtype=torch.float64)


def apart(components: int, distance: float, size: int = 64) -> Law:
    cov = smooth(size, 0.08)
    root = torch.linalg.cholesky(cov)
    draws = torch.randn(components, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return Mixture(torch.ones(components), [Gaussian(distance * root @ z, Dense(cov)) for z in draws])


def laws() -> dict[str, Law]:
    days = examples.electricity().values[:, 0]
    rough = [Gaussian(torch.zeros(64), Dense(smooth(64, length))) for length in (0.03, 0.1, 0.3)]
    return {
        "one Gaussian, d = 64": apart(1, 0.0),
        "4 components, 1 deviation": apart(4, 1.0),
        "8 components, 4 deviations": apart(8, 4.0),
        "3 lengths of correlation": Mixture(torch.ones(3), rough),
        "25 modes, d = 8": Mixture(
            torch.ones(25),
            [
                Gaussian(8.0 * torch.tensor([i, j] * 4, dtype=torch.float64), Dense(torch.eye(8)))
                for i in range(-2, 3)
                for j in range(-2, 3)
            ],
        ),
        "electricity days, d = 24": fit_mixture((days - days.mean(0)) / days.std()),
    }


def nystrom(a: np.ndarray, w: np.ndarray) -> np.ndarray:
    y = a @ w
    shift = 1e-12 * np.linalg.norm(y)
    y = y + shift * w
    inner = w.T @ y
    factor = np.linalg.cholesky((inner + inner.T) / 2 + 1e-13 * np.trace(inner) * np.eye(w.shape[1]))
    return np.linalg.solve(factor, y.T).T


def xnystrace(a: np.ndarray, w: np.ndarray) -> float:
    """Epperly, Tropp and Webber (2024), section 2.3, in plain form: each direction tested on what the others explain."""
    found = []
    for i in range(w.shape[1]):
        f = nystrom(a, np.delete(w, i, 1))
        found.append((f**2).sum() + w[:, i] @ a @ w[:, i] - ((f.T @ w[:, i]) ** 2).sum())
    return float(np.mean(found))


def hutchplusplus(a: np.ndarray, products: int, draw: np.random.Generator) -> float:
    """Meyer et al. (2021), algorithm 1."""
    k = products // 3
    q, _ = np.linalg.qr(a @ draw.choice([-1.0, 1.0], (len(a), k)))
    g = draw.choice([-1.0, 1.0], (len(a), products - 2 * k))
    g = g - q @ (q.T @ g)
    return float(np.trace(q.T @ a @ q) + (g * (a @ g)).sum() / g.shape[1])


def errors(law: Law) -> dict[tuple[str, int], float]:
    reference = matched(law)
    basis = reference.operator
    unit = torch.eye(law.size, dtype=torch.float64)
    vectors = basis.rotate(unit).numpy()  # rows: coordinates of unit vectors, so the columns of its transpose are eigenvectors
    scale = float((basis.trace() / law.size).sqrt())
    draw = np.random.default_rng(0)
    squares: dict[tuple[str, int], list[float]] = {}
    for level in LEVELS:
        sigma = level * scale
        for x in law.sample(POINTS, seed=1, sigma=sigma):
            a = law(x.unsqueeze(0), sigma).covariance.dense()[0].numpy() / sigma**2
            exact = np.trace(a)
            for m in PRODUCTS:
                for _ in range(TRIALS):
                    r = draw.choice([-1.0, 1.0], (law.size, m))
                    tried = {
                        "rademacher": (r * (a @ r)).sum() / m,
                        "eigenbasis": ((vectors @ r) * (a @ (vectors @ r))).sum() / m,
                        "hutch++": hutchplusplus(a, m, draw),
                        "xnystrace": xnystrace(a, r),
                        "xnystrace, eigenbasis": xnystrace(a, vectors @ r),
                    }
                    for name, value in tried.items():
                        squares.setdefault((name, m), []).append((value - exact) ** 2)
    return {key: float(np.mean(values)) for key, values in squares.items()}


def main() -> None:
    for name, law in laws().items():
        found = errors(law)
        for m in PRODUCTS:
            plain = found["rademacher", m]
            ratios = ", ".join(f"{k} {plain / max(v, 1e-30):.3g}" for (k, n), v in found.items() if n == m and k != "rademacher")
            print(f"{name:28} {m:3} products: {ratios}", flush=True)


if __name__ == "__main__":
    main()
