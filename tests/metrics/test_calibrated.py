"""Posteriors that are right pass; those that are too narrow, too wide, shifted or blind to correlations are caught."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import Black
from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian, Mixture, Particles
from ornstein.fitting.scaling import Scaler
from ornstein.metrics import c2st, calibrated, check, energy_score, stein, tarp
from ornstein.metrics.closeness import closeness
from ornstein.model import Model

COVARIANCE = torch.tensor([[1.0, 0.8, 0.3], [0.8, 1.0, 0.6], [0.3, 0.6, 1.0]], dtype=torch.float64)
PRIOR = Gaussian(torch.zeros(3), Dense(COVARIANCE))
TWO = Mixture(torch.tensor([0.6, 0.4]), [PRIOR, Gaussian(torch.tensor([3.0, -2.0, 0.0]), Dense(0.5 * torch.eye(3, dtype=torch.float64)))])
FIRST = orn.Mask(torch.tensor([True, False, False]))


def model(law: Gaussian | Mixture) -> Model:
    return Model(law, Scaler(torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)))


def posteriors(cases: int = 300, draws: int = 99, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Exact draws (draw, case, 3) of x given its first entry with noise, and x."""
    truth = TWO.sample(cases, seed=seed)
    y = truth[:, :1] + 0.5 * Noise(seed + 1).normal(cases, (1,))
    return model(TWO).posterior(FIRST, y, 0.5).sample(draws, seed=seed + 2), truth


def test_right_posteriors_pass():
    """False alarm 0.01 each: two or more of six have probability 0.15 %."""
    found = [calibrated(*posteriors(seed=10 * k)) for k in range(6)]
    assert sum(f.verdict != "right" for f in found) < 2
    assert float(torch.stack([f.histogram for f in found]).mean(0).sub(1).abs().max()) < 0.15


@pytest.mark.parametrize(("factor", "says"), [(0.75, "too narrow"), (1.35, "too wide")])
def test_wrong_spreads_are_caught(factor: float, says: str):
    draws, truth = posteriors()
    mean = draws.mean(0)
    assert calibrated(mean + factor * (draws - mean), truth).verdict == says


def test_shifts_are_caught():
    draws, truth = posteriors()
    assert calibrated(draws + torch.tensor([0.0, 0.35, 0.0]), truth).verdict == "shifted"


def test_marginals_alone_do_not_pass():
    """Every entry has its own posterior, but the entries of one draw belong to different draws: sums are too narrow."""
    draws, truth = posteriors(600)
    shuffled = torch.stack([draws[:, :, k].roll(7 * k, 0) for k in range(3)], -1)
    assert calibrated(shuffled, truth).verdict != "right"


def test_the_prior_in_place_of_the_posterior_is_caught_by_regions():
    """Draws of the prior pass every rank of entries; only points that depend on the data would see it: here the scores do."""
    draws, truth = posteriors()
    prior = TWO.sample(99 * len(truth), seed=77).view(99, len(truth), 3)
    found = calibrated(prior, truth)
    assert found.crps > 1.2 * calibrated(draws, truth).crps
    assert found.energy > 1.2 * calibrated(draws, truth).energy


@pytest.mark.parametrize("law", [PRIOR, TWO], ids=["Gaussian", "mixture"])
def test_ones_own_model_and_measurement(law: Gaussian | Mixture):
    found = check(model(law), FIRST, 0.5, cases=150)
    assert found.result.verdict == "right"
    particles = check(model(law), FIRST, 0.5, cases=60, method="twisted", particles=200, steps=6)
    assert particles.result.verdict == "right"
    assert particles.effective is not None
    assert found.effective is None


CLOSED = model(TWO)
HIDDEN = orn.fit(TWO.sample(2000, seed=4), Black(TWO), standardize="none", folds=0)
SEEN = torch.tensor([0.4], dtype=torch.float64)


def test_draws_of_one_posterior_are_close_to_the_exact_ones():
    """False alarm 1e-4 each. A classifier sees draws that are half a deviation off, or of half or twice the spread."""
    exact = CLOSED.posterior(FIRST, SEEN, 0.5)
    right = closeness(exact, exact)
    assert right is not None
    assert right.c2st is not None
    assert right.p_value > 1e-4
    post = CLOSED.posterior(FIRST, SEEN, 0.5, method="twisted", particles=500, steps=8)
    assert closeness(post, exact).p_value > 1e-4
    for scale, shift in ((0.4, 0.0), (2.5, 0.0), (1.0, 1.0)):
        assert closeness(moved(post, scale, shift), exact).p_value < 1e-4


def test_draws_of_one_posterior_follow_its_score_where_no_exact_answer_is_known():
    """False alarm .001 each, in one case and in a batch; nothing is said of measurements without a score, and of too few particles."""
    post = HIDDEN.posterior(FIRST, SEEN, 0.5, particles=500, steps=24)
    right = closeness(post, None)
    assert right is not None
    assert right.stein is not None
    assert right.p_value > 0.001
    assert closeness(HIDDEN.posterior(FIRST, SEEN.expand(2, 1), 0.0, particles=500, steps=24), None, case=1).p_value > 0.001
    for scale, shift in ((0.4, 0.0), (1.0, 1.0)):
        assert closeness(moved(post, scale, shift), None).p_value < 0.01
    assert closeness(HIDDEN.posterior(orn.Clip(-1, 1), torch.zeros(3), 0.5, particles=100, steps=4), None) is None
    with pytest.warns(UserWarning, match="of 12 particles"):
        few = HIDDEN.posterior(FIRST, SEEN, 0.5, particles=12, steps=4)
    assert closeness(few, None) is None


def moved(post: Model, scale: float, shift: float) -> Model:
    """Its particles, spread and shifted in their own deviations."""
    points = post.law.points
    wrong = points.mean(0) + scale * (points - points.mean(0)) + shift * points.std(0)
    return replace(post, law=Particles(wrong, post.law.log_weights))


def test_one_verdict_says_both(monkeypatch: pytest.MonkeyPatch):
    found = check(CLOSED, FIRST, 0.5, cases=60, close=True)
    assert (found.verdict, found.close.stein) == ("right", None)
    assert found.result.interval > found.result.crps
    apart = replace(found, close=replace(found.close, p_value=5e-4))
    assert apart.verdict == "far from the exact answer"
    assert replace(found, close=replace(found.close, p_value=0.005)).verdict == "right"  # one of ten false alarms is left for it


def test_a_model_of_other_signals_is_caught():
    wide = Gaussian(torch.zeros(3), Dense(4 * COVARIANCE)).sample(200, seed=3)
    found = check(model(PRIOR), FIRST, 0.5, x=wide)
    assert found.result.verdict == "too narrow"


def test_energy_score_by_its_formula():
    draws, truth = torch.tensor([[[0.0, 0.0]], [[3.0, 4.0]]]), torch.tensor([[0.0, 0.0]])
    assert float(energy_score(draws, truth)[0]) == pytest.approx(2.5 - 0.5 * 5)


def test_tarp_is_uniform_for_exact_draws_and_not_for_none():
    draws, truth = posteriors(400)
    assert tarp(draws, truth) > 1e-4
    assert tarp(0 * draws + draws.mean(0), truth) < 1e-4


def test_stein_knows_a_law_by_its_score():
    """Mean, deviation and direction wrong, each at 300 draws; right at p > 0.001 in four of four (false alarm 0.4 %)."""
    precision = COVARIANCE.inverse()

    def score(x: Tensor) -> Tensor:
        return -x @ precision

    for seed in range(4):
        x = PRIOR.sample(300, seed=seed)
        assert stein(x, score(x)).p_value > 0.001
    for wrong in (x + 0.6, 1.5 * x, 0.6 * x, x * torch.tensor([1.0, -1.0, 1.0])):
        assert stein(wrong, score(wrong)).p_value < 0.01


def test_stein_has_mean_zero_and_a_known_value():
    """Against the terms of two points by hand, in one dimension."""
    x = torch.linspace(-1, 1, 10, dtype=torch.float64).unsqueeze(1)
    x = x / x.std()
    s, h = -x, float(torch.cdist(x, x).square()[torch.cdist(x, x) > 0].median())

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (1 + (a - b).square() / h).rsqrt()

    total = 0.0
    for i in range(10):
        for j in range(10):
            if i == j:
                continue
            a, b = (x[k, 0].clone().requires_grad_(True) for k in (i, j))
            k = kernel(a, b)
            (da,) = torch.autograd.grad(k, a, create_graph=True)
            (db,) = torch.autograd.grad(k, b, create_graph=True)
            (dab,) = torch.autograd.grad(da, b)
            total += float((s[i, 0] * s[j, 0] * k + s[i, 0] * db + s[j, 0] * da + dab).detach())
    assert stein(x, s).value == pytest.approx(total / 90)


def test_a_classifier_tells_laws_apart():
    one, other = (PRIOR.sample(60, seed=seed)[:, :1] for seed in (1, 2))
    assert abs(c2st(one, other, folds=2) - 0.5) < 5 * 0.5 / math.sqrt(120)
    assert c2st(one, other + 3.0, folds=2) > 0.8


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: calibrated(torch.zeros(30, 10, 2), torch.zeros(10, 2)), "at least 19 draws of 20 cases"),
        (lambda: check(model(PRIOR), FIRST, orn.Laplace(1.0), cases=20), "a check draws Gaussian noise only"),
        (lambda: check(model(PRIOR), FIRST, 0.5, cases=20, level=2.0), "level is 2, but must lie between 0 and 1"),
        (lambda: stein(torch.zeros(20, 2), torch.zeros(20, 3)), "both must be"),
        (lambda: c2st(torch.zeros(20, 2), torch.zeros(20, 3)), "signals of one shape"),
    ],
)
def test_what_cannot_be_checked_is_one_sentence(ask, says):
    with pytest.raises(orn.InputError, match=says):
        ask()
