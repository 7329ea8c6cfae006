"""Noise that belongs to a case: published test vectors, independence of the batch, and the right law."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch

from ornstein.common.philox import philox
from ornstein.common.philox_numpy import NumpyPhilox
from ornstein.common.random import Noise

ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ONES, ONES, ONES, ONES), (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
@pytest.mark.parametrize("library", [np, torch], ids=["numpy", "torch"])
def test_known_answers_of_random123(counter: tuple[int, ...], key: tuple[int, int], words: tuple[int, ...], library: ModuleType) -> None:
    assert tuple(int(word.item()) for word in _words(counter, key, library)) == words


def _words(counter: Sequence[Any], key: tuple[int, int], library: ModuleType) -> Sequence[Any]:
    if library is torch:
        return philox(key, *(torch.asarray(part) for part in counter))
    return NumpyPhilox(key, np.broadcast(*counter).size)(*(np.atleast_1d(np.asarray(part, np.uint64)) for part in counter))


def test_words_of_a_counter_that_is_spread_out() -> None:
    """Parts of a counter that are the same along an axis give the words of the counter written out, in both libraries and in any pass."""
    counter = (np.arange(5), np.array([[7], [1 << 31], [ONES]]), np.array([[0], [1], [ONES]]), np.array([[[2]], [[ONES]]]))
    full = [np.broadcast_to(part, (2, 3, 5)).copy() for part in counter]
    spread, written = _words(counter, (3, ONES), np), _words(full, (3, ONES), torch)
    reused = NumpyPhilox((3, ONES), 100)
    for row in (1, 2):  # the second pass finds in its memory what the first one left, and is smaller than that
        parts = reused(*(part[:, row:].astype(np.uint64) for part in full))
        for part, one, two in zip(parts, spread, written, strict=True):
            assert one.dtype == np.uint32
            assert np.array_equal(one, two.numpy())
            assert np.array_equal(part, two[:, row:].numpy())


def test_normals_are_box_and_mullers_of_the_words_in_their_order() -> None:
    """Entry 4 b + 2 k + (0 or 1) of case i comes of words 2 k and 2 k + 1 of the counter (b, i, 0, stream)."""
    words = philox((7, 0), torch.arange(3), torch.arange(5)[:, None], torch.zeros(1, dtype=torch.int64), torch.tensor([4]))
    u = [(word.to(torch.float64) + 0.5) * 2.0**-32 for word in words]
    pairs = [(-2 * u[k].log()).sqrt() * wave(2 * math.pi * u[k + 1]) for k in (0, 2) for wave in (torch.cos, torch.sin)]
    expected = torch.stack(pairs, -1).flatten(1)[:, :10]
    for dtype, tolerance in ((torch.float64, 1e-14), (torch.float32, 1e-4)):
        assert torch.allclose(Noise(7).normal(5, (10,), 4, dtype).to(torch.float64), expected, rtol=0, atol=tolerance)
    assert torch.equal(Noise(7).uniform(5, (10,), 4), torch.stack(u, -1).flatten(1)[:, :10])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_numbers_are_the_same_in_passes_of_any_size(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work arrays are used again from pass to pass, and the last pass is smaller."""
    noise, streams = Noise(7, first=3), (0, 5)
    whole, uniform = noise.normals(11, (9,), streams, dtype), noise.uniform(11, (9,), 5)
    for chunk in (1, 13, 24, 40):
        monkeypatch.setattr("ornstein.common.random._CHUNK", chunk)
        assert torch.equal(noise.normals(11, (9,), streams, dtype), whole)
        assert torch.equal(noise.uniform(11, (9,), 5), uniform)


@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (4,), (2, 5)])
def test_a_case_does_not_depend_on_its_batch(kind: str, shape: tuple[int, ...]) -> None:
    whole = getattr(Noise(7), kind)(11, shape, stream=3)
    assert whole.shape == (11, *shape)
    assert whole.dtype == torch.float64
    for first, cases in ((0, 1), (4, 3), (10, 1)):
        assert torch.equal(getattr(Noise(7, first), kind)(cases, shape, stream=3), whole[first : first + cases])


def test_a_case_does_not_depend_on_the_size_of_a_pass() -> None:
    """70 000 cases of 5 numbers take more than one internal pass; the last case is still its own."""
    assert torch.equal(Noise(1).normal(70_000, (5,))[-1:], Noise(1, 69_999).normal(1, (5,)))


def test_chosen_cases() -> None:
    chosen = torch.tensor([9, 2, 2])
    assert torch.equal(Noise(7, index=chosen).normal(3, (5,), stream=1), Noise(7).normal(10, (5,), stream=1)[chosen])
    assert torch.equal(Noise(7, index=chosen).uniform(3, (2,)), Noise(7).uniform(10, (2,))[chosen])


def test_longer_signals_begin_like_shorter_ones() -> None:
    assert torch.equal(Noise(5).normal(1, (9,))[:, :4], Noise(5).normal(1, (4,)))


def test_case_numbers_beyond_32_bits() -> None:
    far = Noise(0, first=2**32 - 1).normal(2, (4,))
    assert torch.equal(far[1:], Noise(0, first=2**32).normal(1, (4,)))
    assert not torch.equal(far[1:], Noise(0, first=0).normal(1, (4,)))


SEEDS = [0, 1, -1, 2**31, 2**32, 2**32 + 1, 2**40, -(2**32), 2**63 - 1]


def test_every_seed_and_stream_is_its_own() -> None:
    drawn = [Noise(seed).normal(1, (16,), stream) for seed in SEEDS for stream in (0, 1, 2, 2**31)]
    assert len({tuple(x.flatten().tolist()) for x in drawn}) == len(drawn)


@pytest.mark.parametrize("seed", [0, -3, 2**40])
def test_law(seed: int) -> None:
    """Kolmogorov-Smirnov at p > 1e-4: each of these tests would fail for one seed in 10 000."""
    z = Noise(seed).normal(20_000, (5,), stream=2).flatten().numpy()
    assert scipy.stats.kstest(z, "norm").pvalue > 1e-4
    u = Noise(seed).uniform(20_000, (5,), stream=2)
    assert float(u.min()) > 0
    assert float(u.max()) < 1
    assert scipy.stats.kstest(u.flatten().numpy(), "uniform").pvalue > 1e-4


def test_planted_wrong_law_is_noticed() -> None:
    z = Noise(0).normal(20_000, (5,)).flatten().numpy()
    assert scipy.stats.kstest(1.05 * z, "norm").pvalue < 1e-4
    assert scipy.stats.kstest(z + 0.03, "norm").pvalue < 1e-4


def test_no_correlation_across_entries_cases_streams_and_seeds() -> None:
    """Correlations of 40 000 pairs against 5 standard errors: two-sided false-alarm rate 6e-7 per pair, 1e-4 in all."""
    n = 40_000
    base = Noise(0).normal(n, (8,))
    columns = [*base.unbind(1), base[:, 0].roll(1), base[:, 1].roll(1)]
    columns += [Noise(0).normal(n, (), stream=s) for s in (1, 2, 3)]
    columns += [Noise(s).normal(n, ()) for s in (1, 2, -1, 2**32)]
    for x in (torch.stack(columns), torch.stack(columns) ** 2, torch.stack(columns).abs().log()):
        r = torch.corrcoef(x) - torch.eye(len(columns), dtype=torch.float64)
        assert float(r.abs().max()) < 5 / n**0.5


def test_nothing_asked_nothing_given() -> None:
    assert Noise().normal(0, (3,)).shape == (0, 3)
    assert Noise().normal(2, (0,)).shape == (2, 0)
    assert Noise().uniform(0).shape == (0,)
    assert Noise().uniform(2, (0,)).shape == (2, 0)


def test_float32_has_the_words_of_float64_and_its_bits_do_not_depend_on_the_batch() -> None:
    """Rounding of the uniforms and of the logarithm near 1 leaves 1e-3 of the largest error, 1e-5 on average."""
    for cases, shape in ((3, (5,)), (70_000, (5,)), (40, (3, 1000))):
        low, high = (Noise(7, 2).normal(cases, shape, 4, dtype) for dtype in (torch.float32, torch.float64))
        assert low.dtype == torch.float32
        assert float((low - high).abs().max()) < 1e-3
        assert float((low - high).square().mean().sqrt()) < 1e-5
        for first, some in ((0, 1), (cases - 2, 2), (cases // 2, 1)):
            assert torch.equal(Noise(7, 2 + first).normal(some, shape, 4, torch.float32), low[first : first + some])


def test_streams_drawn_together_are_those_drawn_alone() -> None:
    """In one call or several, chunked over cases or not, for any stream of 32 bits."""
    noise, streams = Noise(7, first=3), (0, 5, 1 << 31, (1 << 32) - 1)
    for cases, shape in ((3, (5,)), (700, (4, 9)), (2, (40000,))):
        together = noise.normals(cases, shape, streams)
        assert together.shape == (4, cases, *shape)
        for drawn, stream in zip(together, streams, strict=True):
            assert torch.equal(drawn, noise.normal(cases, shape, stream=stream))
