"""Data of every shape get a page; what cannot be used gets one sentence, before any work and without a file."""

import math
import re

import pytest
import torch

import ornstein as orn
from kinds import normal
from ornstein.report import analyse, render, write_report
from ornstein.report.holdout import interpolate
from ornstein.report.numbers import numbers
from ornstein.report.verdicts import notes

FAST = {"draws": 40, "folds": 2}
WALK = normal(12, 1, 10, seed=1).cumsum(2)


def with_gaps() -> torch.Tensor:
    x = normal(30, 2, 8, seed=2).cumsum(2)
    x[torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) < 0.03] = torch.nan
    return x


SHAPES = {
    "eight cases": WALK[:8],
    "one channel": WALK[:, 0],
    "four samples": WALK[:, 0, :4],
    "six channels": normal(12, 6, 6, seed=3),
    "missing": with_gaps(),
    "constant": torch.ones(12, 1, 6),
    "constant channel": torch.cat([WALK, torch.full_like(WALK, 3.3)], 1),
    "duplicates": WALK[:4].repeat(3, 1, 1),
    "large numbers": 1e12 + 1e9 * WALK,
    "small numbers": 1e-9 * WALK,
    "whole numbers": WALK[:, 0].round().int(),
}


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_kind_of_data_gives_numbers_and_never_nan(name):
    found = numbers(analyse(SHAPES[name], **FAST))
    assert len(found) > 40
    for number in found.values():
        assert not math.isnan(number.value)
        assert "nan" not in number.text()
        assert len(number.text()) < 40


@pytest.mark.parametrize("name", ["constant", "missing"])
def test_pages_of_the_hardest_data_can_be_drawn(name):
    page = render(analyse(SHAPES[name], **FAST))
    assert page.count("<figure") >= 6
    assert ('data-verdict="verdict.constant"' in page) == (name == "constant")
    assert ('data-note="note.missing"' in page) == (name == "missing")


def test_what_a_reader_must_know_is_said():
    found = {name: analyse(SHAPES[name], **FAST) for name in ("missing", "six channels", "duplicates")}
    assert notes(found["missing"], images=False) == ["note.missing"]
    assert notes(found["six channels"], images=False) == ["note.few", "note.channels"]
    assert notes(found["six channels"], images=True) == ["note.few"]
    assert notes(found["duplicates"], images=False) == ["note.null"]


def test_channels_of_different_units_are_compared_in_standard_deviations():
    """Numbers in SD do not change when one channel changes its unit."""
    x = normal(20, 2, 8, seed=4).cumsum(2)
    pages = []
    for factor, unit in ((1.0, "V"), (1000.0, "mV")):
        found = analyse(orn.Signals(x * torch.tensor([[[1.0], [factor]]]), units=("°C", unit)), **FAST)
        assert found.holdout is not None
        assert found.holdout.unit == "SD"
        pages.append((found.holdout.fillings["model"].rmse.value, found.spectrum.effective_rank, found.holdout.coverage[0].value))
    assert pages[0] == pytest.approx(pages[1], rel=1e-9)


def test_overlapping_windows_are_held_out_with_their_neighbours():
    found = analyse(orn.Signals(normal(1, 1, 200, seed=5).cumsum(2)).windows(20, 5), overlap=3, **FAST)
    plain = analyse(orn.Signals(normal(1, 1, 200, seed=5).cumsum(2)).windows(20, 5), **FAST)
    assert found.scores[0].nats.error != plain.scores[0].nats.error
    assert notes(found, images=False) == ["note.overlap"]


def test_images_are_drawn_as_images():
    page = render(analyse(normal(12, 6, 6, seed=6), **FAST), images=True)
    assert page.count("data:image/png;base64") > 20
    shared = re.findall(r"<text\b[^>]*>([^<]+)</text>", page)
    assert all(re.fullmatch(r"[−\d.,e+-]+|ch\d", text) for text in shared)


def test_interpolation_is_straight_inside_and_flat_outside():
    x = torch.tensor([[[0.0, 1.0, 9.0, 9.0, 4.0, torch.nan]], [[5.0, torch.nan, 9.0, 9.0, torch.nan, torch.nan]]], dtype=torch.float64)
    filled = interpolate(x, slice(2, 4))
    assert filled[0, 0, :5].tolist() == pytest.approx([0, 1, 2, 3, 4])
    assert filled[1, 0, 2:4].tolist() == [5.0, 5.0]


@pytest.mark.parametrize(
    ("x", "changes", "message"),
    [
        (WALK[:7], {}, "x holds 7 cases, but a report holds some of them out and needs at least 8"),
        (WALK[..., :3], {}, "x holds signals of 3 samples, but a report hides a stretch"),
        (WALK[0, 0], {}, r"x has 1 axes \(10,\), but must have 2 or 3"),
        (WALK * math.inf, {}, "NaN|infinite"),
        (WALK, {"model": "gausian"}, "did you mean 'gaussian'"),
        (WALK, {"structure": "lowrank"}, "did you mean 'low-rank'"),
        (WALK, {"gap": 1.0}, "gap is 1, but must be the share of each signal to hide"),
        (WALK, {"gap": "wide"}, "gap is 'wide', but must be a number"),
        (WALK, {"draws": 10}, "draws is 10, but must be a whole number of at least 40"),
        (WALK, {"folds": 1}, "folds is 1, but must be a whole number of at least 2"),
        (WALK, {"overlap": -1}, "overlap is -1"),
        (WALK, {"overlap": 30}, "use fewer folds"),
        (WALK, {"language": "fr"}, "language is 'fr', but must be one of en, zh"),
        (with_gaps(), {"model": "mixture"}, "only model 'gaussian' with structure 'dense' can use"),
        ("days.csv", {}, "x holds <U8 values"),
    ],
)
def test_bad_input_is_one_sentence_and_no_file(tmp_path, x, changes, message):
    with pytest.raises(orn.InputError, match=message) as caught:
        write_report(tmp_path / "report.html", x, **{**FAST, **changes})
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_noticed_before_the_work(tmp_path):
    with pytest.raises(orn.InputError, match="is not a folder: create it first"):
        write_report(tmp_path / "nowhere" / "report.html", "not even data")
