"""Curved marginals or straight ones: what held-out cases say, in the units of the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.folds import every, standard_error
from ornstein.covariance.missing_blocks import Conditional
from ornstein.denoisers import Denoiser, Gaussian, Law
from ornstein.fitting.scaling import Scaler

_EVERY = 5
_FEWEST = 10


@dataclass(frozen=True)
class Gain:
    """Nats per held-out case that curves gain over straight lines, its standard error, and whether they are taken."""

    nats: float
    error: float

    @property
    def taken(self) -> bool:
        """Curves are more numbers: their gain must exceed its error."""
        return self.nats > self.error

    def sentence(self) -> str:
        """One line for people."""
        chosen = "gaussian" if self.taken else "none"
        return f"marginals: {chosen} by held-out likelihood; curves gain {self.nats:.2f} ± {self.error:.2f} nats per case"


def gain_of_curves(x: Tensor, scalers: Callable[[Tensor, bool], Scaler], fit: Callable[[Tensor], Denoiser], overlap: int = 0) -> Gain:
    """Both ways fitted to four fifths of x (case, *event), and the rest scored by what was observed of it.

    ``scalers`` makes the scaling of some cases, straight or curved; ``fit`` the law of the scaled ones; ``overlap`` is that of
    ``folds.every`` and ``folds.standard_error``. Gaps are scored exactly for one Gaussian; other laws score complete cases. Cost: two fits.
    Raises ``InputError`` below ten cases and where nothing can be scored.
    """
    if len(x) < _FEWEST:
        raise InputError(
            f"marginals is 'auto', but x holds {len(x)} cases and a choice needs at least {_FEWEST}: name 'gaussian' or leave it out"
        )
    train, test = every(len(x), _EVERY, overlap)
    levels = []
    for curved in (False, True):
        scaler = scalers(x[train], curved)
        levels.append(_level(fit(scaler.encode(x[train])), scaler, x[test]))
    apart = levels[1] - levels[0]
    if not bool(torch.isfinite(apart).all()):
        raise InputError("marginals is 'auto', but a law without variance in some direction gives no densities to compare: use shrinkage")
    return Gain(float(apart.mean()), standard_error(apart, overlap))


def _level(law: Denoiser, scaler: Scaler, x: Tensor) -> Tensor:
    """Log density of what was observed of every case, in the units of the data."""
    seen = ~torch.isnan(x)
    if isinstance(law, Gaussian) and not law.batch_shape and not bool(seen.all()):
        u = scaler.encode(x).flatten(1)
        volume = torch.where(seen, scaler.log_volumes(x).expand(x.shape), 0.0).flatten(1).sum(1)
        return Conditional(law.mean().flatten(), law.operator.dense()).log_prob(u) - volume
    whole = x[seen.flatten(1).all(1)]
    if not isinstance(law, Law) or not len(whole):
        raise InputError("marginals is 'auto', but this law gives held-out cases with gaps no density: name 'gaussian' or leave it out")
    return law.log_prob(scaler.encode(whole)) - scaler.log_volume(whole, law.covariance())
