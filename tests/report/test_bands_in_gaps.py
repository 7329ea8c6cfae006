"""The section of bands in gaps: the numbers of the check, in both languages, and what it says of them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import ornstein as orn
from ornstein.common.random import Noise
from ornstein.metrics import blocks, check_bands
from ornstein.report import page, scoring
from ornstein.report.analysis import Analysis, analyse
from ornstein.report.numbers import GAP_CHANNELS, shown_channels
from ornstein.report.page import Page


def walks(cases: int, channels: int = 2) -> Tensor:
    return Noise(1).normal(cases, (channels, 12)).cumsum(2) + Noise(2).normal(cases, (channels, 12))


@pytest.fixture(autouse=True)
def _without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "draw", lambda _, images: {})


def section(found: Analysis) -> str:
    return Page(found, None, images=False).gaps()


@pytest.fixture(scope="module")
def found() -> Analysis:
    return analyse(orn.Signals(walks(120), channels=("left", "right")), folds=3, draws=40)


def test_the_page_holds_the_numbers_of_the_check_on_held_out_cases(found: Analysis) -> None:
    fold = blocks(120, 3, 0)[0]
    model = orn.fit(orn.Signals(walks(120)[fold.train], channels=("left", "right")), structure=found.law.structure, folds=0)
    expected = check_bands(model, walks(120)[fold.test], turns=4)
    said = section(found)
    for c in range(2):
        for k in range(len(expected.lengths)):
            for number, level in enumerate((50, 80, 90)):
                shown = re.search(rf'data-key="gap_{c}_{k}_{level}" data-value="([\d.e-]+)"', said)
                assert shown is not None
                assert float(shown[1]) == pytest.approx(float(expected.coverage[k, c, number]), abs=1e-9)
    assert "Bands in gaps, by length and channel" in said
    assert "缺口里的区间：按长度和通道" in said
    assert ("No channel is surely off" in said) == expected.holds


def test_bands_that_do_not_hold_are_named(found: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found.bands is not None
    broken = replace(found.bands, stretch=found.bands.stretch * torch.tensor([[2.0], [1.0]]))
    said = section(replace(found, bands=broken))
    assert "promise: <span" in said
    assert "ornstein impute MODEL DATA --check --correct" in said
    monkeypatch.setattr(scoring, "_CHECKED", 20)
    assert section(analyse(orn.Signals(walks(30)), folds=2, draws=40)) == ""


def test_of_many_channels_those_farthest_off_are_shown() -> None:
    found = analyse(orn.Signals(walks(60, GAP_CHANNELS + 3)), folds=2, draws=40)
    assert found.bands is not None
    chosen = shown_channels(found.bands)
    apart = (found.bands.coverage - torch.tensor([0.5, 0.8, 0.9])).abs().nanmean((0, 2))
    assert len(chosen) == GAP_CHANNELS
    assert chosen == sorted(apart.argsort(descending=True)[:GAP_CHANNELS].tolist())
