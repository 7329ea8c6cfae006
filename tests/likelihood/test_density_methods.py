"""Flow, I-MMSE and bounds against exact densities and each other; states and paths; the one door."""

from __future__ import annotations

import math

import pytest
import torch
from mute import Mute, network

from kinds import COLORS, LAWS, MEAN, NO_DENSITY, SCHEDULES, SIZE, gaussian, mixture, normal
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Colored, Gaussian, Mixture, fit_gaussian, matched
from ornstein.likelihood import Density, bound, flow, log_density, mmse, path, state
from ornstein.process import Process
from ornstein.schedules import VP
from truth import gaussian_log_prob, spectrum_covariance

X = mixture().sample(6, seed=3)
DENSE = sorted(LAWS.keys() - NO_DENSITY)


@pytest.mark.parametrize("name", DENSE)
def test_mmse_on_every_law(name: str) -> None:
    """Within 4.5 stated errors of the truth on 4 cases: a false alarm in 40000 a law."""
    law = LAWS[name]()
    x = law.sample(4, seed=6)
    found = mmse(law, x, error=0.3, most=1024)
    assert (
        float(((found.value - law.log_prob(x)).abs() - found.discretisation_error).max()) < 4.5 * float(found.standard_error.max()) + 1e-9
    )


@pytest.mark.parametrize("name", DENSE)
def test_the_bound_on_every_law(name: str) -> None:
    """Never above the truth by more than 4.5 standard errors, nor below it by more than these and three times the stated gap."""
    law = LAWS[name]()
    x = law.sample(4, seed=6)
    found = bound(law, x, steps=32)
    gap = law.log_prob(x) - found.value
    assert float((-gap - 4.5 * found.standard_error).max()) < 1e-9
    assert float((gap - 4.5 * found.standard_error - 3 * found.discretisation_error).max()) < 1e-9


def test_gaussian_without_any_noise() -> None:
    """Against their own reference I-MMSE and the bound with the full posterior covariance are exact on every single path."""
    law = Gaussian(normal(32, seed=1), Dense(spectrum_covariance(torch.logspace(1, -3, 32, dtype=torch.float64), 2)))
    x = law.sample(3, seed=4)
    for found in (mmse(Mute(law), x, law), bound(Mute(law), x, law, steps=5)):
        assert torch.allclose(found.value, law.log_prob(x), atol=1e-6)
        assert float(found.error.max()) < 1e-6


@pytest.mark.parametrize("covariance", ["full", "small", "large"])
def test_the_average_bound_stays_below(covariance: str) -> None:
    """Over 200 cases the bound lies below the truth: 10 standard errors for the two DDPM variances, and always within 4 above it."""
    law = mixture()
    x = law.sample(200, seed=9)
    found = bound(law, x, steps=8, covariance=covariance, paths=4)
    gap = law.log_prob(x) - found.value
    error = float(gap.std()) / math.sqrt(len(gap))
    assert float(gap.mean()) > (-4 if covariance == "full" else 10) * error


def test_more_particles_and_more_steps_are_closer() -> None:
    law = mixture()
    x = law.sample(200, seed=9)
    gaps = [
        float((law.log_prob(x) - bound(law, x, paths=2, covariance="small", **more).value).mean())
        for more in ({"steps": 8}, {"steps": 8, "particles": 8}, {"steps": 32, "particles": 8})
    ]
    assert gaps[0] > 1.2 * gaps[1] > 1.3 * gaps[2] > 0


def test_mmse_keeps_its_promise() -> None:
    """The truth within 1.96 stated errors in 95 % of 300 cases; the share has a deviation of 1.3 %, so 4.5 % fails once in 2000."""
    law = mixture()
    x = law.sample(300, seed=8)
    found = mmse(law, x, error=0.3, most=256)
    off = (found.value - law.log_prob(x)).abs()
    assert abs(float((off < 1.96 * found.standard_error).to(torch.float64).mean()) - 0.95) < 0.045


def test_mmse_with_a_mixture_as_reference() -> None:
    """A mixture nearer to the law than its Gaussian needs fewer calls for the same error."""
    law = mixture()
    near = Mixture(torch.tensor([0.4, 0.4, 0.2]), law.components)
    far, close = (mmse(law, X, r, error=0.2, most=1024) for r in (matched(law), near))
    assert float(((close.value - law.log_prob(X)) / close.error).abs().max()) < 4.5
    assert int(close.calls[0]) < int(far.calls[0])


def test_mmse_of_values_that_are_known_more_finely_than_the_gaussian_says() -> None:
    """Four levels with noise of a 1000th: the gain goes on far below the deviation of all, 6.9 nats a value in all. Mean error of 200
    cases within 4.5 of its standard errors, and of what the ends are said to leave out."""
    levels = torch.tensor([-1.5, -0.5, 0.5, 1.5], dtype=torch.float64)
    narrow = [Gaussian(level.reshape(1), Diagonal(torch.tensor([1e-6]))) for level in levels]
    law = Mixture(torch.full((4,), 0.25), narrow)
    x = law.sample(200, seed=4)
    found = mmse(Mute(law), x, matched(law), error=0.5, most=512)
    off = found.value - law.log_prob(x)
    assert abs(float(off.mean())) < 4.5 * float(off.std()) / math.sqrt(len(x)) + float(found.discretisation_error.mean())
    assert float(found.discretisation_error.mean()) < 0.5


def test_bounds_of_a_network() -> None:
    """A network need not be the posterior mean of any law, so its bounds are only ordered: eight particles are above one, and I-MMSE,
    which a network's error at low noise pulls down, is not above the density of the flow."""
    denoiser = network((3,), Gaussian(torch.zeros(3), Diagonal(torch.tensor([1.0, 0.5, 0.2]))))
    x = normal(64, 3, seed=2) * torch.tensor([1.0, 0.7, 0.4])
    plain, better = (bound(denoiser, x, steps=16, paths=4, particles=k).value.mean() for k in (1, 8))
    assert float(better - plain) > -0.02
    assert float(flow(denoiser, x, steps=32).value.mean() - mmse(denoiser, x, error=0.3, most=256).value.mean()) > 0


def test_outside_the_support() -> None:
    law = LAWS["gaussian-narrow"]()
    x = law.sample(2, seed=1) + torch.tensor([[0.0], [0.1]]).unsqueeze(-1)
    for found in (mmse(law, x), bound(law, x)):
        assert bool(torch.isfinite(found.value[0]))
        assert float(found.value[1]) == -math.inf
        assert float(found.error[1]) == 0


def test_correlated_noise() -> None:
    law = Colored.of(gaussian(), COLORS["kronecker"])
    x = gaussian().sample(3, seed=9)
    for found in (mmse(law, x), bound(law, x)):
        assert torch.allclose(found.value, gaussian().log_prob(x), atol=1e-6)


@pytest.mark.parametrize("name", sorted(SCHEDULES))
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_one_state(name: str, t: float) -> None:
    """x_t of a Gaussian is Gaussian, under every schedule and at every time."""
    schedule, law = SCHEDULES[name], gaussian()
    alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
    x = normal(3, 2, 3, seed=1)
    cov = alpha**2 * law.covariance().dense() + sigma**2 * torch.eye(SIZE, dtype=torch.float64)
    assert torch.allclose(state(law, schedule, x, t), gaussian_log_prob(x.flatten(1), alpha * MEAN.flatten(), cov), atol=1e-9)


def test_a_whole_path() -> None:
    """The states of a path under a Gaussian law are jointly Gaussian: the chain rule against one dense density of all of them."""
    schedule, law, times = VP(), gaussian(), [0.05, 0.2, 0.6]
    x_0 = law.sample(4, seed=2)
    states = torch.stack(list(Process(schedule).path(x_0, torch.tensor(times), Noise(1))))
    alpha, sigma = schedule.alpha(torch.tensor(times)), schedule.sigma(torch.tensor(times))
    cov, eye = law.covariance().dense(), torch.eye(SIZE, dtype=torch.float64)
    joint = torch.zeros(3 * SIZE, 3 * SIZE, dtype=torch.float64)
    for i in range(3):
        for j in range(3):
            early, late = min(i, j), max(i, j)
            noise = alpha[late] / alpha[early] * sigma[early] ** 2
            joint[i * SIZE : (i + 1) * SIZE, j * SIZE : (j + 1) * SIZE] = alpha[i] * alpha[j] * cov + noise * eye
    mean = torch.cat([a * MEAN.flatten() for a in alpha])
    flat = states.flatten(2).transpose(0, 1).flatten(1)
    assert torch.allclose(path(law, schedule, states, times), gaussian_log_prob(flat, mean, joint), atol=1e-8)
    with pytest.raises(InputError, match="times must rise"):
        path(law, schedule, states, [0.2, 0.05, 0.6])


def test_a_state_of_a_network() -> None:
    law, schedule = mixture(), VP()
    x = 0.8 * X
    estimate = state(lambda y, n: flow(Mute(law), y, matched(law), sigma=n, steps=32).value, schedule, x, 0.4)
    assert torch.allclose(estimate, state(law, schedule, x, 0.4), atol=0.02)


def test_one_door() -> None:
    law = mixture()
    exact = log_density(law, X)
    assert exact.method == "exact"
    assert "closed form" in exact.why
    assert torch.equal(exact.value, law.log_prob(X))
    assert float(exact.error.max()) == 0
    mute = Mute(law)
    found = log_density(mute, X, matched(law))
    assert found.method == "flow"
    assert "6 dimensions are few enough" in found.why
    assert torch.allclose(found.value, exact.value, atol=0.05)
    wide = Gaussian(torch.zeros(5000), Diagonal(torch.ones(5000)))
    assert log_density(Mute(wide), wide.sample(2), wide).method == "mmse"
    assert log_density(mute, X, matched(law), method="bound").method == "bound"
    with pytest.raises(InputError, match="no density in closed form"):
        log_density(mute, X, matched(law), method="exact")
    with pytest.raises(InputError, match="method is 'fow'"):
        log_density(mute, X, matched(law), method="fow")


def test_parts_are_joined() -> None:
    whole = Density.joined([log_density(mixture(), X[:2]), log_density(mixture(), X[2:])])
    assert torch.equal(whole.value, mixture().log_prob(X))


@pytest.mark.parametrize(
    ("more", "words"), [({"steps": 1}, "steps is 1"), ({"covariance": "diagonal"}, "covariance is"), ({"paths": 1}, "paths is 1")]
)
def test_bad_bounds(more: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        bound(mixture(), X, **more)  # type: ignore[arg-type]


def test_a_trial_decides_between_all_directions_and_random_ones() -> None:
    """96 dimensions: a law that shares the basis of its reference needs no more than the trial; one that does not, more than all."""
    easy = Gaussian(torch.zeros(96), Diagonal(torch.logspace(0, -2, 96, dtype=torch.float64)))
    turned = [Gaussian(torch.zeros(96), Dense(spectrum_covariance(torch.logspace(1, -2, 96, dtype=torch.float64), k))) for k in (1, 2)]
    hard = Mixture(torch.tensor([0.5, 0.5]), turned)
    for law, wanted in ((easy, "more"), (hard, "less")):
        found = log_density(Mute(law), law.sample(2, seed=1), matched(law), error=0.02)
        assert f"all 768 directions of 8 levels cost {wanted} than" in found.why
        assert ("exact trace" in found.why) == (wanted == "less")
    assert float((found.value - hard.log_prob(hard.sample(2, seed=1))).abs().max()) < 0.1


def test_a_budget_is_kept() -> None:
    law = mixture()
    x = law.sample(3, seed=1)
    for calls in (68, 120, 400):
        found = log_density(Mute(law), x, matched(law), error=1e-6, calls=calls)
        assert int(found.calls.max()) <= calls
        assert float((found.value - law.log_prob(x)).abs().max()) < 5 * float(found.error.max())
    assert "68 calls do not pay for all 6 directions" in log_density(Mute(law), x, matched(law), calls=68).why
    assert "every direction" in log_density(Mute(law), x, matched(law), calls=120).why
    with pytest.raises(InputError, match="calls is 60"):
        log_density(Mute(law), x, matched(law), calls=60)


def test_a_density_on_a_support_says_its_dimension_and_what_leaves_it() -> None:
    flat = normal(40, 4, seed=1)
    flat = flat - flat.mean(1, keepdim=True)
    law = fit_gaussian(flat, shrinkage="none")
    assert log_density(law, flat).why.endswith("in closed form: taken on its support, 3 of 4 dimensions")
    out = flat[:3].clone()
    out[1:] += 0.5
    found = log_density(law, out)
    assert torch.isinf(found.value).tolist() == [False, True, True]
    assert "3 of 4 dimensions, and 2 cases outside it: case 1 is off by 1, most at entry" in found.why
    assert log_density(fit_gaussian(flat), flat).why == "the law has its density in closed form"


def test_an_impossible_case_is_said_whatever_the_law_and_the_method() -> None:
    """A mixture on two lines that span the plane, one on a plane of space, and the flow of another denoiser on that plane."""
    lines = [Gaussian(torch.zeros(2), Diagonal(torch.tensor(v))) for v in ([1.0, 0.0], [0.0, 1.0])]
    bare = log_density(Mixture(torch.ones(2), lines), torch.tensor([[0.3, 0.0], [1.0, 1.0]]))
    assert bare.value.isneginf().tolist() == [False, True]
    assert "1 case outside its support: case 1 is none that the law can draw" in bare.why
    flat = normal(60, 3, seed=2)
    flat = flat - flat.mean(1, keepdim=True)
    law = fit_gaussian(flat, shrinkage="none")
    twin = Mixture(torch.ones(2), [law, law])
    out = flat[:2].clone()
    out[1] += 0.5
    for found in (log_density(twin, out), log_density(Mute(law), out, law, method="flow")):
        assert found.value.isneginf().tolist() == [False, True]
        assert "case 1 is off by 0.866, most at entry" in found.why
    assert "outside" not in log_density(twin, flat[:2]).why


def test_an_exact_trace_of_too_many_dimensions_is_priced() -> None:
    law = Gaussian(torch.zeros(1500), Diagonal(torch.ones(1500)))
    with pytest.raises(InputError, match="1500 dimensions take at least 18000 Jacobian products a case: use trace='estimate'"):
        flow(Mute(law), normal(1, 1500), law, trace="exact")
