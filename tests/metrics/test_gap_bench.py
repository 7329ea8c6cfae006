"""The benchmark of gaps: patterns hide what they say, simple ways fill what they say, the right law is the best, nothing leaks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import truth
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.metrics import gap_bench, gap_peers
from ornstein.metrics.gap_bench import PATTERNS, bench_gaps, hide

TIME = torch.arange(12, dtype=torch.float64)
LAW = torch.kron(truth.spectrum_covariance([1.5, 0.5], 1), torch.exp(-(TIME.view(-1, 1) - TIME).abs() / 4))


def signals(cases: int) -> Tensor:
    return (10 + Noise(2).normal(cases, (24,)) @ torch.linalg.cholesky(LAW).T).view(cases, 2, 12)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_hides_observed_values_as_it_says(pattern: str) -> None:
    x = signals(400)
    x[:, 0, 3] = torch.nan
    hidden = hide(x, pattern, 5)
    assert not hidden[:, 0, 3].any()
    share = hidden.double().mean((1, 2))
    if pattern.startswith("points"):
        assert float(share.mean()) == pytest.approx(float(pattern.split()[1]) / 100 * 23 / 24, abs=0.02)
    elif pattern == "channel":
        assert (hidden[:, 1].all(1) | (hidden[:, 0].sum(1) == 11)).all()
        assert not (hidden[:, 1].any(1) & hidden[:, 0].any(1)).any()
    else:
        assert (hidden[:, 1].sum(1) == 2).all()
        assert (hidden[:, 1].double().diff().abs().sum(1) <= 2).all()
        same = (hidden[:, 0, 4:] == hidden[:, 1, 4:]).all(1)
        assert bool(same.all()) == (pattern == "stretch")


def test_the_right_law_is_the_best_and_its_bands_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 600 cases from a Gaussian: below every simple way on every pattern, 90 % bands within 4 points."""
    monkeypatch.setattr(gap_bench, "LAWS", {"gaussian": {}, "refused": {"components": 3}})
    found = bench_gaps(signals(600), peers=False)
    assert found.learned == 420
    assert found.filled == 180
    assert "refused" in found.refused
    for pattern in PATTERNS:
        errors = {row.way: row.errors for row in found.rows if row.pattern == pattern}
        assert len(errors) == 4
        assert errors["gaussian"].crps < min(e.crps for way, e in errors.items() if way != "gaussian")
        assert abs(errors["gaussian"].coverage[2] - 0.9) < 0.04
        assert abs(errors["linear"].coverage[2] - 0.9) < 0.04


def test_simple_ways_fill_as_they_say() -> None:
    x = torch.tensor([[[1.0, 2.0, 6.0, 4.0]]]).double()
    shown = torch.tensor([[[1.0, torch.nan, torch.nan, 4.0]], [[torch.nan, 2.0, torch.nan, torch.nan]]]).double()
    nan = torch.full((1, 1, 4), torch.nan, dtype=torch.float64)
    filled = {way: gap_bench._filled(way, torch.cat([shown, nan]), x[0]) for way in gap_bench.SIMPLE}
    assert filled["linear"][:, 0].tolist() == [[1, 2, 3, 4], [2, 2, 2, 2], [1, 2, 6, 4]]
    assert filled["last value"][:, 0].tolist() == [[1, 1, 1, 4], [1, 2, 2, 2], [1, 2, 6, 4]]
    assert filled["seasonal mean"][:, 0].tolist() == [[1, 2, 6, 4], [1, 2, 6, 4], [1, 2, 6, 4]]


def test_peers_fill_in_deviations_and_stand_beside_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that draws from what it learned, one that says 1.5 deviations everywhere, one that breaks, one that is not there; numbers of
    others leave the state of the generators as it was."""

    def draws(train: Tensor) -> gap_peers.Fill:
        return lambda x: torch.where(torch.isnan(x), train.mean() + train.std() * torch.randn(200, *x.shape, dtype=torch.float64), x)

    def constant(_train: Tensor) -> gap_peers.Fill:
        print("a banner")
        return lambda x: torch.full_like(x, 1.5).unsqueeze(0)

    def broken(train: Tensor) -> gap_peers.Fill:
        raise ZeroDivisionError(len(train))

    monkeypatch.setattr(gap_bench, "LAWS", {})
    monkeypatch.setattr(gap_bench, "PEERS", ("draws", "constant", "broken", "absent"))
    kinds = {"draws": ("torch", draws), "constant": ("torch", constant), "broken": ("torch", broken), "absent": ("no_such_package", broken)}
    monkeypatch.setattr(gap_peers, "PEERS", kinds)
    state = torch.random.get_rng_state()
    found = bench_gaps(3 * signals(600))
    assert torch.equal(state, torch.random.get_rng_state())
    assert found.refused["broken"] == "it ended with ZeroDivisionError: 420"
    assert found.refused["absent"].startswith("no_such_package is not installed")
    assert {"draws", "constant"} <= {row.way for row in found.rows}
    for row in found.rows:
        if row.way in ("draws", "constant"):
            # from its median, which errors on the cases learned from turn any constant into, a normal value is off by .80 on average
            assert row.errors.mae == pytest.approx(0.80, abs=0.2), row
            assert abs(row.errors.coverage[2] - 0.9) < 0.05, row


def test_too_few_cases_are_refused() -> None:
    with pytest.raises(InputError, match="at least ten cases"):
        bench_gaps(signals(9))
