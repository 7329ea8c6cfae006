"""Which network is chosen, and what is said about it."""

from __future__ import annotations

import pytest
import torch

from ornstein.common.errors import InputError
from ornstein.nets import MLP, Net, Transformer, UNet, default_net, describe
from ornstein.nets.choose import MANY, NETS, amount, named_net


@pytest.mark.parametrize(
    ("shape", "cases", "kind", "sizes"),
    [
        ((5,), 100, MLP, {"width": 256}),
        ((2, 7), 100, MLP, {"width": 256}),
        ((1, 7, 30), 100, MLP, {"width": 256}),
        ((2, 3, 4, 5), 100, MLP, {"width": 256}),
        ((1, 8), 100, UNet, {"width": 32, "multipliers": [1]}),
        ((1, 15), 100, UNet, {"width": 32, "multipliers": [1]}),
        ((1, 16), 100, UNet, {"width": 32, "multipliers": [1, 2]}),
        ((3, 50), MANY - 1, UNet, {"width": 32, "multipliers": [1, 2, 2]}),
        ((3, 50), MANY, UNet, {"width": 64, "multipliers": [1, 2, 2]}),
        ((1, 5000), 100, UNet, {"width": 32, "multipliers": [1, 2, 2, 2]}),
        ((1, 8, 70), 100, UNet, {"width": 32, "multipliers": [1, 2, 2, 2]}),
    ],
)
def test_choice(shape: tuple[int, ...], cases: int, kind: type[Net], sizes: dict[str, object]) -> None:
    net = default_net(shape, cases, classes=2, seed=5)
    assert type(net) is kind
    assert net.arguments | sizes | {"classes": 2, "seed": 5} == net.arguments
    if len(shape) < 3:
        x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
        assert net(torch.cat([x] * net.inputs, 1), torch.zeros(2)).shape == x.shape


@pytest.mark.parametrize(("name", "inputs"), [("mlp", 1), ("transformer", 2), ("unet", 2)])
def test_a_named_network_is_told_everything(name: str, inputs: int) -> None:
    """Those that see neighbourhoods are shown the skip of their preconditioning too."""
    net = named_net(name, (2, 8), 100, classes=3, vector=2, signal=1, seed=5)
    assert net.arguments["event_shape"] == [2, 8]
    told = {"classes": 3, "vector": 2, "signal": 1, "inputs": inputs, "seed": 5}
    assert net.arguments | told == net.arguments
    assert set(NETS) == {"entries", "mlp", "transformer", "unet"}


def test_sentences() -> None:
    series = UNet((1, 128), width=8, multipliers=(1, 2), blocks=1)
    assert describe(series, 4000) == "U-Net, 1-D, width 8, 2 levels, 15 k parameters: 4000 signals of 1 x 128"
    ring = UNet((1, 9, 9), width=4, multipliers=(1,), blocks=1, periodic=True, attention=0)
    assert describe(ring).startswith("U-Net, 2-D, periodic, width 4, 1 level, ")
    assert describe(MLP((3,), width=4, depth=1), 1) == "MLP, width 4, 1 block, 467 parameters: 1 signal of 3"
    bands = Transformer((4, 9), width=8, depth=1, heads=1, patch=20, group=1)
    assert describe(bands).startswith("transformer, 1-D, width 8, 1 block, 1 head, patch 9, 1 channel a token, ")
    image = Transformer((1, 9, 9), width=8, depth=2, heads=2, patch=4)
    assert describe(image).startswith("transformer, 2-D, width 8, 2 blocks, 2 heads, patch 4 x 4, ")


def test_amounts() -> None:
    numbers = (0, 950, 999, 1000, 9_940, 12_345, 999_400, 999_600, 1_234_567, 34_000_000, 2_100_000_000)
    words = ["0", "950", "999", "1.0 k", "9.9 k", "12 k", "999 k", "1.0 M", "1.2 M", "34 M", "2.1 G"]
    assert [amount(n) for n in numbers] == words


def test_impossible_choices() -> None:
    with pytest.raises(InputError, match="cases"):
        default_net((1, 8), 0)
    with pytest.raises(InputError, match="event_shape"):
        default_net((1, -8), 10)
