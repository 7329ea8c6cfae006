"""Any structure on data with gaps: expectation-maximization in which the structure is fitted to what is expected of the second moment.

    E    m and S as in ``missing.expected_moments`` under the law so far,      M    the structure's own fit to rows R with R^T R / n = S

An M step sees the rows of a square root of S, so every fit that depends on its rows through their second moment is maximum likelihood on
what was observed (Dempster, Laird and Rubin 1977): diagonal, circulant, kernels, flip-flop, and any product of two of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance.base import refuse_dense
from ornstein.covariance.missing import expected_moments, moments
from ornstein.covariance.missing_blocks import Conditional
from ornstein.covariance.missing_held_out import lines_help
from ornstein.covariance.missing_start import origin_of, refuse_empty, started, warn_of_unseen
from ornstein.covariance.structure import Fitted, Options, fit_structure

STEPS = 60
_ROWS = 1000
_STREAM = 6 << 20
_SETTLED = 1e-3
"""Nats per case by which the likelihood of what was observed must still grow."""


def fit_structure_with_gaps(
    x: Tensor, structure: str, options: Options, progress: Callable[[str], None] | None = None
) -> tuple[Tensor, Fitted]:
    """Mean (*event) and the structure for signals (case, *event) in which NaN is missing at random.

    Stops when the likelihood of what was observed grows by less than a thousandth of a nat per case and step, or falls, as it may where
    the structure's fit is none by likelihood (smoothed spectra); at most 60 steps. Started from straight lines in time or
    means, whichever guess better. Cost: an E step and the structure's fit to d rows a step, with d x d matrices whatever the structure.
    Raises ``InputError`` as ``refuse_empty`` does, above DENSE_LIMIT, and for structures without variance somewhere.
    """
    size = x[0].numel()
    refuse_dense(size, f"structure {structure!r} on data with gaps")
    warn_of_unseen(refuse_empty(x), size)
    lines = lines_help(x)
    origin = origin_of(x, rows=lines)
    flat = (x - origin).flatten(1)
    mean, second = moments((started(x, lines=lines) - origin).flatten(1))
    best: tuple[float, Tensor, Fitted] | None = None
    for step in range(STEPS):
        fitted = _fit(second, x, structure, options)
        level = float(Conditional(mean, fitted.covariance.dense()).log_prob(flat).mean())
        if not math.isfinite(level):
            raise InputError(f"structure {structure!r} leaves some entry of x without variance, though its values vary: use shrinkage")
        if progress is not None:
            progress(f"gaps: step {step + 1} of at most {STEPS}, {level:.3f} nats per case")
        gained = level - best[0] if best is not None else math.inf
        if best is None or gained > 0:
            best = (level, mean, fitted)
        if gained < _SETTLED:
            break
        mean, second = expected_moments(flat, mean, fitted.covariance.dense())
    assert best is not None
    return origin + best[1].view(x.shape[1:]), best[2]


def _fit(second: Tensor, x: Tensor, structure: str, options: Options) -> Fitted:
    """The structure's fit to as many rows as there are cases, whose second moment is ``second``, mixed so that any part resembles all."""
    size = len(second)
    rows = max(size, min(len(x), _ROWS))
    deviation = second.diagonal().clamp_min(0).sqrt()
    scale = torch.where(deviation > 0, deviation, torch.ones_like(deviation))  # small variances keep their digits
    eigenvalues, basis = torch.linalg.eigh(second / torch.outer(scale, scale))
    mixing = torch.linalg.qr(Noise(options.seed).normal(rows, (size,), _STREAM)).Q
    root = basis * (eigenvalues.clamp_min(0) * rows).sqrt()
    return fit_structure((scale * (mixing @ root.T)).reshape(-1, *x.shape[1:]), structure, options, float(len(x)))
