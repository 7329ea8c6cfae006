"""Quantiles of what gaps hide: in closed form for Gaussians and mixtures, from draws for other models without a correction.

    Gaussian   m + z_p s                                            of the conditional mean and deviation of every entry
    mixture    the root v of sum_k w_k Phi((v - m_k) / s_k) = p     by bisection, between the least and the largest m_k + z_p s_k

and a quantile of the scores is a quantile of the values, since every scaling and every curve is increasing.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ornstein.correction.rows import stands_on
from ornstein.denoisers import Gaussian, Law
from ornstein.denoisers.gap_marginals import marginals
from ornstein.model import recordings
from ornstein.model.imputing import Filler, Tell

KNOTS = torch.special.ndtri(torch.tensor([0.75, 0.9, 0.95], dtype=torch.float64))
"""Ends of the central 50, 80 and 90 % of a normal law."""
_CASES = 1 << 21
"""Entries of the cases that are handled at once."""


def stretched(z: Tensor, bands: Tensor) -> Tensor:
    """Scores z (level,) as bands that are to end at ``bands`` (channel, 3) in place of ``KNOTS`` have them, (level, channel, 1).

    Straight between 0 and the three, and beyond the last in proportion to it; the median stays.
    """
    ends = torch.cat([torch.zeros(1, dtype=torch.float64), KNOTS])
    into = torch.cat([torch.zeros(len(bands), 1, dtype=torch.float64), bands], 1)
    size = z.abs()
    k = (torch.searchsorted(ends, size) - 1).clamp(0, len(ends) - 2)
    share = (size - ends[k]) / (ends[k + 1] - ends[k])
    inside = into[:, k] + share * (into[:, k + 1] - into[:, k])
    found = torch.where(size > ends[-1], size * (into[:, -1:] / ends[-1]), inside)
    return (z.sign() * found).T.unsqueeze(2)


def quantiles(filler: Filler, x: Tensor, z: Tensor, draws: int, seed: int, tell: Tell) -> Tensor:
    """Quantiles of levels Phi(z), (level, case, *lead, time), of what NaN hides in x (case, *lead, time), which may be recordings.

    z (level,) or (level, *lead, 1). Observed entries are returned as they are. Memory: the result, and draws of some cases or of one
    piece of a recording.
    """
    z = z.view(*z.shape, *(1,) * (x.ndim - z.ndim))
    out = x.expand(len(z), *x.shape).clone()
    hidden = torch.isnan(x)
    for case, at, found in _parts(filler, x, z, draws, seed, tell):
        out[:, case, ..., at] = torch.where(hidden[case][..., at], found, x[case][..., at])
    return out


Found = tuple[Tensor | int, slice, Tensor]
"""Cases, times, and the quantiles there."""


def _parts(filler: Filler, x: Tensor, z: Tensor, draws: int, seed: int, tell: Tell) -> Iterator[Found]:
    if x.shape[-1] > filler.law.event_shape[-1]:
        yield from _recorded(filler, x, z, draws, seed, tell)
        return
    gappy = torch.isnan(x).flatten(1).any(1)
    tell(int((~gappy).sum()))
    correction = filler.correction
    parts = stands_on(filler.law) if correction is not None or isinstance(filler.law, Law) else None
    size = x[0].numel() * (1 if parts is not None else draws)
    for cases in gappy.nonzero()[:, 0].split(max(1, _CASES // size)):
        if parts is None:
            drawn = filler(x[cases], draws, seed, tell, cases)
            yield cases, slice(None), _sampled(drawn, z.unsqueeze(1))
            continue
        encoded = filler.scaler.encode(x[cases]).flatten(1)
        known, gaps = marginals(parts, encoded), torch.isnan(encoded)
        u = encoded.expand(len(z), *encoded.shape).clone()
        scores = torch.stack([level.expand(x.shape[1:]).reshape(1, -1).expand(gaps.shape)[gaps] for level in z])
        if correction is not None:
            scores = correction(parts, encoded, known)(scores)
        for row, level in zip(u, scores, strict=True):
            row[gaps] = known.quantile(level)
        u = u.view(len(z), len(cases), *x.shape[1:])
        yield cases, slice(None), filler.scaler.decode(u)
        tell(len(cases))


def _recorded(filler: Filler, x: Tensor, z: Tensor, draws: int, seed: int, tell: Tell) -> Iterator[Found]:
    law, scaler = filler.law, filler.scaler
    chain = recordings.chain_of(law, scaler) if isinstance(law, Gaussian) else None
    if chain is None:
        for case, start, values in recordings.pieces(filler, x, draws, seed, tell):
            yield case, slice(start, start + values.shape[-1]), _sampled(values, z)
        return
    for case, series in enumerate(x):
        u = scaler.lengthened(x.shape[-1]).encode(series.unsqueeze(0)).view(chain.channels, -1)
        for half in chain.fill(u, tell=tell):
            assert half.deviation is not None  # as no draws were asked for
            shape = (*series.shape[:-1], half.values.shape[-1])
            found = half.values[0].view(shape) + z * half.deviation.view(shape)
            start = half.number * chain.length
            yield case, slice(start, start + shape[-1]), scaler.lengthened(shape[-1]).decode(found)


def _sampled(drawn: Tensor, z: Tensor) -> Tensor:
    """Quantiles of draws (draw, ...) at the levels of z (level, ...), by linear interpolation between their ranks."""
    ordered = drawn.sort(0).values
    count = len(ordered)
    place = (torch.special.ndtr(z) * count - 0.5).clamp(0, count - 1)
    low = place.floor().long().clamp_max(max(count - 2, 0))
    full = (len(z), *drawn.shape[1:])
    below, above = (ordered.gather(0, (low + k).clamp_max(count - 1).expand(full)) for k in (0, 1))
    found: Tensor = below + (place - low) * (above - below)
    return found
