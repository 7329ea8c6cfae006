"""One answer from all levels at once: do the bands hold the truth as often as they promise?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.special import fdtrc

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.metrics.means import Mean, long_run_covariance

_VARIANCE = torch.tensor([1 / 12, 1 / 5], dtype=torch.float64)
"""Of 1/2 - w and of 6 w^2 - 6 w + 1, its orthogonal companion, for uniform w."""


@dataclass(frozen=True)
class Joint:
    """p_value  of honest bands looking at least so far off;  excess  measured minus promised coverage, the mean over all levels."""

    p_value: float
    excess: Mean


def joint_coverage(u: object, *, lag: int = 0) -> Joint:
    """Whether values u (case, entry) of ``pit`` come from honest bands, at every level in one test.

    The central band of level l holds the truth where w = |2 u - 1| <= l, so honest bands make w uniform. Per case two means are taken,

        a = mean (1/2 - w),    b = mean (6 w^2 - 6 w + 1)        (the mean excess of coverage over all levels, and its shape)

    and T^2 = (a, b) C^-1 (a, b)^T over cases is held against (m - 2) / (2 (m - 1)) T^2 ~ F(2, m - 2) (Hotelling 1931). C is the
    covariance of the two means over cases (Newey and West with ``lag``), in no direction less than for independent entries, since a
    few cases that happen to agree would be certain otherwise; m is the number of cases, over 1 + lag where they share samples.
    Both are bounded and nearly symmetric, where the share inside a 95 % band is neither: the level is kept from 20 cases on (9 % for
    5 % where 20 entries of a case have correlation 0.9).
    Raises ``InputError`` for fewer than three cases. Cost: the entries, and cases times lag.
    """
    x = checks.tensor(u, "u", ndim=(2,))
    n, entries = x.shape
    if n < 3 or not entries:
        raise InputError(f"u has shape {tuple(x.shape)}, but must be (case, entry) with at least 3 cases")
    w = (2 * x - 1).abs()
    both = torch.stack([(0.5 - w).mean(1), (6 * w.square() - 6 * w + 1).mean(1)], 1)
    unit = (_VARIANCE / (n * entries)).sqrt()
    values, vectors = torch.linalg.eigh(long_run_covariance(both / unit, lag))
    values = values.clamp_min(1.0)
    off = both.mean(0)
    distance = float(((vectors.T @ (off / unit)).square() / values).sum())
    m = max(n / (1 + lag), 3.0)
    error = unit[0] * (vectors[0].square() @ values).sqrt()
    return Joint(float(fdtrc(2, m - 2, (m - 2) / (2 * (m - 1)) * distance)), Mean(float(off[0]), float(error)))
