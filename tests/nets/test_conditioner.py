"""The one way in: features of the noise level, and what missing parts become."""

from __future__ import annotations

import math

import pytest
import torch
from small_nets import normal

from ornstein.common.errors import InputError
from ornstein.nets import Condition, Conditioner
from ornstein.nets.embedding import HIGHEST, LOWEST, Fourier

EVENT = (2, 5)


def conditioner() -> Conditioner:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Conditioner(EVENT, 16, classes=3, vector=2, signal=1).double()


def test_noise_features() -> None:
    """Unit variance at every level, and the slowest pair alone tells all levels of 16 units apart."""
    noise = torch.linspace(-7.9, 7.9, 101, dtype=torch.float64)
    features = Fourier().double()(noise)
    assert torch.allclose(features.square().mean(1), torch.ones(101, dtype=torch.float64))
    cos, sin = (features[:, i] for i in (0, features.shape[1] // 2))
    assert torch.allclose(torch.atan2(sin, cos) / (2 * math.pi * LOWEST), noise, atol=1e-5)
    start, half, full = Fourier().double()(0.3 + torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64) / HIGHEST)
    last = [features.shape[1] // 2 - 1, -1]
    assert torch.allclose(start[last], -half[last], atol=1e-5)
    assert torch.allclose(start[last], full[last], atol=1e-5)


def test_a_label_adds_its_row() -> None:
    c, x = conditioner(), normal(4, *EVENT)
    label, noise = torch.tensor([0, 1, 2, -1]), normal(4, seed=1)
    rows = [c(x, at, Condition(label))[1] - c(x, at)[1] for at in (noise, noise + 1)]
    assert c.table is not None
    expected = c.table.weight[[1, 2, 3, 0]] - c.table.weight[0]
    assert all(torch.allclose(row, expected, atol=1e-12) for row in rows)


def test_a_vector_is_linear_in_what_is_known() -> None:
    """Entry k adds V[:, k] value + V[:, known k], and nothing where it is missing."""
    c, x, noise = conditioner(), normal(3, *EVENT), normal(3, seed=1)
    vector = torch.tensor([[1.5, torch.nan], [torch.nan, torch.nan], [0.0, -2.0]], dtype=torch.float64)
    added = c(x, noise, Condition(vector=vector))[1] - c(x, noise)[1]
    assert c.numbers is not None
    first, second, first_known, second_known = c.numbers.weight.T
    expected = torch.stack([1.5 * first + first_known, 0 * first, first_known - 2 * second + second_known])
    assert torch.allclose(added, expected, atol=1e-12)


def test_a_signal_becomes_channels_and_marks() -> None:
    c, x, noise = conditioner(), normal(2, *EVENT), normal(2, seed=1)
    signal = normal(2, 1, 5, seed=2)
    signal[0, 0, 1] = torch.nan
    h, _ = c(x, noise, Condition(signal=signal))
    assert torch.equal(h[:, :2], x)
    assert torch.equal(h[:, 2:3], signal.nan_to_num(0.0))
    assert torch.equal(h[:, 3:4], (~signal.isnan()).double())
    assert bool((c(x, noise)[0][:, 2:] == 0).all())


def test_embedding_has_unit_scale() -> None:
    """Its parts start with about unit variance, so that no part drowns the others."""
    x, noise = normal(64, *EVENT), torch.linspace(-1.5, 1.0, 64, dtype=torch.float64)
    _, e = conditioner()(x, noise)
    assert 0.3 < float(e.detach().square().mean()) < 3


def test_condition_by_cases() -> None:
    c = Condition(torch.arange(4), normal(4, 2), normal(4, 1, 5))
    part = c[1:3]
    assert part.label is not None
    assert part.label.tolist() == [1, 2]
    assert part.vector is not None
    assert part.vector.shape == (2, 2)
    dropped = c.drop(torch.tensor([True, False, False, True]))
    assert dropped.label is not None
    assert dropped.label.tolist() == [-1, 1, 2, -1]
    assert dropped.signal is not None
    assert dropped.signal.isnan().flatten(1).all(1).tolist() == [True, False, False, True]
    assert c.to("cpu").label is not None
    assert Condition().drop(torch.tensor([True])).label is None


def test_one_row_serves_all_and_others_are_counted() -> None:
    three = Condition(torch.tensor([2, 0, 1]), normal(3, 2))
    assert three.of(3).label.tolist() == [2, 0, 1]  # type: ignore[union-attr]
    assert three[1:2].of(4).label.tolist() == [0] * 4  # type: ignore[union-attr]
    for cases in (1, 2, 5):
        with pytest.raises(InputError, match=f"condition has 3 rows, but there are {cases} cases: give one row for all, or one per case"):
            three.of(cases)


def test_what_a_row_says() -> None:
    """A row says something where any entry of any part is given, and nothing is one row of missing parts."""
    gone = math.nan
    vector = torch.tensor([[gone, gone], [1.0, gone], [gone, gone], [gone, gone], [0.0, 0.0]])
    signal = torch.full((5, 1, 3), gone)
    signal[2, 0, 1] = 7.0
    whole = Condition(torch.tensor([-1, -1, -1, 0, -1]), vector, signal)
    assert whole.says().tolist() == [False, True, True, True, True]
    assert Condition(vector=vector).says().tolist() == [False, True, False, False, True]
    assert Condition().says().tolist() == [False]
    nothing = whole[torch.tensor([4, 0])].nothing()
    assert (nothing.rows, nothing.says().tolist()) == (1, [False])
    assert [tuple(part.shape) for _, part in nothing._parts() if part is not None] == [(1,), (1, 2), (1, 1, 3)]
    assert not whole.drop(torch.ones(5, dtype=torch.bool)).says().any()


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ({"label": torch.tensor([0.0])}, "label is float32"),
        ({"label": torch.zeros(2, 1, dtype=torch.int64)}, "label"),
        ({"vector": torch.zeros(3)}, "vector"),
        ({"vector": torch.zeros(3, 1, dtype=torch.int64)}, "vector is int64"),
        ({"signal": torch.zeros(3)}, "signal"),
        ({"label": torch.zeros(2, dtype=torch.int64), "vector": torch.zeros(3, 1)}, "every part"),
    ],
)
def test_impossible_conditions(parts: dict[str, torch.Tensor], word: str) -> None:
    with pytest.raises(InputError, match=word):
        Condition(**parts)
