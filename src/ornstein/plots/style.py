"""One look for every figure: palette, axes, units. Figures are built without pyplot, so nothing global is touched."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import east_asian_width

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

INK = "#1f2933"
MUTED = "#8793a0"
GRID = "#dfe4ea"
MODEL = "#1f6fb4"
TRUTH = "#c2500c"
GOOD = "#2f855a"
WIDTH = 8.6
"""Inches; a page shows a figure about 860 pixels wide, so 9 points are 12 pixels."""
NARROW = 4.2
"""Inches of the same figure for a telephone, about 390 pixels wide: 9 points are 11 pixels, and panels stand below one another."""
_STACKED = 6.0
"""Inches below which panels do not stand side by side."""
_LABEL = 16
"""Latin letters of a channel's name beside a panel of two inches; Chinese ones count twice."""
CHANNELS = 4
"""More channels than this are not drawn; the first ones stand for the rest."""
_POINTS = 500
_UNITS = ((3 * 86400.0, 86400.0, "d"), (2 * 3600.0, 3600.0, "h"), (180.0, 60.0, "min"), (1.0, 1.0, "s"), (0.0, 1e-3, "ms"))

Array = npt.NDArray[np.float64]


def array(x: object) -> Array:
    """A tensor or array as float64 numbers to draw."""
    return np.asarray(x, dtype=np.float64)


def panels(rows: int, columns: int, *, height: float = 2.1, width: float = WIDTH, share: bool = True) -> tuple[Figure, list[list[Axes]]]:
    """An empty figure with a grid of axes in the house style; height in inches per row.

    In a ``narrow`` figure all panels stand below one another, row by row; what they share they still share.
    """
    if narrow(width) and columns > 1:
        room = ConstrainedLayoutEngine(h_pad=0.1)  # a title below the tick labels of another panel
        figure = Figure(figsize=(width, height * rows * columns + 0.35), layout=room)
        grid = figure.subplots(rows * columns, 1, squeeze=False).reshape(rows, columns)
        for (r, c), axes in np.ndenumerate(grid):
            if share and r:
                axes.sharex(grid[0, c])
            if share and c:
                axes.sharey(grid[r, 0])
    else:
        figure = Figure(figsize=(width, height * rows + 0.35), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, sharex=share and "col", sharey=share and "row")
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(MUTED)
            axes.spines[side].set_linewidth(0.8)
        axes.tick_params(colors=INK, labelsize=8, width=0.8, length=3, color=MUTED)
        axes.margins(x=0.01)
    return figure, [list(row) for row in grid]


def narrow(width: float) -> bool:
    """Whether a figure of so many inches is for a telephone."""
    return width < _STACKED


def name_row(row: Sequence[Axes], label: str, width: float) -> None:
    """The label of the vertical axis: of the first panel of a row, or of each where they stand below one another."""
    for axes in row if narrow(width) else row[:1]:
        say(axes, y=label)


def say(axes: Axes, *, title: str = "", x: str = "", y: str = "") -> None:
    """Title and axis labels; names of channels are text, so a ``$`` in one is not mathematics."""
    if title:
        plain(axes.set_title(short(title), fontsize=9.5, color=INK, loc="left"))
    if x:
        plain(axes.set_xlabel(short(x, 60), fontsize=9, color=INK))
    if y:
        plain(axes.set_ylabel(short(y, 34), fontsize=8.5, color=INK))


def plain(text: Text) -> None:
    """Show the text as it is."""
    text.set_parse_math(False)


def short(text: str, limit: int = 40) -> str:
    """At most ``limit`` Latin letters on one line, or half as many Chinese ones."""
    line = " ".join(text.split())
    wide = np.cumsum([2 if east_asian_width(letter) in "WF" else 1 for letter in line])
    return line if not line or wide[-1] <= limit else line[: int((wide <= limit - 1).sum())] + "…"


def labelled(name: str, unit: str) -> str:
    """``name [unit]``, or the name alone where the unit is unknown."""
    return f"{short(name, _LABEL)} [{unit}]" if unit else short(name, _LABEL)


def clock(length: int, rate: float | None) -> tuple[Array, str]:
    """Times of ``length`` samples at ``rate`` Hz in a readable unit, and the label of their axis."""
    steps = np.arange(length, dtype=np.float64)
    if rate is None:
        return steps, "time [samples]"
    unit, name = time_unit(length / rate)
    return steps / rate / unit, f"time [{name}]"


def time_unit(seconds: float) -> tuple[float, str]:
    """The unit in which a duration reads well: its length in seconds and its symbol."""
    return next((unit, name) for least, unit, name in _UNITS if seconds >= least)


def thin(x: Array, limit: int = _POINTS) -> Array:
    """Every k-th entry of the last axis, so that no drawn line has more than about ``limit`` points."""
    return x[..., :: max(1, -(-x.shape[-1] // limit))]


def key(axes: Axes) -> None:
    """A legend without a frame."""
    legend = axes.legend(loc="best", fontsize=8, frameon=False, handlelength=1.6, labelcolor=INK, borderaxespad=0.2)
    for text in legend.get_texts():
        plain(text)
