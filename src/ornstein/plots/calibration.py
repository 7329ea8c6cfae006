"""Do the bands hold the truth as often as they promise?"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from ornstein.plots.style import GRID, MODEL, MUTED, WIDTH, array, panels, plain, say


def reliability(
    levels: object, values: object, errors: object, histogram: object, tolerance: float = 0.0, *, width: float = WIDTH
) -> Figure:
    """Measured against promised coverage with bars of two standard errors, beside the histogram of the truth's rank.

    levels, values, errors  (level,) as shares of 1;  histogram  (bin,) densities, 1 everywhere for honest draws
    tolerance               how far a bin may be from 1 by chance (two standard errors)
    """
    p, q, e, bars = array(levels), array(values), array(errors), array(histogram)
    figure, grid = panels(1, 2, height=2.9, width=width, share=False)
    left, right = grid[0]
    left.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle=(0, (4, 2)))
    left.errorbar(100 * p, 100 * q, 200 * e, color=MODEL, fmt="o", markersize=5, linewidth=1.3, capsize=3)
    left.set_xlim(40, 100)
    left.set_ylim(min(40.0, 100 * float(min(q - 2 * e)) - 3), 102)
    left.xaxis.set_major_locator(MultipleLocator(10))
    left.grid(color=GRID, linewidth=0.6)
    left.set_axisbelow(True)
    say(left, title="coverage of the bands", x="promised coverage [%]", y="measured coverage [%]")
    edges = np.linspace(0, 1, len(bars) + 1)
    right.axhspan(1 - tolerance, 1 + tolerance, color=MUTED, alpha=0.2, linewidth=0)
    right.axhline(1, color=MUTED, linewidth=1, linestyle=(0, (4, 2)))
    right.bar(edges[:-1], bars, width=np.diff(edges), align="edge", color=MODEL, alpha=0.55, edgecolor="white", linewidth=0.8)
    right.set_xlim(0, 1)
    right.set_ylim(0, max(1.6, 1.1 * float(bars.max())))
    say(right, title="where the truth falls among the draws", x="share of draws below the truth", y="density (1 = honest)")
    plain(left.annotate("bars: two standard errors", (0.03, 0.92), xycoords="axes fraction", fontsize=8, color=MODEL))
    return figure
