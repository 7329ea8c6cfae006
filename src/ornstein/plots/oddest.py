"""Where are the most surprising signals odd?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ornstein.plots.style import INK, TRUTH, WIDTH, array, clock, labelled, panels, say

LARGEST = 90.0
"""Points squared of the mark at the oddest entry of a signal."""


def oddest(
    cases: object,
    where: object,
    *,
    names: Sequence[str],
    channels: Sequence[str],
    units: Sequence[str],
    rate: float | None = None,
    width: float = WIDTH,
) -> Figure:
    """Signals (case, channel, time), one row per case with the channel that is oddest, and marks as large as an entry is surprising.

    where  (case, channel, time) in nats, of every entry; marks start at the median of each case, and are scaled within it
    """
    x, nats = array(cases), array(where)
    times, label = clock(x.shape[-1], rate)
    figure, grid = panels(len(x), 1, height=1.5, width=width, share=False)
    excess = np.maximum(nats - np.median(nats, (1, 2), keepdims=True), 0)
    excess *= LARGEST / np.maximum(excess.max((1, 2), keepdims=True), 1e-12)
    for i, row in enumerate(grid):
        axes, c = row[0], int(excess[i].max(-1).argmax())
        axes.plot(times, x[i, c], color=INK, linewidth=1.1)
        axes.scatter(times, x[i, c], s=excess[i, c], color=TRUTH, alpha=0.7, linewidths=0)
        say(axes, title=names[i], x=label if i == len(x) - 1 else "", y=labelled(channels[c], units[c]))
    return figure
