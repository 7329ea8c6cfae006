"""The Gaussian denoiser of partly known signals, against dense conditioning."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinds import normal
from ornstein.common.random import Noise
from ornstein.covariance import Dense, Kronecker, LowRank, Stationary
from ornstein.denoisers import (
    Gaussian,
    Mixture,
    Network,
    completion,
    completion_blocks,
    completion_products,
    completion_spectral,
    completion_terms,
    preconditioning,
)
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
    monkeypatch.setattr(completion_terms, "TOGETHER", rows)
    gaussian = law(spectrum)
    cov = gaussian.operator.dense()
    full = Completion.of(gaussian, torch.device("cpu"))
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
    x = mixture.sample(CASES, seed=4).flatten(1)
    got = full(x, SIGMAS, HIDDEN)
    for i in range(CASES):
        known = ~HIDDEN[i].view(EVENT)
        post = mixture.condition(Mask(known), x[i].view(EVENT)[known]).law if known.any() else mixture
        found = post(x[i].view(1, *EVENT), float(SIGMAS[i]))
        assert torch.allclose(got.mean[i], found.mean.flatten(), rtol=0, atol=1e-5)
        left = found.covariance.diagonal().flatten()[HIDDEN[i]]
        assert float(got.deviation[i]) == pytest.approx(float(left.mean().clamp_min(0).sqrt()) if HIDDEN[i].any() else 0.0, abs=1e-4)


@pytest.mark.parametrize("largest", [1024, 0])
def test_networks_that_inpaint(monkeypatch: pytest.MonkeyPatch, largest: int) -> None:
    """A new network, which returns 0, answers as the Gaussian given the known entries, keeps these, and does not look at x there.

    So it does in float32 and for signals of any size; one whose folder says that it knew it for small ones only keeps to that.
    """
    monkeypatch.setattr(completion, "LARGEST", largest)
    monkeypatch.setattr(preconditioning, "LARGEST", largest)
    gaussian = law((3.0, 1.0, 0.5, 0.2, 0.1, 0.05))
    network = Network.of(MLP(EVENT, width=8, depth=1, signal=2), gaussian, inpaints=True)
    signal = X.masked_fill(HIDDEN, torch.nan).view(-1, *EVENT)
    noisy = (X + 5 * normal(CASES, SIZE, seed=4)).view(-1, *EVENT)
    full = Completion.of(gaussian, torch.device("cpu"))
    expected = full(torch.where(HIDDEN, noisy.flatten(1), X), SIGMAS, HIDDEN).mean
    got = network.given(Condition(signal=signal))(noisy, SIGMAS).mean.flatten(1)
    assert torch.allclose(got, expected, atol=1e-4)
    assert torch.equal(got[~HIDDEN], X[~HIDDEN].float().double())
    elsewhere = torch.where(HIDDEN.view(-1, *EVENT), noisy, 100.0)
    assert torch.equal(network.given(Condition(signal=signal))(elsewhere, SIGMAS).mean.flatten(1), got)
    assert torch.allclose(network(noisy, 1.0).mean, gaussian(noisy, 1.0).mean, atol=1e-5)
    old = replace(network, preconditioning=replace(network.preconditioning, completes="law")).given(Condition(signal=signal))
    skip = gaussian(torch.where(HIDDEN.view(-1, *EVENT), noisy, signal), SIGMAS).mean.flatten(1)
    assert torch.allclose(old(noisy, SIGMAS).mean.flatten(1)[HIDDEN], (expected if largest else skip)[HIDDEN], atol=1e-4)
    plain = Network.of(MLP(EVENT, width=8, depth=1, signal=2), gaussian)
    assert torch.allclose(plain.given(Condition(signal=signal))(noisy, 1.0).mean, gaussian(noisy, 1.0).mean, atol=1e-5)


LAG = torch.arange(12, dtype=torch.float64)
NINE = spectrum_covariance((3.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.04, 0.03, 0.02, 0.02, 0.01, 0.01), 3)
LARGE = {
    "dense": Dense(NINE),
    "without variance in five directions": Dense(spectrum_covariance((3.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.04) + (0.0,) * 5, 3)),
    "low-rank": LowRank(torch.linalg.qr(normal(12, 3, seed=2)).Q, torch.tensor([4.0, 2.0, 1.0], dtype=torch.float64), 0.2),
    "stationary": Stationary(torch.exp(-torch.minimum(LAG, 12 - LAG) / 3)),
    "kronecker": Kronecker(Dense(NINE[:3, :3]), Dense(NINE[3:7, 3:7])),
}
FAR = torch.tensor([0.3, 2.0, 2.0, 0.5, math.inf, 0.0, 1e-3], dtype=torch.float64)


def seen_in_part() -> Tensor:
    """Patterns (7, 12): all hidden, none, and five between, three of them alike, two at the same noise."""
    hidden = Noise(4).uniform(7, (12,)) < 0.5
    hidden[0], hidden[3], hidden[2], hidden[6] = True, False, hidden[1], hidden[1]
    return hidden


@pytest.mark.parametrize("table", [1 << 26, 0], ids=["table", "rows when needed"])
@pytest.mark.parametrize("name", LARGE)
def test_large_laws_stand_on_their_known_entries_alone(monkeypatch: pytest.MonkeyPatch, name: str, table: int) -> None:
    """As by one system of all entries (above), whatever the structure: by blocks, and by products, whose variance is an estimate.

    Deviations of nothing left are the root of a ridge of 1e-8 there.
    """
    law, hidden = Gaussian(normal(12, seed=1), LARGE[name]), seen_in_part()
    x = law.sample(7, seed=2)
    small = Completion.of(law, torch.device("cpu"))(x, FAR, hidden)
    monkeypatch.setattr(completion, "LARGEST", 0)
    monkeypatch.setattr(completion_blocks, "_TABLE", table)
    found = Completion.of(law, torch.device("cpu"))(x, FAR, hidden)
    torch.testing.assert_close(found.mean, small.mean, rtol=0, atol=2e-5)
    torch.testing.assert_close(found.deviation, small.deviation, rtol=1e-4, atol=5e-4)
    if not table:
        monkeypatch.setattr(completion_spectral, "DIRECT", 0)
        monkeypatch.setattr(completion_products, "PROBES", 100)
        other = Completion.of(law, torch.device("cpu"))(x, FAR, hidden)
        torch.testing.assert_close(other.mean, small.mean, rtol=0, atol=2e-5)
        torch.testing.assert_close(other.deviation, small.deviation, rtol=0.2, atol=1e-3)


def test_a_large_mixture_weighs_its_components_as_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [Gaussian(normal(12, seed=1), LARGE["dense"]), Gaussian(normal(12, seed=1) + 0.4, LARGE["low-rank"])]
    mixture, hidden = Mixture(torch.tensor([0.7, 0.3]), parts), seen_in_part()
    x = mixture.sample(7, seed=4)
    small = Completion.of(mixture, torch.device("cpu"))(x, FAR, hidden)
    monkeypatch.setattr(completion, "LARGEST", 0)
    monkeypatch.setattr(completion_spectral, "DIRECT", 0)  # which is for one Gaussian only
    found = Completion.of(mixture, torch.device("cpu"))(x, FAR, hidden)
    torch.testing.assert_close(found.mean, small.mean, rtol=0, atol=2e-5)
    torch.testing.assert_close(found.deviation, small.deviation, rtol=1e-4, atol=5e-4)


def test_draws_of_one_case_share_a_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two patterns at one level, seven rows: two blocks are factored, and each row gets what it gets alone."""
    made: list[int] = []
    plain = completion_blocks.factored
    monkeypatch.setattr(completion_blocks, "factored", lambda block, real: made.append(len(block)) or plain(block, real))
    monkeypatch.setattr(completion, "LARGEST", 0)
    full = Completion.of(Gaussian(normal(12, seed=1), LARGE["dense"]), torch.device("cpu"))
    x, hidden, level = normal(7, 12, seed=6), seen_in_part()[[1, 4, 1, 4, 4, 1, 1]], torch.full((7,), 0.5, dtype=torch.float64)
    together = full(x, level, hidden)
    assert sum(made) == 2
    for k in range(7):
        alone = full(x[k : k + 1], level[:1], hidden[k : k + 1])
        torch.testing.assert_close(alone.mean[0], together.mean[k], rtol=0, atol=1e-12)
        torch.testing.assert_close(alone.deviation[0], together.deviation[k], rtol=0, atol=1e-12)
