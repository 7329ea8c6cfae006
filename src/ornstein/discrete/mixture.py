"""Mixtures of products, and what they contain: independent sites, and the data set itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.discrete.law import Known, Law, symbols

_ROUNDS = 200


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

    def given(self, evidence: Tensor) -> Known:
        joint = self.log_probabilities + evidence.unsqueeze(1)
        site = torch.logsumexp(joint, -1)
        total = self.log_weights + site.sum(-1)
        log_evidence = torch.logsumexp(total, -1)
        r = torch.softmax(torch.where(torch.isinf(log_evidence).unsqueeze(-1), self.log_weights, total), -1)
        within = torch.where(torch.isinf(site).unsqueeze(-1), 0.0, (joint - site.unsqueeze(-1)).exp())
        marginals = (r[:, :, None, None] * within).sum(1)
        none = marginals.sum(-1, keepdim=True) == 0
        return Known(torch.where(none, 1 / self.states, marginals), log_evidence)


def fit_mixture(x: object, states: int = 2, components: int = 1, *, prior: float = 1.0, seed: int = 0) -> Mixture:
    """A mixture of products by EM from complete or incomplete x (case, site); one component is independent sites in one step.

    ``prior`` is added to the counts of every value of every component in units of a case spread over all values (1: a case in all), so
    nothing is impossible. Up to 200 rounds, until the log-likelihood gains less than 1e-9 of itself.
    """
    values = symbols(x, None, states)
    count, pseudo = checks.count(components, "components"), checks.positive(prior, "prior", zero=True)
    law = _started(values, states, count, seed)
    before = -math.inf
    for _ in range(_ROUNDS):
        evidence = law.observed(values)
        joint = law.log_probabilities + evidence.unsqueeze(1)
        site = torch.logsumexp(joint, -1)
        total = law.log_weights + site.sum(-1)
        now = float(torch.logsumexp(total, -1).sum())
        r = torch.softmax(total, -1)
        within = (joint - site.unsqueeze(-1)).exp()
        counts = torch.einsum("nk,nksv->ksv", r, within) + pseudo / states
        law = Mixture(r.sum(0) + pseudo / count, counts / counts.sum(-1, keepdim=True))
        if now - before < 1e-9 * abs(now):
            break
        before = now
    return law


def _started(values: Tensor, states: int, components: int, seed: int) -> Mixture:
    """Components around random cases, softened."""
    shares = torch.stack([(values == v).to(torch.float64).sum(0) + 1 for v in range(states)], -1)
    base = (shares / shares.sum(-1, keepdim=True)).expand(components, -1, -1)
    if components == 1:
        return Mixture(torch.ones(1), base)
    u = Noise(seed).uniform(1, (len(values),))[0]
    picked = values[u.argsort()[torch.arange(components) % len(values)]]
    points = torch.nn.functional.one_hot(picked.clamp_min(0), states).to(torch.float64)
    return Mixture(torch.ones(components), 0.5 * base + 0.5 * torch.where((picked < 0).unsqueeze(-1), base, points))
