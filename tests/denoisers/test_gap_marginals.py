"""The laws of single hidden entries, and how far seen ones are off what all others say of them."""

from __future__ import annotations

import math

import pytest
import torch

from kinds import FIVE as A
from kinds import TWO_OF_FIVE as MIXTURE
from ornstein.common.random import Noise
from ornstein.denoisers import Gaussian
from ornstein.denoisers.filling import components
from ornstein.denoisers.gap_marginals import marginals, surprises

X = torch.where(Noise(2).uniform(8, (5,)) < 0.4, torch.nan, MIXTURE.draw(Noise(1), 8))


@pytest.mark.parametrize("law", [A, MIXTURE], ids=["gaussian", "mixture"])
def test_surprises_against_hiding_each_entry(law: Gaussian) -> None:
    """The component's weight without the entry is found by hiding it."""
    parts = components(law)
    assert parts is not None
    found = surprises(parts, X)
    assert bool((found[torch.isnan(X)] == 0).all())
    for case, entry in (~torch.isnan(X)).nonzero().tolist():
        hidden = X[case : case + 1].clone()
        hidden[0, entry] = math.nan
        known = marginals(parts, hidden)
        place = int(torch.isnan(hidden)[0, :entry].sum())
        mean, deviation = (part[place] for part in known.moments())
        assert float(found[case, entry]) == pytest.approx(float((X[case, entry] - mean) / deviation), abs=1e-7)


def test_laws_of_the_wanted_are_those_of_all() -> None:
    parts = components(MIXTURE)
    assert parts is not None
    wanted = torch.isnan(X) & (Noise(3).uniform(8, (5,)) < 0.5)
    for some, every in zip(marginals(parts, X, wanted), marginals(parts, X), strict=True):
        torch.testing.assert_close(some, every[:, wanted[torch.isnan(X)]], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("law", [A, MIXTURE], ids=["gaussian", "mixture"])
def test_scores_undo_quantiles(law: Gaussian) -> None:
    parts = components(law)
    assert parts is not None
    known = marginals(parts, X)
    z = Noise(4).normal(1, (known.means.shape[1],))[0]
    torch.testing.assert_close(known.score(known.quantile(z)), z, rtol=0, atol=1e-8)
