"""How many directions share the variance?"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ornstein.plots.style import GRID, INK, MODEL, TRUTH, WIDTH, array, panels, plain, say

_MARKERS = 80
_LINEAR = 200
"""Beyond so many directions their axis is logarithmic, or the few that matter would be a vertical line."""


def spectrum(eigenvalues: object, explained: object, effective_rank: float, *, unit: str = "", width: float = WIDTH) -> Figure:
    """Eigenvalues (d,) on a logarithmic axis with the effective rank marked, beside the explained share of the variance."""
    lam, share = array(eigenvalues), array(explained)
    number = np.arange(1, len(lam) + 1)
    kept = lam > 0
    marker = "o" if len(lam) <= _MARKERS else ""
    figure, grid = panels(1, 2, height=2.7, width=width, share=False)
    left, right = grid[0]
    left.plot(number[kept], lam[kept], color=MODEL, linewidth=1.2, marker=marker, markersize=3)
    left.set_yscale("log")
    left.yaxis.set_major_locator(LogLocator(numticks=7))
    left.yaxis.set_minor_formatter(NullFormatter())
    left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    say(left, title="spectrum of the covariance", x="direction, by variance", y=f"variance [{unit}]" if unit else "variance")
    right.plot(number, 100 * share, color=MODEL, linewidth=1.2, marker=marker, markersize=3)
    right.set_ylim(0, 103)
    say(right, title="explained variance", x="number of directions", y="share of the variance [%]")
    for axes in grid[0]:
        if len(lam) > _LINEAR:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        else:
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.axvline(effective_rank, color=TRUTH, linewidth=1.1, linestyle=(0, (4, 2)))
    plain(
        right.annotate(
            f"effective rank = {effective_rank:.1f}",
            (effective_rank, 8),
            xytext=(6, 0),
            textcoords="offset points",
            fontsize=8.5,
            color=TRUTH,
        )
    )
    left.tick_params(axis="y", colors=INK, which="both", labelsize=8)
    return figure
