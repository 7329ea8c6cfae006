"""Rounded data: their grid is found, and the probabilities of its values sum to one."""

from __future__ import annotations

import math

import pytest
import torch

from kinds import normal
from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Gaussian
from ornstein.likelihood import bits_per_dim, probability, quanta, quantum, repeated


@pytest.mark.parametrize("step", [1.0, 0.01, 0.25, 3.0])
@pytest.mark.parametrize("offset", [0.0, 17.3])
def test_the_grid_is_found(step: float, offset: float) -> None:
    values = (normal(200) * 20).round() * step + offset
    assert quantum(values) == pytest.approx(step, rel=1e-6)
    assert quantum(values.to(torch.float32).to(torch.float64)) == pytest.approx(step, rel=1e-3)
    assert quantum(torch.cat([values, torch.tensor([torch.nan], dtype=torch.float64)])) == pytest.approx(step, rel=1e-6)


def test_multiples_that_share_no_neighbour() -> None:
    """Differences of 2 and 3 steps only: the step is their common divisor, not the least of them."""
    assert quantum(torch.tensor([0.0, 2, 5, 8, 10, 13, 15, 18, 20, 23, 26, 28, 31, 33, 36, 38], dtype=torch.float64)) == pytest.approx(1)


def test_numbers_without_a_grid() -> None:
    """No false alarm in 200 sets of random numbers of several sizes."""
    assert all(quantum(normal(16 + seed, seed=seed)) is None for seed in range(200))
    assert quantum(torch.zeros(100)) is None
    assert quantum(torch.arange(5.0)) is None


def test_channels_have_grids_of_their_own() -> None:
    x = torch.stack([(5 * normal(30, 8)).round(), normal(30, 8, seed=1)], 1)
    assert quanta(x) == (pytest.approx(1.0), None)


def test_repeated_cases() -> None:
    x = normal(10, 3)
    assert repeated(x) == 0
    assert repeated(torch.cat([x, x[:4]])) == 4


@pytest.mark.parametrize("dequantisation", ["uniform", "normal"])
def test_probabilities_of_all_bins_sum_to_one(dequantisation: str) -> None:
    """256 values of a Gaussian with a deviation of 20 of them, each against its own integral by the error function; the sum keeps its
    stated error, 4.5 of which are exceeded once in 100000."""
    law = Gaussian(torch.tensor([120.3]), Diagonal(torch.tensor([400.0])))
    x = torch.arange(256, dtype=torch.float64).unsqueeze(1)
    found = probability(law.log_prob, x, 1.0, dequantisation=dequantisation, draws=1000)
    error = float((found.value.exp() * found.standard_error).norm())
    assert error < 0.006
    assert abs(float(found.value.exp().sum()) - 1) < 4.5 * error + 1e-4
    edges = torch.special.ndtr((torch.arange(257, dtype=torch.float64) - 0.5 - 120.3) / 20)
    near = slice(60, 180)
    assert torch.allclose(found.value[near], edges.diff().log()[near], atol=0.2)


@pytest.mark.parametrize("dequantisation", ["uniform", "normal"])
def test_a_coarse_grid_in_two_dimensions(dequantisation: str) -> None:
    """Cells as wide as the deviation: the sum keeps its stated error, and one draw is a lower bound."""
    law = Gaussian(torch.zeros(2), Dense(torch.tensor([[1.0, 0.8], [0.8, 1.0]])))
    x = torch.cartesian_prod(*[torch.arange(-7.0, 8.0)] * 2).to(torch.float64)
    found = probability(law.log_prob, x, 1.0, dequantisation=dequantisation, draws=1000)
    error = float((found.value.exp() * found.standard_error).norm())
    assert error < 0.03
    assert abs(float(found.value.exp().sum()) - 1) < 4.5 * error
    one = probability(law.log_prob, x, 1.0, dequantisation=dequantisation, draws=1)
    weight = found.value.exp()
    assert float((weight * (found.value - one.value)).sum()) > 0.02


@pytest.mark.parametrize("dequantisation", ["uniform", "normal"])
def test_probabilities_do_not_depend_on_the_unit(dequantisation: str) -> None:
    """The same values and law in units of a twentieth have the same probabilities: the volume of the cell is in them."""
    x = torch.cartesian_prod(*[torch.arange(-2.0, 3.0)] * 2).to(torch.float64)
    law, small = (Gaussian(torch.zeros(2), Diagonal(torch.tensor([4.0, 1.0]) * unit**2)) for unit in (1.0, 0.05))
    whole = probability(law.log_prob, x, 1.0, dequantisation=dequantisation)
    assert torch.allclose(probability(small.log_prob, 0.05 * x, 0.05, dequantisation=dequantisation).value, whole.value, atol=1e-6)
    each = probability(law.log_prob, x, torch.tensor([1.0, 0.5]), dequantisation=dequantisation, draws=64)
    assert float((whole.value - each.value)[12]) == pytest.approx(math.log(2), abs=0.3)


def test_bits() -> None:
    assert float(bits_per_dim(torch.tensor(-8 * math.log(2) * 3), 3)) == pytest.approx(8)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"step": 0.0}, "step is 0"),
        ({"step": 0.3}, "does not lie on a grid"),
        ({"step": 1.0, "dequantisation": "logistic"}, "dequantisation is"),
        ({"step": 1.0, "draws": 0}, "draws is 0"),
    ],
)
def test_bad_input(more: dict[str, object], words: str) -> None:
    law = Gaussian(torch.zeros(1), Diagonal(torch.ones(1)))
    with pytest.raises(InputError, match=words):
        probability(law.log_prob, torch.arange(4.0).unsqueeze(1), **more)  # type: ignore[arg-type]
