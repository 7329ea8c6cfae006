"""The loss: its draws and weights in closed form, and proofs that minimising it finds laws whose exact denoiser is known."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import scipy.stats
import torch
from torch import Tensor, nn

import truth
from kinds import FULL, MEAN, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Denoiser, Empirical, Gaussian, Mixture, Network
from ornstein.nets import MLP, Condition
from ornstein.training import EDM, WEIGHTS, Eps, LogNormal, Loss, MinSNR, NoiseLevels, SpectrumLevels, Uncertainty, weight_named
from ornstein.training.loss import Draw

SIGMA = torch.tensor([2e-3, 0.05, 0.3, 0.44, 0.45, 1.0, 7.0, 80.0], dtype=torch.float64)


class Still(nn.Module):
    """Returns 0, and keeps what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.told = nn.Parameter(torch.zeros((), dtype=torch.float64)), []

    def forward(self, x: Tensor, noise: Tensor, condition: Condition | None = None) -> Tensor:
        self.told.append((noise, condition))
        return self.weight * x


@dataclass(frozen=True)
class Asked(NoiseLevels):
    """LogNormal levels that note which quantiles were asked for."""

    asked: list[Tensor] = field(default_factory=list)

    def quantile(self, u: Tensor) -> Tensor:
        self.asked.append(u)
        return LogNormal().quantile(u)


def still(form: str = "covariance") -> Network:
    return Network.of(Still(), Gaussian(MEAN, FULL), form)


# weights


def test_weights_in_closed_form():
    """EDM's is (sigma^2 + s^2) / (sigma s)^2 for signals of variance s^2; the others know unit variance only."""
    s2, error = 1.7, torch.linspace(0.1, 2, len(SIGMA), dtype=torch.float64)
    reference = Gaussian(torch.zeros(3, dtype=torch.float64), Diagonal(torch.full((3,), s2, dtype=torch.float64)))
    p = Network.of(Still(), reference).preconditioning
    torch.testing.assert_close(EDM()(error, SIGMA, p), error * (SIGMA**2 + s2) / (SIGMA**2 * s2))
    torch.testing.assert_close(Eps()(error, SIGMA, p), error / SIGMA**2)
    cut = torch.tensor([5.0, 5.0, 5.0, 5.0, 1 / 0.45**2, 1.0, 1 / 49, 1 / 6400], dtype=torch.float64)
    torch.testing.assert_close(MinSNR()(error, SIGMA, p), error * cut)
    torch.testing.assert_close(MinSNR(1.5)(error, SIGMA, p)[4:6], error[4:6] * torch.tensor([1.5, 1.0], dtype=torch.float64))
    torch.testing.assert_close(Uncertainty()(error, SIGMA, p), EDM()(error, SIGMA, p))


def test_eps_is_the_error_of_the_predicted_noise():
    """|z - (x - D) / sigma|^2 / d, for the noise of the draw itself."""
    network, draw = still(), Draw(3, 5, 0, 16)
    x_0 = Gaussian(MEAN, FULL).sample(16, seed=1)
    loss = Loss(LogNormal(), Eps())(network, x_0, draw)
    sigma = (4 * network.module.told[0][0]).exp()
    z = draw.noise(torch.device("cpu")).normal(16, tuple(MEAN.shape))
    x = x_0 + sigma.view(-1, 1, 1) * z
    eps_hat = (x - network.mean(x, sigma)) / sigma.view(-1, 1, 1)
    torch.testing.assert_close(loss, (z - eps_hat).square().flatten(1).mean(1), rtol=1e-7, atol=1e-9)


def test_uncertainty_learns_the_log_of_the_mean_loss():
    """min_u E[L] exp(-u) + u is at u = log E[L]. L is exponential with a mean that varies 300-fold over the levels; u is off by .07."""
    p = Network.of(Still(), Gaussian(torch.zeros(1), Diagonal(torch.ones(1)))).preconditioning
    weight, generator = Uncertainty(), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(weight.parameters(), lr=0.02)

    def mean(sigma: Tensor) -> Tensor:
        return 0.03 + 30 * sigma**2 / (1 + sigma**2)

    for step in range(400):
        for group in optimiser.param_groups:
            group["lr"] = 0.02 * (1 - step / 400)
        sigma = (torch.rand(1024, generator=generator) * 6 - 3).exp()
        error = mean(sigma) * -torch.rand(1024, generator=generator).clamp_min(1e-7).log()
        optimiser.zero_grad()
        weight(error / p.weight(sigma), sigma, p).mean().backward()
        optimiser.step()
    sigma = torch.linspace(-2.8, 2.8, 50).exp()
    assert float((weight.u(sigma) - mean(sigma).log()).detach().abs().max()) < 0.2


def test_only_uncertainty_has_parameters_and_they_start_at_nothing():
    assert set(WEIGHTS) == {"edm", "min-snr", "uncertainty", "eps"}
    for name in WEIGHTS:
        loss = Loss(LogNormal(), weight_named(name))
        assert bool(loss.parameters()) == (name == "uncertainty")
        assert all(not bool(p.any()) for p in loss.to("cpu").parameters())
    with pytest.raises(InputError, match=r"weight is 'snr'.*did you mean 'min-snr'"):
        weight_named("snr")
    with pytest.raises(InputError, match="gamma is 0"):
        MinSNR(0.0)


def test_a_weight_is_one_at_the_gaussian_itself():
    """Signals of the reference's own law: the EDM loss of a network of 0 is 1 on average.

    6 deviations of the mean of 4096 cases: one false alarm in 5e8.
    """
    x_0 = Gaussian(MEAN, FULL).sample(4096, seed=2)
    loss = Loss(LogNormal())(still(), x_0, Draw(0, 0, 0, 4096)).detach()
    assert float((loss.mean() - 1).abs()) < 6 * float(loss.std()) / 64


# draws


def test_a_batch_in_pieces_is_the_batch():
    network, x_0 = still(), Gaussian(MEAN, FULL).sample(10, seed=2)
    condition = Condition(label=torch.arange(10))
    loss = Loss(LogNormal(), drop=0.5)
    whole = loss(network, x_0, Draw(7, 3, 0, 10), condition)
    dropped = network.module.told[0][1].label
    parts = [(0, 4), (4, 5), (5, 10)]
    pieces = [loss(network, x_0[a:b], Draw(7, 3, a, 10), condition[slice(a, b)]) for a, b in parts]
    torch.testing.assert_close(torch.cat(pieces), whole, rtol=1e-12, atol=0)
    assert torch.equal(torch.cat([told[1].label for told in network.module.told[1:]]), dropped)


def test_levels_are_stratified_with_one_shift_for_all():
    """u_i = (i + v) / n: one level in every n-th of the distribution, and v uniform over the steps (KS test, one false alarm in 1e4)."""
    network, x_0, levels = still(), normal(8, *MEAN.shape), Asked()
    loss = Loss(levels)
    for step in range(200):
        loss(network, x_0, Draw(1, step, 0, 8))
    u = 8 * torch.stack(levels.asked) - torch.arange(8)
    assert float(u.min()) > 0
    assert float(u.max()) < 1
    torch.testing.assert_close(u, u[:, :1].expand(-1, 8), rtol=0, atol=1e-12)
    assert scipy.stats.kstest(u[:, 0].numpy(), "uniform").pvalue > 1e-4
    loss(network, x_0, Draw(2, 0, 0, 8))
    assert not torch.equal(levels.asked[0], levels.asked[-1])


def test_the_module_is_told_the_level_of_the_noise_that_was_added():
    """x_0 = 0 and Sigma = I: |x| / sigma is that of d standard normal numbers, at every level (KS test, one false alarm in 1e4)."""
    network, d = Network.of(Still(), Gaussian(torch.zeros(64), Diagonal(torch.ones(64)))), 64
    loss = Loss(SpectrumLevels(Diagonal(torch.ones(64))))(network, torch.zeros(500, d), Draw(0, 0, 0, 500))
    s2 = (4 * network.module.told[0][0]).exp() ** 2
    # D = x / (1 + sigma^2) and the weight (1 + sigma^2) / sigma^2 leave |z|^2 / d / (1 + sigma^2)
    assert scipy.stats.kstest((d * loss * (1 + s2)).detach().numpy(), scipy.stats.chi2(d).cdf).pvalue > 1e-4


def test_conditions_are_hidden_in_their_share_of_cases():
    """Binomial, one false alarm in 1e6; drop = 0 and 1 are never and always."""
    network, condition = still(), Condition(label=torch.arange(2000))
    x_0 = Gaussian(MEAN, FULL).sample(2000, seed=2)
    for drop in (0.0, 0.1, 1.0):
        Loss(LogNormal(), drop=drop)(network, x_0, Draw(0, 0, 0, 2000), condition)
        hidden = int((network.module.told[-1][1].label < 0).sum())
        low, high = scipy.stats.binom.interval(1 - 1e-6, 2000, drop)
        assert low <= hidden <= high
    with pytest.raises(InputError, match=r"drop is 1\.5"):
        Loss(LogNormal(), drop=1.5)


# proofs


def trained(network: Network, x: Tensor, loss: Loss, steps: int, batch: int = 256, rate: float = 4e-3) -> Network:
    """Adam with a rate that falls to 0 over the second half, on the signals of ``x`` in their order, round and round."""
    optimiser = torch.optim.Adam([*network.module.parameters(), *loss.parameters()], lr=rate, betas=(0.9, 0.99))
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = rate * min(1.0, 2 * (1 - step / steps))
        chosen = torch.arange(step * batch, (step + 1) * batch) % len(x)
        optimiser.zero_grad()
        loss(network, x[chosen], Draw(0, step, 0, batch)).mean().backward()
        optimiser.step()
    return network


def excess(found: Denoiser, exact: Denoiser, x_0: Tensor) -> list[float]:
    """E |D - D*|^2 / E |D* - x_0|^2 at every level of PLACES: the error of D above the least possible one, in its units."""
    ratios = []
    for sigma in PLACES:
        x = x_0 + sigma * normal(*x_0.shape, seed=9)
        with torch.no_grad():
            best = exact(x, sigma).mean
            ratios.append(float((found(x, sigma).mean - best).square().mean() / (best - x_0).square().mean()))
    return ratios


PLACES = (0.02, 0.1, 0.3, 0.7, 1.5, 4.0, 20.0)
DRAWS = 8192


def test_a_gaussian_law_is_recovered_from_a_wrong_reference():
    """EDM's scalars know neither mean nor correlation of N(mu, Sigma); the network learns both, at every noise level.

    At first the excess is up to .93, in the end at most .022 (at sigma = 20), elsewhere under .008.
    """
    law = Gaussian(torch.tensor([0.5, -0.3, 0.2], dtype=torch.float64), Dense(truth.spectrum_covariance([2.0, 0.1, 0.02], 4)))
    network = Network.of(MLP((3,), width=32, depth=1, seed=0), law, "scalar")
    test = law.sample(2000, seed=8)
    before = excess(network, law, test)
    trained(network, law.sample(DRAWS, seed=1), Loss(SpectrumLevels(law.operator, 0.0)), 400)
    assert max(before) > 0.5
    assert max(excess(network, law, test)) < 0.05


def test_a_mixture_is_learned_far_beyond_its_gaussian():
    """Three narrow components: the Gaussian denoiser is up to 7 times as far from the exact one as that is from x_0.

    Seen after 400 steps: at most .17, and 27 to 42 times less than the Gaussian's where the components part.
    """
    spread = Diagonal(torch.full((2,), 0.01, dtype=torch.float64))
    places = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [0.0, -1.2]], dtype=torch.float64)
    law = Mixture(torch.tensor([0.5, 0.3, 0.2]), [Gaussian(m, spread) for m in places])
    gaussian = Gaussian(law.mean(), Dense(law.covariance().dense()))
    network = Network.of(MLP((2,), width=48, depth=1, seed=0), gaussian)
    trained(network, law.sample(DRAWS, seed=1), Loss(SpectrumLevels(gaussian.operator, 0.0)), 400)
    test = law.sample(2000, seed=8)
    before, after = excess(gaussian, law, test), excess(network, law, test)
    assert max(after) < 0.4
    assert all(a < b / 10 for a, b in zip(after[1:4], before[1:4], strict=True))


@pytest.mark.parametrize(
    "name", ["edm", "uncertainty", pytest.param("min-snr", marks=pytest.mark.slow), pytest.param("eps", marks=pytest.mark.slow)]
)
def test_one_batch_is_learned_by_heart(name):
    """Six signals again and again: the denoiser of the points themselves, under every weight, where the points part.

    Seen after 300 steps: at most .38 of the Gaussian's error.
    """
    points = torch.tensor([[1.5, 0.0], [-1.0, 1.0], [0.0, -1.0], [0.3, 0.8], [-1.4, -0.8], [0.9, -1.2]], dtype=torch.float64)
    reference = Gaussian(points.mean(0), Dense(torch.cov(points.T, correction=0)))
    network = Network.of(MLP((2,), width=48, depth=1, seed=0), reference)
    trained(network, points, Loss(LogNormal(), weight_named(name)), 300, batch=126)
    law, test = Empirical(points), points.repeat(300, 1)
    assert all(a < 0.6 * b for a, b in zip(excess(network, law, test)[2:5], excess(reference, law, test)[2:5], strict=True))
