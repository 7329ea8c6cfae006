"""The law of x_0 near one noisy signal: what a mixture knows, moved to where the denoiser says."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance import Spectral
from ornstein.denoisers import Gaussian, Mixture
from ornstein.denoisers.components import Components
from ornstein.posterior.seen import Seen

_TINY = torch.finfo(torch.float64).tiny


class Reference:
    """sum_k w_k N(mu_k, Sigma_k), a Gaussian being the mixture of one; vectors are (case, particle, d).

    Raises ``InputError`` for a batch of laws, and for covariances without an eigenbasis.
    """

    def __init__(self, law: Gaussian | Mixture) -> None:
        parts = law.components if isinstance(law, Mixture) else (law,)
        operators = [part.operator for part in parts]
        self.operators = [c for c in operators if isinstance(c, Spectral)]
        if law.batch_shape or len(self.operators) < len(parts) or any(part.batch_shape for part in parts):
            raise InputError("the reference must be one law with an eigenbasis: match it to the signals first (denoisers.matched)")
        self.law = law
        self.log_weights = law.log_weights if isinstance(law, Mixture) else torch.zeros(1, dtype=torch.float64)
        self.means = torch.stack([part.mean().flatten() for part in parts])
        self.event_shape, self.size, self.count = law.event_shape, law.size, len(parts)
        self.together = Components.of(self.means, operators)
        within = torch.stack([c.trace() for c in self.operators])
        weights, around = self.log_weights.exp(), self.means - self.log_weights.exp() @ self.means
        spread = [c.eigenvalues.max() for c in self.operators]
        between = torch.linalg.svdvals(weights.sqrt().unsqueeze(-1) * around)[0].square() if len(parts) > 1 else torch.zeros(())
        self.widest = float((torch.stack(spread).max() + between).clamp_min(0).sqrt())
        """At least the deviation of the widest direction."""
        self.typical = float(((weights @ within + (weights * around.square().sum(-1)).sum()) / self.size).sqrt())
        """Root of the mean variance of an entry."""
        self.white_size = max(c.white_size for c in self.operators)

    def look(self, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """(log p(component | x) (..., K), E[x_0 | x] (..., d)) at noise t."""
        if self.count == 1:
            mean = self.means[0] + self.operators[0].gain(x - self.means[0], t)
            return torch.zeros(*x.shape[:-1], 1, dtype=torch.float64), mean
        shares, mean = self.together.denoise(x.flatten(0, -2), t, self.log_weights)
        return shares.clamp_min(_TINY).log().view(*x.shape[:-1], -1), mean.view(x.shape)


class Local:
    """x_0 | x_t ~ sum_k r_k(x_t) N(m_k(x_t) + shift, C_k) at noise t, and what y = A x_0 + n says of it.

    r_k, m_k, C_k   the reference's own posterior: shares, means and covariances C_k = Sigma_k t^2 (Sigma_k + t^2 I)^-1
    shift           D(x_t) minus the reference's E[x_0 | x_t]: the mean of the local law is then that of the denoiser D

    t = inf is the reference itself. Cost: K products of the m rows of A with a covariance and K Cholesky factors.
    """

    def __init__(self, reference: Reference, seen: Seen, t: float) -> None:
        self.reference, self.seen, self.t = reference, seen, t
        self.within = [c.posterior(t) for c in reference.operators]
        self.products = torch.stack([c @ seen.rows for c in self.within])
        self.factors = seen.factor(self.products)
        self.gains = torch.stack([c.gain(seen.rows, t) for c in reference.operators])
        self.offsets = reference.means @ seen.rows.T - (self.gains @ reference.means.unsqueeze(-1)).squeeze(-1)
        self.log_sizes = 2 * self.factors.diagonal(dim1=-2, dim2=-1).log().sum(-1) + seen.size * math.log(2 * math.pi)

    def parts(self, x: Tensor, log_shares: Tensor, shift: Tensor) -> Tensor:
        """log r_k + log N(y; A (m_k + shift), R + A C_k A^T), (case, particle, K): their logsumexp is log p(y | x_t)."""
        count, size = self.gains.shape[:2]
        expected = (x @ self.gains.flatten(0, 1).T).unflatten(-1, (count, size)) + self.offsets + self.seen.bound(shift).unsqueeze(-2)
        missed = (self.seen.y[:, None, None] - expected).flatten(0, 1).permute(1, 2, 0)
        squares: Tensor = torch.linalg.solve_triangular(self.factors, missed, upper=False).square().sum(1)
        told: Tensor = log_shares - 0.5 * (squares.T.view(log_shares.shape) + self.log_sizes)
        return told

    def share(self) -> Tensor:
        """The share of the variance of the values measured that x_t tells, from 0 to 1: a mean over values and components."""
        left = self.reference.log_weights.exp() @ (self.products * self.seen.rows).sum(-1)
        whole = ((self.reference.law.covariance() @ self.seen.rows) * self.seen.rows).sum(-1)
        return (1 - left / whole.clamp_min(torch.finfo(whole.dtype).tiny)).clamp(0, 1).mean()

    def draw(self, x: Tensor, parts: Tensor, shift: Tensor, u: Tensor | None, white: Tensor, noise: Tensor) -> Tensor:
        """x_0 | x_t, y: a component by uniform numbers u, a draw of it, moved by C_k A^T S_k^-1 (y - A x_0 - n) (Matheron's rule)."""
        if u is None:
            return self._drawn(0, x, shift, white, noise, self.seen.y.unsqueeze(1))
        reached = torch.softmax(parts, -1).cumsum(-1)
        chosen = (reached < u.unsqueeze(-1)).sum(-1).clamp_max(len(self.within) - 1)
        y, out = self.seen.y.unsqueeze(1).expand(*chosen.shape, -1), torch.empty_like(x)
        for k in chosen.unique().tolist():
            mine = chosen == k
            out[mine] = self._drawn(k, x[mine], shift[mine], white[mine], noise[mine], y[mine])
        return out

    def _drawn(self, k: int, x: Tensor, shift: Tensor, white: Tensor, noise: Tensor, y: Tensor) -> Tensor:
        centre, c = self.reference.means[k], self.within[k]
        mean = centre + self.reference.operators[k].gain(x - centre, self.t) + shift
        drawn = mean + c.color(white[..., : c.white_size])
        missed = y - self.seen.bound(drawn) - noise @ self.seen.root.T
        solved = torch.cholesky_solve(missed.flatten(0, -2).T, self.factors[k]).T.reshape(missed.shape)
        moved: Tensor = drawn + solved @ self.products[k]
        return moved
