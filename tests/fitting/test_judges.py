"""p-values: comparisons counted by hand, ties against surprise, honest rates and power however many entries a case has."""

import math

import pytest
import torch
from torch import Tensor

from kinds import normal
from ornstein.common.signals import Signals
from ornstein.denoisers import Gaussian, Law, fit_gaussian
from ornstein.fitting.held_out import Fold, Judge, blocks, judges, p_value, ranked
from ornstein.fitting.scaling import Scaler


def fit(x: Tensor) -> tuple[Scaler, Law]:
    scaler = Scaler.fit(x, "feature")
    return scaler, fit_gaussian(scaler.encode(x), "diagonal")


def by_hand(train: Tensor, x: Tensor) -> Tensor:
    """The diagonal Gaussian of maximum likelihood."""
    mean, variance = train.mean(0), (train - train.mean(0)).square().mean(0)
    return -0.5 * ((x - mean).square() / variance + (2 * math.pi * variance).log()).sum(1)


def test_every_comparison_is_judged_by_a_law_that_has_seen_neither():
    """Case by case and fold by fold, with scales that differ a thousandfold so that a scaling shared by all folds shows."""
    x, new = normal(11, 3, seed=1) * torch.tensor([1e-3, 1.0, 1e3]), normal(6, 3, seed=2) * torch.tensor([1.5e-3, 1.0, 1.5e3])
    folds = blocks(11, 4)
    found = p_value(judges(x, fit, folds), new)
    for j in range(6):
        at_least = sum(int((by_hand(x[fold.train], x[fold.test]) <= by_hand(x[fold.train], new[j : j + 1]) + 1e-9).sum()) for fold in folds)
        assert float(found[j]) == pytest.approx((1 + at_least) / 12)
    assert len(set(found.tolist())) > 2


def test_the_scaling_of_a_fold_has_not_seen_it():
    x = normal(8, 2, seed=3)
    x[:4] *= 100
    first, second = judges(x, fit, blocks(8, 2))
    assert torch.allclose(first.scaler.scale, (x[4:] - x[4:].mean(0)).square().mean(0).sqrt())
    assert torch.allclose(first.scores, by_hand(x[4:], x[:4]).sort().values)
    assert torch.allclose(second.scores, by_hand(x[:4], x[4:]).sort().values)


def test_ties_count_against_surprise_and_no_p_is_zero():
    held = [torch.tensor([1.0, 2.0, 2.0]), torch.tensor([2.0, 5.0])]
    level = torch.tensor([-math.inf, 1.0, 2.0, 6.0])
    assert ranked(held, [level, level]).tolist() == pytest.approx([1 / 6, 2 / 6, 5 / 6, 1.0])


def test_equal_cases_are_not_surprising_and_impossible_ones_are():
    """Data with a constant entry: the law has no density off its support, the least p is still 1 / (n + 1)."""
    x = torch.cat([normal(9, 1, seed=4), torch.full((9, 1), 3.0, dtype=torch.float64)], 1)
    found = p_value(judges(x, fit, blocks(9, 3)), torch.tensor([[0.0, 3.5], [0.0, 3.0]], dtype=torch.float64))
    assert float(found[0]) == pytest.approx(0.1)
    assert float(found[1]) > 0.5
    same = normal(1, 2, seed=5).expand(6, 2)
    assert p_value(judges(same, fit, blocks(6, 3)), same[:1]).tolist() == [1.0]


def test_a_case_with_gaps_is_fitted_but_not_scored():
    x = normal(9, 2, seed=6)
    x[0, 0] = torch.nan
    x[6:, 1] = torch.nan
    seen = []

    def counted(train: Tensor) -> tuple[Scaler, Law]:
        seen.append(len(train))
        return Scaler.fit(train, "none"), Gaussian(train.nanmean(0), fit_gaussian(torch.nan_to_num(train), "diagonal").covariance())

    told: list[str] = []
    found = judges(x, counted, blocks(9, 3), told.append)
    assert [len(judge.scores) for judge in found] == [2, 3]
    assert seen == [6, 6]
    assert told == ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3"]


def test_overlapping_windows_never_meet_themselves():
    """Samples are their own number here: what is held out is nowhere in what is fitted on, and only edges touch without ``overlap``."""
    windows = Signals(torch.arange(200.0).view(1, 1, -1)).windows(20, 5).values[:, 0]
    for fold in blocks(len(windows), 4, overlap=3):
        assert not bool(torch.isin(windows[fold.test], windows[fold.train]).any())
    for fold in blocks(len(windows), 4):
        assert int(torch.isin(windows[fold.test], windows[fold.train]).all(1).sum()) <= 4  # two windows at each end


def _both_rules(cases: int, size: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """p of fresh cases and of ones too large, and p of the latter by the law of all cases against held-out scores."""
    x, fresh = normal(cases, size, seed=seed), normal(60, size, seed=seed + 1)
    odd = (1 + 1 / math.sqrt(size)) * fresh  # squared norms about sqrt(2) of their deviations higher, whatever the size
    bench = judges(x, fit, blocks(cases, 3))
    scaler, law = fit(x)
    unfair = ranked([torch.cat([judge.scores for judge in bench]).sort().values], [Judge(law, scaler, x[:0, 0]).log_prob(odd)])
    return p_value(bench, fresh), p_value(bench, odd), unfair


@pytest.mark.parametrize(("cases", "size"), [(299, 4), (29, 29), (29, 400)])
def test_rates_and_power_for_many_few_and_very_few_cases(cases, size):
    """Share of p <= 0.1 over 40 data sets of 60 new cases each, whose shares are independent.

    For fresh cases it is about .1 (up to .2 + 2 K / (n + 1) for the worst of laws): within 5 standard errors of its own, a false
    alarm in 1e-4 runs (t of 39). Scored by the law of all cases instead, far fewer odd cases are found where entries outnumber cases.
    """
    results = [_both_rules(cases, size, seed=100 * k) for k in range(40)]
    calm, odd, unfair = (torch.stack([(r[k] <= 0.1 + 1e-9).double().mean() for r in results]) for k in range(3))
    assert abs(float(calm.mean()) - 0.1) < 5 * float(calm.std()) / math.sqrt(40)
    assert float(odd.mean()) > 2.5 * float(calm.mean())
    if size > cases:
        assert float(unfair.mean()) < 0.75 * float(odd.mean())


def test_folds_may_be_any_partition():
    x = normal(6, 2, seed=7)
    order = torch.tensor([5, 0, 3, 1, 2, 4])
    folds = [Fold(order[3:], order[:3]), Fold(order[:3], order[3:])]
    assert torch.allclose(judges(x, fit, folds)[0].scores, by_hand(x[order[3:]], x[order[:3]]).sort().values)
