"""Mixtures of products, and what they contain: independent sites, and the data set itself."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.discrete.chain import chosen
from ornstein.discrete.law import Known, Law, symbols

_ROUNDS = 200
_NUMBERS = 1 << 23
_LEAST = -1e30
"""Stands for log 0 in products with indicators, where 0 times -inf would be no number."""


class Mixture(Law):
    """sum_k w_k prod_i p_ki(x_i): one component is independent sites, one component per case the empirical law.

        r_k = w_k prod_i (sum_v p_ki(v) e_i(v)) / sum,      p(x_i = v | e) = sum_k r_k p_ki(v) e_i(v) / sum_v p_ki(v) e_i(v)

    weights        (K,), at least 0
    probabilities  (K, site, states), each row adding up to 1
    Cost: K site states numbers a case.
    """

    def __init__(self, weights: Tensor, probabilities: Tensor) -> None:
        p, w = checks.tensor(probabilities, "probabilities", ndim=(3,)), checks.tensor(weights, "weights", ndim=(1,))
        if len(w) != len(p) or bool((w < 0).any()) or not float(w.sum()) > 0:
            raise InputError(f"weights must be at least 0 with a positive sum, one for each of the {len(p)} components")
        if bool((p < 0).any()) or bool(((p.sum(-1) - 1).abs() > 1e-6).any()):
            raise InputError("probabilities must be at least 0 and add up to 1 at every site of every component")
        self.log_weights, self.log_probabilities = (w / w.sum()).log(), p.log()
        self.sites, self.states = p.shape[1:]

    @classmethod
    def from_logs(cls, log_weights: Tensor, log_probabilities: Tensor) -> Mixture:
        """From logarithms that are normalised already, to the bit."""
        law = cls(log_weights.exp(), log_probabilities.exp())
        law.log_weights, law.log_probabilities = log_weights, log_probabilities
        return law

    @classmethod
    def independent(cls, probabilities: Tensor) -> Mixture:
        """Independent sites with the probabilities (site, states)."""
        return cls(torch.ones(1, dtype=torch.float64), probabilities.unsqueeze(0))

    @classmethod
    def of_cases(cls, x: object, states: int = 2) -> Mixture:
        """The empirical law of complete cases x (case, site): only what was seen has a probability."""
        values = symbols(x, None, states)
        if bool((values < 0).any()):
            raise InputError("x holds entries that are not known, but the empirical law needs complete cases: drop or impute them first")
        distinct, counts = values.unique(dim=0, return_counts=True)
        return cls(counts.to(torch.float64), torch.nn.functional.one_hot(distinct, states).to(torch.float64))

    def log_prob(self, x: object) -> Tensor:
        values = symbols(x, self.sites, self.states)
        joint = _indicators(values, self.states) @ self.log_probabilities.clamp_min(_LEAST).flatten(1).T
        found = torch.logsumexp(self.log_weights + joint, -1)
        return torch.where(found < _LEAST / 2, -torch.inf, found)

    def given(self, evidence: Tensor) -> Known:
        parts = [self._given(some) for some in evidence.split(self._rows)]
        return Known(torch.cat([p.marginals for p in parts]), torch.cat([p.log_evidence for p in parts]))

    def draw(self, evidence: Tensor, noise: Noise, streams: Sequence[int] = (0,)) -> Tensor:
        r = torch.cat([torch.softmax(self._joint(some)[1], -1) for some in evidence.split(self._rows)])
        drawn = torch.empty(len(streams), *evidence.shape[:2], dtype=torch.int64)
        for row, stream in zip(drawn, streams, strict=True):
            u = noise.uniform(len(evidence), (1 + self.sites,), stream)
            k = chosen(r, u[:, 0])
            row[:] = chosen(torch.softmax(self.log_probabilities[k] + evidence, -1), u[:, 1:])
        return drawn

    @property
    def _rows(self) -> int:
        """Cases that are asked together: 64 MiB of joint likelihoods."""
        return max(1, _NUMBERS // self.log_probabilities.numel())

    def _joint(self, evidence: Tensor) -> tuple[Tensor, Tensor]:
        """log p_ki(v) + e_i(v) (case, K, site, states), and log w_k + the log-evidence of every component (case, K)."""
        joint = self.log_probabilities + evidence.unsqueeze(1)
        return joint, self.log_weights + torch.logsumexp(joint, -1).sum(-1)

    def _given(self, evidence: Tensor) -> Known:
        joint, total = self._joint(evidence)
        log_evidence = torch.logsumexp(total, -1)
        r = torch.softmax(torch.where(torch.isinf(log_evidence).unsqueeze(-1), self.log_weights, total), -1)
        site = torch.logsumexp(joint, -1, keepdim=True)
        within = torch.where(torch.isinf(site), 0.0, (joint - site).exp())
        marginals = torch.einsum("nk,nksv->nsv", r, within)
        none = marginals.sum(-1, keepdim=True) == 0
        return Known(torch.where(none, 1 / self.states, marginals), log_evidence)


def fit_mixture(x: object, states: int = 2, components: int = 1, *, prior: float = 1.0, seed: int = 0, rounds: int = _ROUNDS) -> Mixture:
    """A mixture of products by EM from complete or incomplete x (case, site); one component is independent sites in one step.

    ``prior`` is added to the counts of every value of every component in units of a case spread over all values (1: a case in all), so
    nothing is impossible. Up to ``rounds`` rounds, until the log-likelihood gains less than 1e-7 of itself.
    """
    values = symbols(x, None, states)
    count, pseudo = checks.count(components, "components"), checks.positive(prior, "prior", zero=True)
    known = _indicators(values, states)
    w, p = _started(values, states, count, seed)
    before = -math.inf
    for _ in range(checks.count(rounds, "rounds")):
        joint = w.log() + known @ p.log().clamp_min(_LEAST).flatten(1).T
        total = torch.logsumexp(joint, -1)
        r, now = (joint - total.unsqueeze(-1)).exp(), float(total.sum())
        counts = (r.T @ known).view_as(p) + pseudo / states
        p = counts / counts.sum(-1, keepdim=True).clamp_min(1e-300)
        w = (r.sum(0) + pseudo / count) / (len(values) + pseudo)
        if now - before < 1e-7 * abs(now):
            break
        before = now
    empty = p.sum(-1, keepdim=True) == 0  # a component that no case is left to, without a prior
    return Mixture(w, torch.where(empty, 1 / states, p))


def _indicators(values: Tensor, states: int) -> Tensor:
    """1 where an entry has a value (case, site * states); all 0 where it is not known."""
    return (torch.nn.functional.one_hot(values + 1, states + 1)[..., 1:]).flatten(1).to(torch.float64)


def _started(values: Tensor, states: int, components: int, seed: int) -> tuple[Tensor, Tensor]:
    """Weights and probabilities of components around random cases, softened."""
    shares = torch.stack([(values == v).to(torch.float64).sum(0) + 1 for v in range(states)], -1)
    base = (shares / shares.sum(-1, keepdim=True)).expand(components, -1, -1)
    weights = torch.full((components,), 1 / components, dtype=torch.float64)
    if components == 1:
        return weights, base
    u = Noise(seed).uniform(1, (len(values),))[0]
    picked = values[u.argsort()[torch.arange(components) % len(values)]]
    points = torch.nn.functional.one_hot(picked.clamp_min(0), states).to(torch.float64)
    return weights, 0.5 * base + 0.5 * torch.where((picked < 0).unsqueeze(-1), base, points)
