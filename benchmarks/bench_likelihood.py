"""Held-out nats of every law against scikit-learn's mixture and a whitened kernel density, and the seconds that 1000 cases take.

    python benchmarks/bench_likelihood.py DATA        a folder with the NPZ files named in SETS; the days of electricity are built in

Each set is standardised entry by entry with the training part, and directions in which nothing varies are left out. Components and
bandwidths of the peers are chosen on a fifth of it. Repeated
and rounded values are reported, since a kernel density is rewarded for both. Differences are paired by case against the best.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from torch import Tensor

import ornstein as orn
from ornstein.likelihood import quanta, repeated
from ornstein.metrics import mean_with_error

SETS = ("electricity", "mitbih100_beats", "mnist1d", "uci_concrete", "uci_power-plant", "uci_kin8nm")
COMPONENTS = (1, 2, 4, 8, 16)
WIDTHS = np.logspace(-1.3, 0.5, 19)
CASES = 500
Score = Callable[[Tensor], Tensor]


def load(name: str, folder: Path) -> tuple[Tensor, Tensor]:
    """Training and held-out cases (case, entry)."""
    if name == "electricity":
        days = orn.data.examples.electricity().values[:, 0]
        order = torch.randperm(len(days), generator=torch.Generator().manual_seed(0))
        return days[order[:800]], days[order[800:]]
    data = np.load(folder / f"{name}.npz")
    if name.startswith("uci"):
        x = torch.from_numpy(np.concatenate([data["X"], data["y"]], 1)).to(torch.float64)
        test = torch.from_numpy(data["test_index"][0]).long()
        held = torch.zeros(len(x), dtype=torch.bool)
        held[test] = True
        return x[~held], x[held]
    train, test = (torch.from_numpy(data[k]).to(torch.float64) for k in ("train", "test"))
    if name == "mitbih100_beats":
        train, test = (v[:, 0, 60:188:2] for v in (train, test))
    return train.flatten(1), test.flatten(1)


def supported(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """In the coordinates in which the training cases vary: densities with and without a null direction have different units."""
    lam, basis = torch.linalg.eigh(torch.cov(train.T))
    inside = lam > 1e-10 * lam.max()
    return (train, test) if bool(inside.all()) else (train @ basis[:, inside], test @ basis[:, inside])


def laws(train: Tensor) -> dict[str, Callable[[], Score]]:
    def ours(kind: str) -> Callable[[], Score]:
        return lambda: orn.fit(train, kind, standardize="none", folds=0).log_prob

    def mixture() -> Score:
        fit, check = train[::5].new_empty(0), train[::5]
        fit = train[torch.arange(len(train)) % 5 > 0]
        options = [m for k in COMPONENTS if (m := GaussianMixture(k, reg_covar=1e-3, random_state=0).fit(fit.numpy()))]
        best = max(options, key=lambda m: m.score(check.numpy()))
        final = GaussianMixture(best.n_components, reg_covar=1e-3, random_state=0).fit(train.numpy())
        return lambda x: torch.from_numpy(final.score_samples(x.numpy()))

    def kernel() -> Score:
        mean, cov = train.mean(0), torch.cov(train.T) + 1e-6 * torch.eye(train.shape[1], dtype=torch.float64)
        inverse = torch.linalg.inv(torch.linalg.cholesky(cov))

        def white(x: Tensor) -> np.ndarray:
            return ((x - mean) @ inverse.T).numpy()

        fit, check = white(train[torch.arange(len(train)) % 5 > 0]), white(train[::5])
        width = max(WIDTHS, key=lambda h: KernelDensity(bandwidth=h).fit(fit).score(check))
        final = KernelDensity(bandwidth=width).fit(white(train))
        volume = float(torch.linalg.slogdet(inverse).logabsdet)
        return lambda x: torch.from_numpy(final.score_samples(white(x))) + volume

    return {
        "gaussian": ours("gaussian"),
        "mixture": ours("mixture"),
        "empirical": ours("empirical"),
        "GaussianMixture": mixture,
        "KernelDensity": kernel,
    }


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    for name in SETS:
        if name != "electricity" and not (folder / f"{name}.npz").is_file():
            print(f"{name}: not in {folder}, left out")
            continue
        train, test = load(name, folder)
        train = train[:4000]
        steps = [q for q in quanta(train) if q is not None]
        mean, scale = train.mean(0), train.std(0).clamp_min(1e-9)
        kept = train.std(0) > 1e-9
        train, test = ((v - mean) / scale for v in (train, test[:CASES]))
        train, test = supported(train[:, kept], test[:, kept])
        said = (
            f"{len(steps)} of {len(kept)} entries rounded, {repeated(train)} repeated cases"
            if steps
            else f"{repeated(train)} repeated cases"
        )
        print(f"{name}: {len(train)} + {len(test)} cases, d = {train.shape[1]}, {said}")
        found, seconds = {}, {}
        for kind, fit in laws(train).items():
            score = fit()
            began = time.perf_counter()
            found[kind] = score(test)
            seconds[kind] = (time.perf_counter() - began) / len(test) * 1000
        best = max(found, key=lambda k: float(found[k].mean()))
        for kind, nats in found.items():
            less = mean_with_error(nats - found[best])
            apart = f"less the best {less.value:8.2f} ± {less.error:.2f}"
            print(f"  {kind:16} {float(nats.mean()):9.2f} nats, {apart}, {seconds[kind]:7.3f} s per 1000", flush=True)


if __name__ == "__main__":
    main()
