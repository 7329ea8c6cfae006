"""Any function that predicts something of the noisy signal at time t, as a denoiser in data scale."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ornstein.common.errors import InputError, unknown_name
from ornstein.covariance import Sigma
from ornstein.denoisers.base import Denoiser, Posterior, Shape
from ornstein.nets.accepts import answered, evaluating, finite, name_of
from ornstein.process import KINDS, Process
from ornstein.schedules import Schedule

Function = Callable[[Tensor, Tensor], Tensor]
Clock = Callable[[Tensor], Tensor]


class Predicted(Denoiser):
    """f(x_t, t) that predicts ``kind`` under a schedule, asked at the time t(sigma) with sigma_t / alpha_t = sigma:

        E[x_0 | x] = x0 of (f(alpha_t x, t), alpha_t x, t)                        (``Process.convert``)

    function  takes x_t (case, *event) and a time (case,), and returns the shape of x_t in floating point: any ``nn.Module``, called on
              the device and in the type of its parameters, in evaluation mode; or a plain function, called in the type of x
    kind      "x0" | "eps" | "score" | "v" (alpha eps - sigma x0) | "velocity" (dx_t/dt)
    clock     the time that the function is told, from t in [0, 1] (float64); by default t itself. One trained on the steps 0 ... T - 1
              of a chain reads ``lambda t: t * T - 1``, one whose time runs from noise to data ``lambda t: 1 - t``

    Raises ``InputError`` for another kind or shape, for sigma beyond the end of the schedule, for "eps" and "score" at
    sigma = inf, and, naming the module, for an answer that is no tensor, of another shape, not floating point or (on the CPU) not
    finite. Cost: one call of the function.
    """

    def __init__(self, function: Function, kind: str, schedule: Schedule, event_shape: Shape, clock: Clock | None = None) -> None:
        if kind not in KINDS:
            raise unknown_name("kind", kind, KINDS)
        self.function, self.kind, self.schedule, self.event_shape = function, kind, schedule, tuple(event_shape)
        self.clock = clock
        self.name = name_of(function)

    def to(self, device: torch.device | str) -> Predicted:
        """The same denoiser on another device. A module is moved itself."""
        if isinstance(self.function, nn.Module):
            self.function.to(device)
        return self

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        if tuple(x.shape[1:]) != self.event_shape:
            raise InputError(f"x has shape {tuple(x.shape)}, but must be (case, {', '.join(map(str, self.event_shape))})")
        level = self._level(sigma, len(x))
        t = self.schedule.time(level).clamp(0, 1)
        x_t = self.schedule.alpha(t).to(x.device).view(-1, *(1,) * len(self.event_shape)) * x
        value = self._asked(x_t.to(x.dtype), t)
        if self.kind == "x0":
            return Posterior(value.to(x.dtype))
        clean = level == 0
        # without noise x is the signal, and dsigma/dt may be infinite: any other time will do for what is not kept
        mean = Process(self.schedule).convert(value.to(torch.float64), x_t, torch.where(clean, 0.5, t), self.kind, "x0")
        return Posterior(torch.where(clean.to(x.device).view(-1, *(1,) * len(self.event_shape)), x, mean).to(x.dtype))

    def _asked(self, x_t: Tensor, t: Tensor) -> Tensor:
        """What the function answers, on the device of x_t."""
        own = _like(self.function, x_t)
        seen = x_t.to(own)
        with evaluating(self.function):
            value = self.function(seen, (t if self.clock is None else self.clock(t)).to(own))
        answered(self.name, value, x_t)
        finite(self.name, value)
        return value.to(x_t.device)

    def _level(self, sigma: Sigma, cases: int) -> Tensor:
        """One noise level per case, (case,), all of them on the schedule."""
        level = torch.as_tensor(sigma, dtype=torch.float64, device="cpu")
        if level.shape not in ((), (cases,)):
            raise InputError(f"sigma has shape {tuple(level.shape)}, but must be one number or one per case, ({cases},)")
        last = float(self.schedule.noise_level(1.0))
        wrong = torch.isnan(level) | (level < 0) | (level > last * (1 + 1e-9))
        if bool(wrong.any()):
            raise InputError(
                f"sigma is {float(level[wrong].max()):.6g}, but the schedule runs from 0 to {last:.6g}: sample under this schedule"
            )
        if self.kind in ("eps", "score") and bool(torch.isinf(level).any()):
            raise InputError(
                f"the prediction is {self.kind}, but at sigma = inf there is no signal left to subtract noise from: "
                "start at an earlier time or use v or x0 prediction"
            )
        return level.expand(cases)


def _like(function: Function, x: Tensor) -> Tensor:
    """A tensor with the device and type that the function computes in: a parameter of a module, or x."""
    if isinstance(function, nn.Module):
        return next((p for p in function.parameters() if p.is_floating_point()), x)
    return x
