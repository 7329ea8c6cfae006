"""Errors one sample ahead along a history: by one set of weights for all windows that show the same samples.

With p the samples of a window that were seen before its last one, of all channels, and q the last sample of a channel,

    z = (u_q - mu_q - A (u_p - mu_p)) / sqrt(Sigma_qq - A Sigma_pq),        A = Sigma_qp Sigma_pp^-1

in the scores u of the law. Windows without gaps share A, so that their errors are one solve and one product.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ornstein.covariance.missing_blocks import Conditional, factored
from ornstein.denoisers import Gaussian
from ornstein.fitting.scaling import Scaler

_SEEN = 0.5
"""Share of the samples before it that a window must show of a channel: the error of what nothing foretells says nothing."""
_WORK, _CALL = 2e10, 1e7
"""Multiplications for windows with gaps, about two seconds, and those that take as long as to call for one pattern of them."""
_SHARED = 0.1
"""Share of these windows that the patterns to solve for must have: errors that lie farther apart follow nothing."""
_MEMORY = 1 << 22
"""Numbers of the windows that are handled at once: 32 MiB."""
_VARIES = 1e3 * torch.finfo(torch.float64).eps
"""Share of its variance that the past must leave of a sample: below, rounding decides its error."""


def errors_ahead(law: Gaussian, scaler: Scaler, history: Tensor) -> Tensor:
    """Errors (case, channel, time) in deviations of history (case, *lead, time) given the window before; NaN where there is none.

    None are the samples of the first window, those after gaps of more than half a window, and what the past decides to rounding. Where
    gaps make more patterns than can be solved for, those of the fewest windows have none, and none have where these are nine of ten.
    Cost: a solve for each pattern of gaps.
    """
    window = law.event_shape[-1]
    channels = law.size // window
    series = history.reshape(len(history), channels, -1)
    z = torch.full_like(series, torch.nan)
    if series.shape[-1] < window:
        return z
    ready = Conditional(law.mean().flatten(), law.operator.dense())
    for seen, case, start in _patterns(series, window):
        asked = seen[:, -1] & (seen[:, :-1].double().mean(1) >= _SEEN)
        weigh = _Weights(ready, seen, asked)
        for k, t in zip(*(part.split(max(1, _MEMORY // law.size)) for part in (case, start)), strict=True):
            rows = series.unfold(-1, window, 1)[k, :, t]
            found = weigh(scaler.encode(rows.reshape(-1, *law.event_shape)).flatten(1))
            z[k.unsqueeze(1), asked.nonzero()[:, 0], (t + window - 1).unsqueeze(1)] = found
    return z


def _patterns(series: Tensor, window: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """What windows show (channel, window), and the case and the first sample of all that show it: the commonest patterns."""
    seen = ~torch.isnan(series)
    channels = series.shape[1]
    whole = seen.all(1).unfold(-1, window, 1).all(-1)
    if bool(whole.any()):
        case, start = whole.nonzero(as_tuple=True)
        yield seen.new_ones(channels, window), case, start
    cut = seen.unfold(-1, window, 1)
    told = cut[..., -1] & (cut[..., :-1].sum(-1) >= _SEEN * (window - 1))
    gappy = (~whole & told.any(1)).nonzero()
    size = channels * window
    latest = gappy[gappy[:, 1].argsort(stable=True)][-max(1, 16 * _MEMORY // size) :]
    rows = cut[latest[:, 0], :, latest[:, 1]]
    first, member, count = _alike(rows.flatten(1))
    of_pattern = latest[member.argsort(stable=True)].split(count.tolist())
    common = count.argsort(descending=True, stable=True)[: max(1, int(_WORK / (size**3 + _CALL)))]
    if int(count[common].sum()) < _SHARED * len(gappy):
        return
    for k in common.tolist():
        case, start = of_pattern[k].T
        yield rows[first[k]], case, start


def _alike(rows: Tensor) -> tuple[Tensor, ...]:
    """The first of every kind of rows (n, d), bool, the kind of each row, and how many there are of each; eight entries to a byte."""
    packed = np.packbits(rows.numpy(), axis=1)
    _, *found = np.unique(packed.view(f"V{packed.shape[1]}")[:, 0], return_index=True, return_inverse=True, return_counts=True)
    return tuple(torch.from_numpy(part) for part in found)


class _Weights:
    """The errors of the last samples that are ``asked`` (channel,) given what else is ``seen`` (channel, window)."""

    def __init__(self, ready: Conditional, seen: Tensor, asked: Tensor) -> None:
        place = torch.arange(seen.numel()).view(seen.shape)
        past = seen.clone()
        past[:, -1] = False
        self.before, self.last = place[past], place[asked, -1]
        self.mean, self.scale = ready.mean, ready.scale
        across = ready.correlation[self.before][:, self.last]
        block = ready.correlation[self.before][:, self.before].unsqueeze(0)
        factor = factored(block, torch.ones(1, len(self.before), dtype=torch.bool))[0]
        self.weights = torch.cholesky_solve(across, factor)
        left = 1 - torch.linalg.solve_triangular(factor, across, upper=False).square().sum(0)
        known = (left > _VARIES) & ~ready.still[self.last]
        self.deviation = torch.where(known, left.clamp_min(0).sqrt(), torch.nan)

    def __call__(self, u: Tensor) -> Tensor:
        """(window, asked) of scores u (window, d)."""
        r = (u - self.mean) / self.scale
        found: Tensor = (r[:, self.last] - r[:, self.before] @ self.weights) / self.deviation
        return found
