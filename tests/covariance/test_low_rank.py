"""Probabilistic PCA: the closed form, the randomised path, chunks and float32, the rank by itself, and no copy of the data."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

import truth
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import LowRank, estimate, lowrank

LAW = LowRank(truth.orthogonal(30, 1)[:, :3], torch.tensor([9.0, 4.0, 2.0]), 0.3)


def fitted(x: Tensor, rank: int | None = None, seed: int = 0) -> LowRank:
    found = estimate(x, "low-rank", rank=rank).covariance if not seed else lowrank.low_rank(x - x.mean(0), rank, seed=seed)
    assert isinstance(found, LowRank)
    return found


def closed_form(x: Tensor, rank: int) -> Tensor:
    """Tipping and Bishop (1999), equations 7 and 8."""
    lam, basis = np.linalg.eigh(np.cov(x.numpy().T, bias=True))
    floor = lam[:-rank].mean()
    top = basis[:, -rank:]
    return torch.from_numpy((top * (lam[-rank:] - floor)) @ top.T + floor * np.eye(len(lam)))


def close(a: Tensor, b: Tensor, tolerance: float = 1e-10) -> None:
    assert a.shape == b.shape
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance * float(b.abs().max()))


@pytest.mark.parametrize(("small", "tolerance"), [(1500, 1e-10), (0, 1e-6)])
@pytest.mark.parametrize(("cases", "rank"), [(400, 3), (400, 1), (50, 3), (20, 3)])
def test_both_paths_are_the_closed_form(small: int, tolerance: float, cases: int, rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight passes of the randomised iteration leave (lambda_14 / lambda_r)^16 of what they should not hold."""
    monkeypatch.setattr(lowrank, "_SMALL", small)
    x = LAW.draw(Noise(2), cases) + 5
    close(fitted(x, rank).dense(), closed_form(x, rank), tolerance)


def test_randomised_path_depends_on_the_seed_in_its_last_digits_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lowrank, "_SMALL", 0)
    x = LAW.draw(Noise(2), 300)
    close(fitted(x, 3, seed=1).dense(), fitted(x, 3, seed=1).dense(), 0.0)
    close(fitted(x, 3, seed=1).dense(), fitted(x, 3, seed=2).dense(), 1e-6)


@pytest.mark.parametrize("small", [1500, 0])
def test_chunks_and_float32_give_the_same_law(small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lowrank, "_SMALL", small)
    x = LAW.draw(Noise(4), 333).float()
    whole = fitted(x.double(), 3)
    close(fitted(x, 3).dense(), whole.dense(), 1e-9)
    rank = fitted(x).components
    monkeypatch.setattr(lowrank, "_CHUNK_NUMBERS", 30 * 40)
    close(fitted(x, 3).dense(), whole.dense(), 1e-9)
    assert fitted(x).components == rank == 3
    far = (x.double() * 2**20).round() / 2**20
    close(fitted(far + 2.0**27, 3).dense(), fitted(far, 3).dense(), 1e-9)


def test_rank_is_found_in_at_least_95_of_100_draws() -> None:
    """Signals 7 to 30 times the floor, n = 200 cases of d = 30."""
    found = [fitted(LAW.draw(Noise(seed), 200)).components for seed in range(100)]
    assert sum(rank == 3 for rank in found) >= 95


def test_rank_by_itself_stays_in_bounds() -> None:
    assert fitted(Noise(0).normal(40, (1,))).components == 1
    assert fitted(Noise(0).normal(40, (2,))).components == 1
    assert fitted(Noise(0).normal(3, (50,))).components <= 2
    assert fitted(Noise(0).normal(2, (5,))).components == 1
    assert fitted(torch.ones(5, 6)).rank() == 0


def test_no_second_copy_of_large_float32_data() -> None:
    """80 MB of data on top of what Python holds already: the whole fit stays below 1.2 times that plus its 64 MB of chunks."""
    code = """
import resource, sys
import numpy as np, torch
from ornstein.covariance import estimate, lowrank
torch.set_num_threads(1)
lowrank._CHUNK_NUMBERS = 1 << 19
estimate(torch.zeros(40, 2000) + torch.arange(2000), "low-rank", rank=2)
x = torch.empty(10_000, 2_000, dtype=torch.float32)
generator = torch.Generator().manual_seed(0)
for part in x.split(500):
    part.copy_(torch.randn(len(part), 2_000, generator=generator))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
estimate(x, "low-rank", rank=4)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    extra = float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    assert extra < 60  # MiB; a float64 copy alone would be 153, a float32 one 76


BAD = [
    (-1, "rank is -1, but must be a whole number of at least 1 and at most 4"),
    (0, "rank is 0"),
    (5, "rank is 5, but must be a whole number of at least 1 and at most 4"),
    (2.5, "rank is 2.5"),
    (True, "rank is True"),
    (math.nan, "rank is nan"),
    ("two", "rank is 'two'"),
]


@pytest.mark.parametrize(("rank", "sentence"), BAD, ids=[str(rank) for rank, _ in BAD])
def test_bad_ranks_are_one_sentence(rank: object, sentence: str) -> None:
    for x in (torch.ones(9, 4), torch.full((9, 4), math.nan)):
        with pytest.raises(InputError, match=sentence) as caught:
            estimate(x, "low-rank", rank=rank)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
