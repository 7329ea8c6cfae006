"""Entries 4 and 5 of docs/experiments.md: held-out nats of kernels and of shrinkages on the electricity data (15 s)."""

import math

import torch
from torch import Tensor

import ornstein as orn
from ornstein.covariance import Diagonal, estimate
from ornstein.data import examples
from ornstein.denoisers import Empirical, Gaussian
from ornstein.metrics import mean_with_error


def isotropic(points: Tensor) -> Empirical:
    """A kernel density with K = h^2 I, h by leave-one-out."""
    distance, d = torch.cdist(points, points).square().fill_diagonal_(math.inf), points.shape[1]
    grid = torch.logspace(-2, 0.5, 60, dtype=torch.float64)
    levels = torch.stack([torch.logsumexp(-0.5 * distance / h**2, 1).mean() - d * h.log() for h in grid])
    return Empirical(points, Diagonal(grid[levels.argmax()].square().expand(d)))


def inside(days: Tensor) -> Tensor:
    """The 23 coordinates of days whose 24 values sum to 0, in an orthonormal basis."""
    basis = torch.linalg.qr(torch.cat([torch.ones(24, 1, dtype=torch.float64), torch.eye(24, dtype=torch.float64)[:, :23]], 1)).Q
    return days @ basis[:, 1:]


def kernels(days: Tensor) -> None:
    cases = days[torch.randperm(len(days), generator=torch.Generator().manual_seed(0))]
    fold = torch.arange(len(cases)) % 5
    found = {name: torch.empty(len(cases), dtype=torch.float64) for name in ("gaussian", "isotropic", "shaped")}
    for k in range(5):
        train, test = cases[fold != k], cases[fold == k]
        found["gaussian"][fold == k] = orn.fit(train, standardize="none", folds=0).log_prob(test)
        found["isotropic"][fold == k] = isotropic(train).log_prob(test)
        found["shaped"][fold == k] = orn.fit(train, "empirical", standardize="none", folds=0).log_prob(test)
    for name, nats in found.items():
        total, gain = mean_with_error(nats), mean_with_error(nats - found["isotropic"])
        print(f"d = {days.shape[1]}, {name}: {total.value:.2f} ± {total.error:.2f}, less isotropic {gain.value:+.2f} ± {gain.error:.2f}")


def shrinkages(cases: Tensor) -> None:
    for n in (12, 24, 48, 96, 192, 384):
        found: dict[str, list[Tensor]] = {"none": [], "oas": [], "ledoit-wolf": []}
        for seed in range(40):
            order = torch.randperm(len(cases), generator=torch.Generator().manual_seed(seed))
            for name, levels in found.items():
                fitted = estimate(cases[order[:n]], shrinkage=name)
                levels.append(Gaussian(fitted.mean, fitted.covariance).log_prob(cases[order[-512:]]).mean())
        means = {name: mean_with_error(torch.stack(levels)) for name, levels in found.items()}
        gain = mean_with_error(torch.stack(found["oas"]) - torch.stack(found["ledoit-wolf"]))
        print(
            f"n = {n:3d}", {k: f"{m.value:.2f} ± {m.error:.2f}" for k, m in means.items()}, f"oas - lw {gain.value:.2f} ± {gain.error:.2f}"
        )


if __name__ == "__main__":
    days = examples.electricity().values[:, 0]
    kernels(days)
    kernels(inside(days))
    shrinkages(inside(days))
