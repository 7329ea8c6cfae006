"""Which signals does the law find hardest to explain?"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from ornstein.plots.style import CHANNELS, MODEL, TRUTH, array, clock, labelled, panels, say, thin

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
) -> Figure:
    """The signals (case, channel, time) over the mean ± 2 SD of the law, most surprising first; ``names`` are their titles.

    With several channels every case is one column, and the first channels its rows.
    """
    x, centre, spread = array(cases), array(mean), array(deviation)
    times, label = clock(x.shape[-1], rate)
    n_channels = min(len(channels), CHANNELS)
    columns = min(COLUMNS, len(x))
    rows = -(-len(x) // columns) if n_channels == 1 else n_channels
    figure, grid = panels(rows, columns, height=1.75)
    for r in range(rows):
        for k, axes in enumerate(grid[r]):
            case, c = (r * columns + k, 0) if n_channels == 1 else (k, r)
            if case >= len(x):
                axes.set_visible(False)
                continue
            t, m, s = thin(times), thin(centre[c]), thin(spread[c])
            axes.fill_between(t, m - 2 * s, m + 2 * s, color=MODEL, alpha=0.18, linewidth=0)
            axes.plot(t, m, color=MODEL, linewidth=0.9)
            axes.plot(t, thin(x[case, c]), color=TRUTH, linewidth=1.3)
            say(axes, title=names[case] if n_channels == 1 or r == 0 else "", x=label if r == rows - 1 else "")
        say(grid[r][0], y=labelled(channels[c], units[c]))
    return figure
