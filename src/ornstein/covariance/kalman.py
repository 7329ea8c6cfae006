"""A sum of Markov kernels as a linear system: everything a covariance does, at a cost that grows with the number of times only.

    s_t = A_t s_{t-1} + w_t,      x_t = H s_t + v_t,     Cov[w_t] = P - A_t P A_t^T,     Cov[v_t] = R

with one state per kernel, its entry and column of F_j, H = (F_1 h^T, F_2 h^T, ...) and R the white coupling and the nugget (Kalman 1960;
Hartikainen and Särkkä 2010). A state holds S = channels x (1 or 2) numbers per kernel; a pass costs T S^3, once for all cases that share
their gaps, and T S^2 for every case.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.covariance.coregionalised import Coregionalised


@dataclass(frozen=True, eq=False)
class System:
    """The law of x (channel, time) at its times as a chain of states.

    steps      (time, S, S)        A_t; the first is not used
    start      (S, S)              P
    read       (channel, S)        H
    noise      (channel, channel)  R
    """

    steps: Tensor
    start: Tensor
    read: Tensor
    noise: Tensor

    @classmethod
    def of(cls, law: Coregionalised, times: Tensor) -> System:
        """That of the parameters at rising times (time,)."""
        channels, eye = len(law.levels), torch.eye(len(law.levels), dtype=torch.float64)
        waits = torch.nn.functional.pad(times.diff(), (1, 0))
        steps, start, read, noise = [], [], [], torch.diag(law.nugget)
        for kernel, factor in zip(law.kernels, law.factors, strict=True):
            if not kernel.states:
                noise = noise + factor @ factor.T
                continue
            own = kernel.transition(waits)
            # channel by channel: entry (c, i) of the state of a kernel
            steps.append(torch.einsum("ab,tij->taibj", eye, own).reshape(len(times), channels * kernel.states, -1))
            start.append(torch.kron(eye, kernel.stationary()))
            read.append(torch.kron(factor, torch.eye(1, kernel.states, dtype=torch.float64)))
        if not steps:
            nothing = torch.zeros(channels, 0, dtype=torch.float64)
            return cls(torch.zeros(len(times), 0, 0, dtype=torch.float64), torch.zeros(0, 0, dtype=torch.float64), nothing, noise)
        whole = torch.stack([torch.block_diag(*parts) for parts in zip(*steps, strict=True)])
        return cls(whole, torch.block_diag(*start), torch.cat(read, 1), noise)

    def driven(self, t: int) -> Tensor:
        """Cov[w_t] (S, S)."""
        moved = self.steps[t] @ self.start @ self.steps[t].T
        return self.start - moved if t else self.start


@dataclass(frozen=True, eq=False)
class Filtered:
    """One pass over the times: what is left of x_t once the past is known, v_t = x_t - E[x_t | past], and with which covariance.

    innovations  (case, time, channel)            v_t, 0 where x_t is missing
    factors      (time, channel, channel)         Cholesky factor of Cov[v_t], 1 where x_t is missing
    gains        (time, S, channel)               K_t, by which v_t moves the state
    seen         (time, channel)
    """

    innovations: Tensor
    factors: Tensor
    gains: Tensor
    seen: Tensor

    def log_likelihood(self) -> tuple[Tensor, Tensor]:
        """(v^T S^-1 v summed over time (case,), log det of all S_t)."""
        white = torch.linalg.solve_triangular(self.factors, self.innovations.unsqueeze(-1), upper=False).squeeze(-1)
        logs = torch.where(self.seen, self.factors.diagonal(dim1=1, dim2=2).log(), 0.0)
        return white.square().sum((1, 2)), 2 * logs.sum()


def filtered(system: System, x: Tensor, seen: Tensor, extra: float = 0.0) -> Filtered:
    """The Kalman filter of residuals x (case, time, channel), of which ``seen`` (time, channel) counts; white noise of variance ``extra``
    is added to every value."""
    eye = torch.eye(x.shape[2], dtype=torch.float64)
    state, spread = torch.zeros(len(x), len(system.start), dtype=torch.float64), system.start
    innovations, factors, gains = [], [], []
    for t in range(x.shape[1]):
        if t:
            state, spread = state @ system.steps[t].T, system.steps[t] @ spread @ system.steps[t].T + system.driven(t)
        both = seen[t] & seen[t].unsqueeze(1)
        read = torch.where(seen[t].unsqueeze(1), system.read, 0.0)
        inner = torch.where(both, read @ spread @ read.T + system.noise + extra * eye, eye)
        factor = torch.linalg.cholesky((inner + inner.T) / 2)
        gain = torch.cholesky_solve(read @ spread, factor).T
        left = torch.where(seen[t], x[:, t] - state @ system.read.T, 0.0)
        state = state + left @ gain.T
        rest = torch.eye(len(spread), dtype=torch.float64) - gain @ read
        held = torch.where(both, system.noise + extra * eye, 0.0)
        spread = rest @ spread @ rest.T + gain @ held @ gain.T  # Joseph's form: positive whatever the rounding
        innovations.append(left)
        factors.append(factor)
        gains.append(gain)
    return Filtered(torch.stack(innovations, 1), torch.stack(factors), torch.stack(gains), seen)


def solved(system: System, found: Filtered) -> Tensor:
    """(Sigma + extra I)^-1 x on what was seen, (case, time, channel), 0 elsewhere, by the backward pass (de Jong 1989):

    e_t = S_t^-1 v_t - K_t^T r_t,     r_{t-1} = A_t^T (r_t + H^T e_t)
    """
    cases, length, _ = found.innovations.shape
    adjoint = torch.zeros(cases, len(system.start), dtype=torch.float64)
    out = []
    for t in range(length - 1, -1, -1):
        white = torch.cholesky_solve(found.innovations[:, t].T, found.factors[t]).T
        error = torch.where(found.seen[t], white - adjoint @ found.gains[t], 0.0)
        out.append(error)
        adjoint = (adjoint + error @ system.read) @ system.steps[t]
    return torch.stack(out[::-1], 1)


def multiplied(system: System, x: Tensor) -> Tensor:
    """Sigma x for x (case, time, channel): what later and earlier times say, by one pass each way, and the white part."""
    ahead, back = [], []
    state = torch.zeros(len(x), len(system.start), dtype=torch.float64)
    for t in range(x.shape[1]):
        state = state @ system.steps[t].T
        ahead.append(state @ system.read.T)
        state = state + x[:, t] @ system.read @ system.start
    state = torch.zeros_like(state)
    for t in range(x.shape[1] - 1, -1, -1):
        back.append(state @ system.start @ system.read.T)
        state = (state + x[:, t] @ system.read) @ system.steps[t]
    own = system.read @ system.start @ system.read.T + system.noise
    return torch.stack(ahead, 1) + torch.stack(back[::-1], 1) + x @ own


def drawn(system: System, z: Tensor) -> Tensor:
    """A draw (case, time, channel) from N(0, Sigma) for white noise z (case, time, S + channel)."""
    states = len(system.start)
    root = torch.linalg.cholesky(system.noise)
    state = torch.zeros(len(z), states, dtype=torch.float64)
    out = []
    for t in range(z.shape[1]):
        eigenvalues, basis = torch.linalg.eigh(system.driven(t))
        moved = z[:, t, :states] * eigenvalues.clamp_min(0).sqrt() @ basis.T
        state = (state @ system.steps[t].T if t else state) + moved
        out.append(state @ system.read.T + z[:, t, states:] @ root.T)
    return torch.stack(out, 1)
