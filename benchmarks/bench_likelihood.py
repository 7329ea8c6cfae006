"""Held-out nats on eight sets: the law that validation picks among ours against scikit-learn, a whitened kernel density and a spline flow.

    python benchmarks/bench_likelihood.py DATA [SET ...] [--seconds 45] [--analytic]        DATA: a folder with the NPZ files named in SETS

Every choice of every method is made on the same fifth of the training cases: our law (the Gaussian, the mixture as ``fit`` chooses it,
the network, each with and without bent marginals; kernel density), the components of ``GaussianMixture``, the bandwidth of
``KernelDensity``, the weights of the neural spline flow (zuko), which is trained for as many seconds as all of ours took together to be
fitted and chosen, and for ``--seconds`` at least (of the CPU, as all seconds here are, so that other work on the machine changes nothing).
What the held-out fifth says of each law of ours is printed. Each set is standardised entry by entry with the training part, and
directions in which nothing varies are left out. A log-density of a network may be off by .5 nats a case; what that leaves in the mean is
printed.

Rounded entries get uniform noise of their step, the same for all methods (Theis et al. 2016): a density of rounded values can be made
as large as one likes. Differences are paired by case, against the best.
"""

from __future__ import annotations

import argparse
import functools
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from torch import Tensor

import ornstein as orn
from ornstein.likelihood import quanta, repeated
from ornstein.metrics import mean_with_error

SETS = ("electricity", "mitbih100_beats", "digits", "mnist1d", "uci_concrete", "uci_power-plant", "uci_kin8nm", "swiss_roll")
WIDTHS = np.logspace(-1.6, 0.5, 22)
FIT, CASES, CHECKED = 4000, 300, 200
Score = Callable[[Tensor], Tensor]
Fit = Callable[[Tensor], Score]


def load(name: str, folder: Path) -> tuple[Tensor, Tensor]:
    """Training and held-out cases (case, entry)."""
    if name == "electricity":
        return shuffled(orn.data.examples.electricity().values[:, 0], 800)
    if name == "digits":
        return shuffled(torch.from_numpy(load_digits().data), 1400)
    if name == "swiss_roll":
        return shuffled(swiss_roll(FIT + CASES, seed=1), FIT)
    data = np.load(folder / f"{name}.npz")
    if name.startswith("uci"):
        x = torch.from_numpy(np.concatenate([data["X"], data["y"]], 1)).to(torch.float64)
        held = torch.zeros(len(x), dtype=torch.bool)
        held[torch.from_numpy(data["test_index"][0]).long()] = True
        return x[~held], x[held]
    train, test = (torch.from_numpy(data[k]).to(torch.float64) for k in ("train", "test"))
    if name == "mitbih100_beats":
        train, test = (v[:, 0, 60:188:2] for v in (train, test))
    return train.flatten(1), test.flatten(1)


def swiss_roll(cases: int, seed: int) -> Tensor:
    """r = 3 pi / 2 (1 + 2 u), (r cos r, r sin r), in two dimensions, with noise of .5: the set of Sohl-Dickstein et al. 2015, scaled."""
    generator = torch.Generator().manual_seed(seed)
    r = 1.5 * torch.pi * (1 + 2 * torch.rand(cases, dtype=torch.float64, generator=generator))
    return torch.stack([r * r.cos(), r * r.sin()], 1) + 0.5 * torch.randn(cases, 2, dtype=torch.float64, generator=generator)


def shuffled(x: Tensor, many: int) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return x[order[:many]].to(torch.float64), x[order[many:]].to(torch.float64)


def prepared(name: str, folder: Path) -> tuple[Tensor, Tensor, str]:
    """Training and held-out cases in common coordinates, and what was found and done."""
    train, test = load(name, folder)
    train, test = train[:FIT], test[:CASES]
    again, steps = repeated(train), quanta(train)
    rounded = torch.tensor([q or 0.0 for q in steps], dtype=torch.float64)
    if bool((rounded > 0).any()):
        generator = torch.Generator().manual_seed(0)
        train, test = (v + rounded * (torch.rand(v.shape, dtype=torch.float64, generator=generator) - 0.5) for v in (train, test))
    kept = train.std(0) > 1e-9
    mean, scale = train[:, kept].mean(0), train[:, kept].std(0)
    train, test = ((v[:, kept] - mean) / scale for v in (train, test))
    lam, basis = torch.linalg.eigh(torch.cov(train.T))
    inside = lam > 1e-10 * lam.max()
    if not bool(inside.all()):
        train, test = train @ basis[:, inside], test @ basis[:, inside]
    said = f"{int((rounded > 0).sum())} of {len(rounded)} entries rounded, {again} repeated cases"
    return train, test, said


def ours(seconds: float) -> dict[str, Fit]:
    """Every law that validation may pick, by what it would be called."""

    def law(kind: str, **options: Any) -> Fit:
        return lambda x: orn.fit(x, kind, folds=0, **options).log_prob

    plain, bent = {"standardize": "none"}, {"marginals": "gaussian"}
    found = {"empirical": law("empirical", **plain)}
    for words, options in (("", plain), (" bent", bent)):
        found[f"gaussian{words}"] = law("gaussian", **options)
        found[f"mixture{words}"] = law("mixture", **options)
        found[f"network{words}"] = functools.partial(network, seconds=seconds, **options)
    return found


def network(x: Tensor, seconds: float, **options: Any) -> Score:
    model = orn.fit(x, "network", minutes=seconds / 60, **options)

    def score(y: Tensor) -> Tensor:
        found = model.log_density(y, error=0.5)
        off = float(found.discretisation_error.mean()), float(found.error.square().sum().sqrt()) / len(y)
        print(f"    a network, off by {off[0]:.3f} by its levels and {off[1]:.3f} by its draws in the mean", flush=True)
        return found.value

    return score


def gaussian_mixture(k: int) -> Fit:
    def fit(x: Tensor) -> Score:
        found = GaussianMixture(k, reg_covar=1e-3, random_state=0).fit(x.numpy())
        return lambda y: torch.from_numpy(found.score_samples(y.numpy()))

    return fit


def kernel(width: float) -> Fit:
    def fit(x: Tensor) -> Score:
        mean, cov = x.mean(0), torch.cov(x.T) + 1e-6 * torch.eye(x.shape[1], dtype=torch.float64)
        inverse = torch.linalg.inv(torch.linalg.cholesky(cov))
        found = KernelDensity(bandwidth=width).fit(((x - mean) @ inverse.T).numpy())
        volume = float(torch.linalg.slogdet(inverse).logabsdet)
        return lambda y: torch.from_numpy(found.score_samples(((y - mean) @ inverse.T).numpy())) + volume

    return fit


def spline_flow(seconds: float) -> Fit:
    """A neural spline flow of zuko, whitened first; its best weights on every fifth case."""

    def fit(x: Tensor) -> Score:
        import zuko

        torch.manual_seed(0)
        held = torch.arange(len(x)) % 5 == 0
        flow = zuko.flows.NSF(x.shape[1], transforms=3, hidden_features=(128, 128))
        optimiser = torch.optim.Adam(flow.parameters(), lr=1e-3)
        train, check = x[~held].float(), x[held].float()
        best, weights, began, step = float("inf"), None, time.process_time(), 0
        while time.process_time() - began < seconds:
            rows = torch.randint(len(train), (min(256, len(train)),))
            loss = -flow().log_prob(train[rows]).mean()
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
            optimiser.step()
            step += 1
            if step % 25 == 0:
                with torch.no_grad():
                    now = -float(flow().log_prob(check).mean())
                if now < best:
                    best, weights = now, {k: v.clone() for k, v in flow.state_dict().items()}
        flow.load_state_dict(weights or flow.state_dict())
        return lambda y: flow().log_prob(y.float()).detach().to(torch.float64)

    return fit


def picked(fits: dict[str, Fit], train: Tensor) -> tuple[str, Fit]:
    """The one whose law of four fifths explains the last best."""
    held = torch.arange(len(train)) % 5 == 0
    scores = {}
    for name, fit in fits.items():
        try:
            scores[name] = float(fit(train[~held])(train[held][:CHECKED]).mean())
        except (orn.InputError, ValueError):  # more components than these cases allow
            continue
    print("    held out: " + ", ".join(f"{name} {score:.3f}" for name, score in scores.items()), flush=True)
    best = max(scores, key=lambda name: scores[name])
    return best, fits[best]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--seconds", type=float, default=45.0)
    parser.add_argument("--analytic", action="store_true", help="without networks, whose densities take minutes from 40 entries on")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in asked.sets:
        train, test, said = prepared(name, asked.folder)
        print(f"{name}: {len(train)} + {len(test)} cases, d = {train.shape[1]}, {said}", flush=True)
        methods = {
            "ours": {k: fit for k, fit in ours(asked.seconds).items() if not (asked.analytic and "network" in k)},
            "GaussianMixture": {f"{k}": gaussian_mixture(k) for k in (1, 2, 4, 8, 16, 32, 64)},
            "KernelDensity": {f"{width:.2f}": kernel(width) for width in WIDTHS},
            "spline flow": {},
        }
        found, notes, even = {}, {}, asked.seconds
        for kind, fits in methods.items():
            began = time.process_time()
            choice, fit = picked(fits, train) if fits else (f"trained for {even:.0f} s", spline_flow(even))
            score = fit(train)
            between = time.process_time()
            if kind == "ours":
                even = max(even, between - began)
            with torch.no_grad():
                found[kind] = score(test)
            ended = time.process_time()
            notes[kind] = f"{choice:22} {between - began:6.0f} s to choose and fit, {(ended - between) / len(test) * 1000:8.3f} s per 1000"
        best = max(found, key=lambda kind: float(found[kind].mean()))
        for kind, nats in found.items():
            less = mean_with_error(nats - found[best])
            print(
                f"  {kind:16} {float(nats.mean()):9.3f} nats, less the best {less.value:8.3f} ± {less.error:.3f}, {notes[kind]}", flush=True
            )


if __name__ == "__main__":
    main()
