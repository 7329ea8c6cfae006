"""What each architecture promises on its own."""

from __future__ import annotations

import pytest
import torch
from small_nets import Shape, awake, inputs, normal

from ornstein.common.errors import InputError
from ornstein.nets import MLP, Transformer, UNet
from ornstein.nets.transformer import Block
from ornstein.nets.unet import Level
from truth import denoise, orthogonal


@torch.no_grad()
def test_an_mlp_holds_every_gaussian_denoiser() -> None:
    """W_in = U', W_out = U, scale + 1 = lambda / (lambda + sigma^2): the exact posterior mean, at several noise levels."""
    d = 6
    basis, spectrum = orthogonal(d, seed=3), torch.tensor([4.0, 2.0, 1.0, 0.3, 0.1, 0.01], dtype=torch.float64)
    net = MLP((2, 3), width=d, depth=3).double()
    net.first.weight.copy_(basis.T)
    net.last.weight.copy_(basis)
    net.first.bias.zero_()
    x, noise = inputs(net)
    for sigma in (0.1, 1.0, 5.0):
        net.modulation.bias.copy_(torch.cat([torch.zeros(d), spectrum / (spectrum + sigma**2) - 1]))
        exact, _ = denoise(x.flatten(1), torch.zeros(d, dtype=torch.float64), basis * spectrum @ basis.T, sigma)
        assert torch.allclose(net(x, noise).flatten(1), exact, atol=1e-12)


def test_parameters_of_an_mlp_by_hand() -> None:
    w, d = 10, 6
    embedding = (64 * w + w) + (w * w + w) + (4 + 1) * w + (2 * 3 * w + w)
    block = (w * 2 * w + 2 * w) + (w * 2 * w + 2 * w) + (2 * w * w + w)
    net = MLP((2, 3), width=w, depth=3, classes=4, vector=3, signal=1)
    assert net.parameter_count == embedding + ((d + 2 * 3) * w + w) + 3 * block + (w * 2 * w + 2 * w) + (w * d + d)


def test_parameters_of_a_unet_by_hand() -> None:
    w, e = 8, 32

    def conv(inputs: int, outputs: int, size: int = 3) -> int:
        return inputs * outputs * size + outputs

    def block(inputs: int, outputs: int) -> int:
        skip = 0 if inputs == outputs else conv(inputs, outputs, 1)
        return 2 * inputs + conv(inputs, outputs) + (e * 2 * outputs + 2 * outputs) + conv(outputs, outputs) + skip

    def level(width: int) -> int:
        return block(width, width) + block(2 * width, width)

    look = 2 * (2 * 16 + 3 * 16 * 16 + 16 * 16 + 16)
    total = (64 * e + e) + (e * e + e) + conv(3, w) + level(w) + level(16) + look + conv(w, 16) + conv(16, w) + 2 * w + conv(w, 3)
    assert UNet((3, 20), width=w, multipliers=(1, 2), blocks=1, attention=1).parameter_count == total


@pytest.mark.parametrize(("shape", "sizes"), [((1, 37), [(37,), (19,), (10,)]), ((2, 5, 8), [(5, 8), (3, 4), (2, 2)])])
def test_levels_halve_rounding_up(shape: Shape, sizes: list[Shape]) -> None:
    net, seen = UNet(shape, width=4, multipliers=(1, 2, 3), blocks=1), []
    for module in net.modules():
        if isinstance(module, Level):
            module.register_forward_hook(lambda _, given, out: seen.append((tuple(given[0].shape[2:]), tuple(out.shape[2:]))))
    net(*inputs(net))
    assert seen == [(size, size) for size in reversed(sizes)]


@pytest.mark.parametrize("shape", [(2, 16), (1, 8, 12)])
def test_a_ring_commutes_with_shifts(shape: Shape) -> None:
    """Circular padding: a shift by 4 = 2^(levels - 1) places goes straight through, attention and norms included; by 1 it does not."""
    net = awake(UNet(shape, width=6, multipliers=(1, 2, 2), blocks=1, attention=2, periodic=True))
    x, noise = inputs(net)
    axes = tuple(range(2, x.ndim))
    out = net(x, noise)
    by = tuple(4 for _ in axes)
    assert torch.allclose(net(x.roll(by, axes), noise), out.roll(by, axes), rtol=0, atol=1e-12)
    assert not torch.allclose(net(x.roll(1, -1), noise), out.roll(1, -1), atol=1e-3)


def test_far_from_the_border_shifts_go_through() -> None:
    """Zeros beyond the border: a bump 200 places from it moves, and its response with it."""
    net = awake(UNet((1, 512), width=4, multipliers=(1, 2, 2), blocks=1, attention=0))
    x, noise = torch.zeros(1, 1, 512, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    x[..., 240:260] = normal(20)
    out, moved, silence = net(x, noise), net(x.roll(8, -1), noise), net(0 * x, noise)
    middle = slice(100, 400)
    assert torch.allclose(moved.roll(-8, -1)[..., middle], out[..., middle], rtol=0, atol=1e-10)
    assert float((out - silence).abs().max().detach()) > 1e-2
    assert float((silence[..., 0] - silence[..., 256]).abs().detach()) > 1e-3, "the border should be felt"


@torch.no_grad()
@pytest.mark.parametrize("gate", [0, 1])
def test_a_block_of_a_transformer_starts_as_the_identity(gate: int) -> None:
    """Both of its branches are switched off, and one is switched on by its gate alone."""
    block, h, e = Block(8, 2).double(), normal(3, 5, 8), normal(3, 8, seed=1)
    still = (torch.ones(5, 2, dtype=torch.float64), torch.zeros(5, 2, dtype=torch.float64))
    assert torch.equal(block(h, e, still), h)
    block.modulation.bias[8 * (2 + 3 * gate) : 8 * (3 + 3 * gate)] = 1.0
    plain = torch.nn.functional.layer_norm(h, (8,))
    branch = block.mlp(plain) if gate else block._attend(plain, still)
    assert torch.allclose(block(h, e, still), h + branch, atol=1e-12)


@torch.no_grad()
def test_groups_of_channels_are_told_apart_by_their_vectors_alone() -> None:
    net = awake(Transformer((3, 8), width=16, depth=2, heads=2, patch=4, group=1))
    x, noise = inputs(net)
    turned = [2, 0, 1]
    assert isinstance(net, Transformer)
    assert net.band is not None
    assert not torch.allclose(net(x[:, turned], noise), net(x, noise)[:, turned], atol=1e-3)
    net.band.zero_()
    assert torch.allclose(net(x[:, turned], noise), net(x, noise)[:, turned], atol=1e-12)


@torch.no_grad()
def test_only_places_apart_matter_to_a_relative_transformer() -> None:
    for absolute, same in ((False, True), (True, False)):
        net = awake(Transformer((1, 40), width=16, depth=2, heads=2, patch=4, absolute=absolute))
        x, noise = inputs(net)
        out = net(x, noise)
        net.rotary.places.add_(7)
        assert torch.allclose(net(x, noise), out, rtol=0, atol=1e-10)
        net.rotary.places.sub_(7)
        tokens = x.reshape(5, 1, 10, 4)
        swapped = tokens.flip(2).reshape_as(x)
        net.rotary.frequencies.zero_()
        back = net(swapped, noise).reshape_as(tokens).flip(2).reshape_as(x)
        assert torch.allclose(back, net(x, noise), rtol=0, atol=1e-10) == same
        assert not torch.allclose(net(x, noise), out, atol=1e-3)


@pytest.mark.parametrize(("shape", "group"), [((3, 11), None), ((3, 11), 2), ((2, 5, 7), 1)])
def test_identity_blocks_keep_patches_apart(shape: Shape, group: int | None) -> None:
    """A new block passes tokens through, so with an output layer F(x) at one place depends on its own patch and channels alone."""
    net = Transformer(shape, width=16, depth=2, heads=2, patch=4, group=group).double()
    with torch.no_grad():
        net.last.weight.copy_(normal(*net.last.weight.shape))
    x, noise = normal(1, *shape), torch.zeros(1, dtype=torch.float64)
    entries = x.numel()
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x, noise), x).reshape(entries, entries)
    index = torch.cartesian_prod(*(torch.arange(n) for n in shape))
    index[:, 0] //= group or shape[0]
    index[:, 1:] //= 4
    own = (index[:, None] == index[None]).all(-1)
    assert torch.equal(jacobian.abs() > 1e-9, own)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: UNet((5,)), "U-Net takes"),
        (lambda: Transformer((1, 2, 3, 4)), "transformer takes"),
        (lambda: MLP((0, 3)), "event_shape"),
        (lambda: MLP(()), "event_shape"),
        (lambda: MLP((3,), width=0), "width"),
        (lambda: MLP((3,), classes=-1), "classes"),
        (lambda: UNet((1, 8), multipliers=()), "multipliers"),
        (lambda: UNet((1, 8), multipliers=(1, 0)), "multipliers"),
        (lambda: UNet((1, 8), blocks=0), "blocks"),
        (lambda: UNet((1, 8), multipliers=(1,), attention=2), "attention"),
        (lambda: Transformer((1, 8), width=30, heads=4), "multiple of 2 heads"),
        (lambda: Transformer((1, 8, 8), width=8, heads=4), "at least 2 times"),
        (lambda: Transformer((2, 8), group=3), "group"),
        (lambda: Transformer((2, 8), patch=0), "patch"),
    ],
)
def test_impossible_sizes(make: object, word: str) -> None:
    assert callable(make)
    with pytest.raises(InputError, match=word):
        make()
