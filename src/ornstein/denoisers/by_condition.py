"""The Gaussian of the signals of one class, or of those that numbers go with: what a network that is told them stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.covariance import Spectral
from ornstein.covariance.base import posterior_variance, shrinkage
from ornstein.covariance.moving import moved
from ornstein.denoisers.base import Shape
from ornstein.denoisers.gaussian import Gaussian
from ornstein.nets import Condition


class Stand(NamedTuple):
    """What the network corrects, (case, d), and the root of the mean variance that is left, (case,)."""

    skip: Tensor
    deviation: Tensor


@dataclass(frozen=True, eq=False)
class ByCondition:
    """x_0 | class k, numbers v ~ N(mu_k + B^T v, Sigma_k).

    means      mu_k (K, d), float64 as all others; one row where there are no labels
    counts     how many signals each was fitted to, (K,); a class with none is not told
    operators  Sigma_k, one for all classes or one for each, all with an eigenbasis
    slope      B (k, d), the regression on standardised numbers; None without numbers

    A case is told its law where everything that this was fitted with is given, without a gap: its class and all its numbers.
    Cost of a call: two products with the basis of each class that occurs, of its cases; on an accelerator of each class, of all cases.
    """

    means: Tensor
    counts: Tensor
    operators: tuple[Spectral, ...]
    slope: Tensor | None = None
    labelled: bool = True

    def to(self, device: torch.device | str, dtype: torch.dtype) -> ByCondition:
        """The same numbers where the network computes."""
        operators = tuple(moved(operator, device, dtype) for operator in self.operators)
        slope = None if self.slope is None else self.slope.to(device, dtype)
        return ByCondition(self.means.to(device, dtype), self.counts.to(device), operators, slope, self.labelled)

    def tells(self, condition: Condition) -> Tensor:
        """For which rows the law is known, bool (case,)."""
        told = torch.ones(condition.rows, dtype=torch.bool, device=self.means.device)
        if self.labelled:
            if condition.label is None:
                return ~told
            label = condition.label.to(told.device)
            inside = (label >= 0) & (label < len(self.means))
            told = inside & (self.counts[label.where(inside, 0)] > 0)
        if self.slope is not None:
            told = told & (~torch.isnan(condition.vector).any(1).to(told.device) if condition.vector is not None else False)
        return told

    def __call__(self, x: Tensor, sigma: Tensor, condition: Condition) -> Stand:
        """E[x_0 | x, condition] for x (case, d), sigma (case,) and one row of the condition a case; anything where ``tells`` is False."""
        kind = self._kind(condition)
        offset = x - self._mean(kind, condition)
        if len(self.operators) == 1:
            kept, left = self._gain(self.operators[0], offset, sigma)
        else:
            # on an accelerator the host would have to wait for the sizes of the groups, at every call
            by_class = self._grouped if x.device.type == "cpu" else self._chosen
            kept, left = by_class(kind, offset, sigma)
        return Stand(x - offset + kept, left.sqrt())

    def law(self, condition: Condition, event_shape: Shape) -> Gaussian | None:
        """The Gaussian of a condition of one row; None where it is not told. For numbers in float64 only."""
        if condition.rows != 1 or not bool(self.tells(condition)):
            return None
        kind = self._kind(condition)
        operator = self.operators[int(kind) if len(self.operators) > 1 else 0]
        return Gaussian(self._mean(kind, condition)[0].view(event_shape), operator)

    def _kind(self, condition: Condition) -> Tensor:
        """The row of ``means`` of every case."""
        if not self.labelled or condition.label is None:
            return torch.zeros(condition.rows, dtype=torch.int64, device=self.means.device)
        return condition.label.to(self.means.device).clamp(0, len(self.means) - 1)

    def _mean(self, kind: Tensor, condition: Condition) -> Tensor:
        mean = self.means[kind]
        if self.slope is None or condition.vector is None:
            return mean
        return mean + condition.vector.to(self.slope).nan_to_num() @ self.slope

    def _grouped(self, kind: Tensor, offset: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """``_gain`` of every case under its class, class by class: a product for each class that occurs, of its cases alone."""
        order, parts = kind.argsort(stable=True), []
        counts = torch.bincount(kind, minlength=len(self.operators)).tolist()
        for operator, rows in zip(self.operators, order.split(counts), strict=True):
            if len(rows):
                parts.append(self._gain(operator, offset[rows], sigma[rows]))
        back = order.argsort()
        kept, left = (torch.cat(part)[back] for part in zip(*parts, strict=True))
        return kept, left

    def _chosen(self, kind: Tensor, offset: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The same numbers without a look at ``kind`` from the host: a product of all cases for each class, of which each takes its own."""
        kept, left = self._gain(self.operators[0], offset, sigma)
        for k, operator in enumerate(self.operators[1:], 1):
            mine, (other, rest) = kind == k, self._gain(operator, offset, sigma)
            kept, left = torch.where(mine.unsqueeze(-1), other, kept), torch.where(mine, rest, left)
        return kept, left

    @staticmethod
    def _gain(operator: Spectral, offset: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """(Sigma (Sigma + sigma^2)^-1 offset, the mean variance that is left)."""
        lam = operator.eigenvalues
        kept = operator.unrotate(shrinkage(lam, sigma) * operator.rotate(offset))
        return kept, (operator.multiplicity * posterior_variance(lam, sigma)).sum(-1) / operator.size
