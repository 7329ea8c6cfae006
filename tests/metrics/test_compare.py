"""Held-out comparison: folds that do not leak, densities that are those of a direct fit, differences that are paired."""

import math

import pytest
import torch

import ornstein as orn
from kinds import normal
from ornstein.common.errors import InputError
from ornstein.metrics import Candidate, blocks, compare, held_out_log_prob
from truth import gaussian_log_prob

X = orn.Signals(normal(40, 2, 3, seed=1) * torch.tensor([[[1.0], [5.0]]]) + 2)
GAUSSIAN = Candidate("gaussian", "gaussian", "dense")


@pytest.mark.parametrize(("cases", "folds", "overlap"), [(40, 5, 0), (41, 5, 0), (40, 4, 3), (9, 2, 1), (8, 4, 0)])
def test_blocks_hold_every_case_out_once_and_keep_neighbours_away(cases, folds, overlap):
    parts = blocks(cases, folds, overlap)
    assert torch.equal(torch.cat([p.test for p in parts]), torch.arange(cases))
    for p in parts:
        assert int((p.test[:, None] - p.train).abs().min()) == overlap + 1
        assert len(p.train) >= cases - len(p.test) - 2 * overlap


@pytest.mark.parametrize(
    ("cases", "folds", "overlap", "message"), [(8, 1, 0, "folds is 1"), (8, 4, 3, "use fewer folds"), (3, 5, 0, "use fewer")]
)
def test_folds_that_cannot_be(cases, folds, overlap, message):
    with pytest.raises(InputError, match=message):
        blocks(cases, folds, overlap)


def test_held_out_density_is_that_of_a_fit_without_the_fold():
    parts = blocks(40, 5)
    found = held_out_log_prob(X, GAUSSIAN, parts)
    for p in parts:
        model = orn.fit(X[p.train], folds=0)
        exact = gaussian_log_prob(X.values[p.test].flatten(1), model.mean().flatten(), model.covariance().dense())
        assert torch.allclose(found[p.test], exact, atol=1e-9)


def test_the_true_structure_wins_on_its_own_data():
    """Entries with correlation 0.8: the dense law beats the diagonal one by far more than chance (expected gain 1.9 nats)."""
    x = orn.Signals(2 * normal(60, 1, 1, seed=6) + normal(60, 2, 3, seed=7))
    parts = blocks(60, 5)
    dense, diagonal = (held_out_log_prob(x, c, parts) for c in (GAUSSIAN, Candidate("diagonal", structure="diagonal")))
    _, gain = compare({"diagonal": diagonal, "dense": dense}, 6)
    assert gain.difference is not None
    assert gain.difference.value > 4 * gain.difference.error


def test_scores_are_means_of_cases_and_differences_are_paired():
    a, b = normal(30, seed=2), normal(30, seed=2) + 0.5 + 0.01 * normal(30, seed=3)
    first, second = compare({"a": a, "b": b}, 7)
    assert first.difference is None
    assert second.nats.value == pytest.approx(float(b.mean()))
    assert second.bits.value == pytest.approx(-float(b.mean()) / (7 * math.log(2)))
    assert second.bits.error == pytest.approx(second.nats.error / (7 * math.log(2)))
    assert second.difference is not None
    assert second.difference.error == pytest.approx(float((b - a).std()) / math.sqrt(30))
    assert second.difference.error < 0.05 * second.nats.error


def test_a_case_outside_the_support_is_counted():
    b = normal(10, seed=4)
    b[3] = -math.inf
    _, second = compare({"a": normal(10, seed=5), "b": b}, 2)
    assert (second.outside, second.nats.value, second.bits.value, second.difference) == (1, -math.inf, math.inf, None)
