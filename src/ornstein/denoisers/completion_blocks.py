"""Blocks C_oo of known entries in the eigenbasis of a covariance, factored: one for every pattern of gaps and noise level."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.covariance import Spectral
from ornstein.covariance.missing_blocks import entries, factored
from ornstein.denoisers import completion_terms
from ornstein.denoisers.completion_terms import ridge

_TABLE = 1 << 26
"""Numbers in the rows of the basis that are kept, half a GiB; beyond, those of the known entries are made when they are needed."""


@dataclass(frozen=True, eq=False)
class Block:
    """Patterns (b,), their known entries (b, o) and which of those are real, and the Cholesky factors L of C_oo (b, o, o).

    accounted   tr(C_:o C_oo^-1 C_o:), the variance that the known entries take away, (b,)
    """

    patterns: Tensor
    index: Tensor
    real: Tensor
    factor: Tensor
    accounted: Tensor

    def solved(self, off: Tensor, member: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """(rows, C_oo^-1 off at their known entries and 0 elsewhere (row, d), log N(off_o; 0, C_oo) but for a constant (row,)).

        For the rows of off (case, d) whose pattern, ``member`` (case,), is here, in pieces.
        """
        place = member.new_full((int(member.max()) + 1,), -1)
        place[self.patterns] = torch.arange(len(self.patterns), device=member.device)
        at = place[member]
        volume = self.factor.diagonal(dim1=1, dim2=2).log().sum(1)
        for rows in (at >= 0).nonzero()[:, 0].split(max(1, completion_terms.TOGETHER // self.index.shape[1] ** 2)):
            own = at[rows]
            values = torch.where(self.real[own], off[rows].gather(1, self.index[own]), 0.0)
            white = torch.linalg.solve_triangular(self.factor[own], values.unsqueeze(2), upper=False)
            back = torch.linalg.solve_triangular(self.factor[own].mT, white, upper=True).squeeze(2)
            spread = torch.zeros_like(off[rows]).scatter_add_(1, self.index[own], torch.where(self.real[own], back, 0.0))
            yield rows, spread, -0.5 * white.squeeze(2).square().sum(1) - volume[own]


@dataclass(frozen=True, eq=False)
class Blocks:
    """The rows of the basis W of Sigma from which blocks are made: C = f I + W^T diag(c - f) W, f the smallest eigenvalue of C.

    kept    (k,), the coordinates whose eigenvalue is not the smallest: of a low-rank covariance, only those of its basis
    table   rows (d, k), or None where they are too many
    """

    operator: Spectral
    kept: Tensor
    table: Tensor | None

    @classmethod
    def of(cls, operator: Spectral) -> Blocks:
        lam = operator.eigenvalues
        found = cls(operator, (lam > lam.min()).nonzero()[:, 0], None)
        if operator.size * len(found.kept) > _TABLE:
            return found
        pieces = torch.arange(operator.size, device=lam.device).split(max(1, completion_terms.TOGETHER // len(lam)))
        return cls(operator, found.kept, torch.cat([found.rows(piece) for piece in pieces]))

    def rows(self, index: Tensor) -> Tensor:
        """The rows (*index, k) of entries."""
        if self.table is not None:
            return self.table[index]
        units = self.operator.eigenvalues.new_zeros(*index.shape, self.operator.size).scatter_(-1, index.unsqueeze(-1), 1.0)
        return self.operator.rotate(units)[..., self.kept]

    @property
    def widest(self) -> int:
        """Known entries whose rows fit into one pass."""
        return self.operator.size if self.table is not None else completion_terms.TOGETHER // self.operator.size

    def factored(self, spectra: Tensor, seen: Tensor, chosen: Tensor) -> Iterator[Block]:
        """The blocks of the ``chosen`` patterns (pattern,), for the eigenvalues of C (pattern, coordinate) and seen (pattern, d)."""
        for some, index, real in entries(seen, chosen):
            size = max(1, completion_terms.TOGETHER // (4 * index.shape[1] * spectra.shape[1]))
            for part in torch.arange(len(some), device=some.device).split(size):
                yield self._block(some[part], spectra[some[part]], index[part], real[part])

    def _block(self, patterns: Tensor, spectra: Tensor, index: Tensor, real: Tensor) -> Block:
        floor = spectra.amin(1, keepdim=True)
        above = (spectra[:, self.kept] - floor).unsqueeze(1)
        rows = self.rows(index) * real.unsqueeze(2)
        scaled = rows * above.sqrt()
        block = scaled @ scaled.mT
        block.diagonal(dim1=1, dim2=2).add_(floor + ridge(self.operator, spectra))
        factor = factored(block, real)
        reach = torch.linalg.solve_triangular(factor, rows * (above * (above + 2 * floor.unsqueeze(2))).sqrt(), upper=False)
        inverse = torch.linalg.solve_triangular(factor, torch.diag_embed(real.to(factor)), upper=False)
        accounted = reach.square().sum((1, 2)) + floor[:, 0].square() * inverse.square().sum((1, 2))
        return Block(patterns, index, real, factor, accounted)
