"""Laws that hold for every architecture."""

from __future__ import annotations

import itertools
import json

import pytest
import torch
from small_nets import CASES, GIVEN, NETS, SERIES, SHAPES, awake, build, condition, inputs, normal

from ornstein.common.errors import InputError
from ornstein.nets import Condition, Net, default_net

every = pytest.mark.parametrize("name", NETS)


@pytest.mark.parametrize("name", SERIES)
@torch.no_grad()
def test_any_length_any_channels(name: str) -> None:
    for length in range(1, 41):
        net = awake(SERIES[name]((1 + length % 5, length)))
        x, noise = inputs(net, cases=2)
        out = net(x, noise)
        assert out.shape == x.shape
        assert bool(torch.isfinite(out).all())


@pytest.mark.parametrize("name", SERIES)
@torch.no_grad()
def test_any_image(name: str) -> None:
    for (height, width), channels in zip(itertools.product((1, 2, 5, 8, 11), repeat=2), itertools.cycle(range(1, 6)), strict=False):
        net = awake(SERIES[name]((channels, height, width)))
        x, noise = inputs(net, cases=2)
        out = net(x, noise)
        assert out.shape == x.shape
        assert bool(torch.isfinite(out).all())


@every
def test_a_new_network_returns_zero(name: str) -> None:
    net = build(name, **GIVEN)
    x, noise = inputs(net)
    assert bool((net(x, noise, condition(net)) == 0).all())


@every
def test_cases_do_not_meet(name: str) -> None:
    net = awake(build(name, **GIVEN))
    x, noise = inputs(net)
    given = condition(net)
    together = net(x, noise, given)
    for i in range(CASES):
        one = slice(i, i + 1)
        assert torch.allclose(net(x[one], noise[one], given[one]), together[one], rtol=0, atol=1e-12)
    order = torch.tensor([3, 0, 4, 1, 2])
    assert torch.allclose(net(x[order], noise[order], given[order]), together[order], rtol=0, atol=1e-12)


@every
def test_missing_is_no_condition(name: str) -> None:
    net = awake(build(name, **GIVEN))
    x, noise = inputs(net)
    plain, told = net(x, noise), net(x, noise, condition(net))
    assert torch.equal(net(x, noise, Condition()), plain)
    everywhere = torch.ones(CASES, dtype=torch.bool)
    assert torch.equal(net(x, noise, condition(net).drop(everywhere)), plain)
    some = everywhere.clone()
    some[::2] = False
    mixed = net(x, noise, condition(net).drop(some))
    assert torch.allclose(mixed[some], plain[some], rtol=0, atol=1e-12)
    assert torch.allclose(mixed[~some], told[~some], rtol=0, atol=1e-12)


@every
@torch.no_grad()
def test_everything_told_matters(name: str) -> None:
    net = awake(build(name, **GIVEN))
    x, noise = inputs(net)
    c = condition(net)
    assert c.label is not None
    assert c.vector is not None
    assert c.signal is not None
    outs = [
        net(x, noise),
        net(x, noise + 0.5),
        net(x, noise, Condition(label=torch.arange(CASES) % GIVEN["classes"])),
        net(x, noise, Condition(label=torch.arange(1, CASES + 1) % GIVEN["classes"])),
        net(x, noise, Condition(vector=c.vector)),
        net(x, noise, Condition(vector=torch.zeros_like(c.vector))),
        net(x, noise, Condition(signal=c.signal)),
        net(x, noise, Condition(signal=torch.zeros_like(c.signal))),
    ]
    for a, b in itertools.combinations(outs, 2):
        assert float((a - b).flatten(1).abs().amax(1).min()) > 1e-4


@every
def test_gradient_reaches_every_parameter(name: str) -> None:
    net = awake(build(name, **GIVEN))
    x, noise = inputs(net)
    (net(x, noise, condition(net)) * normal(*x.shape, seed=9)).sum().backward()
    for parameter, p in net.named_parameters():
        assert p.grad is not None, parameter
        assert float(p.grad.abs().max()) > 1e-6, parameter


# torch.func.jvp of torch 2.13 itself still builds its rules with torch.jit.script
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@every
def test_gradient_is_the_slope(name: str) -> None:
    """Along one random direction of x, noise and all parameters at once: reverse mode, forward mode, central difference."""
    net = awake(build(name))
    x, noise = inputs(net)
    weight = normal(*x.shape, seed=6)
    parameters = {k: p.detach() for k, p in net.named_parameters()}

    def value(parameters: dict[str, torch.Tensor], x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return (weight * torch.func.functional_call(net, parameters, (x, noise))).sum()

    point = (parameters, x, noise)
    way = ({k: normal(*p.shape, seed=7) for k, p in parameters.items()}, normal(*x.shape, seed=8), normal(*noise.shape, seed=9))
    _, forward = torch.func.jvp(value, point, way)
    slopes = torch.func.grad(value, (0, 1, 2))(*point)
    reverse = sum((slopes[0][k] * way[0][k]).sum() for k in parameters) + (slopes[1] * way[1]).sum() + (slopes[2] * way[2]).sum()

    def at(step: float) -> torch.Tensor:
        return value({k: p + step * way[0][k] for k, p in parameters.items()}, x + step * way[1], noise + step * way[2])

    step = 1e-5
    central = (at(step) - at(-step)) / (2 * step)
    scale = float(abs(forward)) + 1
    assert float(abs(forward - reverse)) < 1e-10 * scale
    assert float(abs(forward - central)) < 1e-5 * scale


@every
def test_vmap_over_cases(name: str) -> None:
    net = awake(build(name, **GIVEN))
    x, noise = inputs(net)
    c = condition(net)
    one = torch.func.vmap(lambda *each: net(each[0][None], each[1][None], Condition(*(part[None] for part in each[2:])))[0])
    assert torch.allclose(one(x, noise, c.label, c.vector, c.signal), net(x, noise, c), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["mlp-1d", "unet-2d", "transformer-relative-1d"])
def test_compiles_as_one_graph(name: str) -> None:
    net = awake(build(name, **GIVEN))
    x, noise = inputs(net)
    torch.compiler.reset()
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    assert torch.allclose(compiled(x, noise, condition(net)), net(x, noise, condition(net)), rtol=0, atol=1e-12)


@every
@torch.no_grad()
def test_precision_follows_the_parameters(name: str) -> None:
    net = awake(build(name, **GIVEN))
    x, noise = inputs(net)
    exact = net(x.float(), noise, condition(net))
    assert exact.dtype == torch.float64
    single = net.float()(x, noise, condition(net))
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), exact, rtol=1e-3, atol=1e-3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = net(x, noise, condition(net))
    assert float((half - exact).norm() / exact.norm()) < 0.1


@every
def test_seed_is_the_start(name: str) -> None:
    before = torch.get_rng_state()
    first, again, other = (build(name, **GIVEN, seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert any(not torch.equal(first[k], other[k]) for k in first)


@every
def test_arguments_and_state_rebuild_the_network(name: str) -> None:
    net = awake(build(name, **GIVEN))
    twin: Net = type(net)(**json.loads(json.dumps(net.arguments))).double()
    assert twin.arguments == net.arguments
    x, noise = inputs(net)
    twin.load_state_dict(net.state_dict())
    assert torch.equal(twin(x, noise, condition(net)), net(x, noise, condition(net)))
    assert net.parameter_count == sum(p.numel() for p in net.state_dict().values())


@pytest.mark.parametrize("name", ["mlp-1d", "unet-1d", "transformer-1d"])
def test_learns_a_batch_by_heart(name: str) -> None:
    """Six signals from their labels alone: x is the same in all of them."""
    net = NETS[name]((2, 10), classes=6)
    target, label = normal(6, 2, 10, seed=3).float(), torch.arange(6)
    x, noise = torch.zeros_like(target), torch.zeros(6)
    optimizer = torch.optim.Adam(net.parameters(), 2e-2)
    for _ in range(80):
        optimizer.zero_grad()
        loss = (net(x, noise, Condition(label)) - target).square().mean()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.01


@every
def test_empty_batch(name: str) -> None:
    net = build(name, **GIVEN)
    x, noise = inputs(net, cases=0)
    assert net(x, noise).shape == (0, *SHAPES[name])


@every
def test_what_does_not_fit_is_named(name: str) -> None:
    net, bare = build(name, **GIVEN), build(name)
    x, noise = inputs(net)
    with pytest.raises(InputError, match=r"x has shape .* built for"):
        net(x[..., :-1], noise)
    with pytest.raises(InputError, match="x has shape"):
        net(x[0], noise)
    with pytest.raises(InputError, match="noise has shape"):
        net(x, noise[:-1])
    with pytest.raises(InputError, match="noise has shape"):
        net(x, noise[0])
    with pytest.raises(InputError, match=r"label .* between 0 and 3"):
        net(x, noise, Condition(label=torch.full((CASES,), GIVEN["classes"])))
    with pytest.raises(InputError, match=r"label .* between 0 and 3"):
        net(x, noise, Condition(label=torch.full((CASES,), -2)))
    with pytest.raises(InputError, match="label of the condition has shape"):
        net(x, noise, Condition(label=torch.zeros(CASES + 1, dtype=torch.int64)))
    with pytest.raises(InputError, match="vector of the condition has shape"):
        net(x, noise, Condition(vector=normal(CASES, 4)))
    with pytest.raises(InputError, match="signal of the condition has shape"):
        net(x, noise, Condition(signal=normal(CASES, 2, *(n + 1 for n in net.event_shape[1:]))))
    with pytest.raises(InputError, match=r"built without: .* classes="):
        bare(x, noise, Condition(label=torch.zeros(CASES, dtype=torch.int64)))
    with pytest.raises(InputError, match=r"built without: .* signal="):
        bare(x, noise, Condition(signal=x))


def test_default_network_of_a_vector_takes_conditions() -> None:
    net = awake(default_net((7,), 100, vector=2, signal=1))
    x, noise = inputs(net)
    assert net(x, noise, Condition(vector=normal(CASES, 2), signal=normal(CASES, 1))).shape == (CASES, 7)
