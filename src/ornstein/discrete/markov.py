"""Markov chains along the sites, exact by the forward-backward recursion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.discrete.chain import chosen
from ornstein.discrete.law import Known, Law, symbols


class Markov(Law):
    """P(x) = p(x_1) prod_i T(x_(i-1), x_i) for ``sites`` sites.

    first       p(x_1) (states,)
    transition  T (states, states), rows adding up to 1
    Cost: site states^2 numbers a case (Rabiner 1989, section III.A; in the log domain, so nothing underflows).
    """

    def __init__(self, first: Tensor, transition: Tensor, sites: int) -> None:
        p, t = checks.tensor(first, "first", ndim=(1,)), checks.tensor(transition, "transition", ndim=(2,))
        if t.shape != (len(p), len(p)) or bool((t < 0).any()) or bool((p < 0).any()):
            raise InputError(f"transition has shape {tuple(t.shape)} for {len(p)} states: give a square table of probabilities")
        if abs(float(p.sum()) - 1) > 1e-6 or bool(((t.sum(1) - 1).abs() > 1e-6).any()):
            raise InputError("first and every row of transition must add up to 1")
        self.first, self.transition = p.log(), t.log()
        self.sites, self.states = checks.count(sites, "sites"), len(p)

    @classmethod
    def from_logs(cls, first: Tensor, transition: Tensor, sites: int) -> Markov:
        """From logarithms that are normalised already, to the bit."""
        law = cls(first.exp(), transition.exp(), sites)
        law.first, law.transition = first, transition
        return law

    def given(self, evidence: Tensor) -> Known:
        ahead = [self.first + evidence[:, 0]]
        for i in range(1, self.sites):
            ahead.append(torch.logsumexp(ahead[-1].unsqueeze(-1) + self.transition, 1) + evidence[:, i])
        joint = torch.stack(ahead, 1) + torch.stack(self._behind(evidence), 1)
        log_evidence = torch.logsumexp(ahead[-1], -1)
        impossible = torch.isinf(log_evidence)[:, None, None]
        return Known(torch.softmax(torch.where(impossible, 0.0, joint), -1), log_evidence)

    def draw(self, evidence: Tensor, noise: Noise, streams: Sequence[int] = (0,)) -> Tensor:
        behind = self._behind(evidence)
        drawn = torch.empty(len(streams), *evidence.shape[:2], dtype=torch.int64)
        for row, stream in zip(drawn, streams, strict=True):
            u = noise.uniform(len(evidence), (self.sites,), stream)
            for i in range(self.sites):
                ahead = self.first if i == 0 else self.transition[row[:, i - 1]]
                row[:, i] = chosen(torch.softmax(ahead + evidence[:, i] + behind[i], -1), u[:, i])
        return drawn

    def _behind(self, evidence: Tensor) -> list[Tensor]:
        """The log-likelihood of all later evidence, given the value of a site (case, states), for every site."""
        behind = [torch.zeros_like(evidence[:, 0])]
        for i in range(self.sites - 1, 0, -1):
            behind.append(torch.logsumexp(self.transition + (evidence[:, i] + behind[-1]).unsqueeze(1), -1))
        return behind[::-1]


def fit_markov(x: object, states: int = 2, *, prior: float = 1.0) -> Markov:
    """The chain with the frequencies of complete sequences x (case, site), ``prior`` counts added to each, spread over all values."""
    values = symbols(x, None, states)
    pseudo = checks.positive(prior, "prior", zero=True)
    if bool((values < 0).any()):
        raise InputError("x holds entries that are not known, but transitions are counted in complete cases: drop or impute them first")
    hot = torch.nn.functional.one_hot(values, states).to(torch.float64)
    first = hot[:, 0].sum(0) + pseudo / states
    pairs = torch.einsum("nia,nib->ab", hot[:, :-1], hot[:, 1:]) + pseudo / states
    total = pairs.sum(1, keepdim=True)
    unseen = total == 0  # a value that nothing follows is left in any way
    return Markov(first / first.sum(), torch.where(unseen, 1 / states, pairs / torch.where(unseen, 1.0, total)), values.shape[1])
