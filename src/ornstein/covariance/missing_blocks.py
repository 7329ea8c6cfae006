"""A Gaussian given what every case observed, each with a pattern of its own: batches of small blocks, no loop over patterns.

With Sigma = K^-1, o the observed and m the missing entries of a case, and r = x - mu,

    from what is seen     E[r_m | r_o] = Sigma_mo Sigma_oo^-1 r_o,        Cov = Sigma_mm - Sigma_mo Sigma_oo^-1 Sigma_om
    from the gaps         E[r_m | r_o] = -K_mm^-1 K_mo r_o,               Cov = K_mm^-1

so a case costs one Cholesky factor of its smaller side, at most d / 2 wide. Blocks of nearly equal size are padded by the unit
matrix to a multiple of 16 and factored together; what a case gets does not depend on its batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_WIDTH = 16
_MEMORY = 1 << 22
"""Numbers in one batch of blocks: 32 MiB, about a processor's cache."""
_INFLATION = 1e6
"""Largest 1 / (1 - R^2) of an entry given all others at which K is used: it loses that many digits of 16."""

_ROUNDING = 8 * torch.finfo(torch.float64).eps
"""Deviation over mean at which an entry is constant, and varies by rounding only."""


@dataclass(frozen=True)
class Block:
    """Cases of one width: their numbers (b,), the chosen entries (b, k), which of those are real, and the factors (b, k, k)."""

    cases: Tensor
    index: Tensor
    real: Tensor
    factor: Tensor
    from_gaps: bool

    def pick(self, rows: Tensor) -> Tensor:
        """The chosen entries of each row (b, d), 0 where there is none, (b, k)."""
        return torch.where(self.real, rows.gather(1, self.index), torch.zeros((), dtype=rows.dtype))

    def spread(self, values: Tensor, size: int) -> Tensor:
        """Values (b, k) at their entries of rows (b, d), 0 elsewhere."""
        rows = values.new_zeros(len(values), size)
        return rows.scatter_add_(1, self.index, torch.where(self.real, values, torch.zeros_like(values)))

    def solve(self, values: Tensor) -> Tensor:
        """The inverse of every block times its vector (b, k)."""
        return torch.cholesky_solve(values.unsqueeze(2), self.factor).squeeze(2)

    def inverses(self, size: int) -> Tensor:
        """The sum of all inverses, each at its entries of a matrix (d, d)."""
        inverse = torch.cholesky_inverse(self.factor)
        inverse = torch.where(self.real.unsqueeze(1) & self.real.unsqueeze(2), inverse, torch.zeros_like(inverse))
        place = self.index.unsqueeze(2) * size + self.index.unsqueeze(1)
        total = inverse.new_zeros(size * size)
        return total.index_add_(0, place.flatten(), inverse.flatten()).view(size, size)

    def logdet(self) -> Tensor:
        """log det of every block, (b,)."""
        return 2 * self.factor.diagonal(dim1=1, dim2=2).log().sum(1)


class Conditional:
    """N(mean, matrix) made ready to be conditioned on any pattern of gaps. Cost: one Cholesky factor of size d.

    mean (d,), matrix (d, d) positive semi-definite. Inside, entries are scaled to variance 1; constant ones stand alone.
    """

    def __init__(self, mean: Tensor, matrix: Tensor) -> None:
        self.mean, self.size = mean, len(mean)
        deviation = matrix.diagonal().clamp_min(0).sqrt()
        self.still = deviation <= _ROUNDING * mean.abs()
        self.scale = torch.where(self.still, torch.ones_like(deviation), deviation)
        self.correlation = matrix / torch.outer(self.scale, self.scale)
        self.correlation.diagonal().fill_(1.0)
        factor, failed = torch.linalg.cholesky_ex(self.correlation)
        self._root = None if bool(failed) else factor
        self.precision: Tensor | None = None
        if not bool(failed):
            precision = torch.cholesky_inverse(factor)
            if bool(precision.diagonal().max() <= _INFLATION):
                self.precision, self._logdet = precision, 2 * factor.diagonal().log().sum()

    @property
    def root(self) -> Tensor:
        """F with F F^T = the correlation: its Cholesky factor, or by eigenvalues where rounding leaves it none."""
        if self._root is None:
            eigenvalues, basis = torch.linalg.eigh(self.correlation)
            self._root = basis * eigenvalues.clamp_min(0).sqrt()
        root: Tensor = self._root
        return root

    def residual(self, x: Tensor, seen: Tensor) -> Tensor:
        """(x - mean) / scale where seen, 0 in the gaps."""
        return torch.where(seen, (x - self.mean) / self.scale, torch.zeros_like(x))

    def blocks(self, seen: Tensor) -> Iterator[Block]:
        """The blocks of cases with gaps (n, d), the smaller side of each."""
        count = seen.sum(1)
        gaps = count < self.size
        from_gaps = gaps & (2 * count > self.size) if self.precision is not None else torch.zeros_like(gaps)
        if self.precision is not None:
            yield from _batches(self.precision, ~seen, from_gaps, from_gaps=True)
        yield from _batches(self.correlation, seen, gaps & ~from_gaps, from_gaps=False)

    def seen_blocks(self, seen: Tensor) -> Iterator[Block]:
        """The blocks of what every case saw, for all that saw anything."""
        yield from _batches(self.correlation, seen, seen.any(1), from_gaps=False)

    def complete(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(E[x | what is seen] (n, d), and the sum over cases of its covariance (d, d)). NaN in x (n, d) is a gap."""
        seen = ~torch.isnan(x)
        r = self.residual(x, seen)
        filled, inverses, pending = r.clone(), torch.zeros_like(self.correlation), 0
        uncertain = torch.zeros_like(self.correlation)
        for block in self.blocks(seen):
            filled[block.cases] += self.shift(r[block.cases], block)
            if block.from_gaps:
                uncertain += block.inverses(self.size)
            else:
                inverses += block.inverses(self.size)
                pending += len(block.cases)
        if pending:
            uncertain += pending * self.correlation - self.correlation @ inverses @ self.correlation
        outer = torch.outer(self.scale, self.scale)
        alive = ~self.still
        return self.restore(filled, x, seen), torch.where(alive & alive.unsqueeze(1), uncertain * outer, torch.zeros_like(outer))

    def expect(self, x: Tensor, wanted: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(E[x | what is seen], its standard deviation), both (n, d): the value itself and 0 where it was seen.

        A deviation costs a solve for its entry; with ``wanted`` (n, d) both are of these hidden entries only, and the other gaps get the
        mean of the law and 0.
        """
        seen = ~torch.isnan(x)
        r = self.residual(x, seen)
        filled, variance = r.clone(), torch.zeros_like(r)
        for block in self.blocks(seen):
            asked = None if wanted is None else wanted[block.cases]
            shift, variance[block.cases] = self._moments(r[block.cases], block, asked)
            filled[block.cases] += shift
        deviation = self.scale * torch.where(seen | self.still, torch.zeros_like(variance), variance).clamp_min(0).sqrt()
        return self.restore(filled, x, seen), deviation

    def log_prob(self, x: Tensor) -> Tensor:
        """log density of what every case observed, in nats, (n,)."""
        seen = ~torch.isnan(x)
        r = self.residual(x, seen)
        whole = seen.all(1)
        level = torch.zeros(len(x), dtype=x.dtype)
        if bool(whole.any()):
            block = next(_batches(self.correlation, seen[whole][:1], torch.ones(1, dtype=torch.bool), from_gaps=False))
            rows = r[whole]
            level[whole] = (rows * torch.cholesky_solve(rows.T, block.factor[0, : self.size, : self.size]).T).sum(1) + block.logdet()
        for block in self.blocks(seen):
            mine = r[block.cases]
            if block.from_gaps and self.precision is not None:
                at = mine + self.shift(mine, block)
                level[block.cases] = (at * (at @ self.precision)).sum(1) + self._logdet + block.logdet()
            else:
                chosen = block.pick(mine)
                level[block.cases] = (chosen * block.solve(chosen)).sum(1) + block.logdet()
        units = seen.to(x) @ (2 * self.scale.log() + math.log(2 * math.pi))
        return -0.5 * (level + units)

    def shift(self, r: Tensor, block: Block) -> Tensor:
        """The conditional mean in the gaps of scaled residuals r (b, d), 0 where they were seen."""
        if block.from_gaps and self.precision is not None:
            return block.spread(-block.solve(block.pick(r @ self.precision)), self.size)
        moved = block.spread(block.solve(block.pick(r)), self.size) @ self.correlation
        return moved - block.spread(block.pick(moved), self.size)

    def restore(self, r: Tensor, x: Tensor, seen: Tensor) -> Tensor:
        """Scaled residuals as values: those seen as they came, those that never vary at their mean."""
        return torch.where(seen, x, self.mean + torch.where(self.still, torch.zeros_like(r), self.scale * r))

    def _moments(self, r: Tensor, block: Block, wanted: Tensor | None) -> tuple[Tensor, Tensor]:
        """The conditional mean of scaled residuals r (b, d) in the gaps, 0 where they were seen, and the variances (b, d), which mean
        nothing where seen. With ``wanted``, 0 in the other gaps."""
        if block.from_gaps:
            mean, variance = self.shift(r, block), block.spread(torch.cholesky_inverse(block.factor).diagonal(dim1=1, dim2=2), self.size)
            return (mean, variance) if wanted is None else (mean * wanted, variance * wanted)
        if wanted is None:
            rows = self.correlation[block.index] * block.real.unsqueeze(2)
            reach = torch.linalg.solve_triangular(block.factor, rows, upper=False)
            return self.shift(r, block), 1 - reach.square().sum(1)
        column, asked = _packed(wanted)
        rows = self.correlation[block.index.unsqueeze(2), column.unsqueeze(1)] * block.real.unsqueeze(2)
        reach = torch.linalg.solve_triangular(block.factor, rows, upper=False)
        aside = torch.linalg.solve_triangular(block.factor, block.pick(r).unsqueeze(2), upper=False)
        found = torch.stack([(reach * aside).sum(1), 1 - reach.square().sum(1)]) * asked
        return tuple(found.new_zeros(2, *wanted.shape).scatter_add_(2, column.expand(2, *column.shape), found))


def _packed(chosen: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers (b, k) of what was ``chosen`` (b, d) in each row, k as many as in the fullest, and which of those are real."""
    count = chosen.sum(1)
    most = int(count.max())
    index = torch.argsort(chosen.to(torch.uint8), dim=1, descending=True, stable=True)[:, :most]
    return index, torch.arange(most, device=count.device) < count.unsqueeze(1)


def _batches(matrix: Tensor, chosen: Tensor, cases: Tensor, *, from_gaps: bool) -> Iterator[Block]:
    """The principal blocks of ``matrix`` at the ``chosen`` entries (n, d) of the ``cases`` (n,), by width."""
    for some, index, real in entries(chosen, cases):
        block = matrix.flatten()[index.unsqueeze(2) * len(matrix) + index.unsqueeze(1)]
        yield Block(some, index, real, factored(block, real), from_gaps)


def entries(chosen: Tensor, cases: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Cases (b,) of nearly equal width, the numbers (b, k) of what was ``chosen`` (n, d) in each, and which of those are real."""
    count = chosen.sum(1)
    width = (count + _WIDTH - 1) // _WIDTH * _WIDTH
    for k in torch.unique(width[cases]).tolist():
        members = (cases & (width == k)).nonzero()[:, 0]
        for some in members.split(max(1, _MEMORY // max(k, 1) ** 2)):
            index, _ = _packed(chosen[some])
            index = torch.nn.functional.pad(index, (0, k - index.shape[1]))
            yield some, index, torch.arange(k, device=count.device) < count[some].unsqueeze(1)


def factored(block: Tensor, real: Tensor) -> Tensor:
    """Cholesky factors (b, k, k) of blocks whose entries that are not ``real`` stand alone with variance 1."""
    both = real.unsqueeze(1) & real.unsqueeze(2)
    return _factor(torch.where(both, block, torch.eye(block.shape[1], dtype=block.dtype, device=block.device)))


_LIFTS = 16
"""Tenfold steps from rounding up to the size of a block: beyond, only NaN fails."""


def _factor(blocks: Tensor) -> Tensor:
    """Cholesky factors; a block that rounding left singular gets as much on its diagonal as it takes."""
    factor: Tensor
    factor, failed = torch.linalg.cholesky_ex(blocks)
    if not bool(failed.any()):
        return factor
    own = blocks.diagonal(dim1=1, dim2=2).abs()
    own = torch.where(own > 0, own, 1.0)  # each entry by its own variance: a large one would drown the others
    lift, least = torch.zeros_like(own[:, :1]), 10 * blocks.shape[1] * torch.finfo(blocks.dtype).eps
    for _ in range(_LIFTS):
        lift = torch.where(failed.view(-1, 1) > 0, (10 * lift).clamp_min(least), lift)  # a block that was lifted stays so
        factor, failed = torch.linalg.cholesky_ex(blocks + torch.diag_embed(lift * own))
        if not bool(failed.any()):
            break
    return factor
