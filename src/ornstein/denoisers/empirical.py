"""The data set itself as a law: the exact optimum of denoising on the training set, in memory for large sets.

With a kernel covariance K it is a kernel density, sum_i w_i N(p_i, K): it then has a density, and generates new signals.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.linear import LinearMap
from ornstein.common.random import Noise
from ornstein.covariance import Dense, Diagonal, Operator, Sigma, Spectral, condition
from ornstein.covariance.base import column, posterior_variance, shrinkage
from ornstein.denoisers.base import Conditional, Law, Posterior, Shape, White, white_numbers
from ornstein.denoisers.cloud import Cloud, KernelPosterior
from ornstein.measurements import Measurement

_EVIDENCE_NUMBERS = 1 << 22


class Empirical(Law):
    """sum_i w_i N(p_i, K) over points (n, *event); K = None means the bare points.

    With v = K + sigma^2 I and G = K v^-1, in the eigenbasis of K:

        weights       w_i(x) ~ w_i exp(-1/2 (x - p_i)^T v^-1 (x - p_i))
        E[x_0 | x]    = G x + (I - G) sum_i w_i(x) p_i
        Cov[x_0 | x]  = K sigma^2 v^-1 + (I - G) Scatter(x) (I - G)

    The points are kept as given (float32 stays float32) and visited in chunks, so the memory is that of the points plus about
    100 MiB, whatever n. Cost per case: 4 n d flops. ``offset`` (*batch, *event) shifts the whole law, case by case; it appears
    when a batch of measurements conditions one kernel density.
    """

    def __init__(
        self, points: Tensor, kernel: Spectral | None = None, *, log_weights: Tensor | None = None, offset: Tensor | None = None
    ) -> None:
        event_shape = tuple(points.shape[1:])
        flat = points.reshape(len(points), -1)
        if kernel is not None and kernel.size != flat.shape[1]:
            raise InputError(f"kernel has size {kernel.size}, but the points have {flat.shape[1]} entries")
        centre = flat.mean(0, dtype=torch.float64)
        local = flat - centre.to(flat.dtype)
        if kernel is not None and not isinstance(kernel, Diagonal):
            local = kernel.rotate(local.to(torch.float64))
        uniform = torch.full((len(flat),), -math.log(len(flat)), dtype=torch.float64)
        cloud = Cloud(local, uniform if log_weights is None else log_weights)
        shift = torch.zeros_like(centre) if offset is None else offset.reshape(*offset.shape[: offset.ndim - len(event_shape)], -1)
        self._set(cloud, kernel, centre, shift, event_shape)

    @classmethod
    def from_cloud(cls, cloud: Cloud, kernel: Spectral | None, centre: Tensor, offset: Tensor, event_shape: Shape) -> Empirical:
        """From its parts as they are kept: points already centred and in the eigenbasis of the kernel."""
        law = cls.__new__(cls)
        law._set(cloud, kernel, centre, offset, event_shape)
        return law

    def _set(self, cloud: Cloud, kernel: Spectral | None, centre: Tensor, offset: Tensor, event_shape: Shape) -> None:
        self.cloud, self.kernel, self.centre, self.offset, self.event_shape = cloud, kernel, centre, offset, event_shape
        self._basis: Spectral = Diagonal(torch.zeros_like(centre)) if kernel is None else kernel
        self.batch_shape = tuple(torch.broadcast_shapes(cloud.log_weights.shape[:-1], offset.shape[:-1]))

    @property
    def weights(self) -> Tensor:
        """w, shape (*batch, n)."""
        return self.cloud.log_weights.exp()

    @property
    def points(self) -> Tensor:
        """p_i without the offset, (n, *event), float64."""
        return self._event(self._basis.unrotate(self.cloud.points.to(torch.float64)) + self.centre)

    def _local(self, x: Tensor) -> Tensor:
        return self._basis.rotate(self._flat(x) - self.centre - self.offset)

    def _global(self, w: Tensor) -> Tensor:
        return self._basis.unrotate(w) + self.centre + self.offset

    def _variance(self, sigma: Sigma) -> Tensor:
        """The eigenvalues of K + sigma^2 I, kept above rounding so that sigma = 0 means the nearest point."""
        v = self._basis.eigenvalues + column(sigma, self.centre) ** 2
        return v.clamp_min(1e-20 * max(float(self.cloud.points[:1024].to(torch.float64).square().mean()), 1e-280))

    def mean(self) -> Tensor:
        return self._event(self._global(self.weights @ self.cloud.points.to(torch.float64)))

    def covariance(self) -> Operator:
        here = self._local(self.mean())
        eigenvalues = self._basis.eigenvalues
        return KernelPosterior(
            self._basis, self.cloud, (here, torch.full_like(eigenvalues, torch.inf)), torch.ones_like(eigenvalues), eigenvalues
        )

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        w, eigenvalues = self._local(x), self._basis.eigenvalues
        gain = shrinkage(eigenvalues, sigma)
        covariance = KernelPosterior(self._basis, self.cloud, (w, self._variance(sigma)), 1 - gain, posterior_variance(eigenvalues, sigma))
        estimate = self._global(gain * w + (1 - gain) * covariance.mean)
        return Posterior(self._event(estimate).to(x.dtype), covariance)

    def log_prob(self, x: Tensor, sigma: Sigma = 0.0) -> Tensor:
        if bool((torch.as_tensor(sigma, dtype=torch.float64) == 0).any()) and self._basis.rank() < self.size:
            what = "without a kernel" if self.kernel is None else "with a rank-deficient kernel"
            raise InputError(f"the empirical law {what} has no density at sigma = 0: fit it without bandwidth 0, or pass sigma > 0")
        v = self._variance(sigma)
        log_total, _ = self.cloud.average(self._local(x), v)
        return log_total - 0.5 * ((self._basis.multiplicity * v.log()).sum(-1) + self.size * math.log(2 * math.pi))

    def draw(self, noise: Noise, cases: int, sigma: float = 0.0) -> Tensor:
        chosen = self._chosen(noise, cases, self.weights)
        picked = self._global(self.cloud.points[chosen].to(torch.float64))
        return self._event(picked + self._basis.scaled(1.0, sigma).color(self._white(noise, cases, self.size)))

    def posterior_draw(self, x: Tensor, sigma: Sigma, white: White) -> Tensor:
        w, gain = self._local(x), shrinkage(self._basis.eigenvalues, sigma)
        chosen = self.cloud.choose(w, self._variance(sigma), self._uniform(white))
        drawn = self._event(self._global(gain * w + (1 - gain) * self.cloud.points[chosen].to(torch.float64)))
        if self.kernel is not None:
            drawn = drawn + self._event(self.kernel.posterior(sigma).color(white_numbers(white, self.event_shape, self.size, 1)))
        return drawn.to(x.dtype)

    def condition(self, measurement: Measurement, y: Tensor, noise: float | Tensor | Spectral = 0.0) -> Conditional:
        """Points are reweighted by their evidence; with a kernel each also moves, all by the same gain."""
        if self.batch_shape:
            raise InputError("this law already holds one posterior per case: condition each case on both measurements at once")
        exact = not isinstance(noise, Spectral) and torch.as_tensor(noise).ndim < 2 and bool((torch.as_tensor(noise) == 0).any())
        if self.kernel is None and exact:
            raise InputError("an exact measurement (noise = 0) fits none of the bare points: give noise > 0, or the law a kernel")
        bound, target = measurement.bind(self.event_shape), self._residual(measurement, y)
        flat = self._flat(self.points) + self.offset
        seen = bound(flat)
        joint = self.cloud.log_weights + self._evidence(bound, target, seen, noise)
        log_evidence = torch.logsumexp(joint, -1)
        weights = joint - log_evidence.unsqueeze(-1)
        if self.kernel is None:
            cloud = Cloud(self.cloud.points, weights)
            return Conditional(Empirical.from_cloud(cloud, None, self.centre, self.offset, self.event_shape), log_evidence)
        # the points move as for the first y, and each law of a batch shifts from there: differences stay on a narrow support
        first = target[0] if target.ndim > 1 else target
        moved = condition(self.kernel, bound, first - seen, noise)
        offset = condition(self.kernel, bound, target - first, noise).shift
        narrowed = moved.covariance if isinstance(moved.covariance, Spectral) else Dense(moved.covariance.dense())
        law = Empirical(self._event(flat + moved.shift), narrowed, log_weights=weights, offset=self._event(offset))
        return Conditional(law, log_evidence)

    def _evidence(self, bound: LinearMap, target: Tensor, seen: Tensor, noise: float | Tensor | Spectral) -> Tensor:
        """log N(y; A p_i, A K A^T + R) for every y and point, (..., n), a few y at a time."""
        rows = target.unsqueeze(-2) if target.ndim > 1 else target.view(1, 1, -1)
        pieces = rows.split(max(1, _EVIDENCE_NUMBERS // max(1, seen.numel())))
        evidence = torch.cat([condition(self._basis, bound, piece - seen, noise).log_evidence for piece in pieces])
        return evidence if target.ndim > 1 else evidence[0]
