"""A mean over cases with its standard error, also where neighbouring cases depend on each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError


@dataclass(frozen=True)
class Mean:
    """A mean over cases, and its standard error; both in the unit of what was averaged."""

    value: float
    error: float

    def __mul__(self, factor: float) -> Mean:
        return Mean(self.value * factor, self.error * abs(factor))


def mean_with_error(values: object, lag: int = 0) -> Mean:
    """The mean of one number per case, shape (case,), with its standard error.

        error^2 = 1/(n (n - 1)) sum_i sum_j w(|i - j|) e_i e_j,      e_i = values_i - mean,   w(k) = max(0, 1 - k / (lag + 1))

    ``lag`` = 0 is the usual error of independent cases. Where cases up to k places apart share samples (windows cut with
    overlap), lag = 2 k keeps at least half of the weight on every shared pair (Newey and West 1987).
    A value of -inf makes the mean -inf and the error inf. Raises ``InputError`` for fewer than two cases. Cost: n (lag + 1).
    """
    x = torch.as_tensor(values, dtype=torch.float64)
    lag = checks.count(lag, "lag", at_least=0)
    if x.ndim != 1 or len(x) < 2:
        raise InputError(f"values has shape {tuple(x.shape)}, but a standard error needs one number each for at least 2 cases")
    if bool(torch.isinf(x).any()):
        return Mean(float(x.mean()), math.inf)
    return Mean(float(x.mean()), math.sqrt(max(float(long_run_covariance(x[:, None], lag)), 0.0)))


def long_run_covariance(x: Tensor, lag: int) -> Tensor:
    """The covariance (k, k) of the mean of rows x (case, k), with the weights of ``mean_with_error``. Cost: n (lag + 1) k^2."""
    n, e = len(x), x - x.mean(0)
    total = e.T @ e
    for k in range(1, min(lag, n - 1) + 1):
        across = e[k:].T @ e[:-k]
        total = total + (1 - k / (lag + 1)) * (across + across.T)
    return total / (n * (n - 1))
