"""Guidance: a denoiser goes in, a denoiser of the posterior comes out, exact where the denoiser is Gaussian and its covariance is right."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance import Sigma
from ornstein.denoisers import Denoiser, Gaussian, Posterior
from ornstein.measurements import Linear
from ornstein.posterior.far import say_far
from ornstein.posterior.given import Given, cases_of, seen_by
from ornstein.posterior.seen import Seen


@dataclass(frozen=True, eq=False)
class Guidance(Denoiser):
    """E[x_0 | x, y] ~ D + V A^T (R + A V A^T)^-1 (y - A D), for y = A x_0 + n and a V in place of Cov[x_0 | x].

    With the true covariance this is exact on a Gaussian, at every noise level, so that every sampler and every likelihood is as good
    as without a measurement. On any other law the posterior is not Gaussian given x, and the answer is biased: particles with weights
    (``twisted``) are what converges. Cost: that of V A^T, beside one call of the denoiser.
    """

    inner: Denoiser
    seen: Seen
    prior: Gaussian

    @property
    def event_shape(self) -> tuple[int, ...]:  # type: ignore[override]  # the base declares an attribute; here it follows from the inner
        """The shape of one signal."""
        return self.inner.event_shape

    @property
    def reference(self) -> Gaussian:
        """The Gaussian of the signals given y, from which runs start."""
        if not self.seen.size:
            return self.prior
        found = self.prior.condition(Linear(self.seen.rows), self.seen.y[0], self.seen.r).law
        assert isinstance(found, Gaussian)
        return found

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        flat = x.flatten(1).to(torch.float64)
        level = torch.as_tensor(sigma, dtype=torch.float64).expand(len(flat))
        mean, products, gain = self.products(flat, level)
        system = gain @ self.seen.rows.T + self.seen.r
        system = 0.5 * (system + system.mT)
        ridge = 1e-13 * system.diagonal(dim1=-2, dim2=-1).mean(-1).view(-1, 1, 1) * torch.eye(self.seen.size, dtype=system.dtype)
        missed = (self.seen.y - mean @ self.seen.rows.T).unsqueeze(-1)
        told = (products.mT @ torch.linalg.solve(system + ridge, missed)).squeeze(-1)
        return Posterior((mean + told).view(x.shape).to(x.dtype))

    @abstractmethod
    def products(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(D (case, d), the rows of V A^T that move it, and those inside the system, both (case, m, d))."""

    def _plain(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.inner(x.view(len(x), *self.event_shape), sigma).mean.flatten(1).to(torch.float64)

    def _slopes(self, x: Tensor, sigma: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(D, sigma^2 (dD/dx)^T times each row): the rows of V A^T, as the derivative is symmetric. One pass back a row."""
        with torch.enable_grad():
            at = x.detach().clone().requires_grad_(True)
            mean = self._plain(at, sigma)
            if not mean.requires_grad:
                raise InputError(
                    f"a {self.inner.described()} cannot be differentiated, which this method needs: choose 'covariance' or 'twisted'"
                )
            found = [torch.autograd.grad((mean @ row).sum(), at, retain_graph=True)[0] for row in rows]
        slopes = torch.stack(found, 1) if found else x.new_zeros(len(x), 0, x.shape[1])
        return mean.detach(), sigma.square().view(-1, 1, 1) * slopes


class Covariance(Guidance):
    """V = Sigma sigma^2 (Sigma + sigma^2 I)^-1 of the prior Gaussian: in closed form, no derivative."""

    def products(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        levels, where = sigma.unique(return_inverse=True)
        each = torch.stack([self.prior.operator.posterior(float(t)) @ self.seen.rows for t in levels])[where]
        return self._plain(x, sigma), each, each


class MomentMatching(Guidance):
    """V = sigma^2 dD/dx, the denoiser's own (Rozet et al. 2024, arXiv 2405.13712, MMPS), solved exactly: m passes back."""

    def products(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, slopes = self._slopes(x, sigma, self.seen.rows)
        return mean, slopes, slopes


class Isotropic(Guidance):
    """Inside the system V = s^2 sigma^2 / (s^2 + sigma^2) I, outside sigma^2 dD/dx (Song et al. 2023, PiGDM); s^2 is the mean variance.

    Measured entries lose their variance: on a Gaussian the posterior is too narrow.
    """

    def products(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, slopes = self._slopes(x, sigma, self.seen.rows)
        variance = float(self.prior.operator.trace()) / self.prior.size
        inside = variance * sigma.square() / (variance + sigma.square())
        return mean, slopes, inside.view(-1, 1, 1) * self.seen.rows


class RowSums(Guidance):
    """V = diag(sigma^2 dD/dx 1) inside the system, sigma^2 dD/dx outside (Boys et al. 2023, arXiv 2310.06721, TMPD)."""

    def products(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        ones = torch.ones(1, x.shape[1], dtype=x.dtype)
        mean, found = self._slopes(x, sigma, torch.cat([self.seen.rows, ones]))
        return mean, found[:, :-1], found[:, -1:].clamp_min(0) * self.seen.rows


GUIDANCE: dict[str, Callable[[Denoiser, Seen, Gaussian], Guidance]] = {
    "covariance": Covariance,
    "mmps": MomentMatching,
    "pigdm": Isotropic,
    "tmpd": RowSums,
}


def guidance(method: str, denoiser: Denoiser, given: Sequence[Given], prior: Gaussian | None) -> Guidance:
    """The denoiser of the posterior by a method of ``GUIDANCE``; ``prior`` is the Gaussian of the signals.

    Raises ``InputError`` for other than linear measurements with Gaussian noise, several cases, exact values that
    contradict each other or the Gaussian, and a denoiser whose Gaussian is not known.
    """
    event = denoiser.event_shape
    if not all(one.plain for one in given):
        raise InputError(f"method {method!r} is for linear measurements with Gaussian noise: choose 'twisted', or leave method out")
    if (cases_of(given, event) or 1) > 1:
        raise InputError(f"method {method!r} conditions one case at a time: pass the rows of y one by one, or choose 'twisted'")
    if prior is None:
        raise InputError(f"method {method!r} needs the mean and covariance of the signals, which a {denoiser.described()} does not know")
    fixed = seen_by(given, prior)
    say_far(prior, given, fixed)
    return GUIDANCE[method](denoiser, fixed, prior)
