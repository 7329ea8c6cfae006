"""Which kind of law explains unseen cases best?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ornstein.plots.style import GRID, INK, MODEL, MUTED, WIDTH, array, narrow, panels, plain, say


def likelihood(
    names: Sequence[str], nats: object, errors: object, differences: object, difference_errors: object, *, width: float = WIDTH
) -> Figure:
    """Held-out log-likelihood per case of each law, and its paired difference to the first, with bars of two standard errors.

    All (law,); NaN where there is no finite number, which the figure marks "no finite value".
    """
    value, error, gap, gap_error = (array(x) for x in (nats, errors, differences, difference_errors))
    place = np.arange(len(names))[::-1]
    figure, grid = panels(1, 2, height=0.75 + 0.32 * len(names), width=width, share=False)
    left, right = grid[0]
    for axes, x, e in ((left, value, error), (right, gap, gap_error)):
        known = np.isfinite(x)
        axes.errorbar(x[known], place[known], xerr=2 * e[known], fmt="o", color=MODEL, markersize=4.5, linewidth=1.3, capsize=2.5)
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="x", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.margins(x=0.08)
        for y in place[~known]:
            plain(axes.annotate("no finite value", (0.02, y), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=MUTED))
    left.set_yticks(place, list(names))
    right.set_yticks(place, list(names) if narrow(width) else [""] * len(names))
    for axes in (left, right):
        axes.tick_params(axis="y", length=0)
    for text in (*left.get_yticklabels(), *right.get_yticklabels()):
        plain(text)
        text.set_color(INK)
    right.axvline(0, color=MUTED, linewidth=1, linestyle=(0, (4, 2)))
    say(left, title="held-out log-likelihood", x="nats per signal (further right is better)")
    say(right, title="difference to the first", x="nats per signal, paired")
    return figure
