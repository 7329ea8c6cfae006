"""Do the samples look like the data? And what is their mean and spread?"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from ornstein.plots.style import CHANNELS, INK, MODEL, MUTED, WIDTH, array, clock, key, labelled, name_row, narrow, panels, say, thin

CASES = 24
_STRONG = 4


def signals(
    data: object,
    samples: object,
    *,
    channels: Sequence[str],
    units: Sequence[str],
    rate: float | None = None,
    width: float = WIDTH,
) -> Figure:
    """Data on the left, samples of the law on the right, (case, channel, time) each; one row per channel, equal axes."""
    columns = (("data", array(data), INK), ("samples", array(samples), MODEL))
    n_channels = min(len(channels), CHANNELS)
    times, label = clock(columns[0][1].shape[-1], rate)
    figure, grid = panels(n_channels, 2, width=width)
    for c in range(n_channels):
        for axes, (title, x, colour) in zip(grid[c], columns, strict=True):
            drawn = thin(x[:CASES, c])
            axes.plot(thin(times), drawn[_STRONG:].T, color=MUTED, linewidth=0.5, alpha=0.55)
            axes.plot(thin(times), drawn[:_STRONG].T, color=colour, linewidth=1.1, alpha=0.95)
            say(axes, title=title if c == 0 or narrow(width) else "", x=label if c == n_channels - 1 else "")
        name_row(grid[c], labelled(channels[c], units[c]), width)
    return figure


def mean_band(
    mean: object,
    deviation: object,
    *,
    channels: Sequence[str],
    units: Sequence[str],
    rate: float | None = None,
    width: float = WIDTH,
) -> Figure:
    """The mean (channel, time) with bands of one and two standard deviations; one row per channel."""
    centre, spread = array(mean), array(deviation)
    n_channels = min(len(channels), CHANNELS)
    times, label = clock(centre.shape[-1], rate)
    figure, grid = panels(n_channels, 1, height=2.3, width=width)
    for c in range(n_channels):
        axes, t, m, s = grid[c][0], thin(times), thin(centre[c]), thin(spread[c])
        axes.fill_between(t, m - 2 * s, m + 2 * s, color=MODEL, alpha=0.14, linewidth=0, label="± 2 SD")
        axes.fill_between(t, m - s, m + s, color=MODEL, alpha=0.26, linewidth=0, label="± 1 SD")
        axes.plot(t, m, color=MODEL, linewidth=1.6, label="mean")
        say(axes, x=label if c == n_channels - 1 else "", y=labelled(channels[c], units[c]))
        if c == 0:
            say(axes, title="mean and standard deviation")
            key(axes)
    return figure
