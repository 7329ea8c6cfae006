"""Every number and array of the tour, computed with the library's own objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.random import Noise
from ornstein.covariance import Dense, nearest_distance, recolor, similarity
from ornstein.data.laws import cosines_covariance
from ornstein.denoisers import Empirical, Gaussian
from ornstein.tour import learned, reversal, spectra, views
from ornstein.tour.curve import Curve, prepare

COPIES = 50
"""Noisy copies, white draws and recoloured draws: as many as in the tutorial."""

Progress = Callable[[str, float], None]

STAGES = ("views", "spectra", "reversal", "training", "trials")
"""What is computed, in this order; more than nine tenths of the time is the training."""


@dataclass(frozen=True, eq=False)
class Tour:
    """What the page shows: named numbers, and named float64 arrays that the browser draws from."""

    curve: Curve
    numbers: dict[str, float]
    arrays: dict[str, Tensor]

    @property
    def arrived(self) -> bool:
        """Whether every learned run, the one shown and those from other noise, came back to the curve."""
        return max(self.numbers["reverse_learned_rms"], self.numbers["tries_largest"]) <= learned.REACHED


def compute(curve: object = None, seed: int = 0, *, training: int = learned.TRAINING, progress: Progress | None = None) -> Tour:
    """The tour of ``curve`` (length,), or of five random cosines.

    training  optimiser steps of the network that learns the way back
    progress  is told each of ``STAGES`` as it begins, and the share of it that is done: 0, and for the training further tenths
    Raises ``InputError`` as ``prepare`` does, for a seed that is not a whole number from 0, and for fewer than 20 training steps.
    Cost: the training (``learned.learn``), and a few eigendecompositions of at most 200 x 200.
    """
    training = checks.count(training, "training", at_least=learned.FEWEST)
    tell = progress or (lambda stage, share: None)
    first = opening(curve, seed, progress=tell)
    signal, start = first.curve.values, first.arrays["reverse_one"][-1:]
    made = learned.learn(signal, start, seed, training, lambda share: tell("training", share))
    tell("trials", 0.0)
    numbers, arrays = trained(made, signal, first.arrays["reverse_one"], seed)
    return Tour(first.curve, first.numbers | numbers, first.arrays | arrays)


def opening(curve: object = None, seed: int = 0, *, progress: Progress | None = None) -> Tour:
    """The tour without its network: all that is known before anything is trained, in about 0.3 s of one core.

    Arguments and errors as in ``compute``, whose numbers and arrays it begins.
    """
    seed = checks.count(seed, "seed", at_least=0)
    made = prepare(curve, seed)
    tell = progress or (lambda stage, share: None)
    signal, d = made.values, len(made.values)
    numbers: dict[str, float] = {
        "d": d,
        "length": made.length,
        "raw_mean": made.mean,
        "raw_deviation": made.deviation,
        "terms": len(made.components),
        "share": 100 * made.share,
        "copies": COPIES,
        "steps": reversal.STEPS,
    }
    noise = Noise(seed).normal(COPIES, (d,))
    arrays = {"curve": signal, "components": made.components, "noise": noise}
    for more_numbers, more_arrays in _chapters(signal, noise, seed, tell):
        numbers |= more_numbers
        arrays |= more_arrays
    return Tour(made, numbers, arrays)


_Chapter = tuple[dict[str, float], dict[str, Tensor]]


def _chapters(signal: Tensor, noise: Tensor, seed: int, tell: Progress) -> Iterator[_Chapter]:
    kernel, ensemble = laws(signal)
    tell("views", 0.0)
    yield _views(signal, noise, kernel, ensemble)
    tell("spectra", 0.0)
    yield _spectra(signal, noise, kernel, ensemble)
    tell("reversal", 0.0)
    yield _reversal(signal, kernel, ensemble, seed)


def laws(signal: Tensor) -> tuple[Dense, Dense]:
    """The two covariances of the tour: the similarity kernel of the curve (d,), and that of an ensemble of random cosines."""
    return similarity(signal), Dense(cosines_covariance(len(signal)))


def _views(signal: Tensor, noise: Tensor, kernel: Dense, ensemble: Dense) -> _Chapter:
    d = len(signal)
    to_copies, to_draws = views.distances(noise + signal, signal), views.distances(noise, signal)
    numbers = {
        "chi_mean": views.chi_mean(d),
        "sqrt_d": d**0.5,
        "sqrt_2d": (2 * d) ** 0.5,
        "copy_mean": float(to_copies.mean()),
        "copy_nearest": float(to_copies.min()),
        "copy_farthest": float(to_copies.max()),
        "white_mean": float(to_draws.mean()),
        "floor": views.FLOOR,
        "log_white": views.log_white(signal),
        "log_kernel": views.log_coloured(signal, kernel),
        "log_ensemble": views.log_coloured(signal, ensemble),
        "noise_log_white": views.log_white(noise[0]),
        "noise_log_kernel": views.log_coloured(noise[0], kernel),
    }
    return numbers, {"norms": to_copies, "white_distances": to_draws, "averaging": views.averaging(noise)}


def _spectra(signal: Tensor, noise: Tensor, kernel: Dense, ensemble: Dense) -> _Chapter:
    target = kernel.dense()
    source = Dense.from_factor(noise.T / len(noise) ** 0.5)
    recolored = recolor(noise, source, kernel)
    paired = recolored.values
    exact = kernel.color(noise)
    again = kernel.color(torch.eye(len(signal), dtype=torch.float64))
    numbers = {
        "rank_signal": float(kernel.effective_rank()),
        "rank_ensemble": float(ensemble.effective_rank()),
        "rank_source": float(source.effective_rank()),
        "source_rank": source.rank(),
        "largest_signal": float(kernel.eigenvalues[0]),
        "largest_source": float(source.eigenvalues[0]),
        "missing": 100 * recolored.empty,
        "missing_flat": 100 * (1 - source.rank() / len(signal)),
        "mismatch_paired": spectra.mismatch(spectra.second_moment(paired), target),
        "mismatch_standardised": spectra.mismatch(spectra.second_moment(spectra.standardised(paired)), target),
        "mismatch_exact": spectra.mismatch(spectra.second_moment(exact), target),
        "mismatch_law": spectra.mismatch(again.T @ again, target),
        "nearest_white": float(nearest_distance(signal, noise)[-1]),
        "nearest_paired": float(nearest_distance(signal, paired)[-1]),
        "nearest_exact": float(nearest_distance(signal, exact)[-1]),
    }
    arrays = {
        "lambda_signal": kernel.eigenvalues,
        "lambda_ensemble": ensemble.eigenvalues,
        "lambda_source": source.eigenvalues,
        "ensemble_row": cosines_covariance(len(signal))[0],
        "psi": recolored.psi,
        "paired": paired,
        "exact": exact,
        "lambda_paired": Dense(spectra.second_moment(paired)).eigenvalues,
        "lambda_exact": Dense(spectra.second_moment(exact)).eigenvalues,
    }
    return numbers, arrays


def _reversal(signal: Tensor, kernel: Dense, ensemble: Dense, seed: int) -> _Chapter:
    zero = torch.zeros_like(signal)
    priors = {"one": Empirical(signal[None]), "kernel": Gaussian(zero, kernel), "ensemble": Gaussian(zero, ensemble)}
    arrays = reversal.factors() | {f"reverse_{name}": reversal.reverse(law, seed) for name, law in priors.items()}
    arrays |= {"chain": reversal.chain(signal, seed), "ranks": reversal.ranks(kernel)}
    numbers: dict[str, float] = {
        f"reverse_{name}_rms": float((arrays[f"reverse_{name}"][0] - signal).square().mean().sqrt()) for name in priors
    }
    start = arrays["reverse_one"][-1]
    numbers |= {
        "reverse_start_rms": float((start - signal).square().mean().sqrt()),
        "alpha_end": float(arrays["alpha"][-1]),
        "sigma_end": float(arrays["sigma"][-1]),
        "beta_first": float(arrays["beta"][1]),
        "beta_last": float(arrays["beta"][-1]),
        "chain_mean": float(arrays["chain"][-1].mean()),
        "chain_variance": float(arrays["chain"][-1].var(correction=0)),
    }
    return numbers, arrays


def trained(made: learned.Learned, signal: Tensor, exact: Tensor, seed: int) -> _Chapter:
    """What a training came to, measured: its runs against the curve (d,) and the exact run (T + 1, d), and trials from other noise."""
    moments, runs = list(made.runs), list(made.runs.values())
    to_curve = [(run - signal).square().mean(-1).sqrt() for run in runs]
    gap = (runs[-1] - exact).square().mean(-1).sqrt()
    ends = learned.ends(made.network, signal, seed)
    eps = learned.errors(made.network, signal, seed)
    training = len(made.losses)
    tail = max(1, training // 10)
    numbers: dict[str, float] = {
        "training": training,
        "training_batch": learned.BATCH,
        "parameters": sum(p.numel() for p in made.network.module.parameters()),
        "loss_first": float(made.losses[0]),
        "loss_last": float(made.losses[-tail:].mean()),
        "loss_tail": tail,
        "early": moments[learned.EARLY],
        "early_loss": float(made.losses[moments[learned.EARLY] - 1]),
        "early_rms": float(to_curve[learned.EARLY][0]),
        "reverse_learned_rms": float(to_curve[-1][0]),
        "gap_largest": float(gap.max()),
        "gap_step": int(gap.argmax()),
        "tries": learned.RUNS,
        "tries_mean": float(ends.mean()),
        "tries_largest": float(ends.max()),
        "reach": learned.REACHED,
        "magnified": float(reversal.SCHEDULE.noise_level(1.0)),
    }
    arrays = {
        "losses": made.losses,
        "moments": torch.tensor(moments, dtype=torch.float64),
        "eps_error": eps,
        "reverse_learned": runs[-1],
        **{f"moment_{k}": run for k, run in enumerate(runs[:-1])},
    }
    return numbers, arrays
