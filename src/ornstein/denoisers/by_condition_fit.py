"""Fitting the Gaussian of every class, and of the numbers that go with a signal."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.covariance import Dense, Spectral, as_spectral
from ornstein.denoisers.by_condition import ByCondition
from ornstein.denoisers.fit import fit_gaussian
from ornstein.nets import Condition
from ornstein.nets.condition import NO_LABEL

LARGEST = 1 << 24
"""Numbers in the bases of all classes: 128 MB, and some seconds of eigendecompositions. Beyond, classes share one covariance."""

RIDGES = torch.logspace(-4, 3, 15, dtype=torch.float64)
"""Weights of a regression that are tried, in units of the mean square of the numbers; at the largest nothing is left of it."""


def fit_by_condition(x: Tensor, condition: Condition, structure: str = "dense", *, shrinkage: str | float = "oas") -> ByCondition | None:
    """N(mu_k + B^T v, Sigma_k) from signals (case, *event) and what is known of each; None where no condition says anything of the mean
    or covariance: without labels and numbers, or with fewer than two whole rows of them in each class.

        mu_k     = m + (1 - tr W / n_k / |m_k - m|^2)_+ (m_k - m)             class means, drawn to their mean m (James and Stein 1961)
        B        = (V^T V + rho I)^-1 V^T X within classes, rho by leave-one-out errors      (Allen 1974)
        Sigma_k  = (1 - a_k) S_k + a_k W,   a_k = (sum_i |r_i|^4 / n_k - |S_k|^2) / n_k / |S_k - W|^2, cut to [0, 1]

    W is the covariance of all residuals r, of ``structure`` and ``shrinkage``; S_k that of one class; a_k the weight of least expected
    squared error with W as the target (Ledoit and Wolf 2004, lemma 1). S_k is only taken where W is a full matrix and the bases of all
    classes hold at most ``LARGEST`` numbers. Cost: one covariance fit, and one eigendecomposition a class.
    """
    label, vector = condition.label, condition.vector
    if label is None and vector is None:
        return None
    flat = x.flatten(1).to(torch.float64)
    whole = torch.ones(len(flat), dtype=torch.bool) if label is None else label.cpu() != NO_LABEL
    if vector is not None:
        whole &= ~torch.isnan(vector.cpu()).any(1)
    kind = torch.zeros(len(flat), dtype=torch.int64) if label is None else label.cpu().clamp_min(0)
    many = int(kind.max()) + 1
    counts = torch.bincount(kind[whole], minlength=many)
    whole &= counts[kind] > 1
    if not bool(whole.any()) or not bool((~torch.isnan(flat)).all()):
        return None
    flat, kind = flat[whole], kind[whole]
    counts = torch.bincount(kind, minlength=many)
    average = _averages(flat, kind, many)
    rest = flat - average[kind]
    slope, centre = None, torch.zeros(many, 0, dtype=torch.float64)
    if vector is not None:
        numbers = vector.cpu().to(torch.float64)[whole]
        centre = _averages(numbers, kind, many)
        slope = _regression(numbers - centre[kind], rest)
        rest = rest - (numbers - centre[kind]) @ slope
    # every class spends one case on its mean
    rest = rest * (counts / (counts - 1)).sqrt()[kind].unsqueeze(-1)
    within = as_spectral(fit_gaussian(rest.view(-1, *x.shape[1:]), structure, shrinkage=shrinkage).operator)
    means = _drawn_together(average, counts, flat.mean(0), rest.square().sum(1).mean())
    if slope is not None:
        means = means - centre @ slope
    operators = _of_classes(rest, kind, many, within)
    return ByCondition(means, counts, operators, slope, label is not None)


def _averages(rows: Tensor, kind: Tensor, many: int) -> Tensor:
    """The mean of the rows of each class, (many, ...); 0 where it has none."""
    sums = torch.zeros(many, rows.shape[1], dtype=torch.float64).index_add(0, kind, rows)
    return sums / torch.bincount(kind, minlength=many).clamp_min(1).unsqueeze(-1)


def _drawn_together(average: Tensor, counts: Tensor, overall: Tensor, variance: Tensor) -> Tensor:
    """Class means as far from the overall mean as their own errors allow."""
    if len(average) == 1:
        return average
    apart = (average - overall).square().sum(1)
    kept = (1 - variance / counts.clamp_min(1) / apart.clamp_min(torch.finfo(torch.float64).tiny)).clamp_min(0)
    return overall + kept.unsqueeze(-1) * (average - overall)


def _regression(v: Tensor, r: Tensor) -> Tensor:
    """B (k, d) of r on v by ridge, its weight by the leave-one-out errors (1 - h_i)^-1 (r_i - B^T v_i)."""
    u, s, w = torch.linalg.svd(v, full_matrices=False)
    target, ridges = u.T @ r, RIDGES * s.square().mean().clamp_min(torch.finfo(torch.float64).tiny)
    errors = []
    for ridge in ridges:
        kept = s**2 / (s**2 + ridge)
        hat = (u.square() * kept).sum(1).clamp_max(1 - 1e-9)
        errors.append(((r - u @ (kept.unsqueeze(-1) * target)) / (1 - hat).unsqueeze(-1)).square().sum())
    ridge = ridges[int(torch.stack(errors).argmin())]
    slope: Tensor = w.T @ ((s / (s**2 + ridge)).unsqueeze(-1) * target)
    return slope


def _of_classes(rest: Tensor, kind: Tensor, many: int, within: Spectral) -> tuple[Spectral, ...]:
    """The covariance of each class, or that within all of them."""
    if many == 1 or not isinstance(within, Dense) or many * within.size**2 > LARGEST:
        return (within,)
    target = within.dense()
    return tuple(_drawn_to(target, within, rest[kind == k]) for k in range(many))


def _drawn_to(target: Tensor, within: Spectral, rest: Tensor) -> Spectral:
    """The covariance of one class from its residuals (n, d), drawn to that of all."""
    n = len(rest)
    if n < 2:
        return within
    own = rest.T @ rest / n
    error = (rest.square().sum(1).square().mean() - own.square().sum()) / n
    apart = (own - target).square().sum()
    weight = float((error / apart).clamp(0, 1)) if float(apart) > 0 else 1.0
    return within if weight == 1 else Dense((1 - weight) * own + weight * target)
