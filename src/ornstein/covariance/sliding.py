"""x^T Sigma^-1 x for every window of a recording at once: by the structure of Sigma, no window is made where it allows.

A window that moves by one sample loses one and gains one. Where Sigma^-1 is a function of the lag, p, as that of a circulant Sigma is,

    q(n+1) = q(n) - x_n (2 f(n) - p_0 x_n) + x_{n+T} (2 g(n+T) - p_0 x_{n+T}),    f(n) = sum_u p_u x_{n+u},   g(n) = sum_u p_u x_{n-u},

two filters, O(log T) a sample by FFT. An autoregressive Sigma of order b leaves innovations that, but for the first b of a window, do
not depend on where it begins: a filter of b + 1 weights and a running sum of squares, O(b^2) a sample whatever T. Any other Sigma of
long windows is d filters, the rows of a root of Sigma^-1: O(d log T) a sample, where a product for each window is O(d^2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from ornstein.covariance.autoregressive import Autoregressive
from ornstein.covariance.base import Covariance, Spectral
from ornstein.covariance.structures import Dense, Diagonal, Kronecker, Stationary

Along: TypeAlias = Callable[[Tensor], Tensor]
"""q (windows,) for the windows of x (channel, time), float64, that begin at every sample."""

ANCHORED = 2048
"""Steps of the recursion for lags before it begins anew from a window of its own, so that rounding does not add up."""

SEGMENT = 12
"""log2 of the least length of an FFT."""

SHORT = 16
"""Weights of a filter up to which products are quicker than FFTs."""

FEW = 4
"""First samples of a window up to which they are added one by one."""

LONG = 64
"""Samples of a window from which a filter is quicker than the products of a window for each sample."""

CONDITION = 1e6
"""Ratio of the largest and smallest eigenvalue up to which filters are as good as whitening: they lose as many figures as it has."""


def along(covariance: Covariance, channels: int, times: int) -> Along | None:
    """The quadratic forms of windows of ``times`` samples, prepared; None where windows that are made are as quick, or more exact."""
    if isinstance(covariance, Kronecker) and isinstance(covariance.right, Stationary | Diagonal) and _steady(covariance):
        left = covariance.left
        inner = _by_row(covariance.right, covariance.eigenvalues.unflatten(-1, (len(left.eigenvalues), covariance.right.size)), times)
        return lambda x: inner(left.rotate(x.T).T)
    if isinstance(covariance, Stationary | Diagonal) and channels * times == covariance.size and _steady(covariance):
        if isinstance(covariance, Diagonal):
            return _by_row(covariance, covariance.eigenvalues.view(channels, times), times)
        if channels == 1:
            return _by_row(covariance, covariance.eigenvalues.unsqueeze(0), times)
    if isinstance(covariance, Autoregressive) and channels == 1 and _settled(covariance):
        return _innovations(covariance, times)
    if isinstance(covariance, Dense) and times >= LONG and _steady(covariance):
        return _roots(covariance, channels, times)
    return None


class Filter:
    """sum_t kernel_t x_{n+t} for every n at which it fits, (..., time) and kernels (..., T) -> (..., time - T + 1) each.

    By overlap-save, with FFTs that stay in a cache, one of x for all kernels, whose spectra are kept.
    """

    def __init__(self, *kernels: Tensor) -> None:
        self.kernels, self.times = kernels, kernels[0].shape[-1]
        self._spectra: dict[int, list[Tensor]] = {}

    def __call__(self, x: Tensor) -> list[Tensor]:
        count = x.shape[-1] - self.times + 1
        spectrum, length, step = self.spectrum(x)
        return [torch.fft.irfft(spectrum * k, length)[..., :step].flatten(-2)[..., :count] for k in self._kept(length)]

    def squares(self, x: Tensor) -> Tensor:
        """The sum of the squares of what all kernels (row, T) make of x (row, time), each of them summed over its rows."""
        count = x.shape[-1] - self.times + 1
        spectrum, length, step = self.spectrum(x)
        total = torch.zeros(spectrum.shape[1], length, dtype=torch.float64)
        for k in self._kept(length):
            y = torch.fft.irfft((spectrum * k).sum(0) if len(spectrum) > 1 else spectrum[0] * k[0], length)
            total.addcmul_(y, y)
        return total[:, :step].flatten()[:count]

    def spectrum(self, x: Tensor) -> tuple[Tensor, int, int]:
        """The spectra of the pieces of x, (..., piece, frequency), the length of an FFT, and how far pieces are apart."""
        times, count = self.times, x.shape[-1] - self.times + 1
        length = min(1 << max(SEGMENT, (8 * times - 1).bit_length()), next_fast_len(x.shape[-1], real=True))
        step = length - times + 1
        padded = torch.nn.functional.pad(x, (0, -(-count // step) * step + times - 1 - x.shape[-1]))
        return torch.fft.rfft(padded.unfold(-1, length, step)), length, step

    def _kept(self, length: int) -> list[Tensor]:
        if length not in self._spectra:
            self._spectra[length] = [torch.fft.rfft(k, length).conj().resolve_conj().unsqueeze(-2) for k in self.kernels]
        return self._spectra[length]


def running(x: Tensor, count: int) -> Tensor:
    """The sum of every ``count`` neighbours, (time,) -> (time - count + 1,)."""
    total = torch.empty(len(x) + 1, dtype=x.dtype)
    total[0] = 0
    torch.cumsum(x, -1, out=total[1:])
    return total[count:] - total[:-count]


def _steady(covariance: Spectral) -> bool:
    lam = covariance.eigenvalues
    return not covariance.batch_shape and bool(lam.min() * CONDITION >= lam.max()) and bool(lam.min() > 0)


def _settled(covariance: Autoregressive) -> bool:
    """Whether all samples but the first few are foreseen in one way."""
    b = covariance.order
    weights, innovations = covariance.weights[b:], covariance.innovations[b:]
    return covariance.size > b and bool((weights == weights[:1]).all()) and bool((innovations == innovations[:1]).all())


def _by_row(right: Spectral, eigenvalues: Tensor, times: int) -> Along:
    """The sum over rows (row, time), each with eigenvalues of its own (row, T)."""
    if not isinstance(right, Diagonal):
        return _lagged(torch.fft.ifft(1 / eigenvalues).real, times)
    weights = 1 / eigenvalues
    if bool((weights == weights[:, :1]).all()):
        return lambda rows: running((weights[:, :1] * rows.square()).sum(0), times)
    weighted = Filter(weights)
    return lambda rows: weighted(rows.square())[0].sum(0)


def _lagged(p: Tensor, times: int) -> Along:
    """The sum over rows x (row, time) of quadratic forms in a function of the lag p (row, T)."""
    filters, own, length = Filter(p, p.flip(-1)), p[:, :1], 2 * times
    # of a circle that holds all lags, there and back
    even = torch.fft.rfft(torch.cat([p, torch.zeros_like(p[:, :1]), p[:, 1:].flip(-1)], -1), length).unsqueeze(1)

    def form(x: Tensor) -> Tensor:
        count = x.shape[-1] - times + 1
        gone, come = filters(x)
        first, last = x[:, : count - 1], x[:, times:]
        step = last * (2 * come[:, 1:]).addcmul_(own, last, value=-1)
        step.addcmul_(first, (2 * gone[:, :-1]).addcmul_(own, first, value=-1), value=-1)
        begins = torch.arange(0, count, ANCHORED)
        windows = x.unfold(-1, times, 1)[:, begins]  # (row, anchor, T)
        filtered = torch.fft.irfft(torch.fft.rfft(windows, length) * even, length)[..., :times]
        anchors = (windows * filtered).sum(-1).sum(0)
        whole = step[0] if len(step) == 1 else step.sum(0)
        steps = torch.nn.functional.pad(whole, (1, len(begins) * ANCHORED - count)).view(-1, ANCHORED)
        steps[:, 0] = anchors
        return steps.cumsum(-1).flatten()[:count]

    return form


def _innovations(law: Autoregressive, times: int) -> Along:
    """The squares of what the values before do not tell, over their variances."""
    b, weights, variance = law.order, law.weights[-1], float(law.innovations[-1])
    whole = Filter(torch.cat([weights.flip(0), torch.ones(1, dtype=torch.float64)])) if b > SHORT else None
    head = torch.eye(b, dtype=torch.float64)
    for t in range(1, b):
        head[t, :t] = law.weights[t, :t].flip(0)
    head = head / law.innovations[:b].sqrt().unsqueeze(-1)

    def form(rows: Tensor) -> Tensor:
        x, count = rows[0], rows.shape[-1] - times + 1
        if whole is not None:
            e = whole(x)[0]
        else:
            e = x[b:].clone()
            for j, weight in enumerate(weights.tolist(), start=1):
                e.add_(x[b - j : len(x) - j], alpha=weight)
        out = running(e.square_(), times - b).div_(variance)
        if b > FEW:
            return out.add_((x.unfold(0, b, 1)[:count] @ head.T).square_().sum(-1))
        for t in range(b):
            y = x[t : t + count] * float(head[t, t])
            for j in range(t):
                y.add_(x[j : j + count], alpha=float(head[t, j]))
            out.addcmul_(y, y)
        return out

    return form


def _roots(law: Dense, channels: int, times: int) -> Along:
    """|R x|^2 with the rows of R = Lambda^(-1/2) U^T as filters."""
    roots = (law.basis / law.eigenvalues.sqrt()).T.reshape(-1, channels, times)
    return Filter(*roots).squares
