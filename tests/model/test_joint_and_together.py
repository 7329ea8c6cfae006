"""Parameters behind simulations, sources behind a sum, noise of unknown size: one way of conditioning for all."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import Silent
from ornstein.common.random import Noise
from ornstein.data.laws import ornstein_uhlenbeck
from ornstein.denoisers import Independent, Network
from ornstein.metrics import calibrated
from ornstein.model import Model
from ornstein.model.joint import Inverse, Joint, JointLaw


def simulations(cases: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """theta ~ N(0, 0.1 I), x = theta + N(0, 0.1 I) in five entries of unlike units: posterior N(x / 2, 0.05 I) in the first units."""
    theta = 0.1**0.5 * Noise(seed).normal(cases, (5,))
    x = theta + 0.1**0.5 * Noise(seed + 1).normal(cases, (5,))
    return theta, 1000 * x + 7


def test_a_gaussian_joint_law_has_the_posterior_of_a_linear_simulator():
    joint = orn.fit(simulations(4000), "gaussian")
    assert isinstance(joint, Joint)
    observed = torch.linspace(-0.5, 0.5, 5, dtype=torch.float64)
    post = joint.posterior(1000 * observed + 7)
    torch.testing.assert_close(post.mean(), observed / 2, rtol=0, atol=0.05)  # 6 errors of a slope of 4000 simulations
    torch.testing.assert_close(post.covariance().dense(), 0.05 * torch.eye(5, dtype=torch.float64), rtol=0, atol=0.007)
    exact = torch.distributions.Normal(0.0, 0.2**0.5).log_prob(observed).sum() - 5 * torch.tensor(1000.0).log()
    assert abs(float(post.log_evidence - exact)) < 0.2
    many = joint.posterior(simulations(3, 9)[1])
    assert many.sample(4).shape == (4, 3, 5)


def test_a_joint_mixture_is_calibrated():
    """Two kinds of parameters, so that the truth is a mixture: ranks of 300 new ones among 99 draws each; false alarm 1 %."""
    theta = 2 * Noise(3).uniform(2300, (1,), 5).sub(0.4).sign() + 0.7 * Noise(3).normal(2300, (1,))
    x = torch.cat([theta, -0.5 * theta], 1) + 1.5 * Noise(4).normal(2300, (2,))
    joint = orn.fit((theta[:2000], x[:2000]), "mixture", components=2)
    post = joint.posterior(x[2000:])
    assert calibrated(post.sample(99), theta[2000:]).verdict == "right"


def test_what_a_simulator_adds_is_seen_however_small():
    """Errors of 1 or 0.1 around two parameters in a box of 20: half of the posterior is ten times as narrow as the other."""
    noise = Noise(7)
    theta = 20 * noise.uniform(3000, (2,)).to(torch.float64) - 10
    error = torch.where(noise.uniform(3000, (1,), 2) < 0.5, 1.0, 0.1) * noise.normal(3000, (2,), 1)
    joint = orn.fit((theta, theta + error), "mixture", components=16)
    drawn = joint.posterior([2.0, -1.0]).sample(4000)
    near = ((drawn - torch.tensor([2.0, -1.0])).norm(dim=1) < 0.25).to(torch.float64).mean()
    assert float(near) > 0.35  # 0.49 in truth, 0.06 where the narrow half is smeared out by shrinkage


def test_particles_have_their_marginal():
    joint = orn.fit(simulations(500), "gaussian")
    network = Model(Network.of(Silent(), joint.model.law), joint.model.scaler)
    found = JointLaw(joint.parameters, joint.observation, "", network).posterior(simulations(2, 9)[1], particles=2000, steps=6)
    exact = joint.posterior(simulations(2, 9)[1])
    z = (found.mean() - exact.mean()) / (exact.covariance().diagonal() / 2000).sqrt()
    assert float(z.abs().max()) < 5.5


SLOW = orn.fit(orn.Signals(ornstein_uhlenbeck(300, 16, 8.0, seed=1).values, 4.0, ("slow",), ("V",)), folds=0)
FAST = orn.fit(orn.Signals(3 + 0.5 * ornstein_uhlenbeck(300, 16, 0.5, seed=2).values, 4.0, ("fast",), ("V",)), folds=0)
MIX = orn.Mix(torch.tensor([[1.0, 1.0]]))


def test_a_sum_is_separated_into_its_sources():
    """Gaussians in closed form: the mean is Sigma_a (Sigma_a + Sigma_b + R)^-1 (y - mu) for each."""
    both = orn.together(SLOW, FAST)
    assert both.channels == ("slow", "fast")
    y = MIX(both.sample(1, seed=5))[0]
    found = both.posterior(MIX, y, 0.1)
    a, b = SLOW.covariance().dense(), FAST.covariance().dense()
    missed = y.flatten() - SLOW.mean().flatten() - FAST.mean().flatten()
    solved = torch.linalg.solve(a + b + 0.01 * torch.eye(16), missed)
    torch.testing.assert_close(found.mean(), torch.cat([SLOW.mean() + a @ solved, FAST.mean() + b @ solved]))


def test_networks_are_separated_like_their_laws():
    def silent(model: Model) -> Model:
        return Model(Network.of(Silent(), model.law), model.scaler, model.channels, model.units, model.rate)

    both, exact = orn.together(silent(SLOW), silent(FAST)), orn.together(SLOW, FAST)
    assert isinstance(both.law, Independent)
    y = MIX(exact.sample(1, seed=5))[0]
    found, wanted = both.posterior(MIX, y, 0.2, particles=1000, steps=6), exact.posterior(MIX, y, 0.2)
    torch.testing.assert_close(found.log_evidence, wanted.log_evidence, rtol=0, atol=1e-6)
    z = (found.mean() - wanted.mean()).flatten() / (wanted.covariance().diagonal() / 1000).sqrt()
    assert float(z.abs().max()) < 5.5


def test_mixtures_make_all_pairs():
    two = orn.fit(SLOW.sample(200, seed=3), "mixture", components=2, folds=0)
    both = orn.together(two, FAST, two)
    x = both.sample(20, seed=1)
    apart = two.log_prob(x[:, :1]) + FAST.log_prob(x[:, 1:2]) + two.log_prob(x[:, 2:])
    torch.testing.assert_close(both.log_prob(x), apart)


def test_noise_of_unknown_size_is_found_by_evidence():
    sensor = orn.Average(1)
    y = SLOW.sample(40, seed=8) + 0.3 * Noise(6).normal(40, (1, 16))
    level, evidence = SLOW.noise_level(sensor, y, [0.03, 0.1, 0.2, 0.3, 0.45, 1.0])
    assert level == 0.3
    torch.testing.assert_close(evidence[3], SLOW.posterior(sensor, y, 0.3).log_evidence.sum())


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: orn.fit((torch.zeros(5, 2), torch.zeros(6, 2))), "as many of each"),
        (lambda: orn.fit(simulations(50)).posterior(torch.zeros(4)), "observation has shape"),
        (lambda: orn.fit(simulations(50), SLOW.law), "fitted by a recipe"),
        (lambda: orn.together(SLOW, orn.fit(torch.randn(20, 1, 8), folds=0)), "do not stand side by side"),
        (lambda: SLOW.noise_level(orn.Average(1), torch.zeros(1, 16), []), "levels is empty"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(ask, says):
    with pytest.raises(orn.InputError, match=says):
        ask()


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """One network instead of five, of two Gaussians at most, and hardly any training."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("STEPS", 150), ("MEMBERS", 1), ("COMPONENTS", (1, 2))):
            patch.setattr(f"ornstein.fitting.simulated.{name}", value)
        yield


def squares(cases: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """theta uniform in (-1, 1), x = theta^2 + N(0, 0.1^2): two values of theta for every x, which no Gaussian of both knows."""
    theta = 2 * Noise(seed).uniform(cases, (1,)).to(torch.float64) - 1
    return theta, theta**2 + 0.1 * Noise(seed + 1).normal(cases, (1,))


@pytest.fixture(scope="module")
def learned(quick: None) -> Joint:
    return orn.fit(squares(1000), "likelihood")


def test_held_out_simulations_choose_the_gaussian_where_it_is_right(quick: None):
    said: list[str] = []
    joint = orn.fit(simulations(300), progress=said.append)
    assert isinstance(joint, JointLaw)
    assert isinstance(joint.model.law, orn.denoisers.Gaussian)
    assert joint.chosen.startswith("gaussian, by log p(x | theta) of 30 held-out simulations in nats: gaussian ")
    assert any("s left" in line for line in said)


def test_a_learned_simulator_has_both_peaks_inside_the_bounds(learned: Joint):
    post = learned.posterior([0.25], particles=500)
    drawn = post.sample(500)
    assert float(drawn.abs().max()) < 1
    assert abs(float((drawn > 0).double().mean()) - 0.5) < 0.12  # 5 deviations of 500 draws
    assert abs(float(drawn.abs().mean()) - 0.5) < 0.06
    assert post.diagnostics is not None
    exact = -torch.log(torch.tensor(2.0))  # x is near 0.25 where |theta| is near 0.5: density 1 / (2 sqrt(0.25)) of theta^2
    assert post.log_evidence is not None
    assert abs(float(post.log_evidence - exact - torch.tensor(2.0).log())) < 0.4
    both = learned.posterior([[0.25], [0.8]], particles=500)
    torch.testing.assert_close(both.law.points[0], post.law.points, rtol=0, atol=0)
    wide = learned.posterior([0.25], 0.3, particles=500).sample(500)
    assert float(wide.abs().std()) > 1.3 * float(drawn.abs().std())


def test_an_observation_unlike_all_simulations_is_said(learned: Joint):
    with pytest.warns(UserWarning, match="times as far from the simulations as the farthest of them"):
        learned.posterior([9.0], particles=100)


def test_an_inverse_network_starts_from_the_linear_answer():
    """Five steps of training leave the least-squares posterior N(x / 2, 0.05), which is exact here."""
    joint = orn.fit(simulations(2000), "network", steps=5, held_out=0.0)
    assert isinstance(joint, Inverse)
    observed = torch.linspace(-0.5, 0.5, 5, dtype=torch.float64)
    drawn = joint.posterior(1000 * observed + 7, particles=400, steps=20).sample(400)
    z = (drawn.mean(0) - observed / 2) / (0.05 / 400) ** 0.5
    assert float(z.abs().max()) < 6
    assert float((drawn.std(0) / 0.05**0.5 - 1).abs().max()) < 0.25


@pytest.mark.parametrize(
    ("model", "options", "asked"),
    [
        ("gaussian", {"marginals": "gaussian"}, {}),
        ("mixture", {"components": 2}, {}),
        ("empirical", {}, {}),
        ("network", {"steps": 2, "held_out": 0.0}, {"particles": 9, "steps": 4}),
        ("network", {"steps": 2, "held_out": 0.0, "masks": orn.training.Masks()}, {"particles": 9, "steps": 4}),
    ],
)
def test_a_folder_keeps_parameters_and_simulations(model: str, options: dict, asked: dict, tmp_path):
    joint = orn.fit(simulations(60), model, **options)
    again = orn.load(joint.save(tmp_path / "m"))
    assert repr(again) == repr(joint)
    many = simulations(2, 9)[1]
    torch.testing.assert_close(again.posterior(many, **asked).sample(9), joint.posterior(many, **asked).sample(9), rtol=1e-9, atol=1e-12)
    with pytest.raises(orn.InputError, match="--force"):
        joint.save(tmp_path / "m")


def test_a_folder_keeps_a_learned_simulator(learned: Joint, tmp_path):
    again = orn.load(learned.save(tmp_path / "m"))
    assert torch.equal(again.posterior([0.25], 0.1, particles=100).law.points, learned.posterior([0.25], 0.1, particles=100).law.points)
    with pytest.raises(orn.InputError, match="the model is of parameters and simulations: leave module out"):
        orn.load(tmp_path / "m", module=torch.nn.Linear(1, 1))


def test_curved_marginals_of_parameters_and_simulations():
    """x = exp(theta) e: the logarithms are Gaussian, and so is the posterior of theta, N(log x / 1.01, 0.01 / 1.01)."""
    theta = Noise(11).normal(4000, (1,))
    joint = orn.fit((theta, (theta + 0.1 * Noise(12).normal(4000, (1,))).exp()), "gaussian", marginals="gaussian")
    drawn = joint.posterior([2.0]).sample(1000)
    assert abs(float(drawn.mean()) - math.log(2.0) / 1.01) < 0.06
    assert float(drawn.std()) < 0.2  # 0.1 in truth, and more by the curve of x; 0.6 by a Gaussian of x itself


def test_an_empirical_joint_law_is_the_kernel_density_of_both():
    """Its posterior has the moments of the entries of theta under the law of both, given x."""
    joint = orn.fit((*simulations(40),), "empirical")
    law, there = joint.model.law, torch.arange(10) >= 5
    many = simulations(2, 9)[1]
    post, exact = joint.posterior(many), joint.model.posterior(orn.Mask(there), many)
    torch.testing.assert_close(post.mean(), exact.mean()[:, :5])
    torch.testing.assert_close(post.law.covariance().dense(), exact.law.covariance().dense()[:, :5, :5])
    assert law.kernel is not None


def test_a_network_with_masks_fills_the_parameters():
    joint = orn.fit(simulations(300), "network", masks=orn.training.Masks(), steps=5, held_out=0.0)
    found = joint.posterior(torch.full((2, 5), 7.0), particles=20, steps=5)
    assert found.sample(3).shape == (3, 2, 5)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda joint: joint.posterior([torch.nan]), "NaN in every entry"),
        (lambda joint: joint.posterior([0.1], steps=3), "steps"),
        (lambda joint: joint.posterior([0.1], -1.0), "noise is -1, but must be at least 0"),
        (lambda joint: joint.posterior([0.1], [0.1, 0.2]), "the observation has 1 entries"),
        (lambda joint: orn.fit(squares(30), "likelihod"), "likelihood"),
        (lambda joint: orn.fit(squares(30), components=3), "takes only seed and progress"),
    ],
)
def test_what_a_learned_simulator_cannot_be_asked(ask, says, learned: Joint):
    with pytest.raises(orn.InputError, match=says):
        ask(learned)


def test_entries_that_were_not_observed_are_left_out_of_a_joint_law():
    joint = orn.fit(simulations(4000), "gaussian")
    observed = torch.tensor([0.4, torch.nan, -0.2, torch.nan, torch.nan], dtype=torch.float64)
    exact = torch.nan_to_num(observed) / 2
    torch.testing.assert_close(joint.posterior(1000 * observed + 7).mean(), exact, rtol=0, atol=0.05)
    with pytest.raises(orn.InputError, match="NaN in other entries in every case"):
        joint.posterior(torch.tensor([[1.0, torch.nan, 1, 1, 1], [torch.nan, 1.0, 1, 1, 1]]))


def test_a_pair_may_hold_lists_frames_and_signals():
    theta, x = simulations(60)
    plain = orn.fit((theta, x)).posterior(x[0]).mean()
    pandas = pytest.importorskip("pandas")
    names = list("abcde")
    others = [(theta.tolist(), x.tolist()), (list(theta), x.numpy()), (pandas.DataFrame(theta.numpy(), columns=names), x)]
    others.append((theta, pandas.DataFrame(x.numpy(), columns=names)))
    for pair in others:
        torch.testing.assert_close(orn.fit(pair).posterior(x[0]).mean().flatten(), plain)
    joint = orn.fit((theta, orn.Signals(x.unsqueeze(1), 1.0)))
    assert joint.posterior(x[:1]).mean().shape == (5,)


def test_a_list_of_two_is_two_signals_and_refused_where_it_can_only_be_a_pair():
    theta, x = simulations(60)
    assert isinstance(orn.fit([theta.tolist(), x.tolist()], folds=0), Model)
    with pytest.raises(orn.InputError, match=r"shapes \(60, 5\) and \(60, 3\): give parameters and their simulations as a pair"):
        orn.fit([theta.tolist(), x[:, :3].tolist()])
    with pytest.raises(orn.InputError, match="theta has shape"):
        orn.fit((theta.tolist(), x[:40].tolist()))
    with pytest.raises(orn.InputError, match="x has rows of different lengths"):
        orn.fit((theta.tolist(), [[1.0], [1.0, 2.0]]))
