"""How far are the samples of a sampler from the truth: in each direction, and for how many denoiser calls?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ornstein.plots.style import GOOD, GRID, INK, MODEL, MUTED, TRUTH, array, panels, plain, say

_COLOURS = (MODEL, TRUTH, GOOD, "#7a4fa3", "#b7791f", "#0f8b8d")
_DASHES = ("-", (0, (4, 2)), (0, (1, 1.4)), (0, (5, 1.5, 1, 1.5)))
_MARKERS = ("o", "s", "^", "D")
_TOP = 2.0
"""Samples with more than twice the true deviation are wrong, whatever more they are: their lines leave the frame."""
_EXACT = 1e-10
"""Relative errors below this are rounding, and are not drawn on a logarithmic axis."""
_COLUMNS = 4
"""Names of samplers side by side below a figure."""
_FEW = 24
"""Up to so many directions, each has a marker."""


def deviations(eigenvalues: object, ratios: Sequence[object], names: Sequence[str], *, unit: str = "") -> Figure:
    """The standard deviation of samples over the true one in each direction (mode,), one line a sampler, against the true variance.

    Directions without variance have no place on the logarithmic axis and are left out.
    """
    figure, grid = panels(1, 1, height=2.9, share=False)
    draw_deviations(grid[0][0], eigenvalues, ratios, names, unit=unit)
    _names(figure, grid[0][0])
    return figure


def distances(calls: Sequence[object], errors: Sequence[object], names: Sequence[str]) -> Figure:
    """The relative W2 of each sampler against its denoiser calls, both (run,), one line a sampler. An exact one is only named."""
    figure, grid = panels(1, 1, height=2.9, share=False)
    draw_distances(grid[0][0], calls, errors, names)
    _names(figure, grid[0][0])
    return figure


def certificates(
    calls: Sequence[object],
    errors: Sequence[object],
    eigenvalues: object,
    ratios: Sequence[object],
    names: Sequence[str],
    *,
    unit: str = "",
) -> Figure:
    """``distances`` and ``deviations`` of the same samplers side by side, with one list of names."""
    figure, grid = panels(1, 2, height=2.9, share=False)
    draw_distances(grid[0][0], calls, errors, names)
    draw_deviations(grid[0][1], eigenvalues, ratios, names, unit=unit)
    _names(figure, grid[0][0])
    return figure


def draw_deviations(axes: Axes, eigenvalues: object, ratios: Sequence[object], names: Sequence[str], *, unit: str) -> None:
    """One line a sampler, and 1 where all is right."""
    lam = array(eigenvalues)
    order = np.argsort(lam)
    order = order[lam[order] > 0]
    highest = 1.0
    for k, (ratio, name) in enumerate(zip(ratios, names, strict=True)):
        y = array(ratio)[order]
        highest = max(highest, float(y[np.isfinite(y)].max(initial=1.0)))
        colour, dash, marker = _look(k)
        mark = marker if len(order) <= _FEW else ""
        axes.plot(lam[order], y, color=colour, linestyle=dash, linewidth=1.3, marker=mark, markersize=3, label=name)
    axes.axhline(1, color=MUTED, linewidth=1, zorder=0)
    axes.set_ylim(0, min(1.06 * highest, _TOP))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=7))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    say(axes, title="spread of the samples by direction", x=f"variance [{unit}]" if unit else "variance", y="deviation / true deviation")


def draw_distances(axes: Axes, calls: Sequence[object], errors: Sequence[object], names: Sequence[str]) -> None:
    """Both axes logarithmic: the order of a method is its slope."""
    for k, (x, y, name) in enumerate(zip(calls, errors, names, strict=True)):
        number, error = array(x), array(y)
        drawn = (error > _EXACT) & np.isfinite(error) & (number > 0)
        colour, dash, marker = _look(k)
        label = name if drawn.any() else f"{name}: 0"
        axes.plot(number[drawn], error[drawn], color=colour, linestyle=dash, linewidth=1.3, marker=marker, markersize=3.5, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis, scale, unit in ((axes.xaxis, 1, ""), (axes.yaxis, 100, " %")):
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,), numticks=8))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _, scale=scale, unit=unit: f"{scale * value:g}{unit}"))
    axes.margins(x=0.04)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    say(axes, title="distance to the true law", x="denoiser calls", y="W2 / true deviation")


def _look(k: int) -> tuple[str, object, str]:
    """Colour, dash and marker of line number k: 24 of them differ."""
    row = (k // len(_COLOURS)) % len(_DASHES)
    return _COLOURS[k % len(_COLOURS)], _DASHES[row], _MARKERS[row]


def _names(figure: Figure, axes: Axes) -> None:
    """The names of the lines, below everything."""
    handles, labels = axes.get_legend_handles_labels()
    rows = -(-len(labels) // _COLUMNS)
    figure.set_figheight(figure.get_figheight() + 0.17 * (rows - 1))
    legend = figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=-(-len(labels) // rows),
        fontsize=8,
        frameon=False,
        handlelength=2.2,
        labelcolor=INK,
    )
    for text in legend.get_texts():
        plain(text)
