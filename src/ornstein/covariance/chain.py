"""A law of windows as the law of a recording of any length: a stationary chain of half windows, conditioned on what was observed.

    x_0 ~ N(m, S),     x_(k+1) = m + G (x_k - m) + e,     e ~ N(0, Q),     G = Sigma_ba Sigma_aa^-1,     Q = S - G S G^T

for the window's first half a and second half b. It is the law of greatest entropy with these windows (Dempster 1972, "Covariance
selection"), and *the* law where a half window holds the memory: an autoregression of order up to half a window, any Markov law.
Its precision is block tridiagonal, so the gaps of a recording are solved for block by block (Rue and Held 2005, section 2.4):

    P_k = L_k L_k^T = J_kk - W_k W_k^T,     W_k = J_(k,k-1) L_(k-1)^-T,     v_k = L_k^-1 (h_k - W_k v_(k-1))
    x_k = L_k^-T (v_k + z_k - W_(k+1)^T x_(k+1)),       Z_k = L_k^-T (I + W_(k+1)^T Z_(k+1) W_(k+1)) L_k^-1

with J the precision of the gaps, h = -K_mo r_o, z white for a draw and 0 for the mean, and Z_k the covariance of what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

REACH = 64
"""Half windows that are looked ahead where none of them is complete; what lies farther does not count."""
FLOOR = 1e-8
"""Least eigenvalue of the correlations of a window: it costs eight of sixteen digits, and a ten-thousandth of a deviation."""

White = Callable[[int], Tensor]
"""k -> white noise (draw, block) of half window k; at ~k, that of a first look at it."""


class Half(NamedTuple):
    """What half window ``number`` holds: values (row, channel, time) and, without draws, their deviations (channel, time)."""

    number: int
    values: Tensor
    deviation: Tensor | None


@dataclass(frozen=True, eq=False)
class _Pivot:
    """An eliminated half window: its number, its gaps, L (m, m), W to the one before (m, m'), and v (row, m)."""

    number: int
    gaps: Tensor
    factor: Tensor
    link: Tensor | None
    pulled: Tensor


class Chain:
    """The chain of a window law with ``mean`` (channel, time) and ``matrix`` over its flattened entries; an odd last time is left out.

    Where the two halves differ a little, as estimates do, their average is the law of every half, and what they have in common, the
    canonical correlations, is kept: the chain is stationary and never grows. Cost: a few Cholesky factors of half a window.
    """

    def __init__(self, mean: Tensor, matrix: Tensor) -> None:
        self.channels, window = mean.shape
        self.length = window // 2
        entry = torch.arange(self.channels * window).view(self.channels, window)
        a, b = entry[:, : self.length].flatten(), entry[:, self.length : 2 * self.length].flatten()
        self.mean = (mean.flatten()[a] + mean.flatten()[b]) / 2
        variance = (matrix.diagonal()[a] + matrix.diagonal()[b]).clamp_min(0) / 2
        self.scale = torch.where(variance > 0, variance, torch.zeros_like(variance)).sqrt()
        unit = torch.where(self.scale > 0, self.scale, torch.ones_like(self.scale))
        parts = [matrix[rows][:, columns] / torch.outer(unit, unit) for rows, columns in ((a, a), (b, b), (b, a))]
        first, second, across = parts
        lift = _lift(first, second, across)
        first, second = first + lift, second + lift
        level = (first + second) / 2
        if bool(((first - second).abs() < 1e-12).all()):
            gain = torch.cholesky_solve(across.T, torch.linalg.cholesky(first)).T
        else:
            root, inverse = _roots(level)
            gain = root @ _roots(second)[1] @ across @ _roots(first)[1] @ inverse
        left = level - gain @ level @ gain.T
        self._start = torch.cholesky_inverse(torch.linalg.cholesky(level))
        self._own = torch.cholesky_inverse(torch.linalg.cholesky((left + left.T) / 2))
        self._down = self._own @ gain
        self._next = gain.T @ self._down

    def fill(self, x: Tensor, white: White | None = None, rows: int = 1, tell: Callable[[int], None] | None = None) -> Iterator[Half]:
        """The half windows of a recording x (channel, time) that have gaps, in order.

        With ``white``, ``rows`` draws of each, coherent from one to the next; without, the mean and the deviation of every entry. They
        are those of the whole recording; where more than ``2 REACH`` half windows in a row have gaps, an entry counts up to at least
        ``REACH`` half windows ahead of it. Memory: ``2 REACH`` half windows. Cost: m^3 for a half window with m gaps. ``tell`` hears
        how many samples were passed. The end of the recording may lie inside a half window: what is beyond is a gap like any other.
        """
        blocks = _Blocks(x, self)
        before: Tensor | None = None
        pivots: list[_Pivot] = []
        told = k = 0
        while k < blocks.count:
            if not blocks.gappy[k]:
                k, before = k + 1, None
                continue
            pivots.append(self._eliminated(blocks, k, pivots[-1] if pivots else None, before))
            k += 1
            ends = k == blocks.count or not blocks.gappy[k]
            if not ends and len(pivots) < 2 * REACH:
                continue
            kept = len(pivots) if ends else REACH
            if not ends:  # what lies beyond is left out, not taken to be at its mean
                full, pivots[-1] = pivots[-1], self._eliminated(blocks, k - 1, pivots[-2], None, alone=True)
            solved = self._solved(blocks, pivots, kept, white, rows)
            yield from solved
            if tell is not None:
                tell((pivots[kept - 1].number + 1) * self.length - told)
                told = (pivots[kept - 1].number + 1) * self.length
            if ends:
                pivots, before = [], None
            elif white is None:
                pivots = [*pivots[kept:-1], full]
            else:  # what was drawn is known from here on, and the rest is eliminated again behind it
                before, k = blocks.residual(solved[-1].values), pivots[kept].number
                pivots = []
        if tell is not None:
            tell(x.shape[1] - told)

    def _eliminated(self, blocks: _Blocks, k: int, last: _Pivot | None, before: Tensor | None, alone: bool = False) -> _Pivot:
        """Half window k after the pivot ``last``, or after the drawn residuals ``before`` (row, block) of the one before it.

        ``alone`` is as if the recording ended with it.
        """
        gaps, r = blocks.gaps(k), blocks.seen(k)
        first, final = k == 0, alone or k == blocks.count - 1
        own = self._start if first else self._own
        own = own if final else own + self._next
        h = -(r @ own)
        if not first:
            h = h + (blocks.seen(k - 1) if before is None or last is not None else before) @ self._down.T
        if not final:
            h = h + blocks.seen(k + 1) @ self._down
        block, pulled, link = own[gaps][:, gaps], h[:, gaps], None
        if last is not None:
            link = torch.linalg.solve_triangular(last.factor, -self._down[gaps][:, last.gaps].T, upper=False).T
            block, pulled = block - link @ link.T, pulled - last.pulled @ link.T
        factor = torch.linalg.cholesky(block)
        return _Pivot(k, gaps, factor, link, torch.linalg.solve_triangular(factor, pulled.T, upper=False).T)

    def _solved(self, blocks: _Blocks, pivots: list[_Pivot], kept: int, white: White | None, rows: int) -> list[Half]:
        """The first ``kept`` of the half windows, from the last to the first, and back in order."""
        found: list[Half] = []
        after: Tensor | None = None
        spread: Tensor | None = None
        for place in range(len(pivots) - 1, -1, -1):
            pivot, link = pivots[place], pivots[place + 1].link if place + 1 < len(pivots) else None
            target = pivot.pulled
            if white is not None:
                # what is only looked ahead at is drawn anew later, from noise that has left no trace until then
                target = target.expand(rows, -1) + white(pivot.number if place < kept else ~pivot.number)[:, pivot.gaps]
            if after is not None and link is not None:
                target = target - after @ link
            after = torch.linalg.solve_triangular(pivot.factor.T, target.T, upper=True).T
            if white is None:
                core = torch.eye(len(pivot.gaps), dtype=after.dtype)
                if spread is not None and link is not None:
                    core = core + link.T @ spread @ link
                half = torch.linalg.solve_triangular(pivot.factor.T, core, upper=True)
                spread = torch.linalg.solve_triangular(pivot.factor.T, half.T, upper=True)
            if place < kept:
                found.append(blocks.whole(pivot, after, None if spread is None else spread.diagonal()))
        return found[::-1]


class _Blocks:
    """A recording cut into half windows of a chain, with residuals in units of the deviations."""

    def __init__(self, x: Tensor, chain: Chain) -> None:
        self.chain, self.time = chain, x.shape[1]
        self.count = -(-self.time // chain.length)
        self.x = x
        missing = torch.isnan(x).any(0)
        padded = torch.nn.functional.pad(missing, (0, self.count * chain.length - self.time), value=True)
        self.gappy: list[bool] = padded.view(self.count, chain.length).any(1).tolist()

    def values(self, k: int) -> Tensor:
        """Half window k, flattened; NaN in gaps and beyond the end."""
        cut = self.x[:, k * self.chain.length : (k + 1) * self.chain.length].to(torch.float64)
        return torch.nn.functional.pad(cut, (0, self.chain.length - cut.shape[1]), value=torch.nan).flatten()

    def gaps(self, k: int) -> Tensor:
        """The missing entries of half window k."""
        return torch.isnan(self.values(k)).nonzero()[:, 0]

    def seen(self, k: int) -> Tensor:
        """The residuals of half window k, (1, block), 0 in gaps."""
        return self.residual(self.values(k)).nan_to_num(0.0)

    def residual(self, values: Tensor) -> Tensor:
        """Values as (row, block) residuals; 0 where the law has no variance."""
        flat = values.reshape(-1, len(self.chain.mean))
        scale = self.chain.scale
        return torch.where(scale > 0, (flat - self.chain.mean) / scale, 0 * flat)

    def whole(self, pivot: _Pivot, r: Tensor, variance: Tensor | None) -> Half:
        """The half window with its gaps filled by residuals r (row, gap)."""
        chain, values = self.chain, self.values(pivot.number)
        shape = (chain.channels, chain.length)
        out = values.expand(len(r), -1).clone()
        out[:, pivot.gaps] = chain.mean[pivot.gaps] + chain.scale[pivot.gaps] * r
        end = min(chain.length, self.time - pivot.number * chain.length)
        if variance is None:
            return Half(pivot.number, out.view(-1, *shape)[..., :end], None)
        deviation = torch.zeros_like(values)
        deviation[pivot.gaps] = chain.scale[pivot.gaps] * variance.clamp_min(0).sqrt()
        return Half(pivot.number, out.view(-1, *shape)[..., :end], deviation.view(shape)[:, :end])


def _lift(first: Tensor, second: Tensor, across: Tensor) -> Tensor:
    """What the diagonal of a window's correlations needs so that no eigenvalue is below ``FLOOR``: a multiple of the unit matrix."""
    window = torch.cat([torch.cat([first, across.T], 1), torch.cat([across, second], 1)], 0)
    least = float(torch.linalg.eigvalsh(window)[0])
    return max(FLOOR - least, 0.0) * torch.eye(len(first), dtype=first.dtype)


def _roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The symmetric square root, and its inverse."""
    eigenvalues, basis = torch.linalg.eigh(matrix)
    root = eigenvalues.clamp_min(FLOOR).sqrt()
    return (basis * root) @ basis.T, (basis / root) @ basis.T
