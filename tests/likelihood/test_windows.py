"""Windows of a recording that are never made score as windows that are, for every structure and any law."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import normal
from ornstein.covariance import Autoregressive, Dense, Diagonal, LowRank, Stationary, sliding
from ornstein.denoisers import Empirical, Gaussian, Law, Mixture
from ornstein.likelihood import windows
from ornstein.likelihood.windows import log_prob_windows

T = 12


def kronecker(right: object) -> Law:
    left = normal(2, 2, seed=1)
    operator = orn.covariance.Kronecker(Dense(left @ left.T + torch.eye(2, dtype=torch.float64)), right)
    return Gaussian(normal(2, T, seed=2), operator)


def autoregressive(order: int, *, settled: bool = True) -> Autoregressive:
    weights = torch.zeros(T, order, dtype=torch.float64)
    for t in range(T):
        weights[t, : min(t, order)] = 0.3 * normal(order, seed=3 if settled or t < order else 3 + t)[: min(t, order)]
    innovations = torch.full((T,), 0.7, dtype=torch.float64)
    innovations[:order] = torch.linspace(2.0, 0.8, order, dtype=torch.float64)
    return Autoregressive(weights, innovations)


def stationary() -> Stationary:
    return Stationary.from_spectrum(1.0 / (1 + 3 * torch.sin(torch.pi * torch.arange(T, dtype=torch.float64) / T) ** 2))


def dense(size: int, seed: int = 4) -> Dense:
    half = normal(size, size, seed=seed)
    return Dense(half @ half.T / size + 0.1 * torch.eye(size, dtype=torch.float64))


BASIS = torch.linalg.qr(normal(T, 3, seed=5)).Q
LAWS = {
    "dense": lambda: Gaussian(normal(1, T, seed=2), dense(T)),
    "dense of two channels": lambda: Gaussian(normal(2, T, seed=2), dense(2 * T)),
    "vectors": lambda: Gaussian(normal(T, seed=2), stationary()),
    "low rank": lambda: Gaussian(normal(1, T, seed=2), LowRank(BASIS, torch.tensor([3.0, 2.0, 1.0]).double(), 0.2)),
    "stationary": lambda: Gaussian(normal(1, T, seed=2), stationary()),
    "stationary, constant mean": lambda: Gaussian(torch.full((1, T), 0.7), stationary()),
    "stationary, ill-conditioned": lambda: Gaussian(normal(1, T, seed=2), stationary().map(lambda lam: lam**20)),
    "diagonal": lambda: Gaussian(normal(2, T, seed=2), Diagonal(normal(2 * T, seed=6).square() + 0.1)),
    "even": lambda: Gaussian(normal(1, T, seed=2), Diagonal(torch.full((T,), 0.3))),
    "autoregressive": lambda: Gaussian(normal(1, T, seed=2), autoregressive(3)),
    "autoregressive of order 0": lambda: Gaussian(normal(1, T, seed=2), autoregressive(0)),
    "autoregressive that changes": lambda: Gaussian(normal(1, T, seed=2), autoregressive(3, settled=False)),
    "kronecker, stationary": lambda: kronecker(stationary()),
    "kronecker, dense": lambda: kronecker(dense(T)),
    "mixture": lambda: Mixture(
        torch.tensor([0.3, 0.7]), [Gaussian(normal(1, T, seed=k), op) for k, op in enumerate((stationary(), dense(T)))]
    ),
    "without full rank": lambda: Gaussian(torch.zeros(1, T), Diagonal(torch.arange(T).double())),
    "kernel": lambda: Empirical(normal(9, 1, T, seed=7), dense(T)),
}


def one_by_one(law: Law, x: Tensor, hop: int = 1) -> Tensor:
    cut = x.unfold(-1, T, hop).transpose(0, 1)
    return law.log_prob(cut.reshape(len(cut), *law.event_shape))


@pytest.mark.parametrize("hop", [1, 2, 5, 40])
@pytest.mark.parametrize("name", LAWS)
def test_windows_along_a_recording_score_as_windows_alone(name: str, hop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With blocks, anchors and FFTs so short that every seam is met."""
    monkeypatch.setattr(windows, "BLOCK", 37)
    monkeypatch.setattr(sliding, "ANCHORED", 16)
    monkeypatch.setattr(sliding, "SEGMENT", 5)
    monkeypatch.setattr(sliding, "LONG", 12)
    law = LAWS[name]()
    x = normal(law.size // T, 400, seed=8)
    if name == "without full rank":
        x[:, 200:] = 0  # on the support from there on
    torch.testing.assert_close(log_prob_windows(law, x, hop), one_by_one(law, x, hop), rtol=1e-9, atol=1e-9)


def test_long_filters_and_windows_of_many_samples_lose_nothing() -> None:
    weights = torch.zeros(300, 24, dtype=torch.float64)
    weights[24:] = 0.05 * normal(24, seed=1)
    law, x = Gaussian(torch.zeros(1, 300), Autoregressive(weights, torch.ones(300))), normal(1, 9000, seed=2)
    cut = x.unfold(-1, 300, 1)[0].unsqueeze(1)
    torch.testing.assert_close(log_prob_windows(law, x), law.log_prob(cut), rtol=1e-9, atol=1e-9)


def test_long_dense_windows_are_filters() -> None:
    """As many as samples, each as long as a window: with the FFTs of the real thing, two channels, and a mean that changes."""
    law, x = Gaussian(normal(2, 70, seed=2), dense(140)), 3 + normal(2, 5000, seed=8)
    assert sliding.along(law.operator, 2, 70) is not None
    torch.testing.assert_close(log_prob_windows(law, x)[::97], law.log_prob(x.unfold(-1, 70, 97).transpose(0, 1)), rtol=1e-9, atol=1e-9)


def test_structures_make_no_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "_made", lambda *_: pytest.fail("windows were made"))
    for name in ("vectors", "stationary", "diagonal", "even", "autoregressive", "kronecker, stationary"):
        law = LAWS[name]()
        assert bool(torch.isfinite(log_prob_windows(law, normal(law.size // T, 100, seed=8), 2)).all())
    with pytest.raises(BaseException, match="windows were made"):
        log_prob_windows(LAWS["stationary, ill-conditioned"](), normal(1, 100, seed=8))
    with pytest.raises(BaseException, match="windows were made"):
        log_prob_windows(LAWS["stationary"](), normal(1, 100, seed=8), T // 4)


@pytest.mark.parametrize("standardize", ["channel", "feature"])
@pytest.mark.parametrize("structure", ["stationary", "dense"])
def test_a_model_scores_recordings_in_the_units_of_its_own(standardize: str, structure: str) -> None:
    x = 50 + 10 * normal(1, 2, 300, seed=9).cumsum(-1)
    model = orn.fit(orn.Signals(x, 4.0, ("a", "b"), ("mV", "V")).windows(T), structure=structure, standardize=standardize, folds=0)
    recording = orn.Signals(torch.stack([x[0, 1] * 1000, x[0, 0]]).unsqueeze(0), 4.0, ("b", "a"), ("mV", "mV"))
    found = model.log_prob_windows(recording, hop=3)
    assert found.shape == (1, 97)
    torch.testing.assert_close(found[0], model.log_prob(recording.windows(T, 3)), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(model.log_prob_windows(x, hop=3), found, rtol=1e-9, atol=1e-9)


def test_curves_and_odd_recordings() -> None:
    x = normal(40, T, seed=9)
    curved, plain = orn.fit(x, marginals="gaussian", folds=0), orn.fit(x, folds=0)
    series = normal(2, 40, seed=10)
    torch.testing.assert_close(curved.log_prob_windows(series)[1], curved.log_prob(series[1].unfold(0, T, 1)))
    for wrong, says in ((series[:, :5], "has 5 samples, but windows of this model have 12"), (series.clone(), "holds 1 NaN")):
        if wrong.shape[1] > 5:
            wrong[0, 3] = torch.nan
        with pytest.raises(orn.InputError, match=says):
            plain.log_prob_windows(wrong)
    with pytest.raises(orn.InputError, match="hop is 0"):
        plain.log_prob_windows(series, hop=0)
