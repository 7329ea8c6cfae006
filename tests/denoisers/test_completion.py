"""The Gaussian denoiser of partly known signals, against dense conditioning."""

from __future__ import annotations

import math

import pytest
import torch

from kinds import normal
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian, Mixture, Network, completion
from ornstein.denoisers.completion import Completion
from ornstein.measurements import Mask
from ornstein.nets import MLP, Condition
from truth import condition, denoise, spectrum_covariance

SIZE, CASES = 6, 5
EVENT = (2, 3)
MEAN = normal(SIZE, seed=1)
HIDDEN = torch.tensor([[1, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1], [1] * 6, [0] * 6, [1, 0, 1, 0, 1, 0]], dtype=torch.bool)
SIGMAS = torch.tensor([0.3, 1e-3, 2.0, 0.5, math.inf], dtype=torch.float64)
X = MEAN + normal(CASES, SIZE, seed=2)


def law(spectrum: tuple[float, ...]) -> Gaussian:
    return Gaussian(MEAN.view(EVENT), Dense(spectrum_covariance(spectrum, 3)))


@pytest.mark.parametrize("rows", [1 << 24, 1])
@pytest.mark.parametrize("spectrum", [(3.0, 1.0, 0.5, 0.2, 0.1, 0.05), (3.0, 1.0, 0.5, 0.2, 0.0, 0.0)])
def test_each_pattern_against_dense_algebra(monkeypatch: pytest.MonkeyPatch, spectrum: tuple[float, ...], rows: int) -> None:
    """Condition on what is known, then denoise what is hidden, case by case. The ridge of 1e-8 and the far level 1e6 leave 1e-5."""
    monkeypatch.setattr(completion, "TOGETHER", rows)
    gaussian = law(spectrum)
    cov = gaussian.operator.dense()
    full = Completion.of(gaussian, torch.device("cpu"))
    assert full is not None
    # on the support of the law, where the known entries must lie
    x = gaussian.sample(CASES, seed=2).flatten(1)
    got = full(x, SIGMAS, HIDDEN)
    for i in range(CASES):
        hidden, known = HIDDEN[i], ~HIDDEN[i]
        mean, left, _ = condition(
            MEAN, cov, torch.eye(SIZE, dtype=torch.float64)[known], x[i][known], torch.zeros(int(known.sum()), 1) * 0.0
        )
        mean, left = mean[hidden], left[hidden][:, hidden]
        if math.isfinite(float(SIGMAS[i])) and hidden.any():
            (mean,), left = denoise(x[i][hidden][None], mean, left, float(SIGMAS[i]))
        expected = x[i].clone()
        expected[hidden] = mean
        assert torch.allclose(got.mean[i], expected, rtol=0, atol=1e-5)
        deviation = float(left.diagonal().mean().clamp_min(0).sqrt()) if hidden.any() else 0.0
        assert float(got.deviation[i]) == pytest.approx(deviation, abs=1e-4)


def test_a_mixture_is_completed_as_its_own_conditional_denoises() -> None:
    """Conditioned exactly on what is known, then denoised, by the mixture's own algebra; hidden entries far off stay apart in spread."""
    first, second = (
        law((3.0, 1.0, 0.5, 0.2, 0.1, 0.05)),
        Gaussian(MEAN.view(EVENT) + 1.5, Dense(spectrum_covariance((1.0,) * 3 + (0.1,) * 3, 5))),
    )
    mixture = Mixture(torch.tensor([0.7, 0.3]), [first, second])
    full = Completion.of(mixture, torch.device("cpu"))
    assert full is not None
    x = mixture.sample(CASES, seed=4).flatten(1)
    got = full(x, SIGMAS, HIDDEN)
    for i in range(CASES):
        known = ~HIDDEN[i].view(EVENT)
        post = mixture.condition(Mask(known), x[i].view(EVENT)[known]).law if known.any() else mixture
        found = post(x[i].view(1, *EVENT), float(SIGMAS[i]))
        assert torch.allclose(got.mean[i], found.mean.flatten(), rtol=0, atol=1e-5)
        left = found.covariance.diagonal().flatten()[HIDDEN[i]]
        assert float(got.deviation[i]) == pytest.approx(float(left.mean().clamp_min(0).sqrt()) if HIDDEN[i].any() else 0.0, abs=1e-4)


def test_networks_that_inpaint() -> None:
    """A new network, which returns 0, answers as the Gaussian given the known entries, keeps these, and does not look at x there.

    So it does in float32 and for signals too large for it, where the skip is the plain Gaussian denoiser.
    """
    gaussian = law((3.0, 1.0, 0.5, 0.2, 0.1, 0.05))
    network = Network.of(MLP(EVENT, width=8, depth=1, signal=2), gaussian, inpaints=True)
    signal = X.masked_fill(HIDDEN, torch.nan).view(-1, *EVENT)
    noisy = (X + 5 * normal(CASES, SIZE, seed=4)).view(-1, *EVENT)
    full = Completion.of(gaussian, torch.device("cpu"))
    assert full is not None
    expected = full(torch.where(HIDDEN, noisy.flatten(1), X), SIGMAS, HIDDEN).mean
    got = network.given(Condition(signal=signal))(noisy, SIGMAS).mean.flatten(1)
    assert torch.allclose(got, expected, atol=1e-4)
    assert torch.equal(got[~HIDDEN], X[~HIDDEN].float().double())
    elsewhere = torch.where(HIDDEN.view(-1, *EVENT), noisy, 100.0)
    assert torch.equal(network.given(Condition(signal=signal))(elsewhere, SIGMAS).mean.flatten(1), got)
    assert torch.allclose(network(noisy, 1.0).mean, gaussian(noisy, 1.0).mean, atol=1e-5)
    plain = Network.of(MLP(EVENT, width=8, depth=1, signal=2), gaussian)
    assert torch.allclose(plain.given(Condition(signal=signal))(noisy, 1.0).mean, gaussian(noisy, 1.0).mean, atol=1e-5)
