"""What a correction learns from: every turn of a case has a mask of its own, and no entry without a truth is learned from."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import ornstein as orn
from ornstein.common.random import Noise
from ornstein.correction import learning, rows
from ornstein.correction.rows import Problem, Rows, Stream
from ornstein.training import Budget, Masks

CASES, D = 30, 8
X = Noise(0).normal(CASES, (D,)).cumsum(1)
X[Noise(1).uniform(CASES, (D,)) < 0.2] = torch.nan


def stream(x: Tensor = X, seed: int = 0, use: int = 0, share: float = 0.5) -> Stream:
    model = orn.fit(X, folds=0)
    return Stream(Problem.of(model.law, model.scaler, Masks(("points",), (share, share))), x, seed, use)


def places(found: Rows) -> set[tuple[int, int]]:
    """(case, entry) of every row; vectors of 8 have a variable for each entry."""
    pairs = list(zip(found.case.tolist(), found.variable.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    return set(pairs)


def test_rows_are_hidden_entries_with_a_truth_and_what_the_law_says_of_them() -> None:
    """Hidden entries and seen ones of a case are all that it holds; means and deviations are the law's given the seen ones."""
    model, found = orn.fit(X, folds=0), stream().take(10_000)
    assert 0.4 < len(places(found)) / int((~X.isnan()).sum()) < 0.6
    standard = (X - model.scaler.centre) / model.scaler.scale
    torch.testing.assert_close(found.truth.double(), standard[found.case, found.variable], rtol=1e-6, atol=1e-6)
    shown = X.clone()
    shown[found.case, found.variable] = torch.nan
    middle = ((model.quantiles(shown, (0.5,))[0] - model.scaler.centre) / model.scaler.scale)[found.case, found.variable]
    torch.testing.assert_close(found.quantiles[:, 20].double(), middle, rtol=1e-5, atol=1e-5)


def test_turns_uses_and_seeds_have_masks_of_their_own_whatever_is_taken_at_once() -> None:
    one, many = stream(), stream()
    first, second = places(one.take(1)), places(one.take(1))
    assert len(first) > 50
    assert len(first ^ second) > 50
    assert len(first ^ places(stream(use=1).take(1))) > 50
    assert len(first ^ places(stream(seed=1).take(1))) > 50
    many.together = 7
    assert places(many.take(10_000)) == first
    both = stream().take(10_000, 2)
    assert len(both.case) == len(first) + len(second)


def test_of_one_case_so_many_entries_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "EACH", 2)
    counts = torch.bincount(stream(share=0.9).take(10_000).case)
    assert int(counts.max()) == 2


def test_cases_that_hold_nothing_have_no_turn() -> None:
    empty = torch.cat([X, torch.full((5, D), torch.nan)])
    assert int(stream(empty).take(10_000).case.max()) < CASES


def test_without_a_budget_every_case_comes_under_a_hundred_masks() -> None:
    """Of 2000 vectors of 8 entries half is hidden: 8000 entries a turn, 800 000 in all; few cases and many have their bounds."""
    assert learning._enough(torch.zeros(2000, 8)) == Budget(800_000 // learning.BATCH)
    assert learning._enough(torch.full((2000, 8), torch.nan)) == Budget(learning.FEWEST)
    assert learning._enough(torch.zeros(4000, 35, 48)) == Budget(learning.STEPS)
