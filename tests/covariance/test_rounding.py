"""Conditioning that no processor's rounding can upset: singular S, entries known beforehand, ties between contradictions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import truth
from ornstein.common.errors import InputError, RunError
from ornstein.common.linear import LinearMap
from ornstein.common.random import Noise
from ornstein.covariance import Dense, condition, conditioned, conditioning
from ornstein.covariance.iterative import conjugate_gradients
from ornstein.measurements import Linear, Mask
from structures import TWINS

FLAT = next(twin for twin in TWINS if twin.name == "flat dense x diagonal")
PATHS = {"formed": (1024, 2048), "cholesky": (0, 2048), "conjugate gradients": (0, 0)}


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    dense, cholesky = PATHS[request.param]
    monkeypatch.setattr(conditioning, "CONDITION_DENSE", dense)
    monkeypatch.setattr(conditioned, "CHOLESKY_LIMIT", cholesky)
    return str(request.param)


def close(a: Tensor, b: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize("seed", range(10))
def test_another_processor_finds_the_same_law(seed: int, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products that are off by one rounding error, differently each time, change nothing but the last digits."""
    noise = torch.Generator().manual_seed(seed)
    for name in ("rotate", "unrotate"):
        plain = getattr(Dense, name)

        def rounded(self: Dense, x: Tensor, plain=plain) -> Tensor:
            y = plain(self, x)
            return y * (1 + torch.finfo(y.dtype).eps * torch.randn(y.shape, generator=noise, dtype=y.dtype))

        monkeypatch.setattr(Dense, name, rounded)
    a = Mask(torch.arange(36) % 3 != 1).bind((36,))
    y = a(FLAT.operator.draw(Noise(11), 1)[0])
    mean, covariance, _ = truth.condition(torch.zeros(36, dtype=torch.float64), FLAT.matrix, a.matrix(), y, torch.zeros(24, 24).double())
    result = condition(FLAT.operator, a, y, 0.0)
    close(result.shift, mean, 1e-7)
    close(result.covariance.dense(), covariance, 1e-6)


@pytest.mark.parametrize(("size", "rank", "smallest"), [(24, 9, 1e-3), (30, 10, 1e-2), (30, 20, 1e-6), (60, 30, 1e-4)])
def test_conjugate_gradients_where_s_is_singular(size: int, rank: int, smallest: float) -> None:
    """The preconditioner blows rounding up 1e12-fold along the null space, as that of a mask does."""
    for seed in range(6):
        basis, lam = truth.orthogonal(size, seed), torch.zeros(size, dtype=torch.float64)
        lam[:rank] = torch.logspace(math.log10(smallest), 0, rank, dtype=torch.float64)
        s, inverse = (basis * lam) @ basis.T, (basis / (lam + 1e-12)) @ basis.T
        b = Noise(seed).normal(8, (size,)) @ s
        x = conjugate_gradients(lambda v, s=s: v @ s, b, lambda v, inverse=inverse: v @ inverse)
        assert float(((x @ s - b).norm(dim=-1) / b.norm(dim=-1)).max()) < 1e-8


def test_conjugate_gradients_never_return_what_does_not_solve() -> None:
    """b has a part outside the range of S, so there is nothing to find, and it is soon said."""
    s = torch.diag(torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64))
    with pytest.raises(RunError, match=r"stopped after \d{1,2} steps at a relative residual of 0\."):
        conjugate_gradients(lambda v: v @ s, torch.ones(3, dtype=torch.float64), lambda v: v)


@pytest.mark.parametrize("left", [0.0, 1e-17, 1e-15, 3e-15])
def test_an_entry_known_beforehand_fixes_nothing_else(left: float, path: str) -> None:
    """A channel that never moves has a variance of rounding errors squared; its exact value says nothing about the others."""
    v = truth.orthogonal(6, 1)[:, 0].clone()
    v[3] = 0.0
    still = v.clone()
    still[3] = left
    a = Mask(torch.tensor([True, False, False, True, False, False])).bind((6,))
    result = condition(Dense(torch.outer(still, still)), a, a(2 * v), 0.0)
    close(result.shift, 2 * v, 1e-8)
    close(result.covariance.diagonal(), torch.zeros(6, dtype=torch.float64), 1e-8)


def flat_recording(seed: int) -> tuple[Dense, LinearMap]:
    """A sample covariance with a channel that never moves, seen through differences or a mask."""
    noise, size = Noise(seed), 5 + seed % 20
    rows = noise.normal(3 + seed % 17, (size,)) * torch.logspace(-2, 1, size, dtype=torch.float64)
    rows = rows - rows.mean(0)
    rows[:, seed % size] = 0.0
    a = Linear(torch.eye(size).diff(dim=0)) if seed % 2 else Mask(noise.normal(1, (size,), 1)[0] < 0.5)
    return Dense(rows.T @ rows / len(rows)), a.bind((size,))


@pytest.mark.parametrize("seed", range(60))
def test_singular_measurements_are_solved_both_ways(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    law, a = flat_recording(seed)
    y = a(law.draw(Noise(seed), 1)[0])
    formed = condition(law, a, y, 0.0)
    monkeypatch.setattr(conditioning, "CONDITION_DENSE", 0)
    implicit = condition(law, a, y, 0.0)
    scale = float(law.eigenvalues.amax())
    close(implicit.shift, formed.shift, 1e-6 * scale**0.5)
    close(implicit.covariance.dense(), formed.covariance.dense(), 1e-6 * scale)


@pytest.mark.parametrize("formed", [True, False])
@pytest.mark.parametrize("size", [3, 20, 200])
def test_equal_contradictions_are_named(size: int, formed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditioning, "CONDITION_DENSE", 1024 if formed else 0)
    law = Dense(truth.spectrum_covariance(torch.linspace(0.5, 3.0, size, dtype=torch.float64), 1))
    row = Noise(size).normal(1, (size,))
    for y, first in (
        ([0.0, 1.0], "0 of y, as much at 1"),
        ([1.0, 0.0], "0 of y, as much at 1"),
        ([0.0, 0.0, 1.0], "2 of y"),
        ([0.0, 1.0, 0.0], "1 of y"),
    ):
        with pytest.raises(InputError, match=rf"most at entry {first}\)"):
            condition(law, Linear(row.expand(len(y), -1)).bind((size,)), torch.tensor(y, dtype=torch.float64), 0.0)
