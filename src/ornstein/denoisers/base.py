"""What a denoiser is: a signal with noise of level sigma goes in, the law of the clean signal given it comes out.

Denoisers see noise in data scale only, x = x_0 + sigma z, whatever the schedule. Score, noise and velocity follow from the
mean in one place (``ornstein.process``); by Tweedie's formula the score is (mean - x) / sigma^2, and the covariance is
sigma^2 times the Jacobian of the mean.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ornstein.common import checks, memory
from ornstein.common.errors import InputError, short
from ornstein.common.random import Noise
from ornstein.covariance import Operator, Sigma, Spectral
from ornstein.measurements import Measurement
from ornstein.nets import Condition

if TYPE_CHECKING:
    from ornstein.denoisers.gaussian import Gaussian
    from ornstein.denoisers.mixture import Mixture

Shape = tuple[int, ...]

White = Callable[[int], Tensor]
"""k -> array number k of independent standard normals, each of the shape of x: what a draw given x is made of."""

_CHOICE = 1 << 20
"""Stream of the choice of a component or point, apart from those of noise."""


def white_numbers(white: White, event_shape: Shape, size: int, first: int = 0) -> Tensor:
    """``size`` white numbers a case, (..., size), float64, from the arrays ``first``, ``first + 1``, ... as far as they are needed."""
    arrays = -(-size // math.prod(event_shape))
    flat = [white(first + k).flatten(-len(event_shape)) for k in range(arrays)]
    return torch.cat(flat, -1)[..., :size].to(torch.float64)


@dataclass(frozen=True)
class Posterior:
    """p(x_0 | x): its mean, shape of x, and its covariance over flattened events, one operator for all cases, or None."""

    mean: Tensor
    covariance: Operator | None = None


class Denoiser(ABC):
    """x (case, *event) and sigma (a number, or one per case) -> Posterior. sigma = inf returns E[x_0] whatever x."""

    event_shape: Shape

    @abstractmethod
    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior: ...

    def score(self, x: Tensor, sigma: Sigma) -> Tensor:
        """grad log p_sigma(x) = (E[x_0 | x] - x) / sigma^2 (Tweedie), shape of x. Raises ``InputError`` at sigma = 0."""
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
        if bool((level == 0).any()):
            raise InputError("sigma is 0, but the score comes from the noise (Tweedie): pass sigma > 0")
        level = level.view(-1, *(1,) * len(self.event_shape)) if level.ndim else level
        return (self(x, sigma).mean - x) / level**2

    @property
    def reference(self) -> Gaussian | None:
        """The Gaussian of the signals that a trained denoiser stands on, and from which its runs may start.

        None for a law, which is known itself, and for a function of which nothing else is known.
        """
        return None

    @property
    def guide(self) -> Gaussian | Mixture | None:
        """The law that guides particles of this denoiser: the mixture that it stands on, or its Gaussian."""
        return self.reference

    def described(self) -> str:
        """What it is, in words."""
        return type(self).__name__

    def on(self, device: torch.device | str | None = None) -> Denoiser:
        """The denoiser on the device where it is to run; None is where it is. Raises ``InputError`` where there is nothing to move."""
        if device is not None:
            raise InputError(f"device is {short(device)}, but a {self.described()} is computed where its signals are: leave device out")
        return self

    def given(self, condition: Condition | None, first: int = 0) -> Denoiser:
        """The denoiser of signals under a condition: one row for all cases, or one for each of the cases ``first``, ``first + 1``, ...

        None is no condition. Raises ``InputError`` for a denoiser that was not trained with any.
        """
        if condition is not None:
            raise InputError(f"a condition is given, but a {self.described()} was made without: leave it out")
        return self

    def of_cases(self, first: int, end: int) -> Denoiser:
        """The denoiser of the cases number ``first`` ... ``end`` - 1 of a run: itself, unless every case has a condition of its own."""
        return self

    def color(self, z: Tensor) -> Tensor:
        """White noise (..., *event) as the forward noise of this denoiser: itself, unless the noise is correlated (``Colored``)."""
        return z


@dataclass(frozen=True)
class Conditional:
    """What conditioning returns: a law of the same kind, and log p(y) in nats."""

    law: Law
    log_evidence: Tensor


class Law(Denoiser):
    """A denoiser that knows its law in closed form: density at every noise level, exact draws, exact conditioning.

    A law may hold a batch: parameters with leading axes ``batch_shape``, one law per case. Then x (case, *event) meets the
    laws case by case, and draws have shape (n, *batch, *event).
    """

    batch_shape: Shape

    @property
    def size(self) -> int:
        """d, the number of entries of one signal."""
        return math.prod(self.event_shape)

    @abstractmethod
    def mean(self) -> Tensor:
        """E[x_0], shape (*batch, *event)."""

    @abstractmethod
    def covariance(self) -> Operator:
        """Cov[x_0] over flattened events."""

    @abstractmethod
    def log_prob(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        """log density of x_0 + sigma z at x in nats, shape (case,); -inf outside the support."""

    @abstractmethod
    def draw(self, noise: Noise, cases: int, sigma: float = 0.0) -> Tensor:
        """Exact draws of x_0 + sigma z, shape (cases, *batch, *event). In a batch, ``noise`` is keyed by law, not by draw."""

    @abstractmethod
    def posterior_draw(self, x: Tensor, sigma: Sigma, white: White) -> Tensor:
        """One exact draw from p(x_0 | x_0 + sigma z = x) for every x, shape of x; sigma = inf draws from the law itself.

        Array 0 of ``white`` chooses among components or points, by one number a case; those after it are the normal part.
        A Gaussian has nothing to choose and begins with array 0. Cost: at most twice that of the denoiser.
        """

    @abstractmethod
    def condition(self, measurement: Measurement, y: Tensor, noise: float | Tensor | Spectral = 0.0) -> Conditional:
        """The law of x_0 given y = A x_0 + n, for y (*output), or (case, *output) for one law per case.

        ``noise`` is a standard deviation (number, or one per entry of y) or a covariance of n; 0 is an exact constraint.
        """

    def sample(self, cases: int, *, seed: int | None = 0, sigma: float = 0.0, first: int = 0) -> Tensor:
        """Draws number first ... first + cases - 1 under this seed: the same however they are batched. None: another seed at each call."""
        memory.drawn(cases, "cases", math.prod(self.batch_shape) * self.size, first=first)
        return self.draw(Noise(checks.seed(seed), first), cases, checks.positive(sigma, "sigma", zero=True))

    def _white(self, noise: Noise, cases: int, size: int, stream: int = 0) -> Tensor:
        """White noise (cases, *batch, size): one source per draw, or, for a batch of laws, one per law."""
        if not self.batch_shape:
            return noise.normal(cases, (size,), stream)
        laws = math.prod(self.batch_shape)
        return noise.normal(laws, (cases, size), stream).transpose(0, 1).reshape(cases, *self.batch_shape, size)

    def _chosen(self, noise: Noise, cases: int, weights: Tensor) -> Tensor:
        """One index per draw (cases, *batch) from weights (*batch, K)."""
        cumulative = weights.cumsum(-1).expand(*self.batch_shape, -1).contiguous()
        if self.batch_shape:
            u = noise.uniform(math.prod(self.batch_shape), (cases,), _CHOICE).reshape(*self.batch_shape, cases)
        else:
            u = noise.uniform(cases, (), _CHOICE)
        return torch.searchsorted(cumulative, u.contiguous()).movedim(-1, 0).clamp_max(weights.shape[-1] - 1)

    def _uniform(self, white: White) -> Tensor:
        """One number in (0, 1] for every case, from the first entry of array 0."""
        first = white(0).flatten(-len(self.event_shape))[..., 0]
        u: Tensor = torch.special.ndtr(first.to(torch.float64))
        return u.clamp_min(torch.finfo(torch.float64).tiny)

    def _flat(self, x: Tensor) -> Tensor:
        """x (..., *event) as float64 vectors (..., d), after a check of its shape."""
        k = len(self.event_shape)
        if x.ndim < k or tuple(x.shape[x.ndim - k :]) != self.event_shape:
            raise InputError(
                f"x has shape {tuple(x.shape)}, but this law holds signals of shape (case, {', '.join(map(str, self.event_shape))})"
            )
        return x.reshape(*x.shape[: x.ndim - k], self.size).to(torch.float64)

    def _event(self, x: Tensor) -> Tensor:
        """Vectors (..., d) as signals (..., *event)."""
        return x.reshape(*x.shape[:-1], *self.event_shape)

    def _residual(self, measurement: Measurement, y: Tensor) -> Tensor:
        """y (..., *output) as float64 vectors (..., m), after a check of its shape."""
        flat = measurement.outputs(y, self.event_shape)
        return flat.flatten(flat.ndim - len(measurement.output_shape(self.event_shape)))
