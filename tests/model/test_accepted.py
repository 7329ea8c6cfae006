"""What ``fit`` says of the signals it takes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import ornstein as orn
from ornstein.common.random import Noise

X = Noise(1).normal(40, (2, 12))
LINE = torch.arange(40, dtype=torch.float64).view(40, 1, 1) * torch.tensor([[0.2], [0.0]], dtype=torch.float64)


def told(x: Tensor, **options: object) -> list[str]:
    said: list[str] = []
    orn.fit(orn.Signals(x, 10.0, ("Fz", "Cz")), progress=said.append, folds=0, **options)
    return [line for line in said if "straight line" in line]


def test_a_trend_is_said_of_the_channel_that_has_one() -> None:
    """From case to case, with gaps too; white levels reach R2 of .9 over 40 cases less than once in 10^19 fits."""
    (line,) = told(X + LINE)
    assert line.startswith("Fz follows a straight line from case to case (R2 0.9")
    assert "subtract the line, or take differences" in line
    assert told(torch.where(Noise(2).uniform(40, (2, 12)) < 0.3, torch.nan, X + LINE)) != []
    assert told(X) == told((X + LINE)[Noise(3).uniform(1, (40,))[0].argsort()]) == []
    assert told((X + LINE)[:6]) == []


def test_a_trend_of_one_series_is_said() -> None:
    series = (0.3 * X + LINE)[:, 0, 0].view(1, 1, 40)
    series = torch.where(torch.arange(40) == 7, torch.nan, series)
    assert told(series.expand(1, 2, 40), structure="coregionalised")[0].startswith("Fz follows a straight line in time")


@pytest.mark.parametrize("shape", [(40, 12), (40, 2, 3, 4)])
def test_vectors_and_images_have_no_trend(shape: tuple[int, ...]) -> None:
    said: list[str] = []
    orn.fit(Noise(1).normal(40, shape[1:]) + LINE[:, 0].view(40, *[1] * (len(shape) - 1)), progress=said.append, folds=0)
    assert not any("straight line" in line for line in said)
