"""Which times and channels move together?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ornstein.plots.style import INK, array, panels, plain, say, short

_NAMED = 12


def covariance(
    matrix: object, *, channels: Sequence[str], label: str = "covariance", span: tuple[float, str] | None = None, width: float = 5.6
) -> Figure:
    """A symmetric matrix (d, d) over (channel, time), channel blocks ruled off; red above 0, blue below.

    ``label`` names the colour scale with its unit; ``span`` is the length of one channel's time axis and its label, used
    where there is one channel.
    """
    values = array(matrix)
    n_channels, d = len(channels), len(values)
    largest = float(np.abs(values).max()) or 1.0
    figure, grid = panels(1, 1, height=0.77 * width, width=width, share=False)
    axes = grid[0][0]
    for side in axes.spines.values():
        side.set_visible(False)
    single = n_channels == 1 and span is not None
    extent = (0.0, span[0], span[0], 0.0) if single and span is not None else (0.0, float(d), float(d), 0.0)
    image = axes.imshow(values, cmap="RdBu_r", vmin=-largest, vmax=largest, extent=extent, interpolation="nearest")
    say(axes, title=label)
    if single and span is not None:
        say(axes, x=span[1], y=span[1])
    else:
        block = d / n_channels
        for edge in range(1, n_channels):
            axes.axhline(edge * block, color=INK, linewidth=0.4, alpha=0.6)
            axes.axvline(edge * block, color=INK, linewidth=0.4, alpha=0.6)
        step = -(-n_channels // _NAMED)
        names, places = [short(c, 12) for c in channels[::step]], [(k + 0.5) * block for k in range(0, n_channels, step)]
        axes.set_xticks(places, names, rotation=45 if n_channels > 1 else 0)
        axes.set_yticks(places, names)
        for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            plain(text)
        say(axes, x="channel (time runs inside each block)", y="channel")
    bar = figure.colorbar(image, ax=axes, shrink=0.85, aspect=28)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, colors=INK)
    return figure
