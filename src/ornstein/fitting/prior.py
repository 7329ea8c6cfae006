"""What was thought of parameters before anything was seen, from draws of it: bounds where there are bounds, a mixture otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance import Diagonal
from ornstein.denoisers import Gaussian, Mixture, fit_gaussian, fit_mixture

SURE = 2.0
"""Standard errors by which a more flexible law must foresee held-out draws better."""

DOUBT = 0.01
"""p-value of Kolmogorov and Smirnov's test below which an entry is not taken as uniform."""

CASES = 4096
"""Draws that a mixture is fitted to."""


@dataclass(frozen=True, eq=False)
class Prior:
    """Parameters (case, p) by their scores: normal scores between ``low`` and ``high`` for uniform entries, standardised values for others.

    uniform   which entries are, bool (p,);  low, high   their bounds, or mean and mean + deviation of the others, (p,)
    law       of the scores
    """

    uniform: Tensor
    low: Tensor
    high: Tensor
    law: Gaussian | Mixture

    def decode(self, score: Tensor) -> Tensor:
        """Parameters of scores (..., p); uniform ones lie inside their bounds."""
        share = torch.where(self.uniform, torch.special.ndtr(score), score)
        return torch.where(share == 1, self.high, self.low + share * (self.high - self.low))

    def encode(self, theta: Tensor) -> Tensor:
        """Scores of parameters (..., p); infinite at the bounds and beyond."""
        share = (theta - self.low) / (self.high - self.low)
        return torch.where(self.uniform, torch.special.ndtri(share.clamp(0, 1)), share)

    def log_prob(self, theta: Tensor) -> Tensor:
        """log p(theta) in nats (case,); -inf outside the bounds."""
        score = self.encode(theta)
        inside = torch.isfinite(score).all(-1)
        score = torch.where(inside.unsqueeze(-1), score, 0.0)
        slopes = 0.5 * (score.square() + math.log(2 * math.pi)) * self.uniform - (self.high - self.low).log()
        return torch.where(inside, self.law.log_prob(score) + slopes.sum(-1), -torch.inf)

    def described(self, digits: int = 3) -> str:
        """What was found, in words."""
        if bool(self.uniform.all()):
            return f"parameters uniform between {_listed(self.low, digits)} and {_listed(self.high, digits)}"
        kind = "a Gaussian" if isinstance(self.law, Gaussian) else f"a mixture of {len(self.law.components)} Gaussians"
        return f"parameters as {kind}, {int(self.uniform.sum())} of {len(self.uniform)} entries between bounds"


def fit_prior(theta: Tensor, seed: int = 0) -> Prior:
    """The prior of draws theta (case, p). Raises ``InputError`` for an entry that never varies.

    An entry is uniform where a test against the uniform law over the range of its draws, which reaches one mean gap beyond them, does not
    object. Its score is then standard normal. The law of all scores is the standard normal where all are uniform, a Gaussian or a mixture
    where held-out draws say so by more than ``SURE`` standard errors.
    """
    low, high = theta.min(0).values, theta.max(0).values
    if bool((low == high).any()):
        raise InputError(f"entry {int((low == high).nonzero()[0])} of theta never varies, so there is nothing to learn of it: leave it out")
    gap = (high - low) / (len(theta) - 1)
    low, high = low - gap, high + gap
    uniform = torch.tensor([_uniform(share) for share in ((theta - low) / (high - low)).T])
    low = torch.where(uniform, low, theta.mean(0))
    high = torch.where(uniform, high, low + theta.std(0))
    found = Prior(uniform, low, high, _standard(theta.shape[1]))
    return Prior(uniform, low, high, _law(found.encode(theta), bool(uniform.all()), seed))


def _law(score: Tensor, standard: bool, seed: int) -> Gaussian | Mixture:
    held = torch.arange(len(score)) % 5 == 0
    train, few = score[~held], score[~held][:CASES]
    tried: list[Gaussian | Mixture] = [_standard(score.shape[1])] if standard else []
    tried.append(fit_gaussian(train))
    if len(few) >= 40:
        tried.append(fit_mixture(few, starts=1, seed=seed))
    best = tried[0]
    for law in tried[1:]:
        gain = law.log_prob(score[held]) - best.log_prob(score[held])
        if float(gain.mean()) > SURE * float(gain.std()) / math.sqrt(len(gain)):
            best = law
    return best


def _uniform(share: Tensor) -> bool:
    from scipy.stats import kstest  # heavy to import, and needed only here

    return bool(kstest(share.numpy(), "uniform").pvalue > DOUBT)


def _standard(size: int) -> Gaussian:
    return Gaussian(torch.zeros(size, dtype=torch.float64), Diagonal(torch.ones(size, dtype=torch.float64)))


def _listed(values: Tensor, digits: int) -> str:
    return ", ".join(f"{value:.{digits}g}" for value in values.tolist())
