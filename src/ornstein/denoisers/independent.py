"""Independent signals side by side: the law of two sources, of which only a mix is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Sigma
from ornstein.denoisers.base import Denoiser, Posterior
from ornstein.denoisers.gaussian import Gaussian
from ornstein.denoisers.mixture import Mixture

MOST = 1024
"""Components of all pairs up to which mixtures stay a mixture."""


@dataclass(frozen=True, eq=False)
class Independent(Denoiser):
    """x_0 = (a, b, ...) along the first axis of the event, each with a denoiser of its own, which is asked on its own part of x.

    ``independent`` returns a Gaussian or a mixture instead where all parts are. Raises ``InputError`` for events that do not stack. Cost: a
    call of each part.
    """

    parts: tuple[Denoiser, ...]

    @property
    def event_shape(self) -> tuple[int, ...]:  # type: ignore[override]  # the base declares an attribute; here it follows from the parts
        """The shape of all signals side by side."""
        return (sum(p.event_shape[0] for p in self.parts), *self.parts[0].event_shape[1:])

    @property
    def reference(self) -> Gaussian | None:
        """The Gaussian of all, where that of each is known."""
        known = [p if isinstance(p, Gaussian) else p.reference for p in self.parts]
        return _side_by_side([k for k in known if k is not None]) if all(k is not None for k in known) else None

    @property
    def guide(self) -> Gaussian | Mixture | None:
        """All pairs of what guides each, where they are not too many."""
        known = [p if isinstance(p, Gaussian | Mixture) else p.guide for p in self.parts]
        laws = [k for k in known if k is not None]
        if len(laws) < len(known):
            return None
        return _pairs(laws) if prod(_count(law) for law in laws) <= MOST else self.reference

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        pieces = x.split([p.event_shape[0] for p in self.parts], 1)
        return Posterior(torch.cat([p(piece, sigma).mean for p, piece in zip(self.parts, pieces, strict=True)], 1))


def independent(parts: Sequence[Denoiser]) -> Denoiser:
    """The law of independent signals side by side: a Gaussian of Gaussians, a mixture of all pairs of components, else ``Independent``."""
    shapes = {p.event_shape[1:] for p in parts}
    if len(parts) < 2 or len(shapes) > 1:
        raise InputError(
            f"signals of shapes {sorted(p.event_shape for p in parts)} do not stand side by side: all but the first axis must agree"
        )
    known = [p for p in parts if isinstance(p, Gaussian | Mixture) and not p.batch_shape]
    if len(known) == len(parts) and prod(_count(p) for p in known) <= MOST:
        return _pairs(known)
    return Independent(tuple(parts))


def _count(law: Gaussian | Mixture) -> int:
    return len(law.components) if isinstance(law, Mixture) else 1


def _pairs(laws: Sequence[Gaussian | Mixture]) -> Gaussian | Mixture:
    choices = [law.components if isinstance(law, Mixture) else (law,) for law in laws]
    weights = [law.log_weights if isinstance(law, Mixture) else torch.zeros(1, dtype=torch.float64) for law in laws]
    joined = [_side_by_side(chosen) for chosen in product(*choices)]
    if len(joined) == 1:
        return joined[0]
    logs = torch.stack([torch.stack(chosen).sum() for chosen in product(*[w.unbind() for w in weights])])
    return Mixture.from_log_weights(logs, joined)


def _side_by_side(laws: Sequence[Gaussian]) -> Gaussian:
    covariance = torch.block_diag(*[law.covariance().dense() for law in laws])
    return Gaussian(torch.cat([law.mean() for law in laws]), Dense(covariance))
