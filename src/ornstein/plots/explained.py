"""How much does a Gaussian explain, direction by direction and noise level by noise level?"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ornstein.plots.eigenvalues import draw_eigenvalues, draw_ratio
from ornstein.plots.style import GRID, MODEL, MUTED, TRUTH, array, key, panels, plain, say


def explained(
    sigma: object, kept: object, *, denoiser: object = None, score: object = None, half: float | None = None, unit: str = ""
) -> Figure:
    """The share of the variance that a Gaussian denoiser keeps at each noise level (level,), with ``half`` marked.

    denoiser, score  shares (level,) of a better law's denoiser and score that the Gaussian explains, where they were measured
    """
    figure, grid = panels(1, 1, height=2.7, share=False)
    draw_explained(grid[0][0], sigma, kept, denoiser=denoiser, score=score, half=half, unit=unit)
    return figure


def spectra(
    signal: object,
    noise: object,
    ratio: object,
    cumulative: object,
    sigma: object,
    kept: object,
    *,
    effective_rank: float,
    edge: float | None = None,
    count: int = 0,
    half: float | None = None,
    unit: str = "",
) -> Figure:
    """All there is to see of a spectrum on one sheet: against noise, their ratio, and what it explains by direction and noise level."""
    figure, grid = panels(2, 2, height=2.7, share=False)
    draw_eigenvalues(grid[0][0], signal, noise, edge=edge, count=count, unit=f"{unit}²" if unit else "")
    draw_ratio(grid[0][1], ratio)
    draw_share(grid[1][0], cumulative, effective_rank)
    draw_explained(grid[1][1], sigma, kept, denoiser=None, score=None, half=half, unit=unit)
    return figure


def draw_share(axes: Axes, cumulative: object, effective_rank: float) -> None:
    """The share of the variance in the first k directions (d,), and the effective rank."""
    share = array(cumulative)
    axes.plot(range(1, len(share) + 1), 100 * share, color=MODEL, linewidth=1.4)
    axes.axvline(effective_rank, color=TRUTH, linewidth=1.1, linestyle=(0, (4, 2)), label=f"effective rank = {effective_rank:.1f}")
    _percent(axes)
    say(axes, title="explained by the first directions", x="number of directions", y="share of the variance [%]")
    key(axes)


def draw_explained(axes: Axes, sigma: object, kept: object, *, denoiser: object, score: object, half: float | None, unit: str) -> None:
    """Shares against the noise level."""
    level = array(sigma)
    curves = ((kept, MODEL, "variance kept"), (denoiser, TRUTH, "of the denoiser"), (score, MUTED, "of the score"))
    for values, colour, name in curves:
        if values is not None:
            axes.plot(level, 100 * array(values), color=colour, linewidth=1.4, label=name)
    if half is not None:
        axes.axvline(half, color=TRUTH, linewidth=1.1, linestyle=(0, (4, 2)), label=f"half at {half:.3g}")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=7))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    _percent(axes)
    say(axes, title="explained at each noise level", x=f"noise level σ [{unit}]" if unit else "noise level σ", y="share explained [%]")
    key(axes)


def _percent(axes: Axes) -> None:
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), 103)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    for text in axes.get_yticklabels():
        plain(text)
