"""Numbers that look like marks of missing values: said, wherever signals come in, and never changed."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import ornstein as orn
from ornstein.common.random import Noise
from ornstein.data.sentinels import marks

X = Noise(1).normal(30, (2, 20)).cumsum(-1).numpy()
HIDDEN = Noise(2).uniform(30, (2, 20)).numpy() < 0.1
NAMES = ("a", "b")


def coded(mark: float, centre: float = 0.0) -> np.ndarray:
    return np.where(HIDDEN, mark, X + centre)


@pytest.mark.parametrize(
    ("mark", "centre", "said"),
    [
        (-999, 0, "far from all others"),
        (9999, 0, "far from all others"),
        (1e20, 0, "far from all others"),
        (0, 0, "where hardly any other number repeats"),
        (0, 60, "far from all others"),
    ],
)
def test_marks_are_found_in_every_channel(mark: float, centre: float, said: str) -> None:
    found = marks(coded(mark, centre), NAMES)
    assert [line.split(" holds ")[0] for line in found] == ["a", "b"]
    counts = HIDDEN.sum((0, 2))
    for line, count in zip(found, counts, strict=True):
        assert f"holds {mark:g} {count} times, {said}" in line


VALUES = {
    "no mark": X,
    "rain": np.maximum(X, 0),
    "counts": np.floor(X),
    "whole steps": np.round(4 * X),
    "bits": (X > 0).astype(float),
    "a dead channel": X * np.array([[1.0], [0.0]]),
    "-999 among others like it": X - 999,
    "few zeros": np.where(np.arange(1200).reshape(X.shape) < 9, 0, X),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_that_are_values_are_not_called_marks(name: str) -> None:
    assert marks(VALUES[name], NAMES) == []


def test_every_door_says_it_once(tmp_path: Path) -> None:
    """Files of every kind when they are read, arrays and signals without a note when they are fitted or filled."""
    x = orn.Signals(torch.from_numpy(coded(-999)), 10.0, NAMES)
    orn.write(tmp_path / "x.npz", x)
    with pytest.warns(UserWarning, match="x.npz: [ab] holds -999 .* put NaN there") as said:
        read = orn.read(tmp_path / "x.npz")
    assert len(said) == 2
    torch.testing.assert_close(read.values, x.values)
    assert "a holds -999" in read.notes[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        orn.fit(read, folds=0)  # was said
        model = orn.fit(orn.Signals(torch.from_numpy(X), 10.0, NAMES), folds=0)
    for door in (lambda v: orn.fit(v, folds=0), lambda v: model.impute(v, 2), lambda v: model.quantiles(v, (0.5,))):
        for given, name in ((x, "[ab]"), (x.values, r"channel [12] of x")):
            with warnings.catch_warnings(record=True) as heard:
                warnings.simplefilter("always")
                door(given)
            assert len([line for line in heard if re.search(f"{name} holds -999", str(line.message))]) == 2
