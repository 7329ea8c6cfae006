"""Which signals does the law find hardest to explain, and where?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ornstein.plots.style import MODEL, TRUTH, WIDTH, array, clock, labelled, panels, say, thin

COLUMNS = 3


def surprise(
    cases: object,
    mean: object,
    deviation: object,
    *,
    names: Sequence[str],
    channels: Sequence[str],
    units: Sequence[str],
    rate: float | None = None,
    odd: object = None,
    width: float = WIDTH,
) -> Figure:
    """The signals (case, channel, time) over the mean ± 2 SD of the law, most surprising first; ``names`` are their titles.

    odd  (case, k): the channels that each case is odd in, oddest first (default: the first ones). With several channels every
    case is one row, and the three oddest of its channels its panels.
    """
    x, centre, spread = array(cases), array(mean), array(deviation)
    times, label = clock(x.shape[-1], rate)
    single = len(channels) == 1
    chosen = np.tile(np.arange(len(channels)), (len(x), 1)) if odd is None else np.asarray(odd)
    shown = [(case, int(c)) for case in range(len(x)) for c in chosen[case, :COLUMNS]]
    columns = min(COLUMNS, len(shown) if single else chosen.shape[1])
    rows = -(-len(shown) // columns)
    figure, grid = panels(rows, columns, height=1.75, width=width, share=single)
    for place in range(rows * columns):
        r, k = divmod(place, columns)
        axes = grid[r][k]
        if place >= len(shown):
            axes.set_visible(False)
            continue
        case, c = shown[place]
        t, m, s = thin(times), thin(centre[c]), thin(spread[c])
        axes.fill_between(t, m - 2 * s, m + 2 * s, color=MODEL, alpha=0.18, linewidth=0)
        axes.plot(t, m, color=MODEL, linewidth=0.9)
        axes.plot(t, thin(x[case, c]), color=TRUTH, linewidth=1.3)
        first = single or k == 0
        say(axes, title=names[case] if first else "", x=label if r == rows - 1 else "")
        say(axes, y=labelled(channels[c], units[c]) if k == 0 or not single else "")
    return figure
