"""Posteriors by particles are calibrated on laws with holes and bends: the swiss roll and heartbeats, a mixture being the truth."""

from __future__ import annotations

import pytest
import torch

import ornstein as orn
from kinds import Silent
from ornstein.data import examples
from ornstein.data.laws import swiss_roll
from ornstein.denoisers import Network
from ornstein.metrics import check
from ornstein.model import Model


def hidden(law: Model) -> Model:
    """The mixture as a network shows it."""
    return Model(Network.of(Silent(), law.law), law.scaler)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["roll", "beats"])
def test_ranks_and_regions_are_those_of_right_posteriors(name: str) -> None:
    """60 cases; false alarm 1 %."""
    if name == "roll":
        law = orn.fit(swiss_roll(2000, seed=1)[0], "mixture", components=12, folds=0)
        size = law.event_shape[0]
        measurement: orn.measurements.Measurement = orn.Linear(torch.tensor([[1.0] + [0.3] * (size - 1)]))
    else:
        law = orn.fit(examples.ecg(64).values[:400], "mixture", components=4, folds=0)
        measurement = orn.Average(8)
    noise = 0.3 * float(law.covariance().diagonal().mean().sqrt())
    found = check(hidden(law), measurement, noise, cases=60, draws=60, particles=300, steps=20, seed=2)
    assert found.result.verdict == "right"
    assert found.effective is not None
