"""Diffusion of symbols: every site keeps its value, or forgets it for a uniform one or for a mask."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise


@dataclass(frozen=True)
class Chain:
    """q(x_t | x_0) = a_t [x_t = x_0] + (1 - a_t) pi(x_t) at every site, for steps t = 0 ... T and a_0 = 1.

    states  S, the number of values of a site, 0 ... S - 1
    keep    a_1 > ... > a_T, the probability that a site has not been forgotten; a_T = 0 forgets everything
    masked  pi is the symbol S, "not known" (absorbing; Austin et al. 2021, section 3.1); otherwise pi is uniform over the states, which
            for two of them is the binomial chain of Sohl-Dickstein et al. 2015 (table C.1), beta_t = 1 - a_t / a_(t-1)

    Raises ``InputError`` for fewer than two states and probabilities that do not fall within [0, 1].
    """

    states: int
    keep: tuple[float, ...]
    masked: bool = False

    def __post_init__(self) -> None:
        checks.count(self.states, "states", at_least=2)
        before = [1.0, *self.keep]
        if not self.keep or any(not 0 <= a < b for b, a in zip(before, self.keep, strict=False)):
            raise InputError(f"keep is {self.keep}, but must fall from below 1 to 0 or more, one probability per step")

    @classmethod
    def binomial(cls, steps: int) -> Chain:
        """The chain of bits with beta_t = 1 / (T - t + 1), which forgets an equal share of the sites at every step."""
        return cls.uniform(2, steps)

    @classmethod
    def uniform(cls, states: int, steps: int) -> Chain:
        """a_t = 1 - t / T, forgotten sites uniform."""
        return cls(states, _linear(steps))

    @classmethod
    def masking(cls, states: int, steps: int) -> Chain:
        """a_t = 1 - t / T, forgotten sites masked."""
        return cls(states, _linear(steps), masked=True)

    @property
    def steps(self) -> int:
        """T."""
        return len(self.keep)

    @property
    def symbols(self) -> int:
        """How many values x_t has: the states, and the mask where there is one."""
        return self.states + self.masked

    @property
    def forgotten(self) -> Tensor:
        """pi (symbols,)."""
        if self.masked:
            return torch.nn.functional.one_hot(torch.tensor(self.states), self.symbols).to(torch.float64)
        return torch.full((self.states,), 1 / self.states, dtype=torch.float64)

    def kept(self, s: int, t: int) -> float:
        """a_t / a_s, the probability that a site known at s is known at t >= s."""
        at = (1.0, *self.keep)
        return at[t] / at[s]

    def transition(self, s: int, t: int) -> Tensor:
        """q(x_t | x_s) (symbols of x_s, symbols of x_t): rows add up to 1."""
        kept = self.kept(s, t)
        return kept * torch.eye(self.symbols, dtype=torch.float64) + (1 - kept) * self.forgotten

    def evidence(self, x_t: Tensor, t: int) -> Tensor:
        """log q(x_t | x_0 = v) for every value v, (case, site, states): what a noisy sequence says of the clean one. -1 says nothing."""
        table = self.transition(0, t)[: self.states].log().T
        return torch.where((x_t < 0).unsqueeze(-1), 0.0, table[x_t.clamp_min(0)])

    def forward(self, x: Tensor, s: int, t: int, noise: Noise, stream: int = 0) -> Tensor:
        """A draw of x_t given x_s (case, site)."""
        u = noise.uniform(len(x), (x.shape[1],), stream)
        return chosen(self.transition(s, t)[x], u)

    def posterior(self, x_t: Tensor, t: int, s: int) -> Tensor:
        """q(x_s | x_t, x_0 = v) for every v, (case, site, states, symbols); 0 where x_t cannot come from v.

        q(x_s | x_t, x_0) = q(x_t | x_s) q(x_s | x_0) / q(x_t | x_0)
        """
        joint = self.transition(s, t).T[x_t].unsqueeze(-2) * self.transition(0, s)[: self.states]
        total = joint.sum(-1, keepdim=True)
        return joint / torch.where(total > 0, total, 1.0)

    def reverse(self, clean: Tensor, x_t: Tensor, t: int, s: int) -> Tensor:
        """p(x_s | x_t) (case, site, symbols) where p(x_0 | x_t) is ``clean`` (case, site, states): sum_v p(v) q(x_s | x_t, v)."""
        return (clean.unsqueeze(-2) @ self.posterior(x_t, t, s)).squeeze(-2)


def chosen(probabilities: Tensor, u: Tensor) -> Tensor:
    """The symbol at which the cumulative probability (..., symbols) reaches u (...)."""
    cumulative = probabilities.cumsum(-1)
    return (cumulative < (u * cumulative[..., -1]).unsqueeze(-1)).sum(-1).clamp_max(probabilities.shape[-1] - 1)


def _linear(steps: int) -> tuple[float, ...]:
    count = checks.count(steps, "steps")
    return tuple(1 - t / count for t in range(1, count + 1))
