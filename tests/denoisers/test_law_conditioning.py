"""Conditioning the laws: against dense Gaussian algebra and sums written out, and the identities that any conditioning obeys."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from kinds import CASES, EVENT, FULL, LAWS, MASK, NARROW, POINTS, SIZE, gaussian, kernel, mixture, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Conditioned, Dense, Diagonal, Stationary
from ornstein.covariance.conditioned import CHOLESKY_LIMIT
from ornstein.denoisers import Empirical, Gaussian, Law, Mixture
from ornstein.measurements import Average, Blur, Downsample, Linear, Mask, Measurement
from truth import condition, gaussian_log_prob, spectrum_covariance

X = 2 * normal(CASES, *EVENT, seed=20)
MEASUREMENTS: dict[str, Measurement] = {
    "mask": MASK,
    "times": Mask(torch.tensor([True, False, True])),
    "matrix": Linear(normal(2, SIZE, seed=4)),
    "blur": Blur(torch.tensor([0.25, 0.5, 0.25])),
    "downsample": Downsample(2),
    "average": Average(3),
    "average of a blur": Average(3) @ Blur(torch.tensor([0.25, 0.5, 0.25])),
}
NOISES: dict[str, Callable[[int], float | Tensor | Dense]] = {
    "number": lambda m: 0.3,
    "vector": lambda m: torch.linspace(0.2, 0.9, m, dtype=torch.float64),
    "matrix": lambda m: spectrum_covariance([0.5 / (k + 1) for k in range(m)], 3),
    "operator": lambda m: Dense(spectrum_covariance([0.5 / (k + 1) for k in range(m)], 3)),
    "exact": lambda m: 0.0,
    "partly exact": lambda m: torch.tensor([0.0] + [0.4] * (m - 1), dtype=torch.float64),
}
LIST = {
    "gaussian": gaussian,
    "gaussian-narrow": LAWS["gaussian-narrow"],
    "mixture": mixture,
    "points": LAWS["points"],
    "kernel": kernel,
    "kernel-low-rank": LAWS["kernel-low-rank"],
}
every = pytest.mark.parametrize("name", LIST)


def dense_problem(measurement: Measurement, noise: float | Tensor | Dense) -> tuple[Tensor, Tensor]:
    """(A, R) as matrices."""
    a = measurement.bind(EVENT).matrix()
    if isinstance(noise, Dense):
        return a, noise.dense()
    r = torch.as_tensor(noise, dtype=torch.float64)
    return a, r if r.ndim == 2 else torch.diag((r**2).expand(len(a)))


def parts(law: Law) -> list[tuple[Tensor, Tensor, Tensor]]:
    """(weight, mean, covariance) of the Gaussians that a law is made of."""
    if isinstance(law, Gaussian):
        return [(torch.ones((), dtype=torch.float64), law.mean().flatten(), law.covariance().dense())]
    if isinstance(law, Mixture):
        return [(w, *parts(c)[0][1:]) for w, c in zip(law.weights, law.components, strict=True)]
    assert isinstance(law, Empirical)
    width = torch.zeros(SIZE, SIZE, dtype=torch.float64) if law.kernel is None else law.kernel.dense()
    return [(w, p.flatten() + law.offset, width) for w, p in zip(law.weights, law.points, strict=True)]


def reachable(law: Law, measurement: Measurement, noise: float | Tensor | Dense) -> Tensor:
    """A y that the law can produce: a measured draw, moved where there is noise."""
    y = measurement(law.sample(1, seed=3))[0]
    exact = not isinstance(noise, Dense) and bool((torch.as_tensor(noise) == 0).any())
    return y if exact else y + 0.5


@every
@pytest.mark.parametrize("measured", MEASUREMENTS)
def test_against_dense_algebra(name: str, measured: str) -> None:
    """Every Gaussian part conditioned densely, its weight times its evidence, with every kind of noise."""
    law, measurement = LIST[name](), MEASUREMENTS[measured]
    m = math.prod(measurement.output_shape(EVENT))
    for noisy, made in NOISES.items():
        if "exact" in noisy and name == "points":
            continue  # refused: test_empirical
        noise = made(m)
        y = reachable(law, measurement, noise)
        result = law.condition(measurement, y, noise)
        a, r = dense_problem(measurement, noise)
        expected = [(w, *condition(mean, cov, a, y.flatten(), r)) for w, mean, cov in parts(law)]
        joint = torch.stack([w.log() + evidence for w, _, _, evidence in expected])
        assert torch.allclose(result.log_evidence, torch.logsumexp(joint, 0), rtol=1e-9, atol=1e-9), noisy
        weights = torch.softmax(joint, 0)
        got = parts(result.law)
        assert torch.allclose(torch.stack([w for w, _, _ in got]), weights, atol=1e-9), noisy
        for (_, mean, cov), (_, want_mean, want_cov, _) in zip(got, expected, strict=True):
            assert torch.allclose(mean, want_mean, atol=1e-9), noisy
            assert torch.allclose(cov, want_cov, atol=1e-9), noisy
        mean = sum(w * e[1] for w, e in zip(weights, expected, strict=True))
        assert torch.allclose(result.law.mean().flatten(), torch.as_tensor(mean), atol=1e-9), noisy


def test_mixture_and_cloud_against_importance_sampling() -> None:
    """Prior draws weighted by N(y; A x, R): evidence and posterior mean within 6 of their standard errors (false alarm 2e-9 each).

    The standard error of a ratio is that of its linearisation. This knows nothing of Gaussian algebra.
    """
    a, n = normal(2, SIZE, seed=4), 100_000
    y, deviation = torch.tensor([0.7, -0.4], dtype=torch.float64), 0.8
    for name in ("gaussian", "mixture", "kernel", "points"):
        law = LIST[name]()
        result = law.condition(Linear(a), y, deviation)
        x = law.sample(n, seed=9).flatten(1)
        w = gaussian_log_prob(y - x @ a.T, torch.zeros(2, dtype=torch.float64), deviation**2 * torch.eye(2, dtype=torch.float64)).exp()
        error = float(w.std()) / math.sqrt(n)
        assert abs(float(w.mean()) - math.exp(float(result.log_evidence))) < 6 * error, name
        values = torch.cat([x, mixture().responsibilities(x.view(n, *EVENT))], -1) if name == "mixture" else x
        estimate = (w.unsqueeze(-1) * values).mean(0) / w.mean()
        spread = ((w / w.mean()).unsqueeze(-1) * (values - estimate)).std(0) / math.sqrt(n)
        expected = result.law.mean().flatten()
        if isinstance(result.law, Mixture):
            expected = torch.cat([expected, result.law.weights])
        assert float(((estimate - expected).abs() / spread).max()) < 6, name


@every
def test_no_measurement_is_the_prior(name: str) -> None:
    law = LIST[name]()
    nothing = Mask(torch.zeros(EVENT, dtype=torch.bool))
    result = law.condition(nothing, torch.zeros(0, dtype=torch.float64), 0.5)
    assert float(result.log_evidence) == pytest.approx(0, abs=1e-12)
    same_law(result.law, law, 1e-10)


def same_law(a: Law, b: Law, tolerance: float) -> None:
    assert torch.allclose(a.mean(), b.mean(), atol=tolerance)
    assert torch.allclose(a.covariance().dense(), b.covariance().dense(), atol=tolerance)
    assert torch.allclose(a.log_prob(X, 0.7), b.log_prob(X, 0.7), atol=tolerance)
    assert torch.allclose(a(X, 0.7).mean, b(X, 0.7).mean, atol=tolerance)


@every
def test_infinite_noise_is_the_prior(name: str) -> None:
    law = LIST[name]()
    same_law(law.condition(MASK, normal(3, seed=9), 1e7).law, law, 1e-6)


@every
@pytest.mark.parametrize("measured", MEASUREMENTS)
def test_no_noise_reproduces_y(name: str, measured: str) -> None:
    """Every draw of the posterior measures to y, exactly."""
    law, measurement = LIST[name](), MEASUREMENTS[measured]
    if name == "points":
        return
    y = measurement(law.sample(1, seed=3))[0]
    posterior = law.condition(measurement, y).law
    draws = posterior.sample(50, seed=4)
    assert torch.allclose(measurement(draws), y.expand(50, *y.shape), atol=1e-9)
    assert torch.allclose(measurement(posterior.mean()[None])[0], y, atol=1e-9)
    # and so does the denoised signal, from any noisy one
    assert torch.allclose(measurement(posterior(X, 2.0).mean), y.expand(CASES, *y.shape), atol=1e-9)


@every
@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_two_measurements_in_either_order(name: str, noise: float) -> None:
    """One after the other, the other way round, and both at once: one law, and the evidences chain."""
    law = LIST[name]()
    if name == "points" and noise == 0:
        return
    first, second = Mask(torch.tensor([[True, False, False], [False, True, False]])), Linear(normal(1, SIZE, seed=6))
    x = law.sample(1, seed=3)
    y1, y2 = first(x)[0], second(x)[0]
    ab = law.condition(first, y1, noise)
    ba = law.condition(second, y2, noise)
    abba, baab = ab.law.condition(second, y2, noise), ba.law.condition(first, y1, noise)
    both = Linear(torch.cat([first.bind(EVENT).matrix(), second.matrix]))
    once = law.condition(both, torch.cat([y1, y2]), noise)
    for other in (abba.law, baab.law):
        same_law(other, once.law, 1e-8)
    assert torch.allclose(ab.log_evidence + abba.log_evidence, once.log_evidence, atol=1e-8)
    assert torch.allclose(ba.log_evidence + baab.log_evidence, once.log_evidence, atol=1e-8)


@every
@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_a_batch_of_measurements_is_one_by_one(name: str, noise: float) -> None:
    law = LIST[name]()
    if name == "points" and noise == 0:
        return
    y = MASK(law.sample(CASES, seed=3))
    batch = law.condition(MASK, y, noise)
    dense, mean = batch.law.covariance().dense().expand(CASES, SIZE, SIZE), batch.law.mean()
    posterior, level = batch.law(X, 0.7), batch.law.log_prob(X, 0.7)
    assert posterior.covariance is not None
    spread = posterior.covariance.dense().expand(CASES, SIZE, SIZE)
    for i in range(CASES):
        one = law.condition(MASK, y[i], noise)
        assert torch.allclose(batch.log_evidence[i], one.log_evidence, atol=1e-9)
        assert torch.allclose(mean[i], one.law.mean(), atol=1e-9)
        assert torch.allclose(dense[i], one.law.covariance().dense(), atol=1e-9)
        alone = one.law(X[i : i + 1], 0.7)
        assert alone.covariance is not None
        assert torch.allclose(posterior.mean[i], alone.mean[0], atol=1e-9)
        assert torch.allclose(spread[i], alone.covariance.dense().expand(1, SIZE, SIZE)[0], atol=1e-9)
        assert torch.allclose(level[i], one.law.log_prob(X[i : i + 1], 0.7)[0], atol=1e-8)


def test_a_masked_stationary_law_in_many_dimensions() -> None:
    """d = 4096 never becomes a matrix; the posterior agrees with dense algebra on the entries that the mask sees.

    A moving average of order 2 has no memory beyond two samples, so entries around a gap are a small dense problem.
    """
    d = 4096
    row = torch.zeros(d, dtype=torch.float64)
    row[0], row[[1, -1]], row[[2, -2]] = 1.5, 1.0, 0.5
    law = Gaussian(torch.zeros(d), Stationary(row))
    assert d - 40 > CHOLESKY_LIMIT
    observed = torch.ones(d, dtype=torch.bool)
    observed[1000:1040] = False
    y = law.sample(1, seed=1)[0][observed]
    posterior = law.condition(Mask(observed), y, 0.3).law
    assert isinstance(posterior.covariance(), Conditioned)
    near = torch.arange(850, 1190)
    small = row[(near[:, None] - near[None]).abs()]
    seen = observed[near]
    a = torch.eye(340, dtype=torch.float64)[seen]
    full = torch.zeros(d, dtype=torch.float64)
    full[observed] = y
    mean, cov, _ = condition(torch.zeros(340, dtype=torch.float64), small, a, full[near][seen], 0.09 * torch.eye(300, dtype=torch.float64))
    assert torch.allclose(posterior.mean()[1000:1040], mean[150:190], atol=1e-7)
    unit = torch.zeros(d, dtype=torch.float64)
    unit[1020] = 1
    assert torch.allclose((posterior.covariance() @ unit)[1000:1040], cov[150:190, 170], atol=1e-7)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda law: law.condition(MASK, normal(2), 0.1), r"y has shape \(2,\), but measuring signals \(2, 3\) gives \(3,\)"),
        (lambda law: law.condition(MASK, normal(2, 2, 3), 0.1), r"y has shape \(2, 2, 3\)"),
        (lambda law: law.condition(MASK, normal(3), -0.1), "noise is -0.1, but a standard deviation must be at least 0"),
        (lambda law: law.condition(MASK, normal(3), normal(2).abs()), "noise has 2 entries, but y has 3"),
        (lambda law: law.condition(MASK, normal(3), FULL), "noise is a covariance of size 6, but y has 3 entries"),
        (
            lambda law: law.condition(Linear(normal(2, 5)), normal(2), 0.1),
            r"matrix has shape \(2, 5\), but signals \(2, 3\) need 6 columns",
        ),
        (lambda law: law.condition(Mask(torch.ones(4, dtype=torch.bool)), normal(3), 0.1), r"observed has shape \(4,\), but must be"),
        (lambda law: law.condition(Average(2), normal(2, 1), 0.1), "factor is 2, but must divide the length 3"),
    ],
)
@pytest.mark.parametrize("name", ["gaussian", "mixture", "kernel"])
def test_bad_input(name: str, call: Callable[[Law], object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call(LIST[name]())


def test_a_contradiction_is_refused() -> None:
    """The law has no variance along a direction, and the exact measurement wants it elsewhere."""
    law = Gaussian(torch.zeros(EVENT), NARROW)
    with pytest.raises(InputError, match="exact measurements contradict each other or the law"):
        law.condition(Linear(torch.eye(SIZE, dtype=torch.float64)), torch.ones(SIZE, dtype=torch.float64))
    twice = Linear(torch.ones(2, SIZE, dtype=torch.float64))
    with pytest.raises(InputError, match="contradict"):
        gaussian().condition(twice, torch.tensor([1.0, 2.0]))
    agreed = gaussian().condition(twice, torch.tensor([1.0, 1.0])).law
    assert float(agreed.mean().sum()) == pytest.approx(1)


def test_points_are_reweighted_not_moved() -> None:
    posterior = Empirical(POINTS).condition(MASK, normal(3, seed=9), 0.8).law
    assert isinstance(posterior, Empirical)
    assert torch.allclose(posterior.points, POINTS, atol=1e-12)
    light = Empirical(POINTS.float()).condition(MASK, normal(3, seed=9), 0.8).law
    assert isinstance(light, Empirical)
    assert light.cloud.points.dtype == torch.float32
    assert torch.allclose(light.weights, posterior.weights, atol=1e-5)
    diagonal = Empirical(POINTS, Diagonal(torch.full((SIZE,), 1e-10))).condition(MASK, normal(3, seed=9), 0.8).law
    assert torch.allclose(diagonal.mean(), posterior.mean(), atol=1e-6)
