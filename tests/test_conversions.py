"""Conversions between x_0, eps, score, v and velocity: all pairs, what they mean, and where there is nothing left to convert."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kinds import EVENT, MEAN, SCHEDULES, normal
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.process import KINDS, Process
from ornstein.schedules import VE, VP, Cosine, Discrete, RectifiedFlow

every = pytest.mark.parametrize("name", SCHEDULES)


def same(*pairs: tuple[Tensor, Tensor]) -> bool:
    return all(bool(torch.allclose(a, b, rtol=1e-10, atol=1e-13)) for a, b in pairs)


@every
@pytest.mark.parametrize("t", [0.3, 0.7])
def test_conversions_all_pairs(name: str, t: float) -> None:
    process, schedule = Process(SCHEDULES[name]), SCHEDULES[name]
    x_0, z = normal(4, *EVENT, seed=5), normal(4, *EVENT, seed=6)
    (alpha, sigma), (fall, rise) = process.marginal(t), schedule.rates(t)
    x_t = alpha * x_0 + sigma * z
    truth = {"x0": x_0, "eps": z, "score": -z / sigma, "v": alpha * z - sigma * x_0, "velocity": fall * x_0 + rise * z}
    assert set(truth) == set(KINDS)
    for source in KINDS:
        for target in KINDS:
            assert same((process.convert(truth[source], x_t, t, source, target), truth[target]))
            wrong = truth[source] + 0.1  # an imperfect prediction survives the round trip too
            there = process.convert(wrong, x_t, t, source, target)
            assert same((process.convert(there, x_t, t, target, source), wrong))
    times = torch.tensor([0.2, 0.3, 0.5, 0.9], dtype=torch.float64)
    mixed = process.noised(x_0, times, Noise(1))
    many = process.convert(x_0, mixed, times, "x0", "v")
    for i, u in enumerate(times):
        one = process.convert(x_0[i : i + 1], mixed[i : i + 1], float(u), "x0", "v")
        assert same((many[i : i + 1], one))


def test_conversions_mean_what_they_say() -> None:
    """Score is the gradient of log q(x_t | x_0), velocity the time derivative along a fixed pair (x_0, z)."""
    process, t, h = Process(Cosine()), 0.4, 1e-6
    x_0, z = normal(2, *EVENT, seed=5), normal(2, *EVENT, seed=6)
    at = {u: Cosine().alpha(u) * x_0 + Cosine().sigma(u) * z for u in (t - h, t, t + h)}
    assert torch.allclose(process.convert(z, at[t], t, "eps", "velocity"), (at[t + h] - at[t - h]) / (2 * h), atol=1e-7)
    x = at[t].clone().requires_grad_()
    log_q = -0.5 * ((x - Cosine().alpha(t) * x_0) ** 2).sum() / Cosine().sigma(t) ** 2
    assert torch.allclose(process.convert(x_0, at[t], t, "x0", "score"), torch.autograd.grad(log_q, x)[0], atol=1e-12)


@pytest.mark.parametrize("schedule", [Cosine(), RectifiedFlow(), Discrete((0.9, 0.5, 0.0))], ids=lambda s: type(s).__name__)
def test_conversions_where_no_signal_is_left(schedule: object) -> None:
    """At alpha = 0 the noise alone says nothing of x_0, while v = -x_0 still does; and x_0 still gives the noise."""
    process, x = Process(schedule), normal(2, *EVENT, seed=5)  # type: ignore[arg-type]
    for source in ("eps", "score"):
        for target in ("x0", "v", "velocity"):
            with pytest.raises(InputError, match=f"cannot recover {target} from {source}"):
                process.convert(x, x, 1.0, source, target)
    clean = normal(2, *EVENT, seed=7)
    assert same((process.convert(-clean, x, 1.0, "v", "x0"), clean), (process.convert(clean, x, 1.0, "x0", "eps"), x))
    assert same((process.convert(x, x, 1.0, "eps", "score"), -x), (process.convert(-x, x, 1.0, "score", "eps"), x))


@pytest.mark.parametrize("schedule", [VP(), Cosine(), RectifiedFlow(), VE(), Discrete.sigmoid()], ids=lambda s: type(s).__name__)
def test_conversions_where_no_noise_is_left(schedule: object) -> None:
    """At sigma = 0 everything is x_0: no answer is NaN, and the noise cannot be told."""
    process, x = Process(schedule), normal(2, *EVENT, seed=5)  # type: ignore[arg-type]
    for source in KINDS:
        for target in KINDS:
            if source == target:
                assert torch.equal(process.convert(x, x, 0.0, source, target), x)
            elif target == "x0" and source in ("eps", "v"):
                assert same((process.convert(normal(2, *EVENT, seed=8), x, 0.0, source, target), x))
            elif target != "x0":
                with pytest.raises(InputError, match=f"cannot recover {target} from {source}"):
                    process.convert(x, x, 0.0, source, target)
            elif source == "velocity" and not bool(torch.isfinite(process.schedule.rates(0.0)[1])):
                with pytest.raises(InputError, match="cannot recover x0 from velocity"):
                    process.convert(x, x, 0.0, source, target)
            else:
                assert same((process.convert(normal(2, *EVENT, seed=8), x, 0.0, source, target), x))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda p: p.convert(MEAN[None], MEAN[None], 0.5, "eps", "noise"),
            "target is 'noise', but must be one of eps, score, v, velocity, x0",
        ),
        (lambda p: p.convert(MEAN[None], MEAN[None], 0.5, "epsilon", "x0"), "source is 'epsilon', .* did you mean 'eps'"),
    ],
)
def test_bad_input(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call(Process(VP()))  # type: ignore[operator]
