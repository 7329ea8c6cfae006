"""Functions of (x_t, t) that predict something else than x_0: all five kinds, on every schedule, against a Gaussian's closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from kinds import ENDS_AT_ZERO, EVENT, MEAN, SCHEDULES, gaussian, normal
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.denoisers import Predicted
from ornstein.process import KINDS
from ornstein.samplers import DDIM, Heun, run
from ornstein.schedules import VP, Cosine, Discrete, RectifiedFlow, Schedule
from truth import denoise

CASES = 5
X = normal(CASES, *EVENT, seed=1)
COV = gaussian().covariance().dense()


def perfect(schedule: Schedule, kind: str) -> Callable[[Tensor, Tensor], Tensor]:
    """The optimal prediction for a Gaussian, written out for each kind with E[x_0 | x_t] from dense algebra."""

    def function(x_t: Tensor, t: Tensor) -> Tensor:
        assert t.shape == (len(x_t),)
        assert t.dtype == x_t.dtype
        out = []
        for row, time in zip(x_t.double(), t.double(), strict=True):
            alpha, sigma = float(schedule.alpha(time)), float(schedule.sigma(time))
            if alpha == 0:
                x0 = MEAN
            elif sigma == 0:
                x0 = row
            else:
                x0 = denoise(row.reshape(1, -1) / alpha, MEAN.flatten(), COV, sigma / alpha)[0].reshape(EVENT)
            eps = (row - alpha * x0) / sigma if sigma > 0 else 0 * row
            rates = schedule.rates(time) if kind == "velocity" and sigma > 0 else (0.0, 0.0)
            value = {
                "x0": x0,
                "eps": eps,
                "score": -eps / max(sigma, 1e-300),
                "v": alpha * eps - sigma * x0,
                "velocity": rates[0] * x0 + rates[1] * eps,
            }[kind]
            out.append(value)
        return torch.stack(out).to(x_t.dtype)

    return function


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_on_every_schedule(name: str, kind: str) -> None:
    """E[x_0 | x] from each of the five, over the levels of the schedule, one for all cases and one per case; 1e-10."""
    schedule = SCHEDULES[name]
    denoiser = Predicted(perfect(schedule, kind), kind, schedule, EVENT)
    last = min(float(schedule.noise_level(1.0)), 50.0)
    sigmas = torch.tensor([0.02, 0.1, 0.4, 1.0, 1.0], dtype=torch.float64) * min(last, 10.0)
    for sigma in (float(sigmas[2]), last, sigmas):
        x = X * (1 + torch.as_tensor(sigma)).view(-1, 1, 1)
        expected = gaussian()(x, sigma).mean
        got = denoiser(x, sigma)
        assert torch.allclose(got.mean, expected, rtol=0, atol=1e-10)
        assert got.covariance is None


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_ends(name: str, kind: str) -> None:
    """Without noise the signal itself, also among noisy cases. At sigma = inf the mean, or one clear sentence."""
    schedule = SCHEDULES[name]
    denoiser = Predicted(perfect(schedule, kind), kind, schedule, EVENT)
    assert torch.allclose(denoiser(X, 0.0).mean, X, atol=1e-14)
    mixed = torch.tensor([0.0, 0.5, 0.0, 0.5, 0.0], dtype=torch.float64)
    assert torch.allclose(denoiser(X, mixed).mean, gaussian()(X, mixed).mean, atol=1e-10)
    if name not in ENDS_AT_ZERO:
        with pytest.raises(InputError, match=r"sigma is inf, but the schedule runs from 0 to \d"):
            denoiser(X, math.inf)
    elif kind in ("eps", "score"):
        with pytest.raises(
            InputError, match="at sigma = inf there is no signal left to subtract noise from: start at an earlier time or use v"
        ):
            denoiser(X, math.inf)
    elif kind == "velocity" and isinstance(schedule, Discrete):  # its rate has no limit there
        with pytest.raises(InputError, match="cannot recover x0 from velocity at this time"):
            denoiser(X, math.inf)
    else:
        assert torch.allclose(denoiser(X, math.inf).mean, MEAN.expand_as(X), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_that_of_the_law(kind: str) -> None:
    """From the same noise to the same samples as with the closed-form denoiser."""
    schedule = VP()
    denoiser = Predicted(perfect(schedule, kind), kind, schedule, EVENT)
    x, grid = normal(3, *EVENT, seed=3), schedule.grid(5)
    for sampler in (DDIM(), Heun()):
        got, expected = (list(run(sampler, d, schedule, grid, x, Noise(0)))[-1].x for d in (denoiser, gaussian()))
        assert torch.allclose(got, expected, rtol=0, atol=1e-9)


def test_float32_and_gradients() -> None:
    """A network in float32 meets float32, and its Jacobian passes through: sigma^2 dD/dx is the posterior covariance."""
    schedule = Cosine()
    denoiser = Predicted(perfect(schedule, "v"), "v", schedule, EVENT)
    got = denoiser(X.float(), 0.7).mean
    assert got.dtype == torch.float32
    assert torch.allclose(got.double(), gaussian()(X, 0.7).mean, atol=1e-5)
    x = X[:1].clone().requires_grad_()
    (pulled,) = torch.autograd.grad(denoiser(x, 0.7).mean, x, torch.ones_like(x))
    expected = gaussian()(X[:1], 0.7).covariance @ torch.ones(1, 6, dtype=torch.float64) / 0.7**2  # type: ignore[operator]
    assert torch.allclose(pulled.flatten(1), expected, atol=1e-10)


def half(x_t: Tensor, t: Tensor) -> Tensor:
    return x_t[..., :2]


def identity(x_t: Tensor, t: Tensor) -> Tensor:
    return x_t


class Narrow(torch.nn.Module):
    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        return x_t[..., :1]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Predicted(identity, "noise", VP(), EVENT), "kind is 'noise', but must be one of eps, score, v, velocity, x0"),
        (lambda: Predicted(half, "eps", VP(), EVENT)(X, 1.0), r"half returned shape \(5, 2, 2\) for x of shape \(5, 2, 3\)"),
        (lambda: Predicted(lambda x, t: None, "eps", VP(), EVENT)(X, 1.0), r"<lambda> returned a NoneType"),  # type: ignore[arg-type,return-value]
        (lambda: Predicted(Narrow(), "x0", VP(), EVENT)(X, 1.0), r"Narrow returned shape \(5, 2, 1\)"),
        (lambda: Predicted(identity, "x0", VP(), EVENT)(X[..., :2], 1.0), r"x has shape \(5, 2, 2\), but must be \(case, 2, 3\)"),
        (lambda: Predicted(identity, "x0", VP(), EVENT)(X, 1e4), "sigma is 10000, but the schedule runs from 0 to 152"),
        (lambda: Predicted(identity, "x0", RectifiedFlow(), EVENT)(X, -1.0), "sigma is -1, but the schedule runs from 0 to inf"),
        (lambda: Predicted(identity, "x0", VP(), EVENT)(X, math.nan), "sigma is nan"),
        (
            lambda: Predicted(identity, "x0", VP(), EVENT)(X, torch.ones(3)),
            r"sigma has shape \(3,\), but must be one number or one per case",
        ),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]
