"""What a log-density estimate is: a number of nats with its errors, its price, and how it was made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Density:
    """log p(x) in nats, one entry per case in every tensor.

    value                 the estimate; -inf outside the support
    standard_error        of the random part (probes, noise); 0 where nothing is random
    discretisation_error  of the finite grid, as seen from a second one; 0 where there is no grid
    calls                 evaluations of the denoiser; a product with its Jacobian counts as one (it costs about two)
    method                "exact", "flow", "mmse" or "bound"
    why                   one sentence: why this method, and what was assumed
    """

    value: Tensor
    standard_error: Tensor
    discretisation_error: Tensor
    calls: Tensor
    method: str
    why: str = ""

    @property
    def error(self) -> Tensor:
        """Both errors together, (standard_error^2 + discretisation_error^2)^(1/2)."""
        return torch.hypot(self.standard_error, self.discretisation_error)

    def shifted(self, nats: float | Tensor) -> Density:
        """The same in other coordinates: ``nats`` is what their log-Jacobian adds."""
        return replace(self, value=self.value + nats)

    def because(self, reason: str) -> Density:
        """The same, with the reason why this method was chosen; "" adds nothing."""
        return replace(self, why=f"{self.why}: {reason}") if reason else self

    @classmethod
    def estimate(cls, value: Tensor, errors: tuple[Tensor, Tensor], outside: Tensor, calls: int, method: str, why: str) -> Density:
        """An estimate with (standard, discretisation) error; -inf without error for the cases that lie ``outside`` the support."""
        kept = [torch.where(outside, 0.0, e) for e in errors]
        return cls(torch.where(outside, -torch.inf, value), kept[0], kept[1], torch.full((len(value),), calls), method, why)

    @classmethod
    def exact(cls, value: Tensor, why: str = "the law has its density in closed form") -> Density:
        """A closed form: no error, no call."""
        zero = torch.zeros_like(value)
        return cls(value, zero, zero, torch.zeros_like(value, dtype=torch.int64), "exact", why)

    @classmethod
    def joined(cls, parts: list[Density]) -> Density:
        """Densities of consecutive cases as one."""
        first = parts[0]
        if len(parts) == 1:
            return first
        value, standard, discrete, calls = (
            torch.cat([getattr(p, name) for p in parts]) for name in ("value", "standard_error", "discretisation_error", "calls")
        )
        return cls(value, standard, discrete, calls, first.method, first.why)
