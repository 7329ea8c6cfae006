"""Networks that are shown a second signal beside the noisy one."""

from __future__ import annotations

import math

import pytest
import torch
from small_nets import awake, normal

from ornstein.common.errors import InputError
from ornstein.nets import MLP, Net, Transformer, UNet
from ornstein.nets.accepts import accepts, inputs_of

SHAPE = (2, 13)


def nets(inputs: int) -> dict[str, Net]:
    return {
        "mlp": MLP(SHAPE, width=12, depth=1, inputs=inputs),
        "unet": UNet(SHAPE, width=8, multipliers=(1, 2), blocks=1, inputs=inputs),
        "transformer": Transformer(SHAPE, width=8, depth=1, heads=1, patch=3, inputs=inputs),
        "transformer-grouped": Transformer(SHAPE, width=8, depth=1, heads=1, patch=3, group=1, inputs=inputs),
    }


@pytest.mark.parametrize("name", nets(2))
def test_every_entry_of_both_signals_is_seen(name: str) -> None:
    net = awake(nets(2)[name])
    x = normal(1, 4, 13).requires_grad_()
    out = net(x, torch.zeros(1, dtype=torch.float64))
    assert out.shape == (1, *SHAPE)
    (slope,) = torch.autograd.grad(out.square().sum(), x)
    assert bool((slope.abs() > 0).all())


@pytest.mark.parametrize("name", nets(2))
def test_a_second_signal_without_weight_changes_nothing(name: str) -> None:
    """The weights of the second signal are those of the first layer alone: without them it is the network of one input."""
    one, two = awake(nets(1)[name]), awake(nets(2)[name])
    state = {key: value for key, value in one.state_dict().items() if key != "first.weight"}
    wide, narrow = two.first.weight, one.first.weight
    with torch.no_grad():
        wide.zero_()
        wide[:, : narrow.shape[1]] = narrow
    two.load_state_dict(state | {"first.weight": wide.detach()})
    x, noise = normal(3, *SHAPE), normal(3, seed=1)
    assert torch.allclose(two(torch.cat([x, normal(3, *SHAPE, seed=2)], 1), noise), one(x, noise), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", nets(2))
def test_only_the_first_layer_grows(name: str) -> None:
    one, two = nets(1)[name], nets(2)[name]
    extra = {key: math.prod(v.shape) - math.prod(one.state_dict()[key].shape) for key, v in two.state_dict().items()}
    assert {key for key, more in extra.items() if more} == {"first.weight"}
    assert type(two)(**two.arguments).state_dict().keys() == two.state_dict().keys()


def test_wrong_numbers() -> None:
    with pytest.raises(InputError, match="inputs is 3"):
        MLP(SHAPE, inputs=3)
    with pytest.raises(InputError, match="built for"):
        MLP(SHAPE, inputs=2)(normal(2, *SHAPE).float(), torch.zeros(2))


def test_the_trial_call_shows_as_many() -> None:
    net = nets(2)["unet"]
    accepts(net, normal(4, *SHAPE))
    assert inputs_of(net) == 2
    assert inputs_of(torch.nn.Linear(2, 2)) == 1
