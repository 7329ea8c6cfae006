"""Data sets of the sampler benchmarks, each with a denoiser that is known exactly and cases that nothing was fitted to.

Every set is shifted and scaled by two numbers, so that its entries together have mean 0 and standard deviation 1 on the training part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from real_data import load
from sklearn import datasets
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance import Diagonal
from ornstein.data import laws
from ornstein.denoisers import Denoiser, Empirical, Gaussian, Law, Mixture
from ornstein.denoisers.fit import fit_empirical, fit_gaussian, fit_mixture
from ornstein.denoisers.matched import matched


@dataclass(frozen=True)
class Problem:
    """``denoiser`` is what every sampler calls; ``gaussian`` the law of its mean and covariance; ``test`` (case, *event) is held out."""

    name: str
    note: str
    denoiser: Denoiser
    gaussian: Gaussian
    test: Tensor


def of_law(name: str, note: str, law: Law, test: Tensor) -> Problem:
    return Problem(name, note, law, matched(law), test)


def scaled(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Mean 0 and deviation 1 over all entries of ``train``."""
    train, test = (x.to(torch.float64) for x in (train, test))
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


def split(x: Tensor, train: int) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return scaled(x[order[:train]], x[order[train:]])


def cosines() -> Problem:
    train, test = split(laws.cosines(2000, 100).values[:, 0], 1000)
    return of_law("cosine curves", "d = 100, sums of 5 random cosines; kernel density on 1000 curves", fit_empirical(train), test)


def digits() -> Problem:
    train, test = split(torch.from_numpy(datasets.load_digits().data), 1300)
    return of_law("digits", "d = 64, 8 x 8 digits; mixture of 20 Gaussians by EM", fit_mixture(train, 20), test)


def ecg() -> Problem:
    found = load("mitbih100_beats")
    train, test = scaled(*(torch.from_numpy(found[part])[:, 0, ::2] for part in ("train", "test")))
    return of_law("ECG beats", "d = 128, one lead at 180 Hz; mixture of 8 Gaussians by EM", fit_mixture(train, 8), test)


def outlines() -> Problem:
    found = load("ucr_PhalangesOutlinesCorrect")
    train, test = scaled(*(torch.from_numpy(found[part]) for part in ("train", "test")))
    return of_law("bone outlines", "d = 80, finger bones; mixture of 8 Gaussians by EM", fit_mixture(train, 8), test)


def mnist1d_data() -> tuple[Tensor, Tensor]:
    found = load("mnist1d")
    return scaled(*(torch.from_numpy(found[part]) for part in ("train", "test")))


def mnist1d() -> Problem:
    train, test = mnist1d_data()
    return of_law("MNIST-1D", "d = 40, 1-D curves of 10 classes; kernel density on 1000 curves", fit_empirical(train[:1000]), test)


def modes() -> Problem:
    """25 unit Gaussians on a grid of spacing 8, the coordinates repeated: 8 dimensions, two of them free (Cardoso et al. 2023)."""
    place = torch.cartesian_prod(torch.arange(-2.0, 3.0), torch.arange(-2.0, 3.0)).to(torch.float64)
    means = 8 * place.repeat(1, 4)
    deviation = float((means.square().mean() + 1).sqrt())
    weights = 0.5 + Noise(5).uniform(25)
    law = Mixture(weights, [Gaussian(m / deviation, Diagonal(torch.full((8,), deviation**-2, dtype=torch.float64))) for m in means])
    return of_law("25 separate modes", "d = 8, a 5 x 5 grid of Gaussians 8 deviations apart; exact mixture", law, law.sample(2000, seed=9))


def swiss_roll() -> Problem:
    made = [torch.from_numpy(datasets.make_swiss_roll(n, noise=0.2, random_state=seed)[0]) for n, seed in ((1000, 0), (1000, 1))]
    train, test = scaled(*made)
    kernel = Diagonal(torch.full((3,), 0.05**2, dtype=torch.float64))
    return of_law("swiss roll", "d = 3; kernel density on 1000 points, deviation 0.05", Empirical(train, kernel), test)


def network() -> Problem:
    from small_network import train as train_network  # torch.nn and a minute of training, for this set only

    train, test = mnist1d_data()
    return Problem("MNIST-1D, network", "d = 40; an MLP with EDM's preconditioning", train_network(train), fit_gaussian(train), test)


PROBLEMS: tuple[Callable[[], Problem], ...] = (cosines, digits, ecg, outlines, mnist1d, modes, swiss_roll, network)
