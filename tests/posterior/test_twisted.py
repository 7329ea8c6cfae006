"""Particles twisted by a Gaussian: exact on a Gaussian, right in the limit on anything else, and honest about how far it is."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import binomtest, chi2, norm

from kinds import EVENT, FULL, MASK, MEAN, RANDOM_MAP, SEPARATE, SIZE, Black, gaussian, normal
from ornstein.common.errors import InputError
from ornstein.denoisers import Gaussian, Mixture, matched
from ornstein.measurements import Average, Fourier, Linear, Mask, Mix
from ornstein.posterior import Twisted, condition, twisted
from ornstein.posterior.twisted import FAR
from truth import spectrum_covariance

CORRELATED = spectrum_covariance((0.5, 0.1), 4)
MEASUREMENTS = {
    "mask": (MASK, normal(3, seed=1), 0.4),
    "exact mask": (MASK, normal(3, seed=1), 0.0),
    "map": (Linear(RANDOM_MAP), normal(2, seed=2), torch.tensor([0.1, 0.6])),
    "correlated": (Linear(RANDOM_MAP), normal(2, seed=2), CORRELATED),
    "average": (Average(3), normal(2, 1, seed=3), 0.3),
    "fourier": (Fourier(torch.tensor([0, 1])), normal(2, 3, seed=4), 0.2),
    "mix": (Mix(torch.tensor([[1.0, -0.5]])), normal(1, 3, seed=5), 0.2),
}
FALSE_ALARM = 1e-6


REFERENCE = matched(SEPARATE)
SLANTED = Linear(torch.tensor([[1.0, 0.3]], dtype=torch.float64))


def separate(y: object, particles: int = 1000, steps: int = 60, seed: int = 0, noise: float = 1.0) -> Twisted:
    return twisted(
        Black(SEPARATE), REFERENCE, SLANTED, torch.as_tensor(y, dtype=torch.float64), noise, particles=particles, steps=steps, seed=seed
    )


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_on_a_gaussian_every_weight_is_one_and_the_evidence_exact(name: str) -> None:
    measurement, y, noise = MEASUREMENTS[name]
    found = twisted(Black(gaussian()), gaussian(), measurement, y, noise, particles=8, steps=5)
    exact = gaussian().condition(measurement, y, noise)
    torch.testing.assert_close(found.log_evidence, exact.log_evidence, rtol=0, atol=1e-8)
    torch.testing.assert_close(found.law.weights, torch.full((8,), 1 / 8, dtype=torch.float64), rtol=0, atol=1e-9)
    assert float(found.evidence_error) < 1e-4
    assert int(found.ancestors) == 8


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_law_beside_its_reference_has_its_own_evidence(name: str) -> None:
    """Another mean m' and the covariance of the reference: the first weights carry the whole difference, and all later ones are 1.

    Runs start at the reference's own law of x_t, so the particles are those of N(m' + G (m - m'), Sigma) with
    G = Sigma (Sigma + t^2 I)^-1. Within 5 standard errors: false alarm 3e-6 for all five together.
    """
    measurement, y, noise = MEASUREMENTS[name]
    law = Gaussian(MEAN + normal(*EVENT, seed=5), FULL)
    found = twisted(Black(law), gaussian(), measurement, y, noise, particles=4000, steps=5)
    kept = FULL.gain((MEAN - law.mean()).flatten(), FAR * math.sqrt(float(FULL.eigenvalues.max()))).view(EVENT)
    exact = Gaussian(law.mean() + kept, FULL).condition(measurement, y, noise).log_evidence
    assert float((exact - gaussian().condition(measurement, y, noise).log_evidence).abs()) > 100 * float(found.evidence_error)
    assert float((found.log_evidence - exact).abs()) < 5 * float(found.evidence_error)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_on_a_gaussian_five_steps_draw_the_exact_posterior(name: str) -> None:
    """Mean by a chi-square on the support of the posterior, variances one by one; false alarm 1e-6 each, shared among them."""
    measurement, y, noise = MEASUREMENTS[name]
    count = 20000
    found = twisted(Black(gaussian()), gaussian(), measurement, y, noise, particles=count, steps=5, seed=1)
    exact = gaussian().condition(measurement, y, noise).law
    covariance = exact.covariance().dense()
    values, vectors = torch.linalg.eigh(covariance)
    keep = values > 1e-8
    along = (found.law.points.view(count, SIZE) - exact.mean().flatten()) @ vectors
    scaled = along[:, keep] / values[keep].sqrt()
    assert float(count * scaled.mean(0).square().sum()) < chi2.isf(FALSE_ALARM, int(keep.sum()))
    spread = scaled.square().sum(0)
    assert bool((spread > chi2.ppf(FALSE_ALARM / SIZE, count)).all())
    assert bool((spread < chi2.isf(FALSE_ALARM / SIZE, count)).all())
    assert not bool((~keep).any()) or float(along[:, ~keep].abs().max()) < 1e-4


def test_the_evidence_of_separate_modes_is_unbiased_within_its_error() -> None:
    """Three measurements, fourteen sets of particles each: z-scores of the evidence have mean 0 (z test), and about the size 1."""
    y = torch.tensor([1.5, -3.0, 6.0], dtype=torch.float64).repeat(14).unsqueeze(-1)
    exact = SEPARATE.condition(SLANTED, y, 1.0).log_evidence
    found = separate(y, particles=300)
    ratio = (found.log_evidence - exact).exp()
    z = (ratio - 1) / (ratio * found.evidence_error)
    assert abs(float(z.mean())) * math.sqrt(len(z)) < norm.isf(FALSE_ALARM)
    assert float(z.square().sum()) < 1.5**2 * chi2.isf(FALSE_ALARM, len(z))
    assert float(z.square().sum()) > 0.5**2 * chi2.ppf(FALSE_ALARM, len(z))


def test_modes_have_their_weights() -> None:
    """Between two modes the measurement does not decide: ten sets of 500 particles, by the spread among the sets."""
    y = torch.full((10, 1), 0.8, dtype=torch.float64)
    exact = SEPARATE.condition(SLANTED, y[0], 3.0).law
    assert isinstance(exact, Mixture)
    wanted = exact.log_weights.exp()
    assert float(wanted.max()) < 0.7
    law = separate(y, particles=500, steps=100, noise=3.0).law
    near = torch.cdist(law.points, torch.stack([c.mean() for c in exact.components])).argmin(-1)
    found = torch.stack([(law.weights * (near == k)).sum(-1) for k in range(3)], 1)
    error = found.std(0) / math.sqrt(len(found))
    assert bool(((found.mean(0) - wanted).abs() < 6 * error + 0.02).all())  # 0.02: what 100 local models leave


def test_nothing_said_is_the_prior() -> None:
    """Noise without bound, and a measurement of nothing: weights of one, and the law that the denoiser has."""
    loud = separate([3.0], noise=1e6)
    assert float(loud.effective) > 999.9
    none = twisted(Black(gaussian()), gaussian(), Mask(torch.zeros(EVENT, dtype=torch.bool)), torch.zeros(0), 0.1, particles=4000, steps=5)
    assert float(none.log_evidence) == 0.0
    z = (none.law.mean() - MEAN).flatten() / (FULL.diagonal() / 4000).sqrt()
    assert float(z.abs().max()) < norm.isf(FALSE_ALARM / SIZE)


def test_each_measurement_has_the_particles_it_has_alone() -> None:
    y = torch.tensor([[1.0], [-2.0], [5.0]], dtype=torch.float64)
    together = separate(y, particles=50)
    assert together.law.batch_shape == (3,)
    alone = separate(y[0], particles=50)
    torch.testing.assert_close(together.law.points[0], alone.law.points, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(together.log_evidence[0], alone.log_evidence, rtol=0, atol=1e-9)
    assert not torch.allclose(together.law.points[1], together.law.points[0])


def test_more_particles_err_less() -> None:
    few, many = (separate(torch.full((12, 1), 1.5), particles=n).log_evidence.std() for n in (50, 800))
    assert float(many) < 0.5 * float(few)  # a quarter in the limit


@pytest.mark.parametrize("method", ["auto", "exact"])
def test_a_law_in_closed_form_stays_exact(method: str) -> None:
    exact = condition(SEPARATE, SLANTED, [1.0], 0.5, method=method)
    assert isinstance(exact.law, Mixture)


def test_few_particles_are_said() -> None:
    with pytest.warns(UserWarning, match=r"only \d+\.\d of 8 particles carry the weight.*give more particles, more steps"):
        condition(Black(SEPARATE), SLANTED, [6.0], 0.1, reference=REFERENCE, particles=8)


def test_far_measurements_are_finite() -> None:
    """50 deviations from the prior."""
    far = separate([300.0], particles=100)
    assert bool(torch.isfinite(far.law.points).all())
    assert bool(torch.isfinite(far.log_evidence))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"method": "twistd"}, "did you mean 'twisted'"),
        ({"method": "exact"}, "a Black has no closed form: choose 'twisted'"),
        ({"reference": None}, "a Black does not know the mean and covariance of its signals: pass reference="),
        ({"particles": 1}, "particles is 1"),
        ({"steps": 1}, "steps is 1"),
        ({"y": [1.0, 2.0]}, "y has shape"),
        ({"y": [math.nan]}, "y holds 1 NaN"),
        ({"noise": -1.0}, "noise is -1, but must be at least 0"),
        ({"noise": [0.1, 0.2]}, "noise has 2 entries, but y has 1 values"),
        ({"noise": torch.eye(2)}, r"noise has shape \(2, 2\), but y has 1 values"),
        ({"noise": torch.tensor([[-1.0]])}, "noise is not a covariance"),
    ],
)
def test_what_does_not_fit_is_one_sentence(arguments: dict[str, object], says: str) -> None:
    given: dict[str, object] = {"y": [1.0], "noise": 0.5, "reference": REFERENCE} | arguments
    with pytest.raises(InputError, match=says):
        condition(Black(SEPARATE), SLANTED, given.pop("y"), given.pop("noise"), **given)  # type: ignore[arg-type]


def test_particles_are_counted_fairly_after_resampling() -> None:
    """Systematic resampling gives a particle of weight w floor(n w) or one more descendants, n w on average."""
    from ornstein.posterior.twisted import _resampled

    log_w = torch.log(torch.tensor([[0.7, 0.05, 0.05, 0.2]], dtype=torch.float64))
    taken = torch.stack([_resampled(log_w, torch.tensor([u]))[0][0] for u in torch.rand(4000, generator=torch.Generator().manual_seed(0))])
    counts = torch.stack([(taken == k).sum(1) for k in range(4)], 1).double()
    assert set(counts[:, 0].tolist()) <= {2.0, 3.0}
    assert binomtest(int((counts[:, 0] == 3).sum()), len(counts), 0.8).pvalue > FALSE_ALARM
    assert binomtest(int((counts[:, 1] == 1).sum()), len(counts), 0.2).pvalue > FALSE_ALARM
