"""Monotone curves between values and scores: rational-quadratic splines with straight tails, inverted and differentiated in closed form.

Between knots (x_k, u_k) with slopes d_k, and with s = (u_{k+1} - u_k) / (x_{k+1} - x_k), t in [0, 1] (Gregory and Delbourgo 1982;
Durkan et al. 2019, "Neural spline flows", eqs. 4 to 8):

    u = u_k + (u_{k+1} - u_k) (s t^2 + d_k t (1 - t)) / (s + (d_{k+1} + d_k - 2 s) t (1 - t))

Beyond the knots the curve is straight, with the slopes of its ends: Gaussian tails, where u is Gaussian.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Curves:
    """One curve per row: values (row, knot) and scores (row, knot), both increasing, and slopes du/dx (row, knot) > 0."""

    values: Tensor
    scores: Tensor
    slopes: Tensor

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(u, log du/dx) of x (row, many). NaN stays NaN."""
        k, low, width, base, rise, left, right = self._piece(self.values, x)
        s = rise / width
        t = ((x - low) / width).clamp(0, 1)
        both = t * (1 - t)
        under = s + (right + left - 2 * s) * both
        u = base + rise * (s * t**2 + left * both) / under
        slope = s**2 * (right * t**2 + 2 * s * both + left * (1 - t) ** 2) / under**2
        past = x - low - width * t  # how far beyond the first or the last knot
        end, outside = self._end(past), past.abs() > 0
        inside = torch.where(outside & ((k == 0) | (k == self.values.shape[1] - 2)), end, slope)
        return torch.where(torch.isnan(x), x, u + end * past), inside.log()

    def decode(self, u: Tensor) -> Tensor:
        """x with u(x) = u, for u (row, many)."""
        _, base, rise, low, width, left, right = self._piece(self.scores, u, inverse=True)
        s = rise / width
        y = (u - base).clamp_min(0).minimum(rise)
        bend = right + left - 2 * s
        a, b, c = rise * (s - left) + y * bend, rise * left - y * bend, -s * y
        root = (b**2 - 4 * a * c).clamp_min(0).sqrt()
        t = (2 * c / (-b - root)).clamp(0, 1)
        past = u - base - y
        return torch.where(torch.isnan(u), u, low + width * t + past / self._end(past))

    def _end(self, past: Tensor) -> Tensor:
        """The slope of the tail that ``past`` reaches into."""
        return torch.where(past < 0, self.slopes[:, :1], self.slopes[:, -1:])

    def _piece(self, grid: Tensor, at: Tensor, *, inverse: bool = False) -> tuple[Tensor, ...]:
        """The number of the piece, then start and length on ``grid``, on the other axis, and the slopes at both ends."""
        k = (torch.searchsorted(grid, torch.nan_to_num(at).contiguous()) - 1).clamp(0, grid.shape[1] - 2)
        other = self.values if inverse else self.scores
        start, first = grid.gather(1, k), other.gather(1, k)
        ends = grid.gather(1, k + 1) - start, other.gather(1, k + 1) - first
        return k, start, ends[0], first, ends[1], self.slopes.gather(1, k), self.slopes.gather(1, k + 1)
