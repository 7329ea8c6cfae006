"""The scikit-learn wrapper behaves as scikit-learn's own estimators do."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.mixture import GaussianMixture
from sklearn.utils.estimator_checks import check_estimator

from ornstein.estimator import SignalDensity


@pytest.mark.parametrize("model", ["gaussian", "mixture", "empirical"])
def test_check_estimator(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        check_estimator(SignalDensity(model))


def test_scores_equal_those_of_scikit_learn():
    rows = np.random.default_rng(0).normal(size=(200, 3)) * [1.0, 10.0, 0.1]
    peer = GaussianMixture(1, reg_covar=0.0).fit(rows)
    ours = SignalDensity(shrinkage="none").fit(rows)
    np.testing.assert_allclose(ours.score_samples(rows), peer.score_samples(rows), atol=1e-8)
    assert ours.score(rows) == pytest.approx(peer.score(rows))
    assert ours.sample(7).shape == (7, 3)


def test_a_network_is_no_density_estimator():
    with pytest.raises(ValueError, match="takes laws in closed form"):
        SignalDensity("network").fit(np.zeros((20, 3)))
