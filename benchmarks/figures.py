"""Figures of the benchmarks in the look of the house: a panel for every set, ours in colour, others in grey."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ornstein.plots.style import GOOD, GRID, INK, MODEL, MUTED, TRUTH, panels, say

OURS, SECOND, THIRD, REFERENCE, PEER, BACKGROUND = MODEL, TRUTH, GOOD, INK, MUTED, GRID
"""What ours is drawn in, two more of ours, what all is compared with, one peer, and many peers."""

_DPI = 150


def by_set(titles: Sequence[str], x: str, y: str) -> tuple[Figure, list[Axes]]:
    """One panel a set, at most three beside one another, with the axis labels at the border only."""
    columns = min(3, len(titles))
    figure, grid = panels(-(-len(titles) // columns), columns, height=2.3, share=False)
    axes = [one for row in grid for one in row]
    for number, (one, title) in enumerate(zip(axes, titles, strict=False)):
        say(one, title=title, x=x if number + columns >= len(titles) else "", y=y if number % columns == 0 else "")
    for empty in axes[len(titles) :]:
        empty.axis("off")
    return figure, axes[: len(titles)]


def save(figure: Figure, axes: Axes, path: Path) -> None:
    """Write the figure as PNG, with one legend for all its panels below them: that of ``axes``."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=8, labelcolor=INK)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)
