"""What a Gaussian says of the entries that a case is asked for, given those it shows; whatever else it has is left out, exactly.

With o the shown and a the asked entries, C_oo^-1 by a Cholesky factor,

    expected = mu_a + Sigma_ao Sigma_oo^-1 (x_o - mu_o),       C = Sigma_aa - Sigma_ao Sigma_oo^-1 Sigma_oa = V diag(lambda) V^T

and for asked entries with noise sigma, in the basis V for every level and every draw of the case,

    mean = expected + V lambda / (lambda + sigma^2) V^T (x_a - expected),      variances = diag V lambda sigma^2 / (lambda + sigma^2) V^T
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.covariance.missing_blocks import factored
from ornstein.denoisers.completion_terms import RIDGE
from ornstein.denoisers.gaussian import Gaussian

KEPT = 1 << 26
"""Numbers of the cases that are kept: 256 MiB in float32. The one that was not asked for longest is let go first."""

_TINY = 1e-30

Name = tuple[bytes, torch.dtype]
"""A hash of what a case shows and is asked for, and the type of its numbers."""


class Told(NamedTuple):
    """What a law says of rows (row, d) of entries, 0 where they are not asked for.

    mean, deviation      of an asked entry given what is shown and all noisy ones
    expected, spread     of an asked entry given what is shown alone: its mean and deviation
    off                  by how many deviations a shown entry is off what all other shown ones say of it
    asked                which entries are asked for
    """

    mean: Tensor
    deviation: Tensor
    expected: Tensor
    spread: Tensor
    off: Tensor
    asked: Tensor


class Case(NamedTuple):
    """One case: its shown entries and how far they are off, its asked ones with their mean and deviation, V and lambda."""

    shown: Tensor
    off: Tensor
    asked: Tensor
    expected: Tensor
    spread: Tensor
    basis: Tensor
    eigenvalues: Tensor

    def draws(self, white: Tensor, sigma: float) -> Tensor:
        """Draws (row, a) of the asked entries with noise sigma, from white noise (row, a)."""
        return self.expected + (white * (self.eigenvalues + sigma**2).sqrt()) @ self.basis.mT

    def numbers(self) -> int:
        return sum(part.numel() for part in self)


class Kept:
    """Cases by name, up to ``KEPT`` numbers of them."""

    def __init__(self) -> None:
        self.cases: OrderedDict[Name, Case] = OrderedDict()
        self.numbers = 0

    def get(self, name: Name) -> Case | None:
        if name in self.cases:
            self.cases.move_to_end(name)
        return self.cases.get(name)

    def put(self, name: Name, case: Case) -> None:
        self.cases[name] = case
        self.numbers += case.numbers()
        while self.numbers > KEPT and len(self.cases) > 1:
            self.numbers -= self.cases.popitem(last=False)[1].numbers()


@dataclass(frozen=True, eq=False)
class Cases:
    """N(mu, Sigma) given what cases show, worked out once for each case and kept.

    location (d,) and covariance (d, d) in float64; what comes out has the type of the noisy entries. Cost of a case that is new: a factor
    and an inverse of its shown entries and a basis of its asked ones, o^3 + 9 a^3; then 4 a^2 for each row. Memory: ``KEPT``.
    """

    location: Tensor
    covariance: Tensor
    kept: Kept = field(default_factory=lambda: Kept())

    @classmethod
    def of(cls, law: Gaussian, device: torch.device) -> Cases:
        return cls(law.mean().flatten().to(device), law.operator.dense().to(device))

    def __call__(self, x: Tensor, sigma: Tensor, signal: Tensor) -> Told:
        """For noisy entries x (row, d) with noise sigma (row,), 0 to inf, and signals (row, d): a value where an entry is shown, NaN where
        it is asked for, inf where it is left out. Differentiable in x."""
        size, flat = x.shape[1], x.flatten()
        asked, shown, off, found = [], [], [], []
        for case, rows in self.groups(signal, x.dtype):
            at = rows.unsqueeze(1) * size + case.asked
            level = sigma[rows].unsqueeze(1).square()
            share = case.eigenvalues / (case.eigenvalues + level).clamp_min(_TINY)  # 0 at sigma = inf
            mean = case.expected + ((flat[at] - case.expected) @ case.basis * share) @ case.basis.mT
            variance = (case.eigenvalues * (1 - share)) @ case.basis.square().mT
            found.append(torch.stack([mean, variance, case.expected.expand_as(mean), case.spread.expand_as(mean)]).flatten(1))
            asked.append(at.flatten())
            shown.append((rows.unsqueeze(1) * size + case.shown).flatten())
            off.append(case.off.expand(len(rows), -1).flatten())
        place = torch.cat(asked).expand(4, -1)
        mean, variance, expected, spread = x.new_zeros(4, len(flat)).scatter(1, place, torch.cat(found, 1)).view(4, *x.shape)
        apart = torch.zeros_like(flat).scatter(0, torch.cat(shown), torch.cat(off)).view_as(x)
        return Told(mean, variance.clamp_min(0).sqrt(), expected, spread, apart, torch.isnan(signal))

    def groups(self, signal: Tensor, dtype: torch.dtype) -> Iterator[tuple[Case, Tensor]]:
        """Each different row of a signal (row, d) as a case, and the rows that have it."""
        rows: dict[bytes, list[int]] = {}
        for number, row in enumerate(signal.detach().to("cpu").numpy()):
            rows.setdefault(blake2b(row.tobytes(), digest_size=16).digest(), []).append(number)
        for name, members in rows.items():
            case = self.kept.get((name, dtype))
            if case is None:
                case = self._worked_out(signal[members[0]], dtype)
                self.kept.put((name, dtype), case)
            yield case, torch.tensor(members, device=signal.device)

    def _worked_out(self, signal: Tensor, dtype: torch.dtype) -> Case:
        shown, asked = torch.isfinite(signal).nonzero()[:, 0], torch.isnan(signal).nonzero()[:, 0]
        block = self._block(shown, shown)
        block.diagonal().add_(RIDGE * self.covariance.diagonal().mean())
        factor = factored(block.unsqueeze(0), torch.ones(1, len(shown), dtype=torch.bool, device=signal.device))[0]
        white = torch.linalg.solve_triangular(factor, self._block(shown, asked), upper=False)
        r = (signal[shown].to(factor) - self.location[shown]).unsqueeze(1)
        aside = torch.linalg.solve_triangular(factor, r, upper=False)
        expected = self.location[asked] + (white.mT @ aside)[:, 0]
        eigenvalues, basis = torch.linalg.eigh(self._block(asked, asked) - white.mT @ white)
        eigenvalues = eigenvalues.clamp_min(0)
        inverse = torch.cholesky_inverse(factor)
        off = (inverse @ r)[:, 0] / inverse.diagonal().sqrt()
        spread = (eigenvalues @ basis.square().mT).sqrt()
        numbers = (part.to(dtype) for part in (expected, spread, basis, eigenvalues))
        return Case(shown, off.to(dtype), asked, *numbers)

    def _block(self, rows: Tensor, columns: Tensor) -> Tensor:
        return self.covariance[rows.unsqueeze(1), columns]
