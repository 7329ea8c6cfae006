"""The coordinates in which the diffusion of a Gaussian stands still: everything that follows is about the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance import Spectral, as_spectral
from ornstein.denoisers import Compiled, Denoiser, Gaussian, Guided, Law, Mixture, Network, matched

SUPPORT = 1e-8
"""Share of a signal's length outside the support that counts as rounding, as in ``Spectral.mahalanobis``."""


@dataclass(frozen=True, eq=False)
class Frame:
    """u = W (x - mu) / sqrt(lambda + sigma^2) for a reference N(mu, Sigma), Sigma = W^T diag(lambda) W.

    Under the reference u is white at every noise level, and the probability flow leaves it where it is. For any other denoiser D

        du_k / dlog sigma = -r_k / sqrt(lambda_k + sigma^2),      r = W (D - D_G)
        d log q(u) / dlog sigma = tr W (dD/dx - dD_G/dx) W^T

    mean     mu (d,)
    basis    Sigma
    inside   (k,), whether a coordinate belongs to the space that the density is taken in: all of them at a noise level above 0, those
             with a variance at sigma = 0, where x lies on the support of the reference
    """

    mean: Tensor
    basis: Spectral
    inside: Tensor
    event_shape: tuple[int, ...]

    @classmethod
    def of(cls, reference: Gaussian, sigma: float) -> Frame:
        """The frame of densities at noise level ``sigma``. Raises ``InputError`` for a batch of laws and a law without variance."""
        if reference.batch_shape:
            raise InputError(f"reference holds a batch {reference.batch_shape} of laws, but one must serve all cases: pass one Gaussian")
        basis = as_spectral(reference.covariance())
        inside = (basis.eigenvalues > 0) | (sigma > 0)
        if not float(basis.eigenvalues.max()) > 0:
            raise InputError(
                "reference has no variance at all, so there is no density to measure from: give one fitted to signals that differ"
            )
        return cls(reference.mean().reshape(-1), basis, inside, reference.event_shape)

    @property
    def eigenvalues(self) -> Tensor:
        """lambda (k,)."""
        return self.basis.eigenvalues

    @property
    def multiplicity(self) -> Tensor:
        """How often each coordinate of the space counts (k,), 0 outside it."""
        return self.basis.multiplicity * self.inside

    @property
    def dimension(self) -> int:
        """Dimension of the space that the density is taken in."""
        return round(float(self.multiplicity.sum()))

    def spread(self, sigma: float) -> Tensor:
        """sqrt(lambda + sigma^2), 1 outside the space."""
        return torch.where(self.inside, self.eigenvalues + sigma**2, 1.0).sqrt()

    def gain(self, sigma: float) -> Tensor:
        """lambda / (lambda + sigma^2), what the reference keeps of each coordinate."""
        return self.eigenvalues / torch.where(self.inside, self.eigenvalues + sigma**2, 1.0)

    def whiten(self, x: Tensor, sigma: float) -> Tensor:
        """x (case, *event) at noise level sigma -> u (case, k)."""
        return self.inside * self.basis.rotate(x.flatten(1).to(torch.float64) - self.mean) / self.spread(sigma)

    def signals(self, u: Tensor, sigma: float) -> Tensor:
        """u (case, k) -> x (case, *event)."""
        flat = self.mean + self.basis.unrotate(self.inside * self.spread(sigma) * u)
        return flat.reshape(len(u), *self.event_shape)

    def holds(self, x: Tensor) -> Tensor:
        """Whether x (case, *event) lies in the space that the density is taken in, up to rounding, (case,)."""
        allowed = SUPPORT * (self.basis.trace().sqrt() + x.flatten(1).norm(dim=-1))
        held: Tensor = self.off(x).norm(dim=-1) <= allowed
        return held

    def off(self, x: Tensor) -> Tensor:
        """The part of x (case, *event) less the mean that leaves the space, (case, d)."""
        return self.basis.apply(lambda lam: 1.0 - self.inside.to(lam), x.flatten(1).to(torch.float64) - self.mean)

    def rest(self, clean: Tensor, u: Tensor, sigma: float) -> Tensor:
        """r = W (D - D_G) (case, k), for the denoised signals of the points u."""
        w = self.basis.rotate(clean.flatten(1).to(torch.float64) - self.mean)
        return self.inside * (w - self.gain(sigma) * self.spread(sigma) * u)

    def log_prob(self, u: Tensor, sigma: float) -> Tensor:
        """log density of x under the reference at noise level sigma, from its u."""
        volume = (self.multiplicity * self.spread(sigma).log()).sum()
        return -0.5 * u.square().sum(-1) - volume - 0.5 * self.dimension * math.log(2 * math.pi)


def reference_of(denoiser: Denoiser, reference: Gaussian | None = None) -> Gaussian:
    """The Gaussian that a density is measured from: the one given, or what the denoiser knows of its own mean and covariance.

    Raises ``InputError`` for a denoiser that knows neither, and for a reference of other signals.
    """
    if reference is None:
        inner = denoiser.conditional if isinstance(denoiser, Guided) else denoiser
        reference = matched(inner) if isinstance(inner, Law) else inner.reference
    if reference is None:
        raise InputError(
            f"reference is missing, but a {denoiser.described()} does not know the mean and covariance of its signals: "
            "pass reference=fit_gaussian(x) for signals x of the same kind"
        )
    if reference.event_shape != denoiser.event_shape:
        raise InputError(
            f"reference holds signals of shape {reference.event_shape}, but the denoiser those of shape {denoiser.event_shape}: "
            "pass one fitted to the same signals"
        )
    return reference


def law_of(denoiser: Denoiser, reference: Gaussian | Mixture | None = None) -> Gaussian | Mixture:
    """The law with a density that a denoiser is compared with: the one given, the mixture that a network stands on, or a Gaussian."""
    inner = denoiser.inner if isinstance(denoiser, Compiled) else denoiser
    if reference is None and isinstance(inner, Network):
        return inner.preconditioning.law
    return reference if isinstance(reference, Mixture) else reference_of(denoiser, reference)
