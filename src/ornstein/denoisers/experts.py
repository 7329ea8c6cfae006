"""The denoiser of a mixture as a few large products, in any floating-point type: what stands around a network at every call."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import as_spectral
from ornstein.denoisers.mixture import Mixture

LOWEST, UPMOST = 1e-4, 1e8
"""Noise, for signals of about unit variance, outside which the level counts as these: both squares are safe in float32, and a direction
without variance holds only rounding errors, which a division by less would blow up."""

LARGEST = 1 << 26
"""Numbers in the bases of all components together: half a GiB in float64, and products that still cost less than a network."""

DRAWS = 1024
"""Draws that measure the error of the mixture, which they do to about 3 %; it only scales the answer of a network."""

LEVELS = 64
"""Noise levels of that table, evenly spaced in log sigma over 7 decades: 9 a decade, of a curve that bends once a decade."""


@dataclass(frozen=True, eq=False)
class Experts:
    """E[x_0 | x] = sum_k r_k (mu_k + U_k gain_k(sigma) U_k^T (x - mu_k)) with the responsibilities r_k of ``Mixture``.

    weights      log w_k (K,)
    means        (K, d)
    bases        U_k^T, the rotations into the eigenbases (K, k, d), with eigenvalues (K, k), and multiplicities (K, k)
    levels, errors   log sigma and log rms error per entry of this denoiser on draws of its own law, (level,)

    Memory: K d^2 numbers. Cost: 4 K d^2 operations a case.
    """

    weights: Tensor
    means: Tensor
    bases: Tensor
    eigenvalues: Tensor
    multiplicities: Tensor
    levels: Tensor
    errors: Tensor

    @classmethod
    def of(cls, law: Mixture) -> Experts:
        """The experts of one mixture (not a batch). Raises ``InputError`` where their bases would not fit."""
        numbers = len(law.components) * law.size**2
        if law.batch_shape or numbers > LARGEST:
            raise InputError(
                f"a mixture of {len(law.components)} components of size {law.size} is too large to stand around a network: "
                "use fewer components, or a Gaussian"
            )
        operators = [as_spectral(c.covariance()) for c in law.components]
        unit = torch.eye(law.size, dtype=torch.float64)
        widest = max(o.eigenvalues.shape[-1] for o in operators)

        def padded(value: Tensor) -> Tensor:
            return torch.nn.functional.pad(value, (0, widest - value.shape[-1]))

        scale = sum(float(w * o.trace()) for w, o in zip(law.weights, operators, strict=True)) / law.size
        levels = torch.linspace(-4, 3, LEVELS, dtype=torch.float64) * torch.tensor(10.0).log() + 0.5 * torch.tensor(scale).log()
        return cls(
            law.log_weights,
            torch.stack([c.mean().reshape(-1) for c in law.components]),
            torch.stack([padded(o.rotate(unit)).mT for o in operators]),
            torch.stack([padded(o.eigenvalues) for o in operators]),
            torch.stack([padded(o.multiplicity) for o in operators]),
            levels,
            _errors(law, levels),
        )

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Experts:
        """The same numbers elsewhere, or in another type."""
        return Experts(*(getattr(self, field.name).to(device, dtype) for field in fields(self)))

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """E[x_0 | x] for x (case, d) and sigma (case,), 0 to inf."""
        lam, level = self.eigenvalues.unsqueeze(1), sigma.clamp(LOWEST, UPMOST).unsqueeze(-1)
        variance = lam + level**2
        w = (x - self.means.unsqueeze(1)) @ self.bases.mT
        nats = self.weights.unsqueeze(-1) - 0.5 * (w**2 / variance + self.multiplicities.unsqueeze(1) * variance.log()).sum(-1)
        means = self.means.unsqueeze(1) + (w * lam / variance) @ self.bases
        return (torch.softmax(nats, 0).unsqueeze(-1) * means).sum(0)

    def deviation(self, sigma: Tensor) -> Tensor:
        """Its rms error per entry where the law is the mixture itself, shape of sigma; below the table proportional to sigma."""
        at = sigma.log().clamp(self.levels[0], self.levels[-1])
        right = torch.searchsorted(self.levels, at).clamp(1, len(self.levels) - 1)
        share = (at - self.levels[right - 1]) / (self.levels[right] - self.levels[right - 1])
        below = (sigma / self.levels[0].exp()).clamp_max(1.0)
        return below * torch.lerp(self.errors[right - 1], self.errors[right], share).exp()


def _errors(law: Mixture, levels: Tensor) -> Tensor:
    """log rms of x_0 - E[x_0 | x] per entry at every level, on the same draws."""
    x_0, z = law.sample(DRAWS), Noise(1).normal(DRAWS, law.event_shape)
    errors = [(law(x_0 + s * z, s).mean - x_0).square().mean().sqrt() for s in levels.exp().tolist()]
    return torch.stack(errors).clamp_min(torch.finfo(torch.float32).tiny).log()
