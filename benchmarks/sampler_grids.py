"""Noise levels for the sampler benchmarks, from the start of a run to its end."""

from __future__ import annotations


def karras(count: int, high: float = 80.0, low: float = 0.002, rho: float = 7.0) -> list[float]:
    """``count`` noise levels from high to low (Karras et al. 2022, eq. 5)."""
    a, b = high ** (1 / rho), low ** (1 / rho)
    return [(a + i / max(count - 1, 1) * (b - a)) ** rho for i in range(count)]


def geometric(count: int, high: float = 80.0, low: float = 0.002) -> list[float]:
    """``count`` noise levels from high to low in equal ratios."""
    return [high * (low / high) ** (i / max(count - 1, 1)) for i in range(count)]


def grids(calls: int) -> dict[str, list[float]]:
    """Levels on which a method of one call a step spends ``calls``: down to 0, or "cut", all of them above the smallest level."""
    return {"Karras": [*karras(calls), 0.0], "Karras, cut": karras(calls + 1), "log, cut": geometric(calls + 1)}
