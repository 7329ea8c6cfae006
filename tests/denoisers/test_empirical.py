"""The data set as a law, against sums over its points written out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from kinds import EVENT, FULL, LAWS, MASK, POINTS, SIZE, UNEVEN, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Dense
from ornstein.denoisers import Empirical, cloud
from truth import denoise, gaussian_log_prob, spectrum_covariance

X = 2 * normal(5, *EVENT, seed=20)
EYE = torch.eye(SIZE, dtype=torch.float64)


def test_one_point_is_a_constant() -> None:
    law = Empirical(POINTS[:1])
    for sigma in (0.0, 1e-6, 0.5, 100.0, math.inf):
        posterior = law(X, sigma)
        assert torch.allclose(posterior.mean, POINTS[:1].expand(X.shape), atol=1e-12)
        assert posterior.covariance is not None
        assert float(posterior.covariance.dense().abs().max()) < 1e-12
    assert torch.allclose(law.log_prob(X, 0.5), gaussian_log_prob(X.flatten(1), POINTS[0].flatten(), 0.25 * EYE))
    assert torch.equal(law.sample(3), POINTS[:1].expand(3, *EVENT))


@pytest.mark.parametrize("name", ["points", "kernel", "kernel-diagonal", "kernel-low-rank"])
@pytest.mark.parametrize("sigma", [0.3, 1.0, 5.0])
def test_against_the_sum_written_out(name: str, sigma: float) -> None:
    law = LAWS[name]()
    assert isinstance(law, Empirical)
    flat, points = X.flatten(1), POINTS.flatten(1)
    bandwidth = torch.zeros_like(EYE) if law.kernel is None else law.kernel.dense()
    log_joint = torch.stack([gaussian_log_prob(flat, p, bandwidth + sigma**2 * EYE) for p in points], -1) + law.weights.log()
    assert torch.allclose(law.log_prob(X, sigma), torch.logsumexp(log_joint, -1), atol=1e-9)
    r = torch.softmax(log_joint, -1)
    inner = [denoise(flat, p, bandwidth, sigma) for p in points]
    means = torch.stack([m for m, _ in inner], 1)
    mean = (r.unsqueeze(-1) * means).sum(1)
    second = torch.einsum("bn,bni,bnj->bij", r, means, means) + inner[0][1]
    posterior = law(X, sigma)
    assert posterior.covariance is not None
    assert torch.allclose(posterior.mean.flatten(1), mean, atol=1e-10)
    assert torch.allclose(posterior.covariance.dense(), second - mean.unsqueeze(-1) * mean.unsqueeze(-2), atol=1e-9)
    assert torch.allclose(posterior.covariance.diagonal(), posterior.covariance.dense().diagonal(dim1=1, dim2=2), atol=1e-11)


def test_moments_of_the_law() -> None:
    for name in ("points", "kernel"):
        law = LAWS[name]()
        assert isinstance(law, Empirical)
        w, points = UNEVEN.exp(), POINTS.flatten(1)
        centred = points - w @ points
        bandwidth = 0 if law.kernel is None else law.kernel.dense()
        assert torch.allclose(law.mean().flatten(), w @ points, atol=1e-12)
        assert torch.allclose(law.covariance().dense(), (w.unsqueeze(-1) * centred).T @ centred + bandwidth, atol=1e-11)
        assert torch.allclose(law.points, POINTS, atol=1e-12)


def answers(law: Empirical) -> list[Tensor]:
    posterior = law(X, 0.7)
    assert posterior.covariance is not None
    return [law.log_prob(X, 0.7), posterior.mean, posterior.covariance.dense(), posterior.covariance.diagonal(), law.covariance().dense()]


@pytest.mark.parametrize("kernel", [None, FULL.scaled(0.3, 0.0)], ids=["points", "kernel"])
def test_chunks_change_nothing(kernel: Dense | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """1000 points at once, or in chunks of 64 that do not divide them; some chunks weigh nothing at all."""
    weights = torch.log_softmax(normal(1000, seed=5), 0)
    weights[:200] = -math.inf
    law = Empirical(normal(1000, *EVENT, seed=6), kernel, log_weights=torch.log_softmax(weights, 0))
    whole = answers(law)
    monkeypatch.setattr(cloud, "_CHUNK_NUMBERS", 1)
    assert len(list(law.cloud.chunks(5))) == 16
    for a, b in zip(whole, answers(law), strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", [None, FULL.scaled(0.3, 0.0)], ids=["points", "kernel"])
def test_float32_points(kernel: Dense | None) -> None:
    """Points stay in their own type and are read as float64, so only their own rounding remains."""
    low, high = Empirical(POINTS.float(), kernel), Empirical(POINTS.float().double(), kernel)
    if kernel is None:
        assert low.cloud.points.dtype == torch.float32
    for a, b in zip(answers(low), answers(high), strict=True):
        assert a.dtype == torch.float64
        assert torch.allclose(a, b, atol=1e-5)
    moved = Empirical(POINTS.float() + 512, kernel)
    assert torch.allclose(moved(X + 512, 0.7).mean, low(X, 0.7).mean + 512, atol=1e-3)


def test_large_offsets_cost_no_digits() -> None:
    """Distances are taken from the centre of the cloud: an offset of 1e8 leaves what float64 can hold at that height."""
    near, far = Empirical(POINTS), Empirical(POINTS + 1e8)
    assert torch.allclose(far(X + 1e8, 0.7).mean - 1e8, near(X, 0.7).mean, atol=1e-6)
    assert torch.allclose(far.log_prob(X + 1e8, 0.7), near.log_prob(X, 0.7), atol=1e-5)


def test_the_nearest_point_wins_at_small_sigma() -> None:
    law = Empirical(POINTS)
    nearest = torch.cdist(X.flatten(1), POINTS.flatten(1)).argmin(1)
    assert torch.allclose(law(X, 1e-3).mean, POINTS[nearest], atol=1e-9)
    assert torch.allclose(law(X, 0.0).mean, POINTS[nearest], atol=1e-12)


def test_draws_are_points() -> None:
    x = Empirical(POINTS, log_weights=UNEVEN).sample(3000, seed=2)
    distance, which = torch.cdist(x.flatten(1), POINTS.flatten(1), compute_mode="donot_use_mm_for_euclid_dist").min(1)
    assert float(distance.max()) < 1e-12
    counts = torch.bincount(which, minlength=30).double()
    expected = 3000 * UNEVEN.exp()
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    assert chi2 < 29 + 6 * math.sqrt(58) + 15  # the 1 - 1e-7 quantile of chi-square with 29 degrees is 88


def test_overlapping_exact_measurements() -> None:
    """Measuring an entry twice without noise is no contradiction: the second adds only what is new."""
    law, y = LAWS["kernel"](), normal(*EVENT, seed=12)
    first = law.condition(MASK, y[MASK.observed], 0.0).law
    again = first.condition(MASK, y[MASK.observed], 0.0).law
    assert torch.allclose(again.mean(), first.mean(), atol=1e-9)
    assert torch.allclose(again.covariance().dense(), first.covariance().dense(), atol=1e-9)
    with pytest.raises(InputError, match="contradict"):
        first.condition(MASK, y[MASK.observed] + 1, 0.0)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="kernel has size 4, but the points have 6 entries"):
        Empirical(POINTS, Dense(spectrum_covariance([1.0] * 4)))
    with pytest.raises(InputError, match=r"an exact measurement .* fits none of the bare points"):
        Empirical(POINTS).condition(MASK, normal(3), 0.0)
    batch = LAWS["kernel"]().condition(MASK, normal(4, 3), 0.5).law
    with pytest.raises(InputError, match="already holds one posterior per case"):
        batch.condition(MASK, normal(3), 0.5)
