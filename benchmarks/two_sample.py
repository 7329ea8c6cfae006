"""A classifier two-sample test: how well a small network tells samples from held-out cases."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

FOLDS = 5


def c2st(x: Tensor, y: Tensor) -> tuple[float, float]:
    """(cross-validated accuracy, its standard error) for two samples of one size: 0.5 where no difference is found, 1 where all is told
    apart (Lopez-Paz and Oquab 2017). Entries are standardised by the cases that the classifier learns from."""
    rows = np.concatenate([x.flatten(1).numpy(), y.flatten(1).numpy()])
    labels = np.repeat([0, 1], [len(x), len(y)])
    classifier = make_pipeline(StandardScaler(), MLPClassifier((64, 64), alpha=0.01, max_iter=100, random_state=0))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 100 passes are the budget
        accuracy = float(cross_val_score(classifier, rows, labels, cv=folds).mean())
    return accuracy, math.sqrt(max(accuracy * (1 - accuracy), 1e-12) / len(rows))


def subset(x: Tensor, count: int, seed: int) -> Tensor:
    return x[torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:count]]
