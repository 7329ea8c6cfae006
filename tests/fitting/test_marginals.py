"""Gaussianised marginals: curves that invert and integrate, moments by formula, and every question through the curve."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

import ornstein as orn
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian
from ornstein.fitting.curved_moments import curved_moments
from ornstein.fitting.curves import Curves
from ornstein.fitting.marginals import choose_weight, fit_curve, gaussianised, log_density
from ornstein.measurements import Average, Mask

Z = Noise(0).normal(3000, (2,))
KINDS = {
    "exponential": -torch.special.ndtr(Z[:, 0]).log(),
    "lognormal": Z[:, 0].exp(),
    "two peaks": torch.where(Z[:, 1] > 0.2, 2 + Z[:, 0], -2 + 0.3 * Z[:, 0]),
    "zeros and more": torch.where(Z[:, 1] > 0, Z[:, 0].exp(), torch.zeros(3000, dtype=torch.float64)),
    "counts": (1.5 * Z[:, 0].exp()).floor(),
    "far from 0": 1e6 + 1e-3 * Z[:, 0] ** 3,
}


def skewed(n: int, seed: int = 1) -> Tensor:
    """(n, 2, 5): a lognormal channel and an exponential one, coupled by a Gaussian copula."""
    factor = torch.linalg.cholesky(COPULA)
    u = Noise(seed).normal(n, (10,)) @ factor.T
    return torch.stack([u[:, :5].exp(), -torch.special.ndtr(-u[:, 5:]).log()], 1)


LAG = (torch.arange(5).unsqueeze(1) - torch.arange(5)).abs().double()
COPULA = torch.kron(torch.tensor([[1.0, 0.7], [0.7, 1.0]], dtype=torch.float64), torch.exp(-LAG / 3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weight", [0.25, 1.0])
def test_a_curve_inverts_rises_and_knows_its_slope(kind: str, weight: float) -> None:
    x = KINDS[kind]
    curve, _ = fit_curve(x, weight)
    at = torch.linspace(float(x.min() - 3 * x.std()), float(x.max() + 3 * x.std()), 20_001, dtype=torch.float64)
    u, slope = curve.encode(at)
    assert (u.diff() > 0).all()
    back = Curves(*(part.unsqueeze(0) for part in curve)).decode(u.unsqueeze(0))[0]
    torch.testing.assert_close(back, at, rtol=1e-12, atol=1e-9 * float(x.std()))
    numeric = (u[2:] - u[:-2]) / (at[2:] - at[:-2])
    assert float((numeric.log() - slope[1:-1]).abs().median()) < 1e-4
    inside, _ = curve.encode(x)
    assert abs(float(inside.mean())) < 1e-9
    assert abs(float(inside.std(correction=0)) - 1) < 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_its_density_integrates_to_one(kind: str) -> None:
    curve, _ = fit_curve(KINDS[kind], 1.0)
    u = torch.linspace(-9, 9, 200_001, dtype=torch.float64)
    x = Curves(*(part.unsqueeze(0) for part in curve)).decode(u.unsqueeze(0))[0]
    assert float(torch.trapezoid(log_density(curve, x).exp(), x)) == pytest.approx(1, abs=1e-3)


def test_straight_tails_and_straight_lines() -> None:
    curve, weight = fit_curve(Z[:, 0], 0.0)
    assert weight == 0
    u, slope = curve.encode(torch.tensor([-1e6, 0.0, 1e6], dtype=torch.float64))
    deviation = Z[:, 0].std(correction=0)
    torch.testing.assert_close(u, (torch.tensor([-1e6, 0, 1e6]).double() - Z[:, 0].mean()) / deviation)
    torch.testing.assert_close(slope, -deviation.log().expand(3))
    assert fit_curve(torch.ones(100, dtype=torch.float64))[1] == 0
    assert fit_curve(Z[:10, 0].exp())[1] == 0


def test_weights_follow_the_shape() -> None:
    assert choose_weight(KINDS["lognormal"]) >= 0.75
    assert choose_weight(KINDS["exponential"]) >= 0.75
    assert sum(choose_weight(Noise(s).normal(300, ())) for s in range(10)) <= 1


def test_normal_values_keep_their_straight_line_mostly() -> None:
    """A rule of one standard error bends one curve of nine at 20 000 values (of sixty other seeds), at 1e-5 nats; more than six of ten
    with a probability of 3e-5."""
    drawn = [Noise(s).normal(4000, ()) for s in range(100, 110)]
    assert sum(choose_weight(x) > 0 for x in drawn) <= 6
    fresh, curves = Noise(99).normal(20_000, ()), [fit_curve(x)[0] for x in drawn]
    straight = [fit_curve(x, 0.0)[0] for x in drawn]
    cost = [float((log_density(a, fresh) - log_density(b, fresh)).mean()) for a, b in zip(straight, curves, strict=True)]
    assert max(cost) < 1e-3


def test_likelihood_of_a_known_law() -> None:
    """Lognormal: within 0.05 nats of the entropy; the straight line is 0.7 off."""
    fresh = Noise(9).normal(5000, ()).exp()
    found = float(log_density(fit_curve(KINDS["lognormal"])[0], fresh).mean())
    truth = float((-0.5 * fresh.log() ** 2 - 0.5 * math.log(2 * math.pi) - fresh.log()).mean())
    assert truth - 0.05 < found <= truth + 0.02


def test_log_prob_is_that_of_the_scores_with_the_jacobian() -> None:
    """log p(x) = log N(g(x)) + sum log g'(x), against numerical slopes."""
    x = skewed(400)
    model = orn.fit(x, marginals="gaussian", folds=0)
    assert model.scaler.curves is not None
    few = x[:5]
    step = 1e-6
    numeric = (model.scaler.encode(few * (1 + step)) - model.scaler.encode(few * (1 - step))) / (2 * step * few)
    level = model.exact.log_prob(model.scaler.encode(few)) + numeric.log().flatten(1).sum(1)
    torch.testing.assert_close(model.log_prob(few), level, rtol=1e-4, atol=1e-4)


def test_it_helps_where_values_are_skewed() -> None:
    x = skewed(900)
    plain, curved = (orn.fit(x[:600], marginals=m, folds=0).log_prob(x[600:]).mean() for m in (None, "gaussian"))
    assert float(curved - plain) > 4


@pytest.fixture(scope="module")
def model() -> orn.Model:
    """Fitted to 1500 cases, for the tests that only ask it."""
    return orn.fit(skewed(1500), marginals="gaussian", folds=0)


def test_draws_and_masks_pass_through_the_curves(model: orn.Model) -> None:
    x = skewed(1500)
    drawn = model.sample(4000)
    assert float(drawn.min()) > -1  # a Gaussian reaches -6
    for q in (0.1, 0.5, 0.9):
        torch.testing.assert_close(drawn.quantile(q, 0), x.quantile(q, 0), rtol=0.15, atol=0.05)
    mask = torch.tensor([[True, True, False, False, True], [False] * 5])
    post = model.posterior(Mask(mask), x[0][mask])
    assert torch.equal(post.sample(3)[:, mask].round(decimals=9), x[0][mask].expand(3, -1).round(decimals=9))
    marginal = Gaussian(torch.zeros(3, dtype=torch.float64), Dense(model.exact.covariance().dense()[[0, 1, 4]][:, [0, 1, 4]]))
    u = model.scaler.encode(x[:1])
    scores = u.flatten(1)[:, [0, 1, 4]] - model.exact.mean().flatten()[[0, 1, 4]]
    slope = -model.scaler.log_volumes(x[:1]).flatten(1)[:, [0, 1, 4]].sum()
    assert post.log_evidence is not None
    assert float(post.log_evidence) == pytest.approx(float(marginal.log_prob(scores) + slope), rel=1e-9)


def test_other_measurements_go_by_particles() -> None:
    """A mean of two skewed values, through their curves: mean and deviation of the first given it, against 100 000 weighted draws,
    which are worth some 20 000: a hundredth of the deviation, far below the bound."""
    x = skewed(1500)[:, :1, :2]
    model = orn.fit(x, marginals="gaussian", folds=0)
    post = model.posterior(Average(2), torch.tensor([[1.0]], dtype=torch.float64), noise=0.2, particles=2000)
    assert post.diagnostics is not None
    drawn = model.sample(100_000, seed=9)
    weight = torch.softmax(-((drawn.mean(2)[:, 0] - 1.0) ** 2) / (2 * 0.2**2), 0)
    first = drawn[:, 0, 0]
    mean = float(weight @ first)
    deviation = float((weight @ (first - mean) ** 2).sqrt())
    found = post.sample(4000)[:, 0, 0]
    assert abs(float(found.mean()) - mean) < 0.15 * deviation
    assert abs(float(found.std()) / deviation - 1) < 0.15


def test_imputed_values_are_calibrated() -> None:
    """PIT of one hidden value in each of 800 cases: chi-squared in ten bins below 27.9, its 99.9 % point."""
    x = skewed(2400)
    model = orn.fit(x[:1600], marginals="gaussian", folds=0)
    test = x[1600:]
    gaps = test.clone()
    gaps[:, 0, 2:4] = math.nan
    drawn = model.impute(gaps, draws=99)
    assert torch.equal(drawn[:, :, 1], test[:, 1].expand(99, -1, -1))
    counts = torch.bincount((drawn[:, :, 0, 2] < test[:, 0, 2]).sum(0) // 10, minlength=10).double()
    assert float(((counts - 80) ** 2 / 80).sum()) < 27.9


def test_mean_and_covariance_in_the_units_of_the_data(model: orn.Model) -> None:
    """Against 200 000 draws: means within 5 standard errors, covariances within 2 % of the largest."""
    drawn = model.sample(200_000)
    mean, matrix = curved_moments(model.scaler, model.exact)
    torch.testing.assert_close(model.mean(), mean)
    error = drawn.std(0) / math.sqrt(200_000)
    assert ((drawn.mean(0) - mean).abs() < 5 * error).all()
    found = torch.cov(drawn.flatten(1).T)
    assert float((found - matrix).abs().max() / matrix.max()) < 0.02
    assert float(torch.linalg.eigvalsh(model.covariance().dense()).min()) > 0


def test_gaps_in_the_fit_folders_and_p_values(tmp_path: Path) -> None:
    x = skewed(300)
    gaps = torch.where(Noise(5).uniform(300, (2, 5)) < 0.2, torch.full_like(x, math.nan), x)
    gaps[:200] = x[:200]
    model = orn.fit(gaps, marginals="gaussian", folds=2)
    surprise = model.surprise(x[:50])
    assert surprise.p_value is not None
    assert 0.3 < float(surprise.p_value.mean()) < 0.7
    model.save(tmp_path / "m")
    again = orn.load(tmp_path / "m")
    assert torch.equal(again.log_prob(x[:5]), model.log_prob(x[:5]))
    assert torch.equal(again.sample(3), model.sample(3))


def test_one_curve_per_entry_of_vectors() -> None:
    x = torch.stack([KINDS["lognormal"], KINDS["exponential"], 100 + 5 * Z[:, 1]], 1)
    scaler, weights, _ = gaussianised(x, "feature")
    assert weights[0] > 0
    assert weights[2] == 0
    torch.testing.assert_close(scaler.decode(scaler.encode(x)), x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"marginals": "gausian"}, "marginals"),
        ({"marginals": "gaussian", "standardize": "none"}, "standardize is 'none'"),
        ({"marginals": "gaussian", "engine": "local"}, "all values at once"),
    ],
)
def test_bad_options_are_one_sentence(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        orn.fit(skewed(50), **options)


def test_moments_of_a_mixture_and_of_points() -> None:
    """By the law of total covariance; against 200 000 draws to 3 % of the deviations. Other laws take draws."""
    x = torch.cat([skewed(300, 3), 0.2 * skewed(300, 4)])
    model = orn.fit(x, "mixture", components=2, marginals="gaussian", folds=0)
    values = model.sample(200_000, seed=5).flatten(1)
    mean, matrix = model.mean().flatten(), model.covariance().dense()
    deviation = values.std(0)
    assert ((mean - values.mean(0)) / deviation).abs().max() < 0.03
    sampled = torch.cov(values.T)
    assert float((matrix - sampled).norm() / sampled.norm()) < 0.03
    points = orn.fit(x, "empirical", marginals="gaussian", folds=0)
    assert torch.isfinite(points.mean()).all()


def test_auto_takes_curves_where_they_gain() -> None:
    """Lognormal and exponential channels, with and without gaps, against Gaussian ones: what is chosen is what was told."""
    told: list[str] = []
    gaps = skewed(150, 7).masked_fill(Noise(8).uniform(150, (2, 5)) < 0.2, torch.nan)
    for x, curved in ((skewed(200, 6), True), (gaps, True), (Noise(9).normal(200, (2, 5)), False)):
        model = orn.fit(x, marginals="auto", folds=0, progress=told.append)
        assert (model.scaler.curves is not None) == curved
        assert any(line.startswith(f"marginals: {'gaussian' if curved else 'none'} by held-out likelihood") for line in told)
        told.clear()


def test_values_that_repeat_are_said() -> None:
    told: list[str] = []
    x = torch.stack([KINDS["counts"][:400], KINDS["zeros and more"][:400], KINDS["lognormal"][:400]], 1)
    orn.fit(x, marginals="gaussian", folds=0, progress=told.append)
    (line,) = [line for line in told if "nothing is dithered" in line]
    assert "1 of 3 are rounded or counted" in line
    assert "1 pile up at one value (number 1 at 0, in" in line
    told.clear()
    orn.fit(skewed(100), marginals="gaussian", folds=0, progress=told.append)
    assert not any("dithered" in line for line in told)
