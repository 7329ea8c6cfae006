"""The hidden entries of signals whose others are known: what a network that fills gaps denoises."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Sigma
from ornstein.denoisers.base import Denoiser, Posterior
from ornstein.denoisers.gaussian import Gaussian
from ornstein.denoisers.network import Network
from ornstein.measurements import Mask
from ornstein.nets import Condition


@dataclass(frozen=True, eq=False)
class Hidden(Denoiser):
    """r = x_h - E[x_h | x_o], the hidden entries of each case less what its known ones make the reference Gaussian expect.

    Less their expectation, the hidden entries of every case have one reference, N(0, Sigma_hh - Sigma_ho Sigma_oo^-1 Sigma_oh).

    network    bound to the known entries, one row per case, NaN where they are hidden
    expected   (case, *event): known entries as they are, the expectation of the others
    hidden     (*event), which entries are hidden, the same in every case
    first      the number of the case that the first row belongs to
    """

    network: Network
    expected: Tensor
    hidden: Tensor
    first: int = 0

    @classmethod
    def of(cls, network: Network, x: Tensor, known: Tensor, condition: Condition | None = None) -> tuple[Hidden, Gaussian]:
        """The denoiser of r for signals x (case, *event) whose entries ``known`` (*event) are given, and its reference.

        ``condition`` is anything else the network is told, one row or one per case. Raises ``InputError`` for a network that was
        trained without masks, and for patterns in which nothing or everything is known.
        """
        if not network.inpaints:
            raise InputError("this network was trained without masks, so it knows no density given a part: train it with masks=Masks()")
        if bool(known.all()) or not bool(known.any()):
            raise InputError("given marks all entries or none, but a density given a part needs some that are known and some that are not")
        told = Condition() if condition is None else condition
        seen = torch.where(known, x, torch.nan)
        bound = network.given(replace(told.of(len(x)), signal=seen))
        law = network.reference.condition(Mask(known), x[:, known]).law
        block = law.covariance().dense()[(~known).flatten()][:, (~known).flatten()]
        reference = Gaussian(torch.zeros(len(block), dtype=torch.float64), Dense(block))
        return cls(bound, torch.where(known, x, law.mean()), ~known), reference

    @property
    def event_shape(self) -> tuple[int, ...]:  # type: ignore[override]  # the base declares an attribute; here it follows from the pattern
        """How many entries are hidden."""
        return (int(self.hidden.sum()),)

    def of_cases(self, first: int, end: int) -> Hidden:
        rows = slice(first - self.first, end - self.first)
        return replace(self, network=self.network.of_cases(first, end), expected=self.expected[rows], first=first)

    def described(self) -> str:
        return f"{self.network.described()} in {self.event_shape[0]} hidden entries"

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        whole = self.expected.to(x).masked_scatter(self.hidden.expand_as(self.expected), self.rest(x))
        mean = self.network(whole, sigma).mean
        return Posterior((mean - self.expected.to(mean))[:, self.hidden].to(x))

    def rest(self, r: Tensor) -> Tensor:
        """The hidden entries themselves (case, m), of their r."""
        return r + self.expected.to(r)[:, self.hidden]
