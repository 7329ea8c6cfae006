"""Noise levels: tabulated quantiles against the exact distribution, closed forms, and spectra at the edge."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Diagonal, Kronecker, LowRank, Spectral
from ornstein.training import LogNormal, SpectrumLevels
from structures import NAMES, TWINS
from truth import orthogonal

U = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
POWERS = (0.0, 0.5, 1.0)


def exact(eigenvalues: np.ndarray, power: float, sigma: np.ndarray, lowest: float = 2e-3, highest: float = 80.0) -> np.ndarray:
    """P(below sigma), by SciPy's logistic law."""
    lam, p = eigenvalues, eigenvalues**power / (eigenvalues**power).sum()

    def below(s: np.ndarray) -> np.ndarray:
        return scipy.stats.logistic.cdf(2 * np.log(s)[..., None], loc=np.log(lam)) @ p

    low, high = below(np.array(lowest)), below(np.array(highest))
    return (below(sigma) - low) / (high - low)


@pytest.mark.parametrize("twin", TWINS, ids=NAMES)
@pytest.mark.parametrize("power", POWERS)
def test_quantiles_follow_the_exact_distribution(twin, power):
    """For every structure, from the eigenvalues of its dense twin: multiplicities count, null directions do not."""
    sigma = SpectrumLevels(twin.operator, power).quantile(U)
    lam = np.linalg.eigvalsh(twin.matrix.numpy())
    below = exact(lam[lam > 1e-11 * lam.max()], power, sigma.numpy())
    np.testing.assert_allclose(below, U.numpy(), atol=1e-5)
    assert bool((sigma.diff() > 0).all())


@pytest.mark.parametrize("spread", [1.0, 1e-12, 1e12])
def test_spectra_of_any_width_are_resolved(spread):
    """Modes below the range only count by the tail that reaches into it."""
    lam = np.geomspace(min(1.0, spread), max(1.0, spread), 30)
    sigma = SpectrumLevels(Diagonal(torch.from_numpy(lam)), 0.5).quantile(U)
    np.testing.assert_allclose(exact(lam, 0.5, sigma.numpy()), U.numpy(), atol=1e-5)
    assert float(sigma.min()) >= 2e-3
    assert float(sigma.max()) <= 80


def test_one_mode_is_logistic():
    """sigma = sqrt(lambda u / (1 - u)) where the range cuts nothing off."""
    levels = SpectrumLevels(Diagonal(torch.tensor([2.5, 0.0, 2.5])), 0.5, 1e-6, 1e6)
    torch.testing.assert_close(levels.quantile(U), (2.5 * U / (1 - U)).sqrt(), rtol=1e-4, atol=0)


def test_the_power_chooses_between_modes_and_variance():
    """Two modes far apart: the share of levels near the larger one is lambda^power, normalised."""
    lam = torch.tensor([9.0, 9.0 * 1e-4])
    for power in POWERS:
        sigma = SpectrumLevels(Diagonal(lam), power, 1e-5, 1e5).quantile(U)
        large = 1 / (1 + 1e-4**power)
        # the logistic tail past the middle, 0.01 of either mode, goes the other way
        past = 1 / (1 + 1e2)
        assert float((sigma > math.sqrt(9.0 * 1e-2)).double().mean()) == pytest.approx(large * (1 - past) + (1 - large) * past, abs=3e-3)


def test_units_scale_the_levels():
    lam, c = torch.tensor([4.0, 1.0, 0.02], dtype=torch.float64), 1000.0
    one, other = SpectrumLevels(Diagonal(lam), 0.5), SpectrumLevels(Diagonal(c**2 * lam), 0.5, c * 2e-3, c * 80.0)
    torch.testing.assert_close(other.quantile(U), c * one.quantile(U), rtol=1e-9, atol=0)


def test_many_modes_are_taken_in_parts():
    """More eigenvalues than meet the table at once, each of them twice."""
    lam = torch.linspace(0.1, 3, 4100, dtype=torch.float64)
    both = Kronecker(Diagonal(torch.ones(2)), Diagonal(lam))
    once, twice = SpectrumLevels(Diagonal(lam), 0.5), SpectrumLevels(both, 0.5)
    torch.testing.assert_close(once.quantile(U), twice.quantile(U), rtol=1e-9, atol=0)
    few = U[::20]
    np.testing.assert_allclose(exact(lam.numpy(), 0.5, once.quantile(few).numpy()), few.numpy(), atol=1e-5)


def test_a_floor_counts_as_often_as_it_occurs():
    basis = orthogonal(60, 1)[:, :2]
    low_rank = LowRank(basis, torch.tensor([4.0, 1.0]), 0.05)
    same = Diagonal(torch.tensor([4.0, 1.0] + [0.05] * 58, dtype=torch.float64))
    torch.testing.assert_close(SpectrumLevels(low_rank, 0.0).quantile(U), SpectrumLevels(same, 0.0).quantile(U), rtol=1e-9, atol=0)


def test_any_shape_and_the_ends():
    levels = SpectrumLevels(Diagonal(torch.ones(2)))
    torch.testing.assert_close(levels.quantile(U.view(20, 20).T), levels.quantile(U).view(20, 20).T)
    torch.testing.assert_close(levels.quantile(torch.tensor([0.0, 1.0])), torch.tensor([2e-3, 80.0], dtype=torch.float64))
    assert levels.quantile(torch.tensor(0.5)).shape == ()


def test_the_table_moves_once_to_a_device():
    levels, moves = SpectrumLevels(Diagonal(torch.ones(2))), []
    far = torch.empty(5, dtype=torch.float64, device="meta")

    class Counted(Tensor):
        """A table that notes each time it leaves."""

        def to(self, *where: object) -> Tensor:
            moves.append(where)
            return self.as_subclass(Tensor).to(*where)

    home = torch.device("cpu")
    levels._tables[home] = tuple(part.as_subclass(Counted) for part in levels._tables[home])
    assert levels.quantile(far).device.type == "meta"
    assert len(moves) == 2
    levels.quantile(far)
    assert len(moves) == 2


def test_log_normal_is_edm_in_units_of_one():
    """EDM draws log sigma ~ N(-1.2, 1.2^2) for signals of deviation 0.5."""
    expected = 2 * scipy.stats.lognorm.ppf(U.numpy(), s=1.2, scale=math.exp(-1.2))
    np.testing.assert_allclose(LogNormal().quantile(U).numpy(), expected, rtol=1e-9)


def batch() -> Spectral:
    """Two spectra."""
    return Diagonal(torch.ones(3)).replace(torch.ones(2, 3, dtype=torch.float64))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SpectrumLevels(batch()), "holds a batch"),
        (lambda: SpectrumLevels(Dense(torch.zeros(2, 2))), "has no variance that noise between 0.002 and 80"),
        (lambda: SpectrumLevels(Diagonal(torch.full((2,), 1e-14))), "scale the signals to unit variance"),
        (lambda: SpectrumLevels(Diagonal(torch.full((2,), 1e14))), "scale the signals to unit variance"),
        (lambda: SpectrumLevels(Diagonal(torch.ones(2)), -1.0), "power is -1"),
        (lambda: SpectrumLevels(Diagonal(torch.ones(2)), 0.5, 3.0, 3.0), "lowest < highest"),
        (lambda: SpectrumLevels(Diagonal(torch.ones(2)), 0.5, 0.0), "lowest is 0"),
        (lambda: LogNormal(deviation=0.0), "deviation is 0"),
        (lambda: LogNormal(mean=math.nan), "mean is nan"),
    ],
)
def test_what_cannot_be_used_is_named(make, words):
    with pytest.raises(InputError, match=words):
        make()
