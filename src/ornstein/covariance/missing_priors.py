"""What a covariance with gaps is drawn towards: structures that a second moment determines, and the law of the straight line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

Moments = tuple[Tensor, Tensor]
"""Mean (d,) and second moment (d, d) around it."""
Prior = Callable[[Tensor, Tensor], Moments]
"""Mean and second moment become the mean and the matrix that they are drawn towards."""

_REACH = 1e4
"""Time constant of the straight line in windows: its conditional means are linear to 1e-4 of a deviation."""
_SHORTEST = 4
_FEW = 10
"""Cases below which the trial is too small to judge a covariance of the data themselves."""
_FLIPS = 3
_BENDS = 11
_FLOOR = 1e-6
"""White variance added to the time factor, which keeps it away from singular."""
_TESTABLE = 4
"""Fewest cases of which some can be kept from a trial: with fewer nothing could show that a richer prior is any good."""


def priors(event: tuple[int, ...], count: float, *, in_time: bool) -> dict[str, tuple[Prior, tuple[float, ...]]]:
    """The priors that make sense for signals of this shape, and the weights to try; without ``in_time`` the entries have no order.

    "independent"   the variances alone
    "steady"        stationary in time, its mean too, times any covariance of the channels: few numbers, for few cases
    "line"          a random walk in every channel by itself, whose conditional means are straight lines: what can always be kept to
    """
    found: dict[str, tuple[Prior, tuple[float, ...]]] = {"independent": (independent, (0.003, 0.02, 0.1))}
    if in_time and count < _FEW:
        found = {}
    if in_time and len(event) <= 2 and event[-1] >= _SHORTEST and count >= _TESTABLE:
        found["steady"] = (partial(steady, length=event[-1]), (0.03, 0.1, 0.3, 0.6, 0.9, 1.0) if count >= _FEW else (1.0,))
    if in_time:
        found["line"] = (partial(straight, length=event[-1]), (1.0,))
    return found


def independent(mean: Tensor, second: Tensor) -> Moments:
    """The variances alone, around the mean as it is."""
    return mean, torch.diag(second.diagonal())


def level(mean: Tensor, second: Tensor, length: int) -> Moments:
    """The same moments around one mean for every row of ``length`` entries."""
    flat = mean.view(-1, length).mean(1, keepdim=True).expand(-1, length).flatten()
    return flat, second + torch.outer(mean - flat, mean - flat)


def steady(mean: Tensor, second: Tensor, length: int) -> Moments:
    """channel (x) time with a Toeplitz time factor, by three rounds of the flip-flop on the second moment itself.

        R_ts = r_|t-s|,   r_k = mean over t of tr(L^-1 S_{t,t+k}) / C,        L = 1/T sum_ts (R^-1)_ts S_{t,s}

    The lags are bent, (1 - b k / T) r_k with the least b of ten that makes R positive; b = 1 always does. Cost: ten Cholesky
    factors of size T a round, and d^2.
    """
    flat, around = level(mean, second, length)
    blocks = around.view(-1, length, len(mean) // length, length)
    channels = blocks.shape[0]
    eye = torch.eye(channels, dtype=second.dtype)
    left = blocks.diagonal(dim1=1, dim2=3).mean(-1)
    ridge = 1e-9 * left.diagonal().mean() * eye + torch.finfo(second.dtype).tiny * eye
    for _ in range(_FLIPS):
        inverse = torch.linalg.inv(left + ridge)
        summed = torch.einsum("ab,btas->ts", inverse, blocks) / channels
        right = _toeplitz(torch.stack([(summed.diagonal(k).mean() + summed.diagonal(-k).mean()) / 2 for k in range(length)]))
        weights = torch.cholesky_inverse(torch.linalg.cholesky(right))
        left = torch.einsum("ts,atbs->ab", weights, blocks) / length
        left = (left + left.T) / 2
    return flat, torch.kron(left, right)


def _toeplitz(r: Tensor) -> Tensor:
    """A positive Toeplitz matrix with the lags r, bent as little as need be."""
    lag = torch.arange(len(r), dtype=r.dtype)
    index = (lag.unsqueeze(1) - lag).abs().long()
    for bend in torch.linspace(0, 1, _BENDS, dtype=r.dtype):
        matrix: Tensor = (r * (1 - bend * lag / len(r)))[index]
        matrix.diagonal().mul_(1 + _FLOOR).add_(torch.finfo(r.dtype).tiny)
        if not bool(torch.linalg.cholesky_ex(matrix)[1]):
            return matrix
    return torch.diag(matrix.diagonal())


def straight(mean: Tensor, second: Tensor, length: int) -> Moments:
    """Independent random walks, one for every row of ``length`` entries, with the mean square step of the moments."""
    flat, around = level(mean, second, length)
    time = torch.arange(length, dtype=second.dtype)
    lag, reach = (time.unsqueeze(1) - time).abs(), _REACH * length
    variance = around.diagonal().view(-1, length)
    beside = torch.nn.functional.pad(around.diagonal(1), (0, 1)).view(-1, length)[:, :-1]
    step = (variance[:, 1:] + variance[:, :-1] - 2 * beside).mean(1)
    extent = torch.maximum(step * reach / 2, variance.mean(1))
    return flat, torch.block_diag(*(v * torch.exp(-lag / reach) for v in extent))
