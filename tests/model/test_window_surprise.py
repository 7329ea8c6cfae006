"""P-values of the windows of recordings: those of the windows cut one by one, and alarms as rare as they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import normal
from ornstein.model.judging import TOLD

T = 12


def series(cases: int, length: int, seed: int, decay: float = 0.8) -> Tensor:
    """Recordings (case, 1, length) of a stationary process of order 1, with variance 1."""
    z, x = normal(cases, length, seed=seed).numpy(), np.empty((cases, length))
    x[:, 0] = z[:, 0]
    for t in range(1, length):
        x[:, t] = decay * x[:, t - 1] + (1 - decay**2) ** 0.5 * z[:, t]
    return torch.from_numpy(x).unsqueeze(1)


def windows(x: Tensor, hop: int) -> Tensor:
    return x[0].unfold(-1, T, hop).transpose(0, 1).contiguous()


OPTIONS = {
    "autoregressive": {"structure": "autoregressive", "standardize": "channel"},
    "stationary": {"structure": "stationary", "standardize": "channel"},
    "dense": {"structure": "dense", "standardize": "channel"},
    "a scale for every entry": {"structure": "dense", "standardize": "feature"},
    "mixture": {"model": "mixture", "components": 2, "standardize": "channel", "folds": 2},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_windows_have_the_surprise_of_the_windows_cut(name: str) -> None:
    model = orn.fit(windows(series(1, 600, 1), 6), overlap=1, **OPTIONS[name])
    x = series(2, 80, 2)
    nats, p = model.surprise_windows(x, 3)
    assert p is not None
    for case in range(2):
        alone = model.surprise(windows(x[case : case + 1], 3))
        assert torch.allclose(nats[case], alone.nats, atol=1e-8)
        assert alone.p_value is not None
        # a score that rounding moves past another changes p by one rank
        assert float((p[case] - alone.p_value).abs().max()) <= 1.01 / (1 + len(model.reference))


def test_alarms_are_as_rare_as_they_say() -> None:
    """Five fits to 249 overlapping windows each, every window of 12 new recordings: p <= .05 has a share whose deviation is .017 a fit
    (24 fits on other seeds, mean .049), so a bound of .03 for the mean of five fails for one seed in 10 000."""
    shares, odd = [], []
    for seed in range(5):
        model = orn.fit(windows(series(1, 1500, 10 + seed), 6), structure="autoregressive", standardize="channel", overlap=1)
        x = series(12, 300, 50 + seed)
        shares.append(float((model.surprise_windows(x).p_value <= 0.05).double().mean()))
        odd.append(float((model.surprise_windows(1.5 * x).p_value <= 0.05).double().mean()))
    assert abs(sum(shares) / len(shares) - 0.05) < 0.03
    assert min(odd) > 0.2  # recordings half as large again are noticed


def test_cases_set_aside_judge_windows_too() -> None:
    model = orn.fit(windows(series(1, 900, 1), 12), structure="autoregressive", folds=0)
    x = series(1, 60, 3)
    assert model.surprise_windows(x).p_value is None
    judged = model.calibrated(windows(series(1, 600, 4), 12))
    nats, p = judged.surprise_windows(x)
    held = model.log_prob(windows(series(1, 600, 4), 12))
    assert torch.equal(p[0], torch.stack([(1 + (held <= -one).sum().double()) / (1 + len(held)) for one in nats[0]]))


def test_bad_input() -> None:
    model = orn.fit(windows(series(1, 900, 1), 12), structure="autoregressive", overlap=1)
    with pytest.raises(orn.InputError, match="windows of this model have 12: give longer recordings"):
        model.surprise_windows(series(1, 8, 1))
    with pytest.raises(orn.InputError, match="1 NaN values, and windows with gaps"):
        model.surprise_windows(torch.where(torch.arange(60) == 7, torch.nan, series(1, 60, 1)))
    with pytest.raises(orn.InputError, match="hop is 0"):
        model.surprise_windows(series(1, 60, 1), 0)
    with pytest.raises(orn.InputError, match="under their labels or conditions, and windows have none"):
        replace(model, training={TOLD: True}).surprise_windows(series(1, 60, 1))
