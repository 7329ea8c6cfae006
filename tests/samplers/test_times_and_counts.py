"""Times that make no samples, and numbers that no machine holds: one sentence each, before anything is allocated."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ornstein as orn
from kinds import mixture, normal
from ornstein.common import memory
from ornstein.common.errors import InputError
from ornstein.covariance import Diagonal
from ornstein.denoisers import Gaussian
from ornstein.denoisers.matched import matched
from ornstein.samplers import DDIM, Restart, Steps, batches, residual, sample, teleport_level, tune
from ornstein.schedules import VP, Grid

SMALL = Gaussian(torch.tensor([1.0, -2.0, 0.5]), Diagonal(torch.tensor([2.0, 0.1, 0.0])))
ABOVE = [1.0, 0.8, 0.4, 0.05]
ENDS_EARLY = r"steps ends at t = 0.05, where signals still hold noise, .*: add 0.0 at the end"


@pytest.mark.parametrize(
    "times", [ABOVE, tuple(ABOVE), torch.tensor(ABOVE), np.array(ABOVE), Grid(torch.tensor(ABOVE))], ids=lambda t: type(t).__name__
)
def test_times_that_do_not_end_at_data_make_no_samples(times: Steps) -> None:
    """Noisy signals must not come back as new ones."""
    with pytest.raises(InputError, match=ENDS_EARLY):
        sample(SMALL, DDIM(), VP(), times, 2)
    with pytest.raises(InputError, match=ENDS_EARLY):
        next(batches(SMALL, DDIM(), VP(), times, 2))


def test_times_of_any_kind_of_list_are_the_same_grid() -> None:
    whole = [*ABOVE, 0.0]
    expected = sample(SMALL, DDIM(), VP(), Grid(torch.tensor(whole, dtype=torch.float64)), 3)
    for times in (whole, tuple(whole), torch.tensor(whole, dtype=torch.float64), np.array(whole)):
        assert torch.equal(sample(SMALL, DDIM(), VP(), times, 3), expected)
    with pytest.raises(InputError, match="steps holds"):
        sample(SMALL, DDIM(), VP(), ["1", "0"], 1)  # type: ignore[list-item]


def test_the_result_must_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first batch: 5 cases of 3 entries of 8 bytes, or of 4."""
    monkeypatch.setattr(memory, "machine", lambda: 100)
    with pytest.raises(InputError, match="cases is 5, which takes 120 bytes for the result alone, but this machine has 100 bytes"):
        sample(SMALL, DDIM(), VP(), 2, 5)
    assert sample(SMALL, DDIM(), VP(), 2, 5, dtype=torch.float32).shape == (5, 3)
    assert sum(len(part) for part in batches(SMALL, DDIM(), VP(), 2, 5)) == 5


HUGE = 10**12


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: sample(SMALL, DDIM(), VP(), HUGE, 1), r"steps is 1000000000000, but a grid has at most 1000000: .* 2.78e\+05 hours"),
        (lambda: sample(SMALL, DDIM(), VP(), 10**30, 1), "steps is 1000000000000000000000000000000, but counts go up to"),
        (
            lambda: sample(SMALL, DDIM(), VP(), 2, HUGE),
            r"cases is 1000000000000, which takes 24 TB for the result alone, but this machine has",
        ),
        (lambda: sample(SMALL, DDIM(), VP(), 2, 1 << 70), "cases is 1180591620717411303424, but counts go up to"),
        (lambda: sample(SMALL, DDIM(), VP(), 2, 2, first=1 << 70), "first is 1180591620717411303424, but counts go up to"),
        (lambda: next(batches(SMALL, DDIM(), VP(), 2, 2, first=(1 << 63) - 1)), "the number of the last case must be at most"),
        (lambda: Restart(DDIM(), 0.1, 1.0, steps=HUGE), "steps is 1000000000000, but a grid has at most"),
        (lambda: tune(mixture(), VP(), HUGE), "calls is 1000000000000, but a grid has at most"),
        (lambda: tune(mixture(), VP(), 3, cases=HUGE), "cases is 1000000000000, which takes"),
        (lambda: teleport_level(mixture(), matched(mixture()), VP(), cases=HUGE), "cases is 1000000000000, which takes"),
        (lambda: residual(mixture(), matched(mixture()), VP(), [1.0], cases=HUGE), "cases is 1000000000000, which takes"),
        (lambda: orn.fit(normal(20, 4), folds=0).sample(HUGE), "cases is 1000000000000, which takes 32 TB"),
        (lambda: orn.fit(normal(20, 4), folds=0).impute(normal(2, 4), draws=HUGE), "draws is 1000000000000, which takes 64 TB"),
    ],
)
def test_numbers_that_no_machine_holds(call: object, sentence: str) -> None:
    """Before anything is allocated."""
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]
