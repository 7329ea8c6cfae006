"""The recolouring of chapter three on the page: its numbers are those of its draws, and of the law."""

import math

import pytest
import torch

from ornstein.covariance import similarity
from ornstein.tour.spectra import mismatch, second_moment, standardised

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def made(default_tour):
    return default_tour


def test_exact_recolouring_has_the_covariance_as_its_law(made):
    """z L^T with z the unit vectors gives L^T L: the covariance itself, without any draws."""
    assert made.numbers["mismatch_law"] < 1e-10
    assert made.numbers["mismatch_paired"] < 1e-10
    kernel = similarity(made.arrays["curve"])
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
    assert made.numbers["mismatch_standardised"] == pytest.approx(mismatch(second_moment(again), similarity(made.arrays["curve"]).dense()))
    assert made.numbers["mismatch_standardised"] > 0.1
