"""Random walks about the level of the data: straight lines between values, and draws where the values are."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.common.sentences import Remark
from ornstein.covariance.missing_blocks import Conditional
from ornstein.covariance.missing_fit import fit_with_gaps
from ornstein.covariance.missing_walks import FAR, NEAR, Walks, level_variances, random_walks
from ornstein.fitting.network import fit_reference

LENGTH = 20
WALKS = Walks(torch.tensor([3.0, -100.0]).double(), torch.tensor([0.5, 2.0]).double(), torch.tensor([40.0, 900.0]).double(), LENGTH)


def draw(law: tuple[Tensor, Tensor], n: int, seed: int) -> Tensor:
    return (law[0] + Noise(seed).normal(n, (len(law[0]),)) @ torch.linalg.cholesky(law[1]).T).view(n, -1, LENGTH)


def hide(x: Tensor, share: float, seed: int) -> Tensor:
    gone = Noise(seed).uniform(len(x), tuple(x.shape[1:]), 1 << 30) < share
    gone[:, :, 3] = False
    return torch.where(gone, torch.full_like(x, math.nan), x)


@pytest.mark.parametrize("least", [NEAR, FAR])
def test_straight_lines_between_values_and_a_slow_return_beyond(least: float) -> None:
    """Exact: lines inside; beyond values at 6 and 12 the mean leaves each by v / 2A of what both lie off the level, as derived by hand.

    For two values y_1, y_2 the weights solve [[A, B], [B, A]] w = y - m with B = A - v 6 / 2, and the slope outside is -v (w_1 + w_2) / 2.
    """
    mean, matrix = WALKS.moments(least)
    x = torch.full((1, 2, LENGTH), math.nan, dtype=torch.float64)
    x[0, 0, 6], x[0, 0, 12] = 10.0, 4.0
    guess = Conditional(mean, matrix).expect(x.flatten(1))[0].view(2, LENGTH)
    torch.testing.assert_close(guess[0, 6:13], torch.linspace(10, 4, 7, dtype=torch.float64), rtol=1e-9, atol=1e-9)
    level, step = 3.0, 0.5
    value = max(40.0, least * LENGTH * step)
    slope = step * (10.0 + 4.0 - 2 * level) / (2 * value - step * 6 / 2) / 2
    torch.testing.assert_close(guess[0, 12:], 4.0 - slope * torch.arange(8, dtype=torch.float64), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(guess[0, :7], 10.0 - slope * torch.arange(6, -1, -1, dtype=torch.float64), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(guess[1], torch.full((LENGTH,), -100.0, dtype=torch.float64))


def test_an_open_level_stays_at_the_last_value_to_a_hundredth() -> None:
    mean, matrix = Walks(WALKS.levels, WALKS.steps, torch.zeros(2, dtype=torch.float64), LENGTH).moments(FAR)
    x = torch.full((1, 2, LENGTH), math.nan, dtype=torch.float64)
    x[0, 0, 0] = 13.0
    guess = Conditional(mean, matrix).expect(x.flatten(1))[0]
    assert 12.9 <= float(guess[0, LENGTH - 1]) < 12.91


def test_steps_level_and_spread_are_those_of_the_data() -> None:
    """400 cases of the law itself, 30 % missing: steps within 5 %, variances of a value within 15 % (one in a thousand is further off),
    levels within four standard errors."""
    found = random_walks(hide(draw(WALKS.moments(NEAR), 400, 1), 0.3, 2))
    torch.testing.assert_close(found.steps, WALKS.steps, rtol=0.05, atol=0)
    torch.testing.assert_close(found.values, WALKS.values, rtol=0.15, atol=0)
    assert bool(((found.levels - WALKS.levels).abs() < 4 * (WALKS.values / 400).sqrt()).all())


def test_a_channel_that_hardly_anybody_saw_takes_the_middle_of_the_others() -> None:
    x = draw(WALKS.moments(NEAR), 30, 3)
    x[:, 1] = math.nan
    x[0, 1, 4] = 7.0
    found = random_walks(x)
    assert found.steps[1] == found.steps[0]
    assert found.values[1] == found.values[0]
    assert found.levels[1] == 7.0


def test_few_cases_leave_the_spread_of_levels_uncertain() -> None:
    """Three constant cases at 0, 1 and 5: their variance 7 counts twice; one case counts six deviations of its own."""
    three = torch.tensor([0.0, 1.0, 5.0]).double().view(3, 1, 1).expand(3, 1, LENGTH)
    assert float(level_variances(three)) == pytest.approx(14.0)
    one = torch.tensor([-1.0, 1.0]).double().repeat(LENGTH // 2).view(1, 1, LENGTH)
    assert float(level_variances(one)) == pytest.approx(36.0)


def test_draws_of_a_few_cases_lie_where_the_values_do() -> None:
    """Three to five cases of four walks about a level of 50 +- 5: draws are around 50, at most three times as far as the values are.

    With an open level they were at 50 +- 140. What was not shown to be as good as a line has an open level still, and is said.
    """
    truth = Walks(*(torch.full((4,), of).double() for of in (50.0, 0.2, 25.0)), LENGTH)
    settled = 0
    for seed in range(6):
        heard: list[str] = []
        x = hide(draw(truth.moments(NEAR), 3 + seed % 3, 10 + seed), 0.3, 20 + seed)
        mean, matrix, how = fit_with_gaps(x, progress=heard.append)
        far = float(matrix.diagonal().mean().sqrt()) / 5
        assert bool(((mean - 50).abs() < 20).all())
        if how.prior == "line":
            assert any(isinstance(said, Remark) for said in heard)
            assert far < 4
        else:
            assert 0.3 < far < 3
            settled += 1
    assert settled >= 3


def test_a_network_on_a_walk_with_an_open_level_hears_it() -> None:
    heard: list[str] = []
    fit_reference(hide(Noise(30).normal(2, (1, LENGTH)), 0.4, 31), progress=heard.append)
    assert any(isinstance(said, Remark) and "random walk for every channel" in said for said in heard)
