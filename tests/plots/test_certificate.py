"""The figures of certificates: one line a sampler, with the numbers it was given, named once."""

import math

import numpy as np
import pytest
import torch

from ornstein import plots

LAM = torch.tensor([0.5, 0.0, 4.0, 0.01], dtype=torch.float64)
RATIOS = [[0.9, 1.0, 0.95, 0.5], [1.0, 1.0, 1.0, 1.0], [5.0, math.inf, 1.1, 0.2]]
CALLS = [[5, 10, 20], [0, 0, 0], [9, 19, 39]]
ERRORS = [[0.3, 0.1, 0.03], [0.0, 1e-15, 0.0], [0.2, math.inf, 0.01]]
NAMES = ["ddim", "exact", "$heun$"]
FIGURES = {
    "deviations": lambda: plots.deviations(LAM, RATIOS, NAMES, unit="mV²"),
    "distances": lambda: plots.distances(CALLS, ERRORS, NAMES),
    "certificates": lambda: plots.certificates(CALLS, ERRORS, LAM, RATIOS, NAMES),
}


def lines(figure, title):
    axes = next(a for a in figure.axes if a.get_title("left") == title)
    return [(np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()) for line in axes.lines[: len(NAMES)]]


@pytest.mark.parametrize("name", FIGURES)
def test_they_are_titled_named_and_the_same_each_time(name):
    figure = FIGURES[name]()
    for axes in figure.axes:
        assert axes.get_title("left")
        assert axes.get_xlabel()
        assert axes.get_ylabel()
    assert [text.get_text().removesuffix(": 0") for text in figure.legends[0].get_texts()] == NAMES
    assert len(figure.legends) == 1
    svg = plots.to_svg(FIGURES[name](), name)
    assert svg == plots.to_svg(figure, name)
    assert "$heun$" in svg


def test_each_direction_stands_at_its_variance():
    """Sorted by variance, the direction without any left out; what is far above 1 leaves the frame."""
    for figure in (FIGURES["deviations"](), FIGURES["certificates"]()):
        assert lines(figure, "spread of the samples by direction") == [
            ([0.01, 0.5, 4.0], [0.5, 0.9, 0.95]),
            ([0.01, 0.5, 4.0], [1.0, 1.0, 1.0]),
            ([0.01, 0.5, 4.0], [0.2, 5.0, 1.1]),
        ]
        axes = next(a for a in figure.axes if a.get_title("left") == "spread of the samples by direction")
        assert axes.get_ylim() == (0, 2)
        assert axes.get_xscale() == "log"
    assert FIGURES["deviations"]().axes[0].get_xlabel() == "variance [mV²]"


def test_each_run_stands_at_its_calls():
    """On logarithmic axes; errors of rounding and infinite ones have no place there, and an exact sampler is named as one."""
    for figure in (FIGURES["distances"](), FIGURES["certificates"]()):
        assert lines(figure, "distance to the true law") == [([5, 10, 20], [0.3, 0.1, 0.03]), ([], []), ([9, 39], [0.2, 0.01])]
        axes = next(a for a in figure.axes if a.get_title("left") == "distance to the true law")
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert "exact: 0" in [text.get_text() for text in FIGURES["distances"]().legends[0].get_texts()]


def test_two_dozen_samplers_look_different():
    names = [f"s{k}" for k in range(24)]
    axes = plots.deviations(LAM, [RATIOS[0]] * 24, names).axes[0]
    looks = {(line.get_color(), str(line.get_linestyle()), line.get_marker()) for line in axes.lines[:24]}
    assert len(looks) == 24
