"""Which directions stand out from noise, and what must the noise be multiplied by?"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ornstein.plots.style import GRID, INK, MODEL, MUTED, TRUTH, Array, array, key, panels, plain, say

_MARKERS = 80


def eigenvalues(signal: object, noise: object, ratio: object, *, edge: float | None = None, count: int = 0, unit: str = "") -> Figure:
    """The spectra of signal and noise (d,), NaN for what is not drawn, on one logarithmic axis, beside their ratio Psi.

    ``edge`` is the largest eigenvalue that noise shows by chance, ``count`` how many of the signal's are above it.
    """
    figure, grid = panels(1, 2, height=2.7, share=False)
    draw_eigenvalues(grid[0][0], signal, noise, edge=edge, count=count, unit=unit)
    draw_ratio(grid[0][1], ratio)
    return figure


def draw_eigenvalues(axes: Axes, signal: object, noise: object, *, edge: float | None, count: int, unit: str) -> None:
    """Both spectra, and the edge between them."""
    for values, colour, name in ((array(noise), MUTED, "white noise"), (array(signal), MODEL, "signal")):
        _falling(axes, values, colour, name)
    if edge is not None:
        axes.axhline(edge, color=TRUTH, linewidth=1.1, linestyle=(0, (4, 2)), label=f"edge of noise: {count} above")
    say(axes, title="eigenvalues", x="direction, by variance", y=f"variance [{unit}]" if unit else "variance")
    key(axes)


def draw_ratio(axes: Axes, ratio: object) -> None:
    """Psi against the number of the direction."""
    _falling(axes, array(ratio), MODEL, "")
    axes.axhline(1, color=MUTED, linewidth=1, linestyle=(0, (4, 2)))
    say(axes, title="Ψ, the ratio of their deviations", x="direction, by variance", y="Ψ")


def _falling(axes: Axes, values: Array, colour: str, name: str) -> None:
    kept = values > 0
    marker = "o" if len(values) <= _MARKERS else ""
    axes.plot(np.arange(1, len(values) + 1)[kept], values[kept], color=colour, linewidth=1.2, marker=marker, markersize=3, label=name)
    axes.set_yscale("log")
    narrow = bool(kept.any()) and float(values[kept].max()) < 100 * float(values[kept].min())
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,), numticks=7))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.tick_params(axis="y", colors=INK, which="both", labelsize=8)
    for text in axes.get_yticklabels():
        plain(text)
