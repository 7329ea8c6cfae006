"""x^T Sigma^-1 x for every window of a recording at once: by the structure of Sigma, no window is made where it allows.

A window that moves by one sample loses one and gains one. Where Sigma^-1 is a function of the lag, p, as that of a circulant Sigma is,

    q(n+1) = q(n) - x_n (2 f(n) - p_0 x_n) + x_{n+T} (2 g(n+T) - p_0 x_{n+T}),    f(n) = sum_u p_u x_{n+u},   g(n) = sum_u p_u x_{n-u},

two filters, O(log T) a sample by FFT. An autoregressive Sigma of order b leaves innovations that, but for the first b of a window, do
not depend on where it begins: a filter of b + 1 weights and a running sum of squares, O(b^2) a sample whatever T.
"""

from __future__ import annotations

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from ornstein.covariance.autoregressive import Autoregressive
from ornstein.covariance.base import Covariance, Spectral
from ornstein.covariance.structures import Diagonal, Kronecker, Stationary

TOGETHER = 1 << 17
"""Numbers of the windows that are made at once, where no structure spares them: a megabyte, which stays in a cache."""

ANCHORED = 2048
"""Steps of the recursion for lags before it begins anew from a window of its own, so that rounding does not add up."""

SEGMENT = 12
"""log2 of the least length of an FFT."""

SHORT = 16
"""Weights of a filter up to which products are quicker than FFTs."""

CONDITION = 1e6
"""Ratio of the largest and smallest eigenvalue up to which filters are as good as whitening: they lose as many figures as it has."""


def quadratic(covariance: Covariance, x: Tensor, times: int) -> Tensor:
    """q (windows,) for the windows of ``times`` samples of x (channel, time), float64, that begin at every sample."""
    if isinstance(covariance, Kronecker) and isinstance(covariance.right, Stationary | Diagonal) and _steady(covariance):
        grid = covariance.eigenvalues.unflatten(-1, (len(covariance.left.eigenvalues), covariance.right.size))
        rows = covariance.left.rotate(x.T).T
        return _by_row(covariance.right, grid, rows, times)
    if isinstance(covariance, Stationary | Diagonal) and len(x) * times == covariance.size and _steady(covariance):
        if isinstance(covariance, Diagonal):
            return _by_row(covariance, covariance.eigenvalues.view(len(x), times), x, times)
        if len(x) == 1:
            return _by_row(covariance, covariance.eigenvalues.unsqueeze(0), x, times)
    if isinstance(covariance, Autoregressive) and len(x) == 1 and _settled(covariance):
        return _innovations(covariance, x[0], times)
    return _whitened(covariance, x, times)


def correlated(x: Tensor, *kernels: Tensor) -> list[Tensor]:
    """sum_t kernel_t x_{n+t} for every n at which it fits, (..., time) and kernels (..., T) -> (..., time - T + 1) each.

    By overlap-save, with FFTs that stay in a cache, one of x for all kernels.
    """
    times, count = kernels[0].shape[-1], x.shape[-1] - kernels[0].shape[-1] + 1
    length = min(1 << max(SEGMENT, (8 * times - 1).bit_length()), next_fast_len(x.shape[-1], real=True))
    step = length - times + 1
    pieces = -(-count // step)
    padded = torch.nn.functional.pad(x, (0, pieces * step + times - 1 - x.shape[-1]))
    spectrum = torch.fft.rfft(padded.unfold(-1, length, step))
    return [
        torch.fft.irfft(spectrum * torch.fft.rfft(k, length).conj().unsqueeze(-2), length)[..., :step].flatten(-2)[..., :count]
        for k in kernels
    ]


def running(x: Tensor, count: int) -> Tensor:
    """The sum of every ``count`` neighbours, (..., time) -> (..., time - count + 1)."""
    total = torch.nn.functional.pad(x.cumsum(-1), (1, 0))
    return total[..., count:] - total[..., :-count]


def _steady(covariance: Spectral) -> bool:
    lam = covariance.eigenvalues
    return not covariance.batch_shape and bool(lam.min() * CONDITION >= lam.max()) and bool(lam.min() > 0)


def _settled(covariance: Autoregressive) -> bool:
    """Whether all samples but the first few are foreseen in one way."""
    b = covariance.order
    weights, innovations = covariance.weights[b:], covariance.innovations[b:]
    return covariance.size > b and bool((weights == weights[:1]).all()) and bool((innovations == innovations[:1]).all())


def _by_row(right: Spectral, eigenvalues: Tensor, rows: Tensor, times: int) -> Tensor:
    """The sum over rows (row, time), each with eigenvalues of its own (row, T)."""
    if isinstance(right, Diagonal):
        weights = 1 / eigenvalues
        if bool((weights == weights[:, :1]).all()):
            return running((weights[:, :1] * rows.square()).sum(0), times)
        return correlated(rows.square(), weights)[0].sum(0)
    return _lagged(torch.fft.ifft(1 / eigenvalues).real, rows, times)


def _lagged(p: Tensor, x: Tensor, times: int) -> Tensor:
    """The sum over rows x (row, time) of quadratic forms in a function of the lag p (row, T)."""
    count = x.shape[-1] - times + 1
    gone, come = correlated(x, p, p.flip(-1))
    first, last, own = x[:, : count - 1], x[:, times:], p[:, :1]
    step = last * (2 * come[:, 1:] - own * last) - first * (2 * gone[:, :-1] - own * first)
    begins = torch.arange(0, count, ANCHORED)
    windows = x.unfold(-1, times, 1)[:, begins]  # (row, anchor, T)
    length = 2 * times
    even = torch.cat([p, torch.zeros_like(p[:, :1]), p[:, 1:].flip(-1)], -1)  # of a circle that holds all lags, there and back
    filtered = torch.fft.irfft(torch.fft.rfft(windows, length) * torch.fft.rfft(even, length).unsqueeze(1), length)[..., :times]
    anchors = (windows * filtered).sum(-1).sum(0)
    steps = torch.nn.functional.pad(step.sum(0), (1, len(begins) * ANCHORED - count)).view(-1, ANCHORED)
    steps[:, 0] = anchors
    return steps.cumsum(-1).flatten()[:count]


def _innovations(law: Autoregressive, x: Tensor, times: int) -> Tensor:
    """The squares of what the values before do not tell, over their variances."""
    b, count = law.order, len(x) - times + 1
    weights = law.weights[-1]
    if b > SHORT:
        e = correlated(x, torch.cat([weights.flip(0), torch.ones(1, dtype=torch.float64)]))[0]
    else:
        e = x[b:].clone()
        for j, weight in enumerate(weights.tolist(), start=1):
            e.add_(x[b - j : len(x) - j], alpha=weight)
    out = running(e.square_(), times - b).div_(float(law.innovations[-1]))
    if b:
        head = torch.eye(b, dtype=torch.float64)
        for t in range(1, b):
            head[t, :t] = law.weights[t, :t].flip(0)
        head = head / law.innovations[:b].sqrt().unsqueeze(-1)
        out += (x.unfold(0, b, 1)[:count] @ head.T).square().sum(-1)
    return out


def _whitened(covariance: Covariance, x: Tensor, times: int) -> Tensor:
    """By windows that are made a few at a time."""
    windows = x.unfold(-1, times, 1).transpose(0, 1)
    rows = max(1, TOGETHER // (len(x) * times))
    return torch.cat([covariance.mahalanobis(part.reshape(len(part), -1)) for part in windows.split(rows)])
