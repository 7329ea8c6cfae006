"""A network as a denoiser."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ornstein.common.errors import InputError
from ornstein.common.ranks import own_device
from ornstein.covariance import Sigma
from ornstein.covariance.base import on_device
from ornstein.denoisers.base import Denoiser, Posterior
from ornstein.denoisers.by_condition import ByCondition
from ornstein.denoisers.completion import Completed
from ornstein.denoisers.completion_cases import Told
from ornstein.denoisers.completion_sight import shown
from ornstein.denoisers.gaussian import Gaussian
from ornstein.denoisers.mixture import Mixture
from ornstein.denoisers.preconditioning import LOWEST, Preconditioning
from ornstein.nets import Condition
from ornstein.nets.accepts import answered, entrywise, evaluating, finite, first_parameter, inputs_of, name_of

HIGHEST = 80.0
"""Noise, for signals of unit variance, in which nothing but mean and covariance is left to see."""


@dataclass(frozen=True, eq=False)
class Network(Denoiser):
    """E[x_0 | x, condition] by a module F inside a ``Preconditioning``: D = skip + C_out F(C_in (x - mu), log(sigma) / 4, condition).

    module           any ``nn.Module`` called as F(x, noise) or, with conditions, F(x, noise, condition): x (case, *event) in the type of
                     its parameters, noise (case,), returning the shape of x. Where it returns 0, the denoiser is the skip. One with
                     an attribute ``inputs`` = 2 is shown x and the skip, one after the other along axis 1
    preconditioning  on the device of the module; ``Network.of`` puts it there
    condition        what ``given`` bound: one row for all cases, one for each, or None
    highest          the noise level above which the Gaussian skip is the answer and no network is asked, unless it is told something:
                     E[x_0 | condition] is not the mean of all signals
    inpaints         whether the signal of a condition holds the observed entries of x_0 itself, NaN where they are hidden. Then the
                     observed entries of x are replaced by them, without noise, and returned as they are; the
                     skip is the law, Gaussian or mixture, given them (``Completion``), and C_out its posterior deviation in the gaps
                     For a module that is ``entrywise``, inf marks entries that are left out: neither observed nor asked for. It is shown
                     what ``completion_sight`` makes of every entry, and corrects each in its own posterior deviation
    first            the number of the case that the first of many rows of the condition belongs to

    x keeps its type and device; the module computes in its own and, but for ``mean``, in evaluation mode, everything around it in at
    least float32. Raises ``InputError`` for x of another shape, and one that names the module where its answer has another shape,
    is not real floating point, or not finite. The last is seen on the CPU only: on an accelerator, and under ``vmap``, a look at the
    numbers would wait or fail. Cost: one call of the module.
    """

    module: nn.Module
    preconditioning: Preconditioning
    condition: Condition | None = None
    highest: float = HIGHEST
    inpaints: bool = False
    first: int = 0

    @classmethod
    def of(
        cls,
        module: nn.Module,
        law: Gaussian | Mixture,
        form: str = "covariance",
        *,
        inpaints: bool = False,
        told: ByCondition | None = None,
    ) -> Network:
        """The module with the preconditioning of a form by a law, and by those of its conditions, on its own device and in its own type."""
        sample = first_parameter(module)
        return cls(module, Preconditioning.of(law, form, told).to(sample.device, working(sample)), inpaints=inpaints)

    @property
    def event_shape(self) -> tuple[int, ...]:  # type: ignore[override]  # the base declares an attribute; here it follows from the reference
        """The shape of one signal."""
        return self.preconditioning.event_shape

    @property
    def reference(self) -> Gaussian:
        """The Gaussian with the mean and covariance of the signals; under one condition for all, of those with it, where that is known."""
        return self._told or self.preconditioning.reference

    @property
    def guide(self) -> Gaussian | Mixture:
        """The law around the module."""
        return self._told or self.preconditioning.law

    @property
    def _told(self) -> Gaussian | None:
        told = self.preconditioning.told
        return None if told is None or self.condition is None else told.law(self.condition.to("cpu", torch.float64), self.event_shape)

    def given(self, condition: Condition | None, first: int = 0) -> Network:
        """The denoiser of signals under a condition: one row for all cases, or one for each of the cases ``first``, ``first + 1``, ...

        With many rows, row i meets case ``first + i`` of a run, whatever its batches, and row i of x in a call. None is no condition.
        """
        own = first_parameter(self.module)
        return replace(self, condition=None if condition is None else condition.to(own.device, working(own)), first=first)

    def of_cases(self, first: int, end: int) -> Network:
        if self.condition is None or self.condition.rows == 1:
            return self
        begin, last = first - self.first, end - self.first
        if begin < 0 or last > self.condition.rows:
            raise InputError(
                f"the condition has rows for the cases {self.first} to {self.first + self.condition.rows - 1}, but cases {first} to "
                f"{end - 1} were asked for: give one row for all, or one per case"
            )
        return replace(self, condition=self.condition[begin:last], first=first)

    def described(self) -> str:
        return f"Network of {name_of(self.module)}"

    def on(self, device: torch.device | str | None = None) -> Network:
        """Without a device, where its module is, which an earlier call may have moved."""
        return self.to(first_parameter(self.module).device if device is None else own_device(device))

    def to(self, device: torch.device | str) -> Network:
        """The same network on another device. The module itself is moved."""
        module = self.module.to(device)
        own = first_parameter(module)
        condition = None if self.condition is None else self.condition.to(own.device, working(own))
        return replace(self, module=module, preconditioning=self.preconditioning.to(device, working(own)), condition=condition)

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        if tuple(x.shape[1:]) != self.event_shape:
            raise InputError(f"x has shape {tuple(x.shape)}, but must be (case, {', '.join(map(str, self.event_shape))})")
        own = first_parameter(self.module)
        level = on_device(sigma, working(own), own.device)
        if level.shape not in ((), (len(x),)):
            raise InputError(f"sigma has shape {tuple(level.shape)}, but must be one number or one per case, ({len(x)},)")
        condition = None if self.condition is None else self.condition.of(len(x))
        with evaluating(self.module):
            mean = self.mean(x.to(level), level.expand(len(x)), condition)
        finite(name_of(self.module), mean)
        return Posterior(mean.to(x))

    def mean(self, x: Tensor, sigma: Tensor, condition: Condition | None = None) -> Tensor:
        """D(x, sigma), differentiable, for x (case, *event) and sigma (case,), 0 to inf, on the device of the module."""
        if self.entrywise:
            return self.corrected(x, sigma, condition, self.told(x, sigma, condition))
        x = self.known(x, condition)
        own, flat = first_parameter(self.module), x.flatten(1)
        parts, completed = self.preconditioning.parts(flat, sigma), self.completed(x, sigma, condition)
        noise = self._feature(sigma)
        stand = self.preconditioning.stand(parts.skip, flat, sigma, condition) if completed is None else None
        skip = completed.mean if completed is not None else parts.skip if stand is None else stand.skip
        seen = torch.cat([part.view(x.shape) for part in (parts.input, skip)[: inputs_of(self.module)]], 1).to(own.dtype)
        out = self.module(seen, noise.to(own.dtype)) if condition is None else self.module(seen, noise.to(own.dtype), condition)
        answered(name_of(self.module), out, x)
        update = out.flatten(1).to(flat.dtype)
        if completed is not None:
            mean = completed.mean + completed.deviation.unsqueeze(-1) * update
        else:
            update = self.preconditioning.scale(update, sigma) if stand is None else stand.deviation.unsqueeze(-1) * update
            beyond = sigma > self.highest if condition is None else (sigma > self.highest) & ~condition.says().to(sigma.device)
            mean = skip + update.masked_fill(beyond.unsqueeze(-1), 0.0)
        return self.known(mean.view(x.shape), condition)

    @property
    def entrywise(self) -> bool:
        """Whether the module looks at hidden entries one by one, so that any may be left out: inf in the signal of a condition."""
        return self.inpaints and entrywise(self.module)

    def told(self, x: Tensor, sigma: Tensor, condition: Condition | None) -> Told:
        """What the law makes of the hidden entries of x (case, *event), of a network that is ``entrywise``."""
        return self.preconditioning.cases(x.flatten(1), sigma, self._signal(x, condition).flatten(1))

    def corrected(self, x: Tensor, sigma: Tensor, condition: Condition | None, told: Told) -> Tensor:
        """The mean that ``told`` says of hidden entries, corrected by the module; shown entries as they are, and 0 for those left out."""
        own, signal = first_parameter(self.module), self._signal(x, condition)
        seen = shown(x, sigma, told).to(own.dtype)
        bound = replace(Condition() if condition is None else condition, signal=signal.masked_fill(torch.isinf(signal), torch.nan))
        out = self.module(seen, self._feature(sigma).to(own.dtype), bound)
        answered(name_of(self.module), out, x)
        mean = (told.mean + told.deviation * out.flatten(1).to(x.dtype)).view(x.shape)
        return torch.where(torch.isfinite(signal), signal, mean)

    def _feature(self, sigma: Tensor) -> Tensor:
        """The noise level as the module is told it."""
        return sigma.clamp(LOWEST, self.highest).log() / 4

    def _signal(self, x: Tensor, condition: Condition | None) -> Tensor:
        """What the condition shows, NaN where it shows nothing."""
        return torch.full_like(x, torch.nan) if condition is None or condition.signal is None else condition.signal.to(x.dtype)

    def known(self, x: Tensor, condition: Condition | None) -> Tensor:
        """x with the entries that a condition gives in their places, if this network ``inpaints``; otherwise x."""
        if not self.inpaints or condition is None or condition.signal is None:
            return x
        return torch.where(torch.isnan(condition.signal), x, condition.signal.to(x.dtype))

    def completed(self, x: Tensor, sigma: Tensor, condition: Condition | None) -> Completed | None:
        """What the law makes of x (case, *event), whose entries given by the condition are in place; None without such
        a condition, and for large signals of a network that was trained without it."""
        if not self.inpaints or condition is None or condition.signal is None or self.preconditioning.completion is None:
            return None
        return self.preconditioning.completion(x.flatten(1), sigma, torch.isnan(condition.signal).flatten(1))


def working(parameter: Tensor) -> torch.dtype:
    """The type of the numbers around a module: that of its parameters, but at least float32."""
    return torch.promote_types(parameter.dtype, torch.float32)
