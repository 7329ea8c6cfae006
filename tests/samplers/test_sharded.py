"""Sampling by several processes, and on another device than the CPU."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.common.ranks import ALONE, current
from ornstein.covariance import Dense
from ornstein.covariance.moving import moved
from ornstein.denoisers import Denoiser, Gaussian, Guided, Mixture, Network, Predicted
from ornstein.nets import MLP
from ornstein.samplers import (
    DDIM,
    DDPM,
    DEIS,
    Ancestral,
    DPMSolver,
    DPMSolverSDE,
    Exponential,
    Heun,
    Restart,
    Sampler,
    StochasticHeun,
    Teleport,
    UniPC,
    levels,
    run,
    sample,
    sample_together,
    score_together,
    start,
)
from ornstein.samplers.devices import brought, device_of
from ornstein.samplers.quadrature import _legendre
from ornstein.schedules import VP
from ranked import ranked

SIZE = 4
META = torch.device("meta")


def gaussian(seed: int = 0) -> Gaussian:
    a = torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return Gaussian(torch.arange(4.0, dtype=torch.float64).reshape(1, SIZE), Dense(a @ a.T))


def mixture() -> Mixture:
    return Mixture(torch.tensor([0.3, 0.7], dtype=torch.float64), [gaussian(), gaussian(1)])


def network() -> Network:
    net = MLP((1, SIZE), width=8, depth=1).double()
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.3, generator=torch.Generator().manual_seed(p.numel()))
    return Network.of(net, gaussian())


LAWS: dict[str, tuple[Any, Sampler, float]] = {
    "gaussian, in its frame": (gaussian, DDPM(), 0.0),
    "mixture, in tiles": (mixture, DDPM(), 0.0),
    "network": (network, DDPM(), 1e-13),
}


def drawn() -> list[Tensor]:
    """301 cases from number 7 on, one case, and scores."""
    ranks = current()
    many = [sample_together(law(), sampler, VP(), 3, 301, ranks, first=7, seed=5) for law, sampler, _ in LAWS.values()]
    one = sample_together(gaussian(), DDIM(), VP(), 3, 1, ranks)
    x = torch.randn(301, 1, SIZE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return [*many, one, score_together(mixture().log_prob, x, ranks, batch=64), score_together(lambda x: x.square(), x[:3], ranks)]


def test_the_number_of_processes_changes_nothing():
    alone = drawn()
    tolerances = [*(tolerance for _, _, tolerance in LAWS.values()), 0.0, 0.0, 0.0]
    for found in ranked(2, drawn):
        for own, whole, tolerance in zip(found, alone, tolerances, strict=True):
            torch.testing.assert_close(own, whole, rtol=0, atol=tolerance)


@pytest.mark.slow
def test_five_processes_some_without_work():
    alone = drawn()
    for found in ranked(5, drawn):
        for own, whole in zip(found, alone, strict=True):
            torch.testing.assert_close(own, whole, rtol=0, atol=1e-13)


def test_alone_it_is_the_plain_run():
    law, options = mixture(), {"seed": 2, "batch": 100, "first": 3}
    plain = sample(law, Heun(), VP(), 4, 9, **options)
    torch.testing.assert_close(sample_together(law, Heun(), VP(), 4, 9, ALONE, **options), plain, rtol=0, atol=0)
    x = sample(law, Heun(), VP(), 4, 300)
    torch.testing.assert_close(score_together(law.log_prob, x, ALONE), law.log_prob(x), rtol=1e-12, atol=0)


class Elsewhere(TorchDispatchMode):
    """Fails where an operation makes a tensor on the CPU, brings one over, or asks for a number: on an accelerator each would wait."""

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        out = function(*arguments, **(options or {}))
        assert "_local_scalar_dense" not in str(function), "a number was read"
        found = [x.device for x in (*arguments, out) if isinstance(x, Tensor)]
        assert all(device == META for device in found), f"{function} works on {found}"
        return out


def silent() -> Network:
    """A network without values, on a device without memory: whatever reads or brings a number fails."""
    with torch.device("cpu"):
        net = network()
    return net.to(META)


REFERENCE = gaussian()
SAMPLERS: list[Sampler] = [
    DDIM(),
    DDPM(),
    Heun(),
    StochasticHeun(),
    DPMSolver(),
    DPMSolverSDE(),
    UniPC(3),
    DEIS(variable="log-noise"),
    Exponential(REFERENCE, 3),
    Teleport(Exponential(REFERENCE), REFERENCE, 5.0),
    Ancestral("gaussian", REFERENCE),
    Restart(DDIM(), 0.1, 1.0, 2),
]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
def test_no_step_leaves_the_device(sampler, monkeypatch):
    """But for the times of a restart, which are numbers, no step makes a tensor anywhere else."""
    net, schedule, steps = silent(), VP(), 5
    noise, placed = Noise(0, device=META), brought(sampler, META)
    x = start(net, schedule, 1.0, noise, 3, brought(REFERENCE, META))
    if isinstance(sampler, Restart):
        visited = levels(schedule, schedule.grid(steps))
        monkeypatch.setattr(Restart, "_way", lambda self, context, end: [*visited[:2], end])
    states = run(placed, net, schedule, schedule.grid(steps), x, noise)
    next(states)  # lays out the times, on the CPU
    _legendre(META)  # brought over once per device
    with Elsewhere():
        for state in islice(states, steps):
            assert state.x.device == META
            assert state.x.shape == x.shape


def test_a_run_takes_place_where_the_denoiser_is():
    net = network()
    assert device_of(net) == device_of(Guided(net, net, 2.0)) == device_of(mixture()) == torch.device("cpu")
    assert device_of(silent()) == META
    assert device_of(Predicted(lambda x, t: x, "x0", VP(), (1, SIZE))) is None
    same = sample(net, DDIM(), VP(), 3, 5, device="cpu"), sample(net, DDIM(), VP(), 3, 5)
    torch.testing.assert_close(*same, rtol=0, atol=0)
    with pytest.raises(InputError, match=r"device is 'meta', but the denoiser is on 'cpu': move it there once, network.to\('meta'\)"):
        sample(net, DDIM(), VP(), 3, 5, device="meta")


def test_what_a_sampler_holds_is_brought_along():
    sampler = Teleport(Exponential(REFERENCE), REFERENCE, 5.0)
    there = brought(sampler, META)
    assert isinstance(there.inner, Exponential)
    for reference in (there.reference, there.inner.reference):
        assert reference.mean().device == reference.operator.eigenvalues.device == META
    assert brought(sampler, torch.device("cpu")) is sampler
    assert sampler.reference.mean().device.type == "cpu"
    assert moved(REFERENCE.operator, META).eigenvalues.device == META


def test_numbers_belong_to_cases_in_any_chunk(monkeypatch):
    whole = Noise(3).normals(50, (7,), (1, 5))
    monkeypatch.setattr("ornstein.common.random._CHUNK", 8)
    torch.testing.assert_close(Noise(3).normals(50, (7,), (1, 5)), whole, rtol=0, atol=0)


def test_a_denoiser_may_be_anything_that_answers():
    class Zero(Denoiser):
        event_shape = (1, SIZE)

        def __call__(self, x, sigma):
            return gaussian()(x, sigma)

    assert device_of(Zero()) is None
    assert sample(Zero(), DDIM(), VP(), 3, 2).device.type == "cpu"
