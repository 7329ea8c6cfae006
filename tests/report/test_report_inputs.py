"""Data of every shape get a page; what cannot be used gets one sentence, before any work and without a file."""

import math
import re

import pytest
import torch

import ornstein as orn
from kinds import normal
from ornstein.report import analyse, figures, render, write_report
from ornstein.report.choices import check
from ornstein.report.holdout import interpolate
from ornstein.report.moments import scales_of
from ornstein.report.numbers import numbers
from ornstein.report.scoring import oddness
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


def test_four_axes_are_images_without_being_told(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("ornstein.report.render", lambda *_, images: str(drawn.append(images)))
    images = normal(12, 1, 4, 4, seed=6)
    for k, (x, told) in enumerate([(images, None), (images[:, 0], None), (images[:, 0], True), (images, False)]):
        write_report(tmp_path / f"{k}.html", x, images=told, **FAST)
    assert drawn == [True, False, True, False]
    assert torch.equal(check(images, 2, 40).values, images[:, 0])
    planes = check(normal(12, 3, 6, 5), 2, 40)
    assert planes.shape == (12, 18, 5)


def odd_signals() -> orn.Signals:
    """Six channels that share most of what they do, except the last one in case 7, which does the opposite."""
    x = normal(80, 1, 4, seed=7) + 0.3 * normal(80, 6, 4, seed=8)
    x[7, 5] *= -1
    return orn.Signals(x, channels=tuple("abcdef"))


def test_the_odd_channels_are_named_and_drawn():
    """Case 7 is as large as any other in every channel: only the relation of f to the rest is broken, and f is not among the first four."""
    found = analyse(odd_signals(), **FAST)
    assert found.surprises is not None
    assert int(found.surprises.order[0]) == 7
    assert int(found.surprises.channels[0, 0]) == 5
    assert 0.3 < float(found.surprises.share[0]) <= 1
    first = figures._surprise(found, False, 8.6).axes[0]
    assert (first.get_title("left"), first.get_ylabel()) == ("signal 7, p = 0.013", "f")
    assert torch.equal(torch.as_tensor(first.lines[-1].get_ydata()), found.signals.values[7, 5])
    assert numbers(found)["odd_share_0"].value == float(found.surprises.share[0])


def test_the_parts_of_the_channels_are_the_squared_distance():
    x = odd_signals()
    model = orn.fit(x, folds=0)
    u = model.scaler.encode(x.values) - model.exact.mean()
    assert torch.allclose(oddness(model, x.values).sum(1), model.exact.covariance().mahalanobis(u.flatten(1)))
    mixture = orn.fit(x, "mixture", components=2, structure="diagonal", folds=0)
    rest = (mixture.scaler.encode(x.values) - mixture.exact.mean()).flatten(1)
    exact = torch.linalg.solve(mixture.exact.covariance().dense(), rest.T).T
    assert torch.allclose(oddness(mixture, x.values).sum(1), (rest * exact).sum(1))


def test_scales_that_differ_are_said_and_do_not_drown_each_other():
    """Unknown units, one channel a hundred times the other: errors in SD, correlation. One unit: errors stay in it."""
    x = normal(20, 2, 8, seed=4) * torch.tensor([[[1.0], [100.0]]])
    unknown, known = analyse(x, **FAST), analyse(orn.Signals(x, units=("µV", "µV")), **FAST)
    assert (unknown.unit, known.unit) == (None, "µV")
    assert "note.units" in notes(unknown, images=False)
    assert "note.units" not in notes(known, images=False)
    for found in (unknown, known):
        assert torch.allclose(found.moments.block.diagonal(), torch.ones(16, dtype=torch.float64))
        assert "note.scales" not in notes(found, images=False)
    table = normal(30, 6, seed=5) * torch.tensor([1.0, 1, 1, 1, 1, 30])
    assert "note.scales" in notes(analyse(table, **FAST), images=False)
    assert 15 < scales_of(orn.Signals(table[:, None])).entries < 60


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
        ("days.csv", {}, "x holds words"),
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
