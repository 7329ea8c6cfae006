"""Means over cases: the error is that of the mean, also under dependence."""

import math

import pytest
import torch

from kinds import normal
from ornstein.common.errors import InputError
from ornstein.metrics import Mean, mean_with_error


def test_independent_cases_have_the_textbook_error():
    x = normal(50, seed=1)
    found = mean_with_error(x)
    assert found.value == pytest.approx(float(x.mean()), abs=1e-15)
    assert found.error == pytest.approx(float(x.std()) / math.sqrt(50), rel=1e-12)


def test_a_case_repeated_three_times_counts_once():
    """Every value three times in a row: the naive error is too small by sqrt(3), and the lag gives most of it back."""
    x = normal(400, seed=2)
    repeated = x.repeat_interleave(3)
    right, naive = mean_with_error(x).error, mean_with_error(repeated).error
    assert naive == pytest.approx(right / math.sqrt(3), rel=0.01)
    assert mean_with_error(repeated, lag=4).error == pytest.approx(right, rel=0.12)


def test_errors_of_a_moving_average_are_honest():
    """2000 means of 300 dependent values: their spread is the reported error within 15 % (expected shortfall about 9 %)."""
    z = normal(2000, 304, seed=3)
    x = z.unfold(1, 5, 1).mean(-1)
    spread = float(x.mean(1).std())
    reported = sum(mean_with_error(row, lag=8).error for row in x[:200]) / 200
    assert 0.85 < reported / spread < 1.02
    assert sum(mean_with_error(row).error for row in x[:200]) / 200 < 0.55 * spread


def test_scaling_and_infinite_values():
    assert Mean(2.0, 0.5) * -3 == Mean(-6.0, 1.5)
    assert mean_with_error([0.0, -math.inf, 1.0]) == Mean(-math.inf, math.inf)


@pytest.mark.parametrize("values", [[1.0], torch.zeros(3, 2)])
def test_too_little_is_refused(values):
    with pytest.raises(InputError, match="at least 2 cases"):
        mean_with_error(values)


def test_negative_lag_is_refused():
    with pytest.raises(InputError, match="lag is -1"):
        mean_with_error([1.0, 2.0], lag=-1)
