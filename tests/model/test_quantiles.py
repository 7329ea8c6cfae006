"""Quantiles of what gaps hide: closed forms against SciPy's roots, and draws against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import norm
from torch import Tensor

import ornstein as orn
from kinds import FIVE as A
from kinds import TWO_OF_FIVE as MIXTURE
from ornstein.common.random import Noise
from ornstein.denoisers import Mixture
from ornstein.fitting.scaling import Scaler
from ornstein.measurements import Mask

D = 5
SCALER = Scaler(torch.full((D,), 10.0, dtype=torch.float64), torch.full((D,), 2.0, dtype=torch.float64))
LEVELS = (0.05, 0.4, 0.5, 0.99)


def gappy(cases: int) -> Tensor:
    x = SCALER.decode(MIXTURE.draw(Noise(1), cases))
    return torch.where(Noise(2).uniform(cases, (D,)) < 0.5, torch.nan, x)


def expected(x: Tensor, entry: int, level: float) -> float:
    """By SciPy's root of the mixture's distribution function."""
    seen = ~x.isnan()
    post = MIXTURE.condition(Mask(seen), SCALER.encode(x)[seen]).law
    assert isinstance(post, Mixture)
    parts = [
        (float(w), float(c.mean()[entry]), math.sqrt(float(c.covariance().diagonal()[entry])))
        for w, c in zip(post.weights, post.components, strict=True)
    ]
    root = brentq(lambda v: sum(w * norm.cdf((v - m) / s) for w, m, s in parts) - level, -30, 30, xtol=1e-13)
    return 10.0 + 2.0 * float(root)


def test_a_mixture_has_the_quantiles_of_its_distribution_function() -> None:
    x = gappy(6)
    found = orn.Model(MIXTURE, SCALER).quantiles(x, LEVELS)
    for case, entry in x.isnan().nonzero().tolist():
        for k, level in enumerate(LEVELS):
            assert float(found[k, case, entry]) == pytest.approx(expected(x[case], entry, level), abs=1e-8)
    assert torch.equal(found[:, ~x.isnan()], x[~x.isnan()].expand(len(LEVELS), -1))


def test_a_law_without_closed_form_takes_those_of_its_draws() -> None:
    """Of 20 000 other draws, as many lie below each quantile as its level says, within 5 standard errors."""
    model = orn.fit(SCALER.decode(MIXTURE.draw(Noise(3), 40)), "empirical", folds=0)
    x, count = gappy(3), 20_000
    found = model.quantiles(x, (0.25, 0.75), draws=count)
    drawn = model.impute(x, count, seed=9)
    below = (drawn.unsqueeze(0) < found.unsqueeze(1)).double().mean(1)
    hidden = x.isnan()
    for k, level in enumerate((0.25, 0.75)):
        assert (below[k][hidden] - level).abs().max() <= 5 * math.sqrt(2 * level * (1 - level) / count)


def test_quantiles_pass_through_curves() -> None:
    """The truth's rank is uniform under a fit with marginals: shares below the quantiles of 4000 cases within 5 standard errors."""
    u = A.draw(Noise(5), 4000)
    x = torch.exp(u)
    model = orn.fit(x[:2000], marginals="gaussian", folds=0)
    gaps = x[2000:].clone()
    gaps[:, 2] = torch.nan
    found = model.quantiles(gaps, (0.1, 0.5, 0.9))[:, :, 2]
    share = (x[2000:, 2] < found).double().mean(1)
    assert (share - torch.tensor([0.1, 0.5, 0.9]).double()).abs().max() <= 5 * 0.5 / math.sqrt(2000)
