"""A classifier between two samples: how well it tells them apart says how far they are."""

from __future__ import annotations

import warnings

import torch

from ornstein.common import checks
from ornstein.common.errors import InputError


def c2st(x: object, y: object, *, folds: int = 5, iterations: int = 1000, seed: int = 0) -> float:
    """The share of held-out cases of two samples (case, *event) that a small network assigns to the right one: 0.5 for equal laws.

    Two hidden layers of 10 d units on entries standardised by x, cross-validated (Lopez-Paz & Oquab 2017, arXiv 1610.06545, as in
    Lueckmann et al. 2021, arXiv 2101.04653). Its standard error for equal laws is about 0.5 / sqrt(cases of both). Raises ``InputError``
    for samples of different shapes or fewer cases than twice the folds. Cost: ``folds`` trainings of at most
    ``iterations`` passes, seconds each.
    """
    a, b = checks.tensor(x, "x"), checks.tensor(y, "y")
    if a.ndim < 2 or a.shape[1:] != b.shape[1:] or min(len(a), len(b)) < 2 * folds:
        raise InputError(
            f"x and y have shapes {tuple(a.shape)} and {tuple(b.shape)}, but must hold signals of one shape, {2 * folds} at least"
        )
    from sklearn.model_selection import KFold, cross_val_score  # heavy to import, and needed only here
    from sklearn.neural_network import MLPClassifier

    flat, other = a.flatten(1), b.flatten(1)
    centre, scale = flat.mean(0), flat.std(0).clamp_min(torch.finfo(torch.float64).tiny)
    rows = ((torch.cat([flat, other]) - centre) / scale).numpy()
    labels = torch.cat([torch.zeros(len(flat)), torch.ones(len(other))]).numpy()
    width = 10 * rows.shape[1]
    classifier = MLPClassifier((width, width), max_iter=iterations, random_state=seed % (1 << 32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a training that ends before it has converged
        return float(cross_val_score(classifier, rows, labels, cv=KFold(folds, shuffle=True, random_state=seed % (1 << 32))).mean())
