"""Where a signal is odd: conditional densities against dense conditioning, shares that add up, and parts of the spectrum."""

from __future__ import annotations

import math

import pytest
import torch
from mute import Mute

import ornstein as orn
from kinds import EVENT, LAWS, MEAN, SIZE, gaussian, mixture, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Gaussian, matched
from ornstein.likelihood import local, mmse, subspace, where
from ornstein.measurements import Mask
from truth import spectrum_covariance

X = mixture().sample(4, seed=3)


@pytest.mark.parametrize("name", ["gaussian", "mixture", "mixture-conditioned", "gaussian-conditioned"])
@pytest.mark.parametrize("by", ["entry", "time", "channel"])
def test_against_conditioning(name: str, by: str) -> None:
    """log p(x_B | rest) = log p(x) - log p(rest), the last as the evidence of observing the rest without noise."""
    law = LAWS[name]()
    found = where(law, X, by)
    shape = {"entry": EVENT, "time": (3,), "channel": (2,)}[by]
    assert found.shape == (4, *shape)
    flat = found.flatten(1)
    for block in range(flat.shape[1]):
        hidden = torch.zeros(EVENT, dtype=torch.bool)
        if by == "entry":
            hidden.view(-1)[block] = True
        else:
            hidden[(slice(None), block) if by == "time" else (block,)] = True
        for case in range(4):
            rest = law.condition(Mask(~hidden), X[case][~hidden]).log_evidence
            assert float(flat[case, block]) == pytest.approx(float(rest - law.log_prob(X[case : case + 1])), abs=1e-8)


def test_a_spike_is_found() -> None:
    law = Gaussian(torch.zeros(1, 40), Dense(0.95 ** (torch.arange(40.0)[:, None] - torch.arange(40.0)).abs()))
    x = law.sample(5, seed=1)
    x[:, 0, 17] += 2.5
    assert where(law, x)[:, 0].argmax(1).tolist() == [17] * 5
    assert local(law, x)[:, 0].argmax(1).tolist() == [17] * 5
    assert local(Mute(law), x, law)[:, 0].argmax(1).tolist() == [17] * 5


def test_a_singular_law_is_seen_through_noise() -> None:
    law = LAWS["gaussian-narrow"]()
    x = law.sample(3, seed=1)
    found = where(law, x)
    assert bool(torch.isfinite(found).all())
    level = 0.01 * math.sqrt(float(law.covariance().trace()) / SIZE)
    assert torch.allclose(found, where(law, x, floor=level), atol=1e-9)


@pytest.mark.parametrize(
    "law", [gaussian(), Gaussian(MEAN, Dense(spectrum_covariance((3.0, 1.0, 0.3, 0.1, 0.03, 0.01), 4)))], ids=["full", "steep"]
)
def test_shares_of_a_gaussian_add_up(law: Gaussian) -> None:
    x = law.sample(5, seed=2)
    assert torch.allclose(local(law, x).flatten(1).sum(1), -law.log_prob(x), atol=5e-3)


def test_shares_of_independent_entries_are_their_own() -> None:
    law = Gaussian(MEAN, Diagonal(torch.linspace(0.2, 2, SIZE)))
    x = law.sample(5, seed=2)
    assert torch.allclose(local(law, x), where(law, x), atol=1e-3)


def test_shares_of_any_denoiser_add_up_to_its_density() -> None:
    law = mixture()
    total = local(Mute(law), X, matched(law), draws=16).flatten(1).sum(1)
    stated = mmse(law, X, matched(law), most=24 * 2 * 16)
    assert float(((total + law.log_prob(X)) / stated.error).abs().max()) < 4.5


def test_parts_of_the_spectrum() -> None:
    """1 on average for signals of the law; one of another shape is far off the main directions, one too large is far inside."""
    law = Gaussian(torch.zeros(12), Dense(spectrum_covariance(torch.logspace(1, -3, 12, dtype=torch.float64), 3)))
    x = law.sample(4000, seed=5)
    parts = subspace(law, x)
    assert float(parts.inside.mean()) == pytest.approx(1, abs=0.05)
    assert float(parts.off.mean()) == pytest.approx(1, abs=0.1)
    vectors = torch.linalg.eigh(law.covariance().dense()).eigenvectors
    large, strange = (subspace(law, v.unsqueeze(0)) for v in (20 * vectors[:, -1], vectors[:, 0]))
    assert float(large.inside) > 10
    assert float(large.off) < 1e-6
    assert float(strange.off) > 1
    assert float(subspace(law, x, 1.0).off.max()) == 0


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: where(mixture(), X, "row"), "by is 'row'"),
        (lambda: where(LAWS["kernel"](), X), "use likelihood.local"),
        (lambda: where(Gaussian(torch.zeros(3), Diagonal(torch.ones(3))), normal(2, 3), "time"), "no channels and times"),
        (lambda: subspace(gaussian(), X, 1.5), "share is 1.5"),
    ],
)
def test_bad_input(ask: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ask()  # type: ignore[operator]


def test_the_floor_is_the_mean_noise_off_the_main_directions() -> None:
    law = Gaussian(torch.zeros(4), Diagonal(torch.tensor([4.0, 3.0, 0.01, 0.04])))
    assert subspace(law, torch.zeros(1, 4)).floor == pytest.approx(math.sqrt(0.025))
    assert subspace(law, torch.zeros(1, 4), share=1.0).floor == 0


def test_oddness_in_the_units_of_the_user() -> None:
    """Size and shape do not depend on units; the density through a floor is that of the law with noise of the mean small variance."""
    law = normal(400, 6).view(-1, 2, 3) * torch.tensor([5.0, 4.0, 3.0, 2.0, 0.1, 0.05], dtype=torch.float64).view(2, 3)
    model, same = orn.fit(law, standardize="channel", folds=0), orn.fit(1000 * law + 3, standardize="channel", folds=0)
    found, scaled = model.oddness(law), same.oddness(1000 * law + 3)
    assert torch.allclose(found.inside, scaled.inside)
    assert torch.allclose(found.off, scaled.off)
    assert found.floored is not None
    assert scaled.floored is not None
    assert torch.allclose(scaled.floored - found.floored, torch.tensor(6 * math.log(1000), dtype=torch.float64))
    gaussian, u = model.law, model.scaler.encode(law)
    parts = subspace(gaussian, u)
    covariance = gaussian.covariance().dense() + parts.floor**2 * torch.eye(6)
    truth = torch.distributions.MultivariateNormal(gaussian.mean().flatten(), covariance).log_prob(u.flatten(1))
    assert torch.allclose(-found.floored, truth - model.scaler.scale.log().expand(2, 3).sum())
    assert float(found.inside.mean()) == pytest.approx(1, abs=0.05)
    small = law[:1].clone()
    small[0, 1, 2] += 1.0  # far out in the smallest entry, and nothing beside the others
    plain = model.log_prob(law[:1]) - model.log_prob(small)
    through = model.oddness(small).floored - model.oddness(law[:1]).floored
    assert float(plain) > float(through) > 0
