"""Any function that predicts something of the noisy signal at time t, as a denoiser in data scale."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.covariance import Sigma
from ornstein.denoisers.base import Denoiser, Posterior, Shape
from ornstein.errors import InputError, unknown_name
from ornstein.process import KINDS, Process
from ornstein.schedules import Schedule

Function = Callable[[Tensor, Tensor], Tensor]


class Predicted(Denoiser):
    """f(x_t, t) that predicts ``kind`` under a schedule, asked at the time t(sigma) with sigma_t / alpha_t = sigma:

        E[x_0 | x] = x0 of (f(alpha_t x, t), alpha_t x, t)                        (``Process.convert``)

    function  takes x_t (case, *event) and t (case,) in [0, 1], both of the type of x, and returns the shape of x_t: a network, or
              any other function. One trained on the steps 1 ... T of a chain reads its step as t T.
    kind      "x0" | "eps" | "score" | "v" (alpha eps - sigma x0) | "velocity" (dx_t/dt)

    Raises ``InputError`` for another kind or shape, for sigma beyond the end of the schedule, and for "eps" and "score" at
    sigma = inf. Cost: one call of the function.
    """

    def __init__(self, function: Function, kind: str, schedule: Schedule, event_shape: Shape) -> None:
        if kind not in KINDS:
            raise unknown_name("kind", kind, KINDS)
        self.function, self.kind, self.schedule, self.event_shape = function, kind, schedule, tuple(event_shape)

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        if tuple(x.shape[1:]) != self.event_shape:
            raise InputError(f"x has shape {tuple(x.shape)}, but must be (case, {', '.join(map(str, self.event_shape))})")
        level = self._level(sigma, len(x))
        t = self.schedule.time(level).clamp(0, 1)
        x_t = self.schedule.alpha(t).to(x.device).view(-1, *(1,) * len(self.event_shape)) * x
        value = self.function(x_t.to(x.dtype), t.to(x))
        if not isinstance(value, Tensor) or value.shape != x.shape:
            name = getattr(self.function, "__name__", type(self.function).__name__)
            came = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise InputError(f"{name} returned {came} for x_t of shape {tuple(x.shape)}, but a prediction has the shape of its input")
        if self.kind == "x0":
            return Posterior(value.to(x.dtype))
        clean = level == 0
        # without noise x is the signal, and dsigma/dt may be infinite: any other time will do for what is not kept
        mean = Process(self.schedule).convert(value.to(torch.float64), x_t, torch.where(clean, 0.5, t), self.kind, "x0")
        return Posterior(torch.where(clean.to(x.device).view(-1, *(1,) * len(self.event_shape)), x, mean).to(x.dtype))

    def _level(self, sigma: Sigma, cases: int) -> Tensor:
        """One noise level per case, (case,), all of them on the schedule."""
        level = torch.as_tensor(sigma, dtype=torch.float64)
        if level.shape not in ((), (cases,)):
            raise InputError(f"sigma has shape {tuple(level.shape)}, but must be one number or one per case, ({cases},)")
        last = float(self.schedule.noise_level(1.0))
        wrong = torch.isnan(level) | (level < 0) | (level > last * (1 + 1e-9))
        if bool(wrong.any()):
            raise InputError(
                f"sigma is {float(level[wrong].max()):.6g}, but the schedule runs from 0 to {last:.6g}: start at its t = 1 or earlier"
            )
        if self.kind in ("eps", "score") and bool(torch.isinf(level).any()):
            raise InputError(
                f"the prediction is {self.kind}, but at sigma = inf there is no signal left to subtract noise from: "
                "start at an earlier time or use v or x0 prediction"
            )
        return level.expand(cases)
