"""What a law of sequences of symbols is: evidence about every site goes in, marginals and its probability come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.discrete.chain import chosen


class Known(NamedTuple):
    """p(x_0 = v | evidence) for every site (case, site, states), and the log-probability of the evidence in nats (case,)."""

    marginals: Tensor
    log_evidence: Tensor


class Law(ABC):
    """A law of sequences (case, site) with values 0 ... states - 1.

    One question answers all others: given the likelihood of every value at every site, what is known? A noisy sequence is evidence
    (``Chain.evidence``), and so are observed entries; a complete sequence has its probability as log-evidence.
    """

    sites: int
    states: int

    @abstractmethod
    def given(self, evidence: Tensor) -> Known:
        """From log-likelihoods (case, site, states), exactly. Evidence that no sequence agrees with has a log-probability of -inf."""

    def marginals(self, evidence: Tensor) -> Tensor:
        """p(x_0 = v | evidence) (case, site, states): what a denoiser answers, without the log-evidence."""
        return self.given(evidence).marginals

    def log_prob(self, x: object) -> Tensor:
        """log P(x) in nats of x (case, site), (case,); -1 or NaN is an entry that is not known. -inf for what the law has never seen."""
        return self.given(self.observed(x)).log_evidence

    def observed(self, x: object) -> Tensor:
        """Sequences as evidence: 0 for the value that is there, -inf for all others, 0 for every value of an unknown entry."""
        values = symbols(x, self.sites, self.states)
        known = torch.nn.functional.one_hot(values.clamp_min(0), self.states) > 0
        return torch.where(known | (values < 0).unsqueeze(-1), 0.0, -torch.inf).to(torch.float64)

    def sample(self, cases: int, *, seed: int = 0, first: int = 0) -> Tensor:
        """Exact draws (case, site) number ``first`` and on: site by site, given those before. Cost: at most one ``given`` a site."""
        nothing = torch.zeros(checks.count(cases, "cases"), self.sites, self.states, dtype=torch.float64)
        return self.draw(nothing, Noise(seed, first))[0]

    def impute(self, x: object, draws: int = 100, *, seed: int = 0) -> Tensor:
        """Exact joint draws of the unknown entries (-1 or NaN) of x (case, site), (draw, case, site); known ones are as given."""
        evidence = self.observed(x)
        if not bool(torch.isfinite(self.given(evidence).log_evidence).all()):
            raise InputError("x holds known entries that this law gives probability 0 together, so there is nothing to draw: check them")
        return self.draw(evidence, Noise(seed), range(checks.count(draws, "draws")))

    def draw(self, evidence: Tensor, noise: Noise, streams: Sequence[int] = (0,)) -> Tensor:
        """One draw from p(x_0 | evidence) for each stream and case, (draw, case, site): site by site, each given those before it."""
        drawn = torch.empty(len(streams), *evidence.shape[:2], dtype=torch.int64)
        for row, stream in zip(drawn, streams, strict=True):
            told, u = evidence.clone(), noise.uniform(len(evidence), (self.sites,), stream)
            for i in range(self.sites):
                row[:, i] = chosen(self.marginals(told)[:, i], u[:, i])
                told[:, i] = torch.where(torch.nn.functional.one_hot(row[:, i], self.states) > 0, told[:, i], -torch.inf)
        return drawn


def symbols(x: object, sites: int | None, states: int) -> Tensor:
    """x (case, site) as int64, -1 for unknown entries. Raises ``InputError`` for values that are no states, naming the first."""
    values = checks.tensor(x, "x", ndim=(2,), missing=True)
    values = torch.where(torch.isnan(values), -1.0, values)
    wrong = (values != values.round()) | (values < -1) | (values >= states)
    if bool(wrong.any()):
        case, site = (int(i) for i in wrong.nonzero()[0])
        allowed = "0 or 1" if states == 2 else f"whole numbers from 0 to {states - 1}"
        raise InputError(f"x holds {float(values[case, site]):g} at index ({case}, {site}), but must hold {allowed} (NaN or -1: not known)")
    if sites is not None and values.shape[1] != sites:
        raise InputError(f"x has {values.shape[1]} entries a case, but this law has {sites} sites")
    if not len(values):
        raise InputError("x holds no cases: give at least one")
    return values.to(torch.int64)
