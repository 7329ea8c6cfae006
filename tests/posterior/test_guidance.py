"""Guidance on a Gaussian: exact with the right covariance, and wrong in known ways with any other."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

import ornstein as orn
from kinds import EVENT, MASK, RANDOM_MAP, SIZE, gaussian, normal
from ornstein.measurements import Average, Linear
from ornstein.posterior.guidance import GUIDANCE, Guidance
from ornstein.posterior.seen import Seen
from truth import spectrum_covariance

MEASUREMENTS = {
    "mask": (MASK, normal(3, seed=1), 0.4),
    "nearly exact": (MASK, normal(3, seed=1), 1e-3),
    "map": (Linear(RANDOM_MAP), normal(2, seed=2), torch.tensor([0.1, 0.6])),
    "correlated": (Linear(RANDOM_MAP), normal(2, seed=2), spectrum_covariance((0.5, 0.1), 4)),
    "average": (Average(3), normal(2, 1, seed=3), 0.3),
}


def guided(name: str, measurement: orn.measurements.Measurement, y: Tensor, noise: float | Tensor) -> Guidance:
    return GUIDANCE[name](gaussian(), Seen.of(measurement, y, noise, EVENT), gaussian())


@pytest.mark.parametrize("name", MEASUREMENTS)
@pytest.mark.parametrize("method", ["covariance", "mmps"])
def test_with_the_right_covariance_the_denoiser_of_the_posterior_is_exact(method: str, name: str) -> None:
    """At every level, so that every sampler and likelihood of the posterior is as good as that of a Gaussian law."""
    measurement, y, noise = MEASUREMENTS[name]
    exact = gaussian().condition(measurement, y, noise).law
    x = normal(5, *EVENT, seed=7)
    found = guided(method, measurement, y, noise)
    for sigma in (0.01, 0.3, 2.0, 50.0):
        torch.testing.assert_close(found(x, sigma).mean, exact(x, sigma).mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(found(x, torch.tensor([0.1, 0.2, 0.5, 1.0, 3.0])).mean[3], exact(x, 1.0).mean[3], rtol=0, atol=1e-6)
    torch.testing.assert_close(found.reference.mean(), exact.mean(), rtol=0, atol=1e-6)


def landed(method: str) -> tuple[Tensor, Tensor]:
    """Mean and covariance of the probability flow, which is affine on a Gaussian, from the zero and the unit vectors: 150 Heun steps."""
    measurement, y, noise = MEASUREMENTS["mask"]
    denoiser = guided(method, measurement, y, noise)
    start = 100.0
    x = start * torch.cat([torch.zeros(1, SIZE), torch.eye(SIZE)]).to(torch.float64)
    levels = [*torch.logspace(2, -3, 150, dtype=torch.float64).tolist(), 0.0]
    for t, s in pairwise(levels):

        def slope(x: Tensor, level: float) -> Tensor:
            return (x - denoiser(x.view(-1, *EVENT), level).mean.flatten(1)) / level

        d = slope(x, t)
        ahead = x + (s - t) * d
        x = ahead if s == 0 else x + (s - t) * 0.5 * (d + slope(ahead, s))
    rows = x[1:] - x[:1]
    return x[0], rows.T @ rows


def test_what_other_covariances_do_to_a_gaussian() -> None:
    """Deviations over exact ones: right for both exact forms, and off by a tenth or more for the two that simplify the covariance."""
    measurement, y, noise = MEASUREMENTS["mask"]
    exact = gaussian().condition(measurement, y, noise).law.covariance().diagonal().sqrt()
    off = {name: float((landed(name)[1].diagonal().sqrt() / exact - 1).abs().max()) for name in GUIDANCE}
    assert off["covariance"] < 0.02  # what 150 steps leave
    assert off["mmps"] < 0.02
    assert off["pigdm"] > 0.1
    assert off["tmpd"] > 0.05


def test_a_model_takes_them_by_name() -> None:
    model = orn.fit(normal(200, 4, seed=5), folds=0)
    post = model.posterior(orn.Mask(torch.tensor([True, False, False, True])), [0.5, -0.5], 0.3, method="mmps")
    exact = model.posterior(orn.Mask(torch.tensor([True, False, False, True])), [0.5, -0.5], 0.3)
    assert post.log_evidence is None
    drawn = post.sample(2000, sampler="heun", steps=40)
    z = (drawn.mean(0) - exact.mean()) / (exact.covariance().diagonal() / 2000).sqrt()
    assert float(z.abs().max()) < 5.5
    ratio = drawn.std(0) / exact.covariance().diagonal().sqrt()
    assert float((ratio - 1).abs().max()) < 0.09  # 5.5 deviations of a deviation of 2000 draws


@pytest.mark.parametrize("method", list(GUIDANCE))
def test_guidance_is_for_one_linear_measurement(method: str) -> None:
    model = orn.fit(normal(50, 4, seed=5), folds=0)
    with pytest.raises(orn.InputError, match="linear measurements with Gaussian noise"):
        model.posterior(orn.Clip(-1, 1), torch.zeros(4), 0.3, method=method)
    with pytest.raises(orn.InputError, match="one case at a time"):
        model.posterior(orn.Average(2), torch.zeros(3, 2), 0.3, method=method)
