"""Every figure says what it shows: titles, axes with units, and exactly the numbers it was given."""

import math

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from kinds import normal
from ornstein import plots
from ornstein.plots.style import clock, labelled, short, thin

NAMES = {"channels": ("ECG", "breath"), "units": ("mV", "l")}
T = 20
FIGURES = {
    "signals": lambda: plots.signals(normal(30, 2, T), normal(30, 2, T), rate=10.0, **NAMES),
    "mean": lambda: plots.mean_band(normal(2, T), normal(2, T).abs(), rate=10.0, **NAMES),
    "covariance": lambda: plots.covariance(torch.eye(12), channels=("a", "b"), label="covariance [mV²]"),
    "covariance-one": lambda: plots.covariance(torch.eye(12), channels=("a",), label="covariance [mV²]", span=(1.2, "time [s]")),
    "spectrum": lambda: plots.spectrum([3.0, 1.0, 0.0], [0.75, 1.0, 1.0], 1.75, unit="mV²"),
    "spectrum-long": lambda: plots.spectrum(torch.linspace(9, 1, 300), torch.linspace(0, 1, 300), 100.0, unit="mV²"),
    "imputation": lambda: plots.imputation(
        normal(3, 2, T),
        slice(8, 12),
        normal(3, 2, T),
        [(normal(3, 2, T) - 2, normal(3, 2, T) + 2), (normal(3, 2, T) - 1, normal(3, 2, T) + 1)],
        normal(3, 2, T),
        names=("easy", "typical", "hard"),
        rate=10.0,
        **NAMES,
    ),
    "reliability": lambda: plots.reliability([0.5, 0.9], [0.45, 0.88], [0.02, 0.01], torch.ones(10), 0.1),
    "surprise": lambda: plots.surprise(normal(4, 2, T), normal(2, T), normal(2, T).abs(), names=("a", "b", "c", "d"), rate=10.0, **NAMES),
    "likelihood": lambda: plots.likelihood(["a", "b"], [1.0, math.nan], [0.1, math.nan], [0.0, math.nan], [0.0, math.nan]),
}


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_figure_has_a_title_and_named_axes(name):
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    shown = [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]
    assert any(axes.get_title("left") for axes in shown)
    bottom, left = [a.get_xlabel() for a in shown], [a.get_ylabel() for a in shown]
    assert any(bottom)
    assert name == "likelihood" or any(left)
    if name in ("signals", "mean", "imputation", "surprise"):
        assert {"time [s]"} == set(bottom) - {""}
        assert {"ECG [mV]", "breath [l]"} == set(left) - {""}


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_the_same_figure_is_the_same_svg(name):
    first, second = plots.to_svg(FIGURES[name](), name), plots.to_svg(FIGURES[name](), name)
    assert first == second
    assert first.startswith("<svg")
    assert first.endswith("</svg>")
    assert "<metadata" not in first
    assert "font-family" in first.split(">", 1)[0]
    assert all(f'id="{name}-' in chunk for chunk in ['id="' + part for part in first.split('id="')[1:]])


def test_lines_carry_the_numbers_they_were_given():
    data, samples = normal(3, 1, T, seed=1), normal(3, 1, T, seed=2)
    figure = plots.signals(data, samples, channels=("ECG",), units=("mV",), rate=None)
    drawn = [np.asarray(line.get_ydata()) for axes in figure.axes for line in axes.lines]
    for x in (*data[:, 0], *samples[:, 0]):
        assert any(len(y) == T and np.array_equal(y, x.numpy()) for y in drawn)
    assert figure.axes[0].get_xlabel() == "time [samples]"


def test_the_effective_rank_is_marked_where_it_is():
    figure = plots.spectrum([3.0, 1.0], [0.75, 1.0], 1.75, unit="mV²")
    upright = [line.get_xdata() for axes in figure.axes for line in axes.lines if line.get_linestyle() == "--"]
    assert [set(x) for x in upright] == [{1.75}, {1.75}]
    assert figure.axes[0].get_ylabel() == "variance [mV²]"


def test_what_has_no_finite_value_says_so():
    assert plots.to_svg(FIGURES["likelihood"]()).count("no finite value") == 2


def test_names_are_text_and_not_mathematics_or_markup():
    svg = plots.to_svg(plots.signals(normal(2, 1, T), normal(2, 1, T), channels=("$x_1$ <b> 心电",), units=("%",), rate=100.0), "a")
    assert "$x_1$ &lt;b&gt; 心电 [%]" in svg


def test_images_have_one_scale_and_labels():
    figure = plots.images([("data", normal(4, 8, 8)), ("samples", normal(3, 8, 8))], names=("a", "b"), unit="mV", scale=(0.0, 16.0))
    drawn = [axes.images[0] for axes in figure.axes if axes.images and axes.get_label() != "<colorbar>"]
    assert len(drawn) == 7
    assert {image.get_clim() for image in drawn} == {(0.0, 16.0)}
    assert figure.axes[0].get_ylabel() == "data"


def test_nothing_global_is_left_behind():
    before = dict(matplotlib.rcParams)
    plots.to_svg(FIGURES["spectrum"]())
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("length", "rate", "last", "label"),
    [
        (24, 1 / 3600, 23.0, "time [h]"),
        (256, 360.0, 255 / 0.36, "time [ms]"),
        (1000, 10.0, 99.9, "time [s]"),
        (600, 1.0, 599 / 60, "time [min]"),
        (7, 1 / 86400, 6.0, "time [d]"),
        (5, None, 4.0, "time [samples]"),
    ],
)
def test_clock(length, rate, last, label):
    times, found = clock(length, rate)
    assert (times[-1], found) == (pytest.approx(last), label)


def test_small_helpers():
    assert labelled("ECG", "") == "ECG"
    assert short("a\nb" + 50 * "c", 10) == "a bcccccc…"
    assert thin(np.zeros((2, 5001))).shape[1] <= 501
