"""The scikit-learn face of ``fit``: a density estimator for arrays (case, feature), for pipelines and grid searches."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ornstein.common.errors import InputError
from ornstein.model.fit import fit

Array = npt.NDArray[np.float64]


# scikit-learn ships no types, so its base classes are unknown to the checker
class SignalDensity(DensityMixin, BaseEstimator):  # type: ignore[misc]
    """``ornstein.fit`` as a scikit-learn estimator; its parameters are those of ``fit``.

    ``score_samples`` gives log-densities in nats, ``score`` their mean (as ``GaussianMixture`` does), ``sample`` new rows.
    The fitted ``Model`` is ``model_``.
    """

    def __init__(
        self,
        model: str = "gaussian",
        *,
        structure: str | None = None,
        shrinkage: str | float | None = None,
        rank: int | None = None,
        components: int | None = None,
        bandwidth: float | None = None,
        standardize: str = "feature",
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.model = model
        self.structure = structure
        self.shrinkage = shrinkage
        self.rank = rank
        self.components = components
        self.bandwidth = bandwidth
        self.standardize = standardize
        self.random_state = random_state

    def fit(self, X: object, y: object = None) -> Self:
        """Fit the law of the rows of X (case, feature)."""
        rows = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        if self.model == "network":
            raise InputError("model is 'network', but this takes laws in closed form: train networks with ornstein.fit")
        arguments = {name: value for name, value in self.get_params(deep=False).items() if name not in ("model", "random_state")}
        self.model_ = fit(torch.tensor(rows), self.model, folds=0, seed=self._seed(), **arguments)
        return self

    def score_samples(self, X: object) -> Array:
        """Log-density of each row, in nats."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        scores: Array = self.model_.log_prob(torch.tensor(rows)).numpy()
        return scores

    def score(self, X: object, y: object = None) -> float:
        """Mean log-density of the rows, in nats."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1) -> Array:
        """New rows (n_samples, feature)."""
        check_is_fitted(self)
        drawn: Array = self.model_.sample(n_samples, seed=self._seed()).numpy()
        return drawn

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))
