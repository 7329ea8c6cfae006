"""Forecasts: a gap at the end of a window, with the level of the series free where its past asks for it.

    nothing  x,                  the law as it is, which returns to its mean
    level    x + l 1,            l of any size, one for each channel: the law of increments alone
    trend    x + l 1 + s t,      l and s of any size: the law of second differences alone

"Any size" is a variance of ``ANY`` times that of the law, so that the past decides; given the last values of each channel it is the law
re-centred on them, or differenced, whatever gaps the past has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, unknown_name
from ornstein.covariance import Dense
from ornstein.denoisers import Denoiser, Gaussian, Law, Mixture
from ornstein.denoisers.filling import DENSE
from ornstein.fitting.pinball import LEVELS, pinball
from ornstein.fitting.scaling import Scaler
from ornstein.model import local_scale
from ornstein.model.imputing import Exact, Filler, Tell
from ornstein.model.local_scale import LocalScale, scaled
from ornstein.model.origins import FEWEST, origins
from ornstein.model.quantiles import quantiles

KINDS = {"nothing": 0, "level": 1, "trend": 2}
"""Directions of each channel that are free."""
AUTO = "auto"
ANY = 1e6
"""Free variance over that of the law: it costs six of sixteen digits, and a millionth of the answer."""
BETTER = 0.99
"""Share of the score of the simpler one that a freer one must reach: what only chance prefers is not taken."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """What follows histories: draws, quantiles, and what was free.

    paths        (draw, case, *lead, horizon), each one coherent
    free         "nothing", "level" or "trend"
    why          how it was chosen, in one line
    local_scale  how bands follow the last errors, or None where they do not
    why_scale    how that was chosen, in one line
    """

    paths: Tensor
    free: str
    why: str
    local_scale: LocalScale | None
    why_scale: str
    _filler: Filler
    _window: Tensor
    _told: Callable[[Tensor], Tensor]

    def quantiles(self, levels: object = (0.05, 0.5, 0.95)) -> Tensor:
        """(level, case, *lead, horizon), exact for a Gaussian and a mixture, of the paths otherwise."""
        z = torch.special.ndtri(checks.levels(levels, "levels"))
        if isinstance(self._filler, Exact):
            found = quantiles(self._filler, self._window, z, len(self.paths), 0, lambda _: None)
            return self._told(found)
        return torch.quantile(self.paths, torch.special.ndtr(z), dim=0)


def freed(law: Denoiser, kind: str) -> Law:
    """The law with its level, or level and trend, free. Raises ``InputError`` for what is no Gaussian or mixture of up to 2048 entries."""
    if kind not in KINDS:
        raise unknown_name("free", kind, [AUTO, *KINDS])
    if KINDS[kind] == 0 and isinstance(law, Law):
        return law
    if isinstance(law, Mixture) and not law.batch_shape and law.size <= DENSE:
        return Mixture.from_log_weights(law.log_weights, [_freed(part, KINDS[kind]) for part in law.components])
    if isinstance(law, Gaussian) and not law.batch_shape and law.size <= DENSE:
        return _freed(law, KINDS[kind])
    raise InputError(
        f"free is {kind!r}, but only a Gaussian or a mixture of up to {DENSE} entries can be freed of its level: use free='nothing'"
    )


def _freed(law: Gaussian, directions: int) -> Gaussian:
    times = law.event_shape[-1]
    channels = law.size // times
    t = torch.linspace(-1, 1, times, dtype=torch.float64)
    basis = torch.stack([torch.ones_like(t), t][:directions])
    matrix = law.operator.dense()
    free = ANY * matrix.diagonal().mean() * basis.T @ basis
    return Gaussian(law.mean(), Dense(matrix + torch.kron(torch.eye(channels, dtype=torch.float64), free)), law.event_shape)


def checked(history: Tensor, event: tuple[int, ...], horizon: int) -> Tensor:
    """The history as (case, *lead, time), long enough. Raises ``InputError`` otherwise."""
    window = event[-1]
    horizon = checks.count(horizon, "horizon")
    if len(event) > 2:
        raise InputError(f"this model holds images of shape {event}, which have no future: forecasts are for signals in time")
    if horizon >= window:
        raise InputError(
            f"horizon is {horizon}, but the window of this model has {window} samples, of which at least one must be past: "
            f"choose a horizon of at most {window - 1}, or fit longer windows"
        )
    if len(event) == 1 and history.ndim == 3 and history.shape[1] == 1:
        history = history[:, 0]
    if history.ndim != 1 + len(event) or tuple(history.shape[1:-1]) != event[:-1] or not len(history):
        wanted = ", ".join(["case", *map(str, event[:-1]), "time"])
        raise InputError(f"history has shape {tuple(history.shape)}, but must be ({wanted})")
    if history.shape[-1] < window - horizon:
        raise InputError(
            f"history has {history.shape[-1]} samples, but a window of {window} with a horizon of {horizon} needs {window - horizon}: "
            "give more of the past, or NaN before it where it is not known"
        )
    return history.to(torch.float64)


def forecast(
    filler: Filler,
    history: Tensor,
    horizon: int,
    draws: int,
    free: str,
    scale: str | LocalScale,
    outward: Callable[[Tensor], Tensor],
    seed: int,
    tell: Tell,
) -> Forecast:
    """The forecast with what is asked to be ``free`` and its local ``scale``; ``outward`` brings values of the model to the names and
    units of the history."""
    kind, why = (free, f"{free} is free, as asked") if free != AUTO else chosen(filler, history, horizon)
    if kind != "nothing":
        filler = Exact(freed(filler.law, kind), filler.scaler)
    window = filler.law.event_shape[-1]
    known = history[..., history.shape[-1] - (window - horizon) :]
    shown = torch.cat([known, torch.full((*known.shape[:-1], horizon), torch.nan, dtype=torch.float64)], -1)
    local = local_scale.chosen(filler, history, horizon, scale)
    middle = None if local.ratio is None else quantiles(filler, shown, torch.zeros(1, dtype=torch.float64), 1, 0, lambda _: None)

    def told(values: Tensor) -> Tensor:
        """The future of windows, as wide as the local scale has it."""
        if middle is not None and local.ratio is not None:
            values = scaled(values, middle, local.ratio, filler.scaler)
        return outward(values[..., -horizon:])

    return Forecast(told(filler(shown, draws, seed, tell)), kind, why, local.scale, local.why, filler, shown, told)


def chosen(filler: Filler, history: Tensor, horizon: int) -> tuple[str, str]:
    """(kind, why): the one whose forecasts from origins in the history score best, the simpler one where they are level.

    The score is the mean pinball loss in deviations of the channels, over all leads, from up to ``MOST`` origins.
    """
    law, scaler = filler.law, filler.scaler
    if not isinstance(law, Gaussian | Mixture) or law.batch_shape or law.size > DENSE:
        why = "nothing is free: only a Gaussian or a mixture can be freed of its level"
        return "nothing", why
    found = origins(history, law.event_shape[-1], horizon)
    if isinstance(found, int):
        why = f"nothing is free: the history holds {found} origins, and {FEWEST} are needed to choose"
        return "nothing", why
    scores = {kind: _score(freed(law, kind), scaler, found.windows, horizon) for kind in KINDS}
    best = "nothing"
    for kind in ("level", "trend"):
        if scores[kind] < BETTER * scores[best]:
            best = kind
    said = ", ".join(f"{kind} {value:.3g}" for kind, value in scores.items())
    why = f"{best} is free, by the error at {len(found.windows)} origins in the history: {said}"
    return best, why


def _score(law: Law, scaler: Scaler, windows: Tensor, horizon: int) -> float:
    shown = windows.clone()
    shown[..., -horizon:] = torch.nan
    found = quantiles(Exact(law, scaler), shown, torch.special.ndtri(LEVELS), 1, 0, lambda _: None)
    lost = pinball(windows[..., -horizon:], found[..., -horizon:]) / scaler.scale[..., -horizon:]
    return float(lost.nanmean())
