"""The bound on a mean: Clopper and Pearson's where there are two values, and held at its level where the mean rests on rare events."""

from __future__ import annotations

import pytest
import scipy.stats
import torch

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.samplers.bound import mean_at_most


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize(("seen", "cases"), [(0, 30), (0, 1000), (1, 1000), (7, 100), (30, 30)])
def test_of_two_values_it_is_clopper_and_pearsons(seen: int, cases: int, level: float) -> None:
    """``most`` times the quantile of Beta(k + 1, n - k); by 2048 draws, whose quantile is off by 6 sqrt(level (1 - level) / 2048)."""
    found = mean_at_most(3.0 * (torch.arange(cases) < seen), 3.0, level) / 3
    if seen == cases:
        assert found == pytest.approx(1.0)
    else:
        off = 6 * (level * (1 - level) / 2048) ** 0.5
        law = scipy.stats.beta(seen + 1, cases - seen)
        assert law.ppf(level - off) < found < law.ppf(level + off)


def test_without_rare_events_it_is_the_mean_and_two_standard_errors() -> None:
    x = Noise(1).uniform(4000)
    expected = x.mean() + 1.645 * x.std() / 4000**0.5
    assert mean_at_most(x, 1.0) == pytest.approx(float(expected), abs=5e-4)
    assert mean_at_most(0.1 * x, 0.1) == pytest.approx(0.1 * mean_at_most(x, 1.0))
    assert mean_at_most(x.flip(0), 1.0) == mean_at_most(x, 1.0)
    assert mean_at_most(x, 1.0) < mean_at_most(x, 5.0)


def test_it_holds_at_its_level() -> None:
    """100 samples of 100 values .01 u, of which one in 75 is 1 instead: at most 5 % fail. 16 do by chance once in 25 000 runs."""
    u, rare = Noise(2).uniform(100, (100,)), Noise(3).uniform(100, (100,)) < 1 / 75
    x = torch.where(rare, 1.0, 0.01 * u)
    mean = 1 / 75 + (1 - 1 / 75) * 0.005
    assert sum(mean_at_most(row, 1.0) < mean for row in x) < 16
    plain = (x.mean(1) + 1.645 * x.std(1) / 100**0.5 < mean).sum()
    assert int(plain) > 16  # what the usual interval makes of the same samples


def test_what_it_refuses() -> None:
    for values, most in (([], 1.0), ([2.0], 1.0), ([-0.1], 1.0)):
        with pytest.raises(InputError, match="values must be numbers from 0 to most"):
            mean_at_most(torch.tensor(values), most)
    with pytest.raises(InputError, match="level is 1"):
        mean_at_most(torch.zeros(3), 1.0, 1.0)
