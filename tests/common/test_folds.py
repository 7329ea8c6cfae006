"""What is held out, and what shares samples with it, is never fitted."""

from __future__ import annotations

import math

import pytest
import torch

from ornstein.common.errors import InputError
from ornstein.common.folds import blocks, ends, every, standard_error, turns
from ornstein.common.random import Noise


@pytest.mark.parametrize(("cases", "count", "overlap"), [(200, 20, 3), (103, 21, 0), (60, 12, 5), (50, 5, 30), (9, 1, 2)])
def test_no_fitted_case_is_near_a_held_out_one(cases: int, count: int, overlap: int) -> None:
    for fold in (ends(cases, count, overlap), *blocks(cases, 2, min(overlap, 2))):
        apart = (fold.train.unsqueeze(1) - fold.test).abs().min()
        assert int(apart) > (overlap if len(fold.test) == count else min(overlap, 2))
    assert len(ends(cases, count, overlap).test) == count


@pytest.mark.parametrize(("overlap", "stretches"), [(0, 5), (3, 5), (8, 5), (12, 4), (30, 2), (60, 1)])
def test_fewer_stretches_where_their_neighbours_would_take_half(overlap: int, stretches: int) -> None:
    """Of 200 cases 20 at the ends of k stretches: 180 - (2 k - 1) overlap are left, at least 90 where k can be lower."""
    fold = ends(200, 20, overlap)
    assert len(fold.train) == 180 - (2 * stretches - 1) * overlap
    assert 1 + int((fold.test.diff() > 1).sum()) == stretches


def test_one_in_five_is_held_out_in_turn_or_at_the_ends() -> None:
    assert every(20, 5).test.tolist() == [0, 5, 10, 15]
    assert len(every(40, 5, 1).test) == 8
    assert [fold.test.tolist() for fold in turns(7, 3)] == [[0, 3, 6], [1, 4], [2, 5]]
    assert [fold.train.tolist() for fold in turns(40, 4, 2)] == [fold.train.tolist() for fold in blocks(40, 4, 2)]
    assert ends(7, 0).train.tolist() == list(range(7))


def test_nothing_left_is_said() -> None:
    with pytest.raises(InputError, match=r"20 cases with overlap 19 leave 0 to fit beside 2 .* larger hop"):
        ends(20, 2, 19)


def test_the_error_of_a_mean_over_windows_that_share_samples() -> None:
    """Sums of 8 samples of white noise that begin at every sample: 200 of them hold sample j as often as c_j says, so the variance of their
    mean is |c|^2 / 200^2. What is stated is within 10 % of it, on average over 400 series (its own error is 1.4 %), and an eighth without
    the overlap."""
    sums = Noise(3).normal(400, (207,)).unfold(1, 8, 1).sum(2)
    count = torch.tensor([min(j + 1, 8, 207 - j) for j in range(207)], dtype=torch.float64)
    true = float(count.square().sum()) / 200**2
    for overlap, share in ((7, 1.0), (0, 1 / 8)):
        assert sum(standard_error(one, overlap) ** 2 for one in sums) / len(sums) == pytest.approx(share * true, rel=0.1)
    assert math.isinf(standard_error(sums[0, :1]))
