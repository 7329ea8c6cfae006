"""How close the draws of one posterior are to it: to exact draws by a classifier, or to its score where no exact answer is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.special import ndtr
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.denoisers import Denoiser, Law, matched
from ornstein.metrics.stein import Stein, stein
from ornstein.metrics.two_samples import c2st
from ornstein.model import Model
from ornstein.posterior import Given, guidance

DRAWS = 200
"""Of each kind, one posterior: a classifier then moves by .025 by chance."""

DIRECTIONS = 4
"""Directions of most variance in which a classifier compares: it takes seconds in many."""

PASSES = 100
"""Of training that classifier: draws that are half a deviation off are told apart by then."""

LEVEL = 0.2
"""Noise, over the deviation of an entry, at which a score is asked: a network knows it there, and the posterior is hardly smoothed."""

ROWS = 32
"""Measured values up to which the derivative of the denoiser is taken, one pass each; above, the covariance of its Gaussian."""

_SMOOTHED = 1 << 27


@dataclass(frozen=True)
class Closeness:
    """c2st     share of draws that a classifier assigns to the posterior or to exact draws: 0.5 where they cannot be told apart; None
             where there is no exact answer
    stein    the kernel Stein discrepancy where there is none; None where there is, or where no score is known
    p_value  of right draws being at least so far off
    """

    c2st: float | None
    stein: Stein | None
    p_value: float


def closeness(post: Model, exact: Model | None, *, case: int | None = None, seed: int = 0) -> Closeness | None:
    """The draws of a posterior, or of one of its cases, against ``exact``, that case in closed form, or against its score.

    None where neither is known: other than linear measurements with Gaussian noise, and fewer than 20 effective particles.
    Cost: a small classifier, or a pass back through the denoiser for each measured value.
    """
    if exact is not None:
        pair = [_of(post.sample(DRAWS, seed=seed), case), exact.sample(DRAWS, seed=seed + 1).flatten(1)]
        _, _, along = torch.linalg.svd(pair[1] - pair[1].mean(0), full_matrices=False)
        found = c2st(*(x @ along[:DIRECTIONS].T for x in pair), folds=2, iterations=PASSES, seed=seed)
        return Closeness(found, None, float(ndtr(-(found - 0.5) * 2 * math.sqrt(2 * DRAWS))))
    asked = post.asked
    if asked is None or post.diagnostics is None or not all(one.plain for one in asked.given):
        return None
    law = post.law
    points, weights = (part if case is None else part[case] for part in (law.points, law.log_weights.softmax(-1)))  # type: ignore[attr-defined]  # particles, as there are diagnostics
    count = min(DRAWS, int(_of_case(post.diagnostics.effective, case) / 2))
    if count < 10:
        return None
    chosen = torch.multinomial(weights, count, generator=torch.Generator().manual_seed(seed))
    x = points[chosen].flatten(1)
    level = LEVEL * float(x.var(0).mean().sqrt())
    x = x + level * Noise(seed).normal(count, (x.shape[1],), _SMOOTHED)
    slope = _guided(asked.law, asked.given, asked.origin.known, case, x, level)
    tested = stein(x, (slope - x) / level**2, seed=seed)
    return Closeness(None, tested, tested.p_value)


def _guided(law: Denoiser, given: tuple[Given, ...], known: object, case: int | None, x: Tensor, level: float) -> Tensor:
    """E[x_0 | x, y] at noise ``level``: the score of the smoothed posterior is its distance from x over level^2 (Tweedie's formula)."""
    prior = matched(law) if isinstance(law, Law) else known
    one = [Given(g.measurement, g.y if case is None or g.cases(law.event_shape) is None else g.y[case], g.noise) for g in given]
    for method in ("mmps", "covariance"):
        found = guidance(method, law, one, prior)  # type: ignore[arg-type]  # a Gaussian where one is known
        if method == "mmps" and found.seen.size > ROWS:
            continue
        try:
            return found(x.view(len(x), *law.event_shape), level).mean.flatten(1)
        except InputError:  # a denoiser without a derivative
            continue
    raise InputError("no score is known of this model")


def _of(x: Tensor, case: int | None) -> Tensor:
    return (x if case is None else x[:, case]).flatten(1)


def _of_case(x: Tensor, case: int | None) -> float:
    return float(x if case is None else x[case])
