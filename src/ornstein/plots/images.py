"""Signals that are pictures: channels are the rows of an image, time runs along its columns."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from ornstein.plots.style import INK, MUTED, WIDTH, array, narrow, plain, short

_LARGEST = 1.4
"""Inches: a small image does not gain from being larger."""
_FEW = 3


def images(
    rows: Sequence[tuple[str, object]],
    *,
    names: Sequence[str] = (),
    unit: str = "",
    scale: tuple[float, float] | None = None,
    width: float = WIDTH,
) -> Figure:
    """A grid of images: each row is a label and a stack (case, height, width); ``names`` are titles of the columns.

    ``scale`` are the values shown white and black (default: the range of the first row); ``unit`` names the colour scale. On a
    narrow figure the first three columns stand for the rest.
    """
    stacks = [(label, array(stack)[: _FEW if narrow(width) else None]) for label, stack in rows]
    columns = max(len(stack) for _, stack in stacks)
    low, high = scale if scale is not None else (float(stacks[0][1].min()), float(stacks[0][1].max()))
    size = min((width - 1.6) / columns, _LARGEST)
    figure = Figure(figsize=(size * columns + 1.6, size * len(stacks) + (0.35 if names else 0.1)), layout="constrained")
    grid = figure.subplots(len(stacks), columns, squeeze=False)
    shown = None
    for r, (label, stack) in enumerate(stacks):
        for c, axes in enumerate(grid[r]):
            axes.set_xticks([])
            axes.set_yticks([])
            for side in axes.spines.values():
                side.set_color(MUTED)
                side.set_linewidth(0.5)
            if c >= len(stack):
                axes.set_visible(False)
                continue
            shown = axes.imshow(stack[c], cmap="gray_r", vmin=low, vmax=high, interpolation="nearest")
            if r == 0 and c < len(names):
                plain(axes.set_title(short(names[c], 24), fontsize=8, color=INK))
        plain(grid[r][0].set_ylabel(short(label, 24), fontsize=8.5, color=INK, rotation=0, ha="right", va="center"))
    if shown is not None:
        bar = figure.colorbar(shown, ax=list(grid.flat), shrink=0.8, aspect=30, fraction=0.03)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, colors=INK)
        plain(bar.ax.set_title(short(unit or "value", 12), fontsize=8, color=INK))
    return figure
