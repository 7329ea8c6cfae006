"""Bands in gaps: right ones pass, narrow ones are found and stretched channel by channel, and the correction is kept with the model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

import ornstein as orn
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian
from ornstein.fitting.scaling import Scaler
from ornstein.metrics import check_bands
from ornstein.model.quantiles import KNOTS, stretched

WINDOW = 12
TIME = torch.arange(WINDOW, dtype=torch.float64)
OU = torch.exp(-(TIME.view(-1, 1) - TIME).abs() / 4)
SCALER = Scaler(torch.full((2, WINDOW), 5.0, dtype=torch.float64), torch.full((2, WINDOW), 2.0, dtype=torch.float64))

HALF = orn.training.Masks(("points",), (0.5, 0.5))


def model(first: float = 1.0) -> orn.Model:
    """Two independent channels; the variance that the model gives the first is off by a factor."""
    own = torch.block_diag(first * OU, OU)
    return orn.Model(Gaussian(torch.zeros(2, WINDOW, dtype=torch.float64), Dense(own)), SCALER)


def signals(cases: int) -> Tensor:
    return 5 + 2 * Noise(3).normal(cases, (2, WINDOW)) @ torch.linalg.cholesky(OU).T


def test_right_bands_hold() -> None:
    """Twelve cells of three shares, each within 4.5 standard errors: one false alarm in three thousand runs."""
    found = check_bands(model(), signals(500))
    assert found.lengths == (1, 4)
    assert found.coverage.shape == (2, 2, 3)
    assert ((found.coverage - torch.tensor([0.5, 0.8, 0.9])).abs() <= 4.5 * found.error).all()
    assert found.holds
    assert torch.equal(found.stretch, KNOTS.expand(2, 3))


def test_narrow_bands_of_one_channel_are_found_and_stretched() -> None:
    """A variance of a quarter: bands half as wide hold 26, 48 and 59 % of a normal law, stretched ones the promise, in the other half."""
    narrow = model(0.25)
    found = check_bands(narrow, signals(800))
    expected = torch.special.ndtr(KNOTS / 2) * 2 - 1
    assert ((found.coverage[:, 0] - expected).abs() <= 5 * found.error[:, 0]).all()
    assert ((found.coverage[:, 1] - torch.tensor([0.5, 0.8, 0.9])).abs() <= 5 * found.error[:, 1]).all()
    assert found.broken == (0,)
    torch.testing.assert_close(found.stretch[0], 2 * KNOTS, rtol=0.12, atol=0)
    assert (found.corrected[0] - torch.tensor([0.5, 0.8, 0.9])).abs().max() < 0.06
    x = signals(3)
    x[:, :, 4:7] = torch.nan
    mended, right = replace(narrow, bands=torch.stack([2 * KNOTS, KNOTS])), model()
    torch.testing.assert_close(mended.quantiles(x, (0.05, 0.25, 0.5, 0.99)), right.quantiles(x, (0.05, 0.25, 0.5, 0.99)))


def test_scores_are_stretched_between_the_three_ends_and_beyond() -> None:
    bands = torch.tensor([[1.0, 2.0, 4.0]], dtype=torch.float64)
    z = torch.cat([-KNOTS, torch.zeros(1).double(), KNOTS[:1] / 2, (KNOTS[:1] + KNOTS[1:2]) / 2, 2 * KNOTS[2:]])
    found = stretched(z, bands)[:, 0, 0]
    torch.testing.assert_close(found, torch.tensor([-1.0, -2.0, -4.0, 0.0, 0.5, 1.5, 8.0], dtype=torch.float64))


def test_the_correction_is_kept_with_the_model(tmp_path) -> None:
    mended = replace(model(), bands=torch.stack([2 * KNOTS, KNOTS]))
    mended.save(tmp_path / "m")
    back = orn.load(tmp_path / "m")
    assert back.bands is not None
    assert torch.equal(back.bands, mended.bands)
    long = signals(1).repeat(1, 1, 5)
    long[:, :, 20:50] = torch.nan
    assert (mended.quantiles(long, (0.95,))[0, 0, 0, 20:50] > model().quantiles(long, (0.95,))[0, 0, 0, 20:50]).all()


def test_too_little_is_refused() -> None:
    with pytest.raises(InputError, match="x has 5 samples, but the window"):
        check_bands(model(), signals(3)[:, :, :5])
    with pytest.raises(InputError, match="one window"):
        check_bands(model(), signals(1))


def test_masks_say_for_which_gaps_bands_are_to_hold() -> None:
    """Bands half as wide under points: every hidden value counts once, lengths are those of what is not seen, the stretch is the same."""
    narrow, x = model(0.25), signals(400)
    x[:, 1, 3:8] = torch.nan
    found = check_bands(narrow, x, masks=orn.training.Masks(("points",), (0.1, 0.1)))
    assert found.broken == (0,)
    torch.testing.assert_close(found.stretch[0], 2 * KNOTS, rtol=0.12, atol=0)
    assert ((found.coverage[0, 1] - torch.tensor([0.5, 0.8, 0.9])).abs() <= 5 * found.error[0, 1]).all()
    assert float(found.error[1, 1, 0]) < 1.6 * float(found.error[0, 1, 0])  # of the second channel many points are next to its gap
    assert float(found.error[1, 0, 0]) > 2 * float(found.error[0, 0, 0])


def test_what_no_channel_proves_alone_all_may_prove_together() -> None:
    """Twelve channels with variances 1.3 times too large, whose bands hold 56, 85 and 94 %: about two errors off in a channel."""
    law = Gaussian(torch.zeros(12, 4, dtype=torch.float64), Dense(1.3 * torch.eye(48, dtype=torch.float64)))
    one = torch.ones(12, 4, dtype=torch.float64)
    found = check_bands(orn.Model(law, Scaler(0 * one, one)), Noise(8).normal(100, (12, 4)), masks=HALF, turns=1)
    assert found.broken == tuple(range(12))
    torch.testing.assert_close(found.stretch, KNOTS.expand(12, 3) / 1.3**0.5, rtol=0.08, atol=0)


def test_nothing_to_hide_is_refused() -> None:
    x = torch.full((3, 2, WINDOW), torch.nan, dtype=torch.float64)
    with pytest.raises(InputError, match="no value that could be hidden"):
        check_bands(model(), x)
