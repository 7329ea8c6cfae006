"""What stands around a network so that it sees, and has to produce, numbers of unit size at every noise level."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common.errors import InputError, unknown_name
from ornstein.covariance import Diagonal, Sigma, Spectral
from ornstein.covariance.base import column, posterior_variance, shrinkage
from ornstein.covariance.moving import moved
from ornstein.denoisers.by_condition import ByCondition, Stand
from ornstein.denoisers.completion import LARGEST, Completion
from ornstein.denoisers.completion_cases import Cases
from ornstein.denoisers.experts import Experts
from ornstein.denoisers.gaussian import Gaussian
from ornstein.denoisers.matched import matched
from ornstein.denoisers.mixture import Mixture
from ornstein.nets import Condition

FORMS = ("covariance", "whitened", "diagonal", "scalar")

COMPLETES = ("given", "law", "gaussian")

LOWEST = 1e-4
"""Noise, for signals of unit variance, below which the network is told, and has its input scaled for, this level. Its answer counts
for no more than that, and directions without variance hold only rounding errors, which a division by less would blow up."""


class Parts(NamedTuple):
    """What the network sees, and what the denoiser returns where the network returns 0; both (case, d)."""

    input: Tensor
    skip: Tensor


@dataclass(frozen=True, eq=False)
class Preconditioning:
    """D(x, sigma) = skip(x, sigma) + C_out F(C_in (x - mu), log(sigma) / 4), for a reference N(mu, Sigma) of the signals.

        skip   = mu + Sigma (Sigma + sigma^2 I)^-1 (x - mu)              the Gaussian denoiser
        C_in   = (Sigma + sigma^2 I)^-1/2
        C_out  = (Sigma sigma^2 (Sigma + sigma^2 I)^-1)^1/2              the deviation of the Gaussian posterior

    For signals of that law, input and target C_out^-1 (x_0 - skip) are white with unit variance at every sigma. With Sigma = s^2 I
    and mu = 0 these are the four coefficients of Karras et al. 2022 (table 1). Which Sigma enters where:

    form   "covariance"  skip by the full Sigma; C_in and C_out by one number each, the mean variance of x and of the posterior.
                         For a mixture: skip by its own denoiser, and C_out the rms error that it makes on its own draws
           "whitened"    all three by the full Sigma
           "diagonal"    all three by the variances of the entries
           "scalar"      all three by the mean variance: EDM

    A network that is told a condition stands on the law of that condition where it is known (``ByCondition``): its skip and C_out are
    those of N(mu_k + B^T v, Sigma_k); its input is the same under every condition.

    law        the Gaussian whose mean and covariance are used (float64, any structure with an eigenbasis), or a mixture
    reference  the Gaussian with its mean and covariance
    Cost of a call beside the network: two products with the basis of Sigma ("whitened": four; the last two forms: none), and two
    with each basis of a mixture.
    """

    law: Gaussian | Mixture
    reference: Gaussian
    form: str
    skip: Spectral
    coat: Spectral
    """The operator of C_in and C_out."""
    mean: Tensor
    lone: bool
    """Whether ``coat`` only enters by its mean variance."""
    experts: Experts | None = None
    """The mixture as the skip."""
    told: ByCondition | None = None
    """The law of signals with a condition, in float64, and ``telling`` the same where the network computes."""
    telling: ByCondition | None = None
    completes: str = "given"
    """What partly known signals are completed by: the law given what is known, of any size; or, as networks were once trained, up to 1024
    entries the "law", or the "gaussian" of a mixture, and beyond nothing."""

    @classmethod
    def of(cls, law: Gaussian | Mixture, form: str = "covariance", told: ByCondition | None = None) -> Preconditioning:
        """The preconditioning of a form; ``told`` for "covariance" only.

        Raises ``InputError`` for an unknown form and a law without an eigenbasis or variance.
        """
        if form not in FORMS:
            raise unknown_name("form", form, FORMS)
        gaussian = matched(law)
        operator = gaussian.operator
        if not isinstance(operator, Spectral) or not float(operator.trace()) > 0:
            raise InputError("reference has no variance, but a network needs signals that differ: give other data")
        mean = gaussian.mean().reshape(-1)
        if form in ("covariance", "whitened"):
            lone = form == "covariance"
            experts = Experts.of(law) if lone and isinstance(law, Mixture) else None
            known = told if lone else None
            return cls(law, gaussian, form, operator, operator, mean, lone, experts, known, known)
        variances = operator.diagonal()
        if form == "scalar":
            variances, mean = (variances.mean() + mean.square().mean()).expand(len(mean)).clone(), torch.zeros_like(mean)
        return cls(law, gaussian, form, Diagonal(variances), Diagonal(variances), mean, False)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one signal."""
        return self.reference.event_shape

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Preconditioning:
        """The same numbers where the network computes."""
        skip = moved(self.skip, device, dtype)
        coat = skip if self.coat is self.skip else moved(self.coat, device, dtype)
        experts = None if self.experts is None else self.experts.to(device, dtype)
        telling = None if self.told is None else self.told.to(device, dtype)
        return replace(self, skip=skip, coat=coat, mean=self.mean.to(device, dtype), experts=experts, telling=telling)

    @cached_property
    def completion(self) -> Completion | None:
        """The denoiser of partly known signals, of every form; None for large ones of a network that was trained without it."""
        if self.completes != "given" and self.law.size > LARGEST:
            return None
        return Completion.of(self.reference if self.completes == "gaussian" else self.law, self.mean.device)

    @cached_property
    def cases(self) -> Cases:
        """What the reference says of single entries, case by case."""
        return Cases.of(self.reference, self.mean.device)

    def parts(self, x: Tensor, sigma: Tensor) -> Parts:
        """(input of the network, skip) for x (case, d) and sigma (case,); the input as at ``LOWEST`` for any sigma below."""
        lam, told = self.skip.eigenvalues, sigma.clamp_min(LOWEST)
        plain = (x - self.mean) / (self._variance(lam) + told**2).sqrt().unsqueeze(-1)
        if self.experts is not None:
            return Parts(plain, self.experts(x, sigma))
        w = self.skip.rotate(x - self.mean)
        skip = self.mean + self.skip.unrotate(shrinkage(lam, sigma) * w)
        if self.lone:
            return Parts(plain, skip)
        return Parts(self.skip.unrotate(w / (lam + column(told, lam) ** 2).sqrt()), skip)

    def stand(self, skip: Tensor, x: Tensor, sigma: Tensor, condition: Condition | None) -> Stand | None:
        """(skip, C_out) of cases of which some are told a condition, and ``skip`` is that of the others; None where none can be."""
        if self.telling is None or condition is None:
            return None
        told, own = self.telling.tells(condition), self.telling(x, sigma, condition)
        return Stand(torch.where(told.unsqueeze(-1), own.skip, skip), torch.where(told, own.deviation, self.weight(sigma) ** -0.5))

    def scale(self, out: Tensor, sigma: Tensor) -> Tensor:
        """C_out F for F (case, d)."""
        if self.lone:
            return out * self.weight(sigma).rsqrt().unsqueeze(-1)
        deviation = posterior_variance(self.coat.eigenvalues, sigma).sqrt()
        return self.coat.unrotate(deviation * self.coat.rotate(out))

    def weight(self, sigma: Sigma) -> Tensor:
        """1 / mean squared error per entry of the law's own denoiser: with it, an error of 1 is that of the skip. Shape of sigma."""
        if self.experts is not None:
            return self.experts.deviation(torch.as_tensor(sigma).to(self.mean)) ** -2
        return 1 / self._variance(posterior_variance(self.coat.eigenvalues, sigma))

    def _variance(self, eigenvalues: Tensor) -> Tensor:
        """The mean variance per entry of a spectrum (..., k)."""
        return (self.coat.multiplicity * eigenvalues).sum(-1) / self.coat.size
