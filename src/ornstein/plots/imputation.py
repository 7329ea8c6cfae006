"""What does the law put into a gap, and how sure is it?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ornstein.plots.style import CHANNELS, INK, MODEL, MUTED, TRUTH, WIDTH, array, clock, labelled, name_row, narrow, panels, say, thin

BANDS = (0.9, 0.5)


def imputation(
    truth: object,
    hidden: slice,
    mean: object,
    bands: Sequence[tuple[object, object]],
    line: object,
    *,
    names: Sequence[str],
    channels: Sequence[str],
    units: Sequence[str],
    rate: float | None = None,
    width: float = WIDTH,
) -> Figure:
    """Cases with a hidden stretch of time: one column per case, one row per channel.

    truth, mean, line  (case, channel, time): the whole signal, the mean of the draws, and linear interpolation
    bands              lower and upper ends of the 90 % and 50 % bands, widest first
    names              a title per case
    """
    y, m, straight = array(truth), array(mean), array(line)
    ends = [(array(low), array(high)) for low, high in bands]
    n_channels, columns = min(len(channels), CHANNELS), len(y)
    times, label = clock(y.shape[-1], rate)
    start, stop = hidden.start, hidden.stop
    window = slice(max(start - 1, 0), min(stop + 1, y.shape[-1]))
    t_gap = times[window]
    figure, grid = panels(n_channels, columns, height=2.5 if n_channels == 1 else 2.0, width=width)
    for c in range(n_channels):
        for k, axes in enumerate(grid[c]):
            axes.axvspan(times[start] - 0.5 * times[1], times[stop - 1] + 0.5 * times[1], color=MUTED, alpha=0.10, linewidth=0)
            for (low, high), strength, level in zip(ends, (0.20, 0.34), BANDS, strict=True):
                axes.fill_between(
                    t_gap, low[k, c, window], high[k, c, window], color=MODEL, alpha=strength, linewidth=0, label=f"{level:.0%} band"
                )
            seen = np.where(np.isin(np.arange(y.shape[-1]), np.arange(start, stop)), np.nan, y[k, c])
            axes.plot(thin(times), thin(seen), color=INK, linewidth=1.2, label="observed")
            axes.plot(t_gap, straight[k, c, window], color=MUTED, linewidth=1, linestyle=(0, (3, 2)), label="linear interpolation")
            axes.plot(t_gap, m[k, c, window], color=MODEL, linewidth=1.6, label="mean of the draws")
            gap = slice(start, stop)
            dots = "o" if stop - start <= 40 else ""
            axes.plot(times[gap], y[k, c, gap], color=TRUTH, linewidth=1.1, marker=dots, markersize=2.8, label="hidden truth")
            say(axes, title=names[k] if c == 0 else "", x=label if c == n_channels - 1 else "")
        name_row(grid[c], labelled(channels[c], units[c]), width)
    handles, texts = grid[0][0].get_legend_handles_labels()
    beside = 2 if narrow(width) else 6
    figure.legend(handles, texts, loc="outside lower center", ncols=beside, fontsize=8, frameon=False, labelcolor=INK, handlelength=1.5)
    return figure
