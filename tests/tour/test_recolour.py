"""The recolouring of chapter three: exact where the source has full rank, and honest about where it has not."""

import math

import pytest
import torch

from ornstein.covariance import Dense
from ornstein.random import Noise
from ornstein.tour import compute
from ornstein.tour.spectra import mismatch, recolour, second_moment, similarity, standardised

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def made():
    return compute()


def target(d: int) -> torch.Tensor:
    a = Noise(9).normal(d, (d,))
    return a @ a.T / d + 0.1 * torch.eye(d, dtype=torch.float64)


def test_full_rank_draws_take_on_any_covariance_exactly():
    wanted = target(20)
    curves, _ = recolour(Noise(1).normal(60, (20,)), Dense(wanted))
    assert mismatch(second_moment(curves), wanted) < 1e-12


def test_fifty_draws_in_a_hundred_dimensions_leave_fifty_empty():
    wanted = target(100)
    curves, psi = recolour(Noise(1).normal(50, (100,)), Dense(wanted))
    assert int((psi > 0).sum()) == 50
    reached = second_moment(curves)
    assert Dense(reached).rank() == 50
    values, basis = torch.linalg.eigh(wanted)
    kept = (basis[:, 50:] * values[50:]) @ basis[:, 50:].T
    torch.testing.assert_close(reached, kept, atol=1e-10, rtol=0)


def test_psi_is_the_root_of_the_ratio_of_the_spectra():
    wanted, draws = Dense(target(12)), Noise(2).normal(40, (12,))
    _, psi = recolour(draws, wanted)
    source = torch.linalg.eigvalsh(second_moment(draws)).flip(0)
    torch.testing.assert_close(psi, (wanted.eigenvalues / source).sqrt(), atol=1e-10, rtol=0)


def test_exact_recolouring_has_the_covariance_as_its_law(made):
    """z L^T with z the unit vectors gives L^T L: the covariance itself, without any draws."""
    assert made.numbers["mismatch_law"] < 1e-10
    assert made.numbers["mismatch_paired"] < 1e-10
    kernel = Dense(similarity(made.arrays["curve"]))
    torch.testing.assert_close(made.arrays["exact"], kernel.color(made.arrays["noise"]))


def test_the_numbers_of_the_page_are_those_of_its_draws(made):
    a, n = made.arrays, made.numbers
    wanted = torch.exp(-((a["curve"][:, None] - a["curve"]) ** 2))
    for name in ("paired", "exact"):
        covariance = a[name].T @ a[name] / len(a[name])
        assert n[f"mismatch_{name}"] == pytest.approx(float((covariance - wanted).norm() / wanted.norm()), abs=1e-10)
        far = [math.dist(row.tolist(), a["curve"].tolist()) for row in a[name]]
        assert n[f"nearest_{name}"] == pytest.approx(min(far), rel=1e-10)
        assert n[f"nearest_{name}"] < n["nearest_white"]


def test_standardising_afterwards_destroys_the_covariance(made):
    again = standardised(made.arrays["paired"])
    torch.testing.assert_close(again.mean(-1), torch.zeros(50, dtype=torch.float64), atol=1e-12, rtol=0)
    assert made.numbers["mismatch_standardised"] == pytest.approx(mismatch(second_moment(again), similarity(made.arrays["curve"])))
    assert made.numbers["mismatch_standardised"] > 0.1
