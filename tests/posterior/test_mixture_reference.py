"""A mixture as the reference: exact where the denoiser is its own, right in few steps where it nearly is."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import binomtest, chi2, chisquare, norm
from torch import Tensor

from kinds import MEAN, RANDOM_MAP, Black, gaussian, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Gaussian, Mixture, matched
from ornstein.measurements import Linear
from ornstein.posterior import Twisted, condition, twisted

FALSE_ALARM = 1e-6
ROWS = Linear(torch.tensor([[1.0, 0.3, -0.2]], dtype=torch.float64))
BOTH = Linear(torch.tensor([[1.0, 0.3, -0.2], [0.0, 1.0, 1.0]], dtype=torch.float64))


def mixture(apart: float = 4.0, tilt: float = 0.0, wide: float = 1.0) -> Mixture:
    """Three components without a common basis; ``tilt`` and ``wide`` make it a wrong reference of the first."""
    covariances = [Dense(wide * (0.3 * torch.eye(3) + 0.2 * torch.outer(v, v)).double()) for v in normal(3, 3, seed=5)]
    centres = apart * torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.2, 0.5], [0.0, 1.2, -1.0]], dtype=torch.float64) + tilt
    return Mixture(torch.tensor([0.5 - tilt, 0.3, 0.2 + tilt]), [Gaussian(c, s) for c, s in zip(centres, covariances, strict=True)])


LAW = mixture()


def found(y: Tensor, reference: Gaussian | Mixture, measurement: Linear = ROWS, noise: float = 0.7, **counts: int) -> Twisted:
    return twisted(Black(LAW), reference, measurement, y, noise, **counts)


@pytest.mark.parametrize(("measurement", "noise"), [(ROWS, 0.7), (ROWS, 0.0), (BOTH, 0.2), (BOTH, torch.tensor([[0.3, 0.1], [0.1, 0.5]]))])
def test_on_its_own_denoiser_every_weight_is_one_and_the_evidence_exact(measurement: Linear, noise: float | Tensor) -> None:
    y = normal(2, len(measurement.matrix), seed=3)
    ours = twisted(Black(LAW), LAW, measurement, y, noise, particles=8, steps=5)
    exact = LAW.condition(measurement, y, noise)
    torch.testing.assert_close(ours.log_evidence, exact.log_evidence, rtol=0, atol=1e-7)
    torch.testing.assert_close(ours.law.weights, torch.full((2, 8), 1 / 8, dtype=torch.float64), rtol=0, atol=1e-7)


def test_on_its_own_denoiser_three_steps_draw_the_exact_posterior() -> None:
    """Shares of the components by a chi-square, the mean of each by another; false alarm 1e-6 each."""
    count, y = 20_000, torch.tensor([0.4], dtype=torch.float64)
    exact = LAW.condition(ROWS, y, 3.0).law
    assert isinstance(exact, Mixture)
    points = found(y, LAW, noise=3.0, particles=count, steps=3, seed=2).law.points
    near = exact.responsibilities(points).argmax(-1)
    shares = torch.bincount(exact.responsibilities(exact.sample(200_000, seed=4)).argmax(-1), minlength=3).double()
    assert chisquare(torch.bincount(near, minlength=3).numpy(), (count * shares / shares.sum()).numpy()).pvalue > FALSE_ALARM
    centre, spread = exact.mean(), exact.covariance().dense()
    z = torch.linalg.solve_triangular(torch.linalg.cholesky(spread), (points - centre).mean(0).unsqueeze(-1), upper=False)
    assert count * float(z.square().sum()) < chi2.isf(FALSE_ALARM, 3)


def test_each_component_is_moved_by_its_own_gain() -> None:
    """A measurement with little noise: its mean over the draws by a z test at 1e-6, and their deviation from it within a tenth."""
    count, y = 5000, torch.tensor([0.4], dtype=torch.float64)
    points = found(y, LAW, noise=0.2, particles=count, steps=3).law.points
    exact = LAW.condition(ROWS, y, 0.2).law
    row = ROWS.matrix[0]
    centre, deviation = float(exact.mean() @ row), float((exact.covariance() @ row) @ row) ** 0.5
    along = points @ row
    assert abs(float(along.mean()) - centre) < norm.isf(FALSE_ALARM) * deviation / count**0.5
    assert abs(float(along.std()) / deviation - 1) < 0.1  # ten standard errors


def test_a_reference_with_a_wrong_mean_leaves_nothing() -> None:
    """The right covariance a deviation and more away: the local models are right, and the first level is far enough to forget the place."""
    away = Gaussian(MEAN + 1.5, gaussian().operator)
    y = normal(2, seed=2)
    ours = twisted(Black(gaussian()), away, Linear(RANDOM_MAP), y, 0.4, particles=2000, steps=20)
    exact = gaussian().condition(Linear(RANDOM_MAP), y, 0.4).log_evidence
    assert abs(float(away.condition(Linear(RANDOM_MAP), y, 0.4).log_evidence - exact)) > 0.5
    assert abs(float(ours.log_evidence - exact)) < 0.003  # started at 3 deviations, both are above .007
    assert float(ours.evidence_error) < 0.003


def test_a_mixture_of_one_is_the_gaussian() -> None:
    y, one = torch.tensor([[1.0], [-2.0]], dtype=torch.float64), matched(LAW)
    gaussian = found(y, one, particles=40, steps=12)
    alone = found(y, Mixture(torch.ones(1), [one]), particles=40, steps=12)
    torch.testing.assert_close(alone.law.points, gaussian.law.points, rtol=0, atol=1e-9)
    torch.testing.assert_close(alone.log_evidence, gaussian.log_evidence, rtol=0, atol=1e-9)


def test_a_wrong_mixture_is_put_right_by_the_weights() -> None:
    """Ten sets of particles on a reference with weights, places, widths and mean all wrong: what is left halves with twice the steps."""
    y = torch.tensor([1.5, -3.0], dtype=torch.float64).repeat(10).unsqueeze(-1)
    wrong = mixture(apart=3.8, tilt=0.1, wide=1.2)
    exact = LAW.condition(ROWS, y, 0.7).log_evidence
    before = (wrong.condition(ROWS, y, 0.7).log_evidence - exact).abs().mean()
    coarse = condition(Black(LAW), ROWS, y, 0.7, reference=wrong, particles=300, steps=10)
    fine = found(y, wrong, particles=300, steps=40)
    few, many = (float((ours.log_evidence - exact).view(10, 2).mean(0).abs().mean()) for ours in (coarse, fine))
    assert float(before) > 0.1
    assert few < 2 * before
    assert many < 0.5 * few  # a quarter in the limit
    assert coarse.discretisation is not None
    assert float(coarse.discretisation.mean()) > 0.5 * few  # equal to it in the limit


@pytest.mark.parametrize("kind", ["Gaussian", "mixture"])
def test_the_stated_errors_hold_the_exact_evidence(kind: str) -> None:
    """Sixty measurements in 20 and in 40 steps: value +- 2 (error + discretisation) in 95 %, a binomial test; false alarm 1e-6."""
    y = normal(30, 1, seed=8) * 4
    reference = matched(LAW) if kind == "Gaussian" else mixture(apart=3.8, tilt=0.1, wide=1.2)
    exact = LAW.condition(ROWS, y, 0.7).log_evidence
    held, biased = 0, 0
    for steps in (20, 40):
        ours = condition(Black(LAW), ROWS, y, 0.7, method="twisted", reference=reference, particles=200, steps=steps, seed=steps)
        assert ours.discretisation is not None
        miss = (ours.log_evidence - exact).abs()
        held += int((miss < 2 * (ours.evidence_error + ours.discretisation)).sum())
        biased += int((miss > 2 * ours.evidence_error).sum())
    assert binomtest(held, 60, 0.95, alternative="less").pvalue > FALSE_ALARM
    assert biased > 10  # the error of the particles alone would not do


def test_it_needs_fewer_steps_than_a_gaussian() -> None:
    """Ten steps: the distance of the mean to the exact one, over twelve measurements."""
    y = torch.linspace(-5, 5, 12, dtype=torch.float64).unsqueeze(-1)
    exact = LAW.condition(ROWS, y, 0.7).law.mean()
    miss = [
        float((found(y, reference, particles=400, steps=10).law.mean() - exact).norm()) for reference in (matched(LAW), mixture(wide=1.1))
    ]
    assert miss[1] < 0.7 * miss[0]


def test_the_door_takes_a_mixture() -> None:
    law = Mixture(torch.ones(2), [Gaussian(torch.zeros(3), Diagonal(torch.ones(3))), Gaussian(torch.ones(3), Dense(torch.eye(3).double()))])
    ours = condition(Black(law), ROWS, [0.5], 0.3, reference=law, particles=64, steps=4)
    torch.testing.assert_close(ours.log_evidence, law.condition(ROWS, torch.tensor([0.5]), 0.3).log_evidence, rtol=0, atol=1e-7)


def test_a_batch_of_laws_is_no_reference() -> None:
    many = LAW.condition(ROWS, torch.zeros(2, 1), 0.5).law
    assert isinstance(many, Mixture)
    with pytest.raises(InputError, match="the reference must be one law"):
        found(torch.zeros(1), many)
