"""The shared parts against formulas written out, and against torch's own modules."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from small_nets import normal
from torch import nn

from ornstein.common.errors import InputError
from ornstein.nets.doubling import doubled, on_doubled
from ornstein.nets.layers import FUSED, attention, groups, modulate, modulated_norm, seeded
from ornstein.nets.patches import joined, patched
from ornstein.nets.rotary import Rotary, rotate
from ornstein.nets.unet import Attention


def test_groups() -> None:
    assert {c: groups(c) for c in (1, 3, 4, 7, 8, 12, 30, 32, 64, 128, 256, 96, 100)} == {
        1: 1, 3: 1, 4: 1, 7: 1, 8: 2, 12: 3, 30: 6, 32: 8, 64: 16, 128: 32, 256: 32, 96: 24, 100: 25,
    }  # fmt: skip


def test_modulate() -> None:
    h, shift, scale = normal(3, 4), normal(3, 4, seed=1), normal(3, 4, seed=2)
    assert torch.allclose(modulate(h, shift, scale), (1 + scale) * h + shift, atol=1e-14)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("tokens", [5, FUSED + 2])
def test_attention_by_its_sum(tokens: int) -> None:
    """Both kernels and both derivatives: token by token, and along one direction by a central difference."""
    q, k, v = (normal(2, tokens, 4, seed=i) for i in range(3))
    score = torch.einsum("cqw,ckw->cqk", q, k) / 2
    expected = torch.stack([(s.exp()[:, :, None] * w).sum(1) / s.exp().sum(1)[:, None] for s, w in zip(score, v, strict=True)])
    assert torch.allclose(attention(q, k, v), expected, atol=1e-12)
    way = normal(2, tokens, 4, seed=4)
    _, slope = torch.func.jvp(lambda q: attention(q, k, v), (q,), (way,))
    central = (attention(q + 1e-5 * way, k, v) - attention(q - 1e-5 * way, k, v)) / 2e-5
    assert torch.allclose(slope, central, atol=1e-8)


@pytest.mark.parametrize(("width", "heads"), [(64, 2), (6, 1)])
@torch.no_grad()
def test_attention_block_against_torch(width: int, heads: int) -> None:
    block, twin = Attention(width).double(), nn.MultiheadAttention(width, heads, batch_first=True).double()
    h = normal(3, width, 4, 5)
    assert torch.equal(block(h), h)
    block.outer.weight.copy_(normal(width, width))
    twin.in_proj_weight.copy_(block.inner.weight)
    twin.in_proj_bias.zero_()
    twin.out_proj.weight.copy_(block.outer.weight)
    twin.out_proj.bias.zero_()
    tokens = block.norm(h).flatten(2).mT
    update, _ = twin(tokens, tokens, tokens, need_weights=False)
    assert torch.allclose(block(h), h + update.mT.reshape(h.shape), atol=1e-12)


def test_doubled_place_comes_from_its_half() -> None:
    for height, width in itertools.product(range(1, 6), repeat=2):
        coarse = normal(2, 3, -(-height // 2), -(-width // 2))
        fine = doubled(coarse, torch.Size((height, width)))
        rows, columns = torch.arange(height) // 2, torch.arange(width) // 2
        assert torch.equal(fine, coarse[:, :, rows][..., columns])


@pytest.mark.parametrize("mode", ["zeros", "circular"])
@pytest.mark.parametrize("size", [(2,), (6,), (7,), (2, 4), (6, 6), (4, 5)])
def test_a_convolution_of_doubled_places(size: tuple[int, ...], mode: str) -> None:
    """The numbers and the slopes of the convolution behind the doubling, of even and of odd sizes."""
    kind = nn.Conv1d if len(size) == 1 else nn.Conv2d
    layer = kind(3, 2, 3, padding=1, padding_mode=mode).double()
    h = normal(2, 3, *(-(-n // 2) for n in size)).requires_grad_()
    expected, found = layer(doubled(h, torch.Size(size))), on_doubled(layer, h, torch.Size(size))
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-13)
    way, inputs = normal(*expected.shape, seed=1), [h, *layer.parameters()]
    for one, two in zip(*(torch.autograd.grad(y, inputs, way, retain_graph=True) for y in (found, expected)), strict=True):
        assert torch.allclose(one, two, atol=1e-12)


@pytest.mark.parametrize("spatial", [(5,), (3, 4)])
def test_a_modulated_norm_is_the_norm_and_the_modulation(spatial: tuple[int, ...]) -> None:
    """The numbers, the slopes, and those along one direction; no case meets another."""
    norm = nn.GroupNorm(2, 8, affine=False, eps=1e-3).double()
    h, shift, scale = normal(3, 8, *spatial), normal(3, 8, seed=1), normal(3, 8, seed=2)

    def plain(h: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        axes = (..., *(None,) * len(spatial))
        return (1 + scale[axes]) * norm(h) + shift[axes]

    def own(h: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        return modulated_norm(h, norm, shift, scale)

    assert torch.allclose(own(h, shift, scale), plain(h, shift, scale), atol=1e-13)
    assert torch.equal(own(h[1:2], shift[1:2], scale[1:2]), own(h, shift, scale)[1:2])
    assert own(h[:0], shift[:0], scale[:0]).shape == (0, 8, *spatial)
    ways = tuple(normal(*part.shape, seed=3 + k) for k, part in enumerate((h, shift, scale)))
    one, two = (torch.func.jvp(f, (h, shift, scale), ways)[1] for f in (own, plain))
    assert torch.allclose(one, two, atol=1e-12)

    def steep(f: Callable[..., torch.Tensor]) -> list[torch.Tensor]:
        """The slopes of the squared slope: of second order."""
        inputs = [part.clone().requires_grad_() for part in (h, shift, scale)]
        first = torch.autograd.grad(f(*inputs).sin().sum(), inputs, create_graph=True)
        return [*first, *torch.autograd.grad(sum(g.square().sum() for g in first), inputs)]

    for one, two in zip(steep(own), steep(plain), strict=True):
        assert torch.allclose(one, two, atol=1e-11)


def test_patches_hold_what_stands_there() -> None:
    for height, width, p, q in itertools.product((1, 4, 7), (1, 5, 6), (1, 2, 3), (1, 4)):
        x = normal(2, 3, height, width)
        tokens = patched(x, (p, q))
        assert torch.equal(joined(tokens, (p, q), (height, width)), x)
        place = 0
        for row, column in itertools.product(range(0, height, p), range(0, width, q)):
            patch = torch.zeros(2, 3, p, q, dtype=x.dtype)
            piece = x[:, :, row : row + p, column : column + q]
            patch[:, :, : piece.shape[2], : piece.shape[3]] = piece
            assert torch.equal(tokens[:, place], patch.flatten(1))
            place += 1
        assert place == tokens.shape[1]


def test_rotary_scores_know_only_the_offset() -> None:
    grid, pairs = (4, 5), 6
    turn = Rotary(grid, pairs).double()()
    q, k = (rotate(normal(2 * pairs, seed=i).expand(20, -1), turn) for i in (1, 2))
    scores = (q @ k.T).reshape(*grid, *grid)
    by_offset: dict[tuple[int, int], list[float]] = {}
    for i, j, m, n in itertools.product(range(4), range(5), range(4), range(5)):
        by_offset.setdefault((m - i, n - j), []).append(float(scores[i, j, m, n]))
    assert len(by_offset) == 7 * 9
    assert max(max(same) - min(same) for same in by_offset.values()) < 1e-12
    values = sorted(same[0] for same in by_offset.values())
    assert min(b - a for a, b in itertools.pairwise(values)) > 1e-6, "two offsets look alike"
    assert torch.allclose(q.norm(dim=1), normal(2 * pairs, seed=1).norm().expand(20), atol=1e-12)


def test_rotary_speeds() -> None:
    """One axis of 100 places: 1 radian a place, down to a quarter turn in all; two axes share the pairs and never mix."""
    speeds = Rotary((100,), 4).double().frequencies[0]
    expected = (torch.pi / 200) ** (torch.arange(4, dtype=torch.float64) / 3)
    assert torch.allclose(speeds, expected, rtol=1e-6)
    both = Rotary((3, 50), 5).frequencies
    assert ((both > 0).sum(0) == 1).all()
    assert (both > 0).sum(1).tolist() == [3, 2]


def test_a_seed_is_a_whole_number() -> None:
    with pytest.raises(InputError, match="seed"), seeded(-1):
        pass


def test_generator_is_restored_after_a_failure() -> None:
    before = torch.get_rng_state()

    def fails() -> None:
        with seeded(3):
            torch.rand(5)
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert torch.equal(torch.get_rng_state(), before)
