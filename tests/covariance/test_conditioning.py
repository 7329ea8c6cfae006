"""Conditioning against dense Gaussian algebra: every structure, measurement and kind of noise, formed or implicit."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import truth
from ornstein.common.errors import InputError, RunError
from ornstein.common.linear import LinearMap
from ornstein.common.random import Noise
from ornstein.covariance import (
    Conditioned,
    Conditioning,
    Dense,
    Diagonal,
    Kronecker,
    LowRank,
    Spectral,
    Stationary,
    condition,
    conditioned,
    conditioning,
)
from ornstein.covariance.conditioning import diagonal_noise
from ornstein.covariance.iterative import conjugate_gradients, lanczos_logdet
from ornstein.measurements import Average, Blur, Downsample, Linear, Mask, Measurement
from structures import NAMES, TWINS, Twin, circle

KERNEL = torch.tensor([0.2, 1.0, -0.3], dtype=torch.float64)


def alternate(size: int) -> Tensor:
    return torch.arange(size) % 3 != 1


def measurements(size: int) -> dict[str, Measurement]:
    """One of each kind for flat signals of this size."""
    factor = next(f for f in (2, 3, 5, 7, 1) if size % f == 0)
    return {
        "mask": Mask(alternate(size)),
        "linear": Linear(Noise(4).normal(2, (size,))),
        "blur": Blur(KERNEL),
        "downsample": Downsample(3),
        "average": Average(factor),
        "composition": Downsample(2) @ Blur(KERNEL),
        "mask of an average": Mask(alternate(size // factor)) @ Average(factor),
    }


def noises(m: int) -> dict[str, tuple[object, Tensor]]:
    """Each kind of noise beside its covariance."""
    eye = torch.eye(m, dtype=torch.float64)
    deviations = torch.linspace(0.1, 1.0, m, dtype=torch.float64)
    mixed = torch.where(torch.arange(m) % 2 == 0, deviations, torch.zeros_like(deviations))
    full = truth.spectrum_covariance(torch.linspace(0.1, 1.0, m), 5)
    coloured = Stationary.from_spectrum(circle([1.0, 0.5] + [0.2] * m, m))
    return {
        "number": (0.3, 0.09 * eye),
        "vector": (deviations, torch.diag(deviations**2)),
        "covariance": (full, full),
        "array of lists": (full.tolist(), full),
        "operator": (coloured, coloured.dense()),
        "low-rank operator": (LowRank(eye[:, :1], torch.ones(1), 0.2), torch.diag(0.2 + 0.8 * eye[0])),
        "diagonal operator": (Diagonal(mixed), torch.diag(mixed)),
        "exact": (0.0, 0 * eye),
        "some exact": (mixed, torch.diag(mixed**2)),
    }


KINDS = list(measurements(6))
every_structure = pytest.mark.parametrize("twin", TWINS, ids=NAMES)
every_kind = pytest.mark.parametrize("kind", KINDS)


@dataclass(frozen=True)
class Setting:
    """A prior, a measurement bound to it, a y that they can produce, the noise as given, and its covariance R."""

    prior: Spectral
    matrix: Tensor
    bound: LinearMap
    y: Tensor
    noise: object
    r: Tensor

    @property
    def independent(self) -> bool:
        """Whether the exact entries of y are independent under the prior."""
        a = self.bound.matrix()[self.r.diagonal() == 0]
        return len(a) == 0 or int(torch.linalg.matrix_rank(a @ self.matrix @ a.T, rtol=1e-10, hermitian=True)) == len(a)

    @property
    def precision(self) -> float:
        """1e-9, or what rounding leaves of dense algebra where S is worse conditioned: eps times its condition number."""
        a = self.bound.matrix()
        lam = torch.linalg.eigvalsh(a @ self.matrix @ a.T + self.r)
        lam = lam[lam > 1e-12 * lam.amax()]
        return max(1e-9, torch.finfo(lam.dtype).eps * float(lam.max() / lam.min()))

    def truth(self) -> tuple[Tensor, Tensor, Tensor]:
        return truth.condition(zero(self.bound.size_in), self.matrix, self.bound.matrix(), self.y, self.r)

    def implicit(self) -> Conditioned:
        """The covariance that is never formed, whatever its size."""
        bound, _, variances = diagonal_noise(self.noise, self.bound, self.y)
        return Conditioned.on(self.prior, bound, variances)


def settings(twin: Twin, kind: str, names: tuple[str, ...] = ()) -> Iterator[Setting]:
    op = twin.operator
    bound = measurements(op.size)[kind].bind((op.size,))
    x = bound(op.draw(Noise(11), 1)[0])
    for name, (noise, r) in noises(bound.size_out).items():
        if name in names or not names:
            yield Setting(op, twin.matrix, bound, x + Noise(12).normal(1, (len(x),))[0] @ Dense(r).sqrt().dense(), noise, r)


def close(a: Tensor, b: Tensor | float, tolerance: float = 1e-9) -> None:
    """Equal up to ``tolerance`` times the largest entry, or 1."""
    b = torch.as_tensor(b, dtype=torch.float64)
    assert a.shape == b.shape
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance * max(1.0, float(b.abs().max()) if b.numel() else 0.0))


def same(a: Conditioning, b: Conditioning, tolerance: float = 1e-9) -> None:
    close(a.shift, b.shift, tolerance)
    close(a.covariance.dense(), b.covariance.dense(), tolerance)
    close(a.log_evidence, b.log_evidence, tolerance)


def zero(size: int) -> Tensor:
    return torch.zeros(size, dtype=torch.float64)


@pytest.fixture
def never_formed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditioning, "CONDITION_DENSE", 0)


@pytest.fixture
def iterative(monkeypatch: pytest.MonkeyPatch, never_formed: None) -> None:
    monkeypatch.setattr(conditioned, "CHOLESKY_LIMIT", 0)


@every_kind
@every_structure
def test_formed_law_equals_dense_algebra(twin: Twin, kind: str) -> None:
    for case in settings(twin, kind):
        mean, covariance, evidence = case.truth()
        result = condition(case.prior, case.bound, case.y, case.noise)
        close(result.shift, mean, case.precision)
        close(result.covariance.dense(), covariance, case.precision)
        close(result.log_evidence, evidence, case.precision)
        exact = case.r.diagonal() == 0
        close(case.bound(result.shift)[exact], case.y[exact])
        close(case.bound(result.covariance.dense())[:, exact], torch.zeros(len(mean), int(exact.sum())))


@pytest.mark.usefixtures("never_formed")
@every_kind
@every_structure
def test_implicit_law_equals_dense_algebra(twin: Twin, kind: str) -> None:
    for case in settings(twin, kind, ("vector", "covariance", "low-rank operator", "diagonal operator", "exact", "some exact")):
        mean, covariance, evidence = case.truth()
        result = condition(case.prior, case.bound, case.y, case.noise)
        assert isinstance(result.covariance, Conditioned)
        if not case.independent:
            close(result.shift, mean, 1e-7)
            continue
        close(result.shift, mean, case.precision)
        close(result.covariance.dense(), covariance, case.precision)
        close(result.covariance.diagonal(), covariance.diagonal(), case.precision)
        close(result.covariance.trace(), covariance.trace(), case.precision)
        close(result.log_evidence, evidence, case.precision)


@pytest.mark.usefixtures("iterative")
@pytest.mark.parametrize("kind", ["mask", "linear"])
@every_structure
def test_conjugate_gradients_equal_dense_algebra(twin: Twin, kind: str) -> None:
    """The evidence is tested below: here its determinant would be a random estimate."""
    for case in settings(twin, kind, ("vector", "covariance", "exact")):
        mean, covariance, _ = case.truth()
        result = condition(case.prior, case.bound, case.y, case.noise)
        close(result.shift, mean, 1e-7)
        close(result.covariance.dense(), covariance, 1e-7)


SIGMAS = (0.0, 1e-4, 0.3, 5.0, math.inf)


@pytest.mark.parametrize("kind", ["mask", "composition"])
@every_structure
def test_implicit_law_behaves_like_the_formed_one(twin: Twin, kind: str) -> None:
    """gain, posterior, distance, log-determinant and rank at every noise level, one level for all cases and one per case."""
    for case in settings(twin, kind, ("covariance", "some exact", "exact")):
        formed = condition(case.prior, case.bound, case.y, case.noise).covariance
        free = case.implicit()
        if not case.independent:
            continue
        x = Noise(1).normal(5, (formed.size,))
        inside = formed.color(x)
        assert free.rank() == formed.rank()
        close(free @ x, formed @ x)
        close(free.mahalanobis(inside), formed.mahalanobis(inside), 1e-6)
        assert torch.equal(torch.isinf(free.mahalanobis(x)), torch.isinf(formed.mahalanobis(x)))
        for sigma in SIGMAS:
            close(free.gain(x, sigma), formed.gain(x, sigma), 1e-7)
            close(free.posterior(sigma).dense(), formed.posterior(sigma).dense(), 1e-8)
            close(free.logdet(sigma), formed.logdet(sigma), 1e-7)
            if sigma > 0:
                close(free.mahalanobis(x, sigma), formed.mahalanobis(x, sigma), 1e-7)
        levels = torch.tensor(SIGMAS, dtype=torch.float64)
        each, twins = free.posterior(levels), formed.posterior(levels)
        assert each.batch_shape == (5,)
        close(free.gain(x, levels), formed.gain(x, levels), 1e-7)
        close(free.mahalanobis(x, levels)[1:], formed.mahalanobis(x, levels)[1:], 1e-7)
        close(free.logdet(levels), formed.logdet(levels), 1e-7)
        close(free.logdet(torch.zeros(2)), formed.logdet(torch.zeros(2)), 1e-7)
        close(each @ x, twins @ x, 1e-7)
        close(each.diagonal(), twins.diagonal(), 1e-7)


@every_structure
def test_posterior_of_the_posterior_is_one_posterior(twin: Twin) -> None:
    """Noise of level a, then of level b, is one observation of precision 1/a^2 + 1/b^2."""
    case = next(settings(twin, "mask", ("number",)))
    both = 1 / math.sqrt(1 / 0.5**2 + 1 / 2.0**2)
    for law in (twin.operator, case.implicit()):
        close(law.posterior(0.5).posterior(2.0).dense(), law.posterior(both).dense())


@every_structure
def test_color_squared_is_the_covariance(twin: Twin) -> None:
    """Matheron's rule is linear in its white noise: its matrix F, read off the unit vectors, has F F^T = C, no Monte Carlo."""
    for kind in ("mask", "linear", "composition"):
        for case in settings(twin, kind, ("vector", "covariance", "some exact")):
            if case.independent:
                law = case.implicit()
                factor = law.color(torch.eye(law.white_size, dtype=torch.float64))
                close(factor.T @ factor, case.truth()[1])


def test_matheron_draws() -> None:
    """Mean and covariance of 40 000 draws within 5 standard errors: false-alarm rate 5e-5 over 81 entries."""
    n = 40_000
    case = next(settings(TWINS[8], "mask", ("number",)))
    law, (_, covariance, _) = case.implicit(), case.truth()
    x = law.draw(Noise(5), n)
    close(law.draw(Noise(5, 7), 2), x[7:9], 1e-12)
    variance = covariance.diagonal()
    assert bool((x.mean(0).abs() <= 5 * (variance / n).sqrt()).all())
    error = ((torch.outer(variance, variance) + covariance**2) / n).sqrt()
    assert bool(((x.T @ x / n - covariance).abs() <= 5 * error).all())
    assert not bool(((x.T @ x / n - 1.05 * covariance).abs() <= 5 * error).all())


@pytest.mark.parametrize("formed", [True, False])
@every_structure
def test_no_measurement_is_the_prior(twin: Twin, formed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditioning, "CONDITION_DENSE", 1024 if formed else 0)
    d = twin.operator.size
    nothing = Mask(torch.zeros(d, dtype=torch.bool)).bind((d,))
    for noise in (0.0, 0.5, zero(0)):
        same(condition(twin.operator, nothing, zero(0), noise), Conditioning(zero(d), twin.operator, torch.tensor(0.0)))
    law = Conditioned.on(twin.operator, nothing, zero(0))
    x = Noise(0).normal(3, (d,))
    close(law.gain(x, 0.3), twin.operator.gain(x, 0.3))
    close(law.gain(x, 0.0), twin.operator.gain(x, 0.0))
    close(law.logdet(), twin.operator.logdet())
    close(law.mahalanobis(x, 0.3), twin.operator.mahalanobis(x, 0.3))
    close(law.draw(Noise(1), 2), twin.operator.draw(Noise(1), 2))


@pytest.mark.parametrize("formed", [True, False])
@every_structure
def test_useless_measurement_is_the_prior(twin: Twin, formed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditioning, "CONDITION_DENSE", 1024 if formed else 0)
    for case in settings(twin, "blur", ("number",)):
        result = condition(case.prior, case.bound, case.y, 1e9)
        close(result.shift, zero(len(twin.matrix)), 1e-12)
        close(result.covariance.dense(), twin.matrix, 1e-12)


@every_structure
def test_nearly_exact_measurement_keeps_its_variance(twin: Twin) -> None:
    """A noise of 1e-7 is small, not zero: nothing leaves the support, and the evidence still sees it."""
    for case in settings(twin, "mask", ("exact",)):
        if not case.independent:
            continue
        result = condition(case.prior, case.bound, case.y, 1e-7)
        level = case.bound.matrix() @ twin.matrix @ case.bound.matrix().T + 1e-14 * torch.eye(len(case.y))
        close(result.covariance.logdet(), twin.operator.logdet() + len(case.y) * math.log(1e-14) - torch.logdet(level), 1e-6)
        assert result.covariance.rank() == twin.rank


FIRST, SECOND = Mask(alternate(6)), Linear(Noise(4).normal(2, (6,)))


@pytest.mark.parametrize("levels", [(0.3, 0.5), (0.0, 0.5), (0.2, 0.0)])
@pytest.mark.parametrize("formed", [True, False])
def test_two_measurements_in_either_order_are_one(levels: tuple[float, float], formed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditioning, "CONDITION_DENSE", 1024 if formed else 0)
    for op in (TWINS[4].operator, TWINS[5].operator):
        if not formed and 0.0 in levels and op.rank() < 6:  # exact entries that depend on each other: only the mean is promised
            continue
        x = op.draw(Noise(0), 1)[0]
        parts = [(m.bind((6,)), level) for m, level in zip((FIRST, SECOND), levels, strict=True)]
        ys = [bound(x) for bound, _ in parts]
        stacked = torch.cat([bound.matrix() for bound, _ in parts])
        noise = torch.cat([torch.full((bound.size_out,), level, dtype=torch.float64) for bound, level in parts])
        together = condition(op, Linear(stacked).bind((6,)), torch.cat(ys), noise)
        for i, j in ((0, 1), (1, 0)):
            first = condition(op, parts[i][0], ys[i], parts[i][1])
            second = condition(first.covariance, parts[j][0], ys[j] - parts[j][0](first.shift), parts[j][1])
            total = Conditioning(first.shift + second.shift, second.covariance, first.log_evidence + second.log_evidence)
            same(total, together, 1e-7 if 0.0 in levels else 1e-9)


@pytest.mark.parametrize("limits", [(1024, 2048), (0, 2048), (0, 0)])
def test_a_batch_of_y_equals_one_by_one(limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditioning, "CONDITION_DENSE", limits[0])
    monkeypatch.setattr(conditioned, "CHOLESKY_LIMIT", limits[1])
    for twin in TWINS[4:7]:
        for case in settings(twin, "composition", ("some exact", "covariance")):
            ys = torch.stack([case.y, torch.zeros_like(case.y), -2 * case.y])
            batch = condition(case.prior, case.bound, ys, case.noise)
            assert batch.covariance.batch_shape == ()
            for row, y in enumerate(ys):
                alone = condition(case.prior, case.bound, y, case.noise)
                same(Conditioning(batch.shift[row], batch.covariance, batch.log_evidence[row]), alone, 1e-8)


@given(power=st.integers(-6, 6))
def test_units_do_not_matter(power: int) -> None:
    """Signals, y and noise times c: means times c, covariances times c^2, and the evidence is a density per unit."""
    c = 10.0**power
    for twin in TWINS[3:7]:
        for case in settings(twin, "linear", ("vector", "exact")):
            if case.independent:
                scaled = condition(case.prior.map(lambda lam: c**2 * lam), case.bound, c * case.y, c * torch.as_tensor(case.noise))
                plain = condition(case.prior, case.bound, case.y, case.noise)
                close(scaled.shift / c, plain.shift)
                close(scaled.covariance.dense() / c**2, plain.covariance.dense())
                close(scaled.log_evidence + len(case.y) * math.log(c), plain.log_evidence)


@given(seed=st.integers(0, 2**31))
def test_rotated_signals_condition_the_same_way(seed: int) -> None:
    turn, matrix = truth.orthogonal(6, seed), truth.spectrum_covariance([3.0, 1.0, 0.5, 0.1, 0.01, 0.0], seed)
    a, y = Noise(seed).normal(2, (6,)), torch.tensor([0.5, -1.0], dtype=torch.float64)
    plain = condition(Dense(matrix), Linear(a).bind((6,)), y, 0.1)
    turned = condition(Dense(turn @ matrix @ turn.T), Linear(a @ turn.T).bind((6,)), y, 0.1)
    close(turned.shift, turn @ plain.shift)
    close(turned.covariance.dense(), turn @ plain.covariance.dense() @ turn.T)
    close(turned.log_evidence, plain.log_evidence)


def test_evidence_by_lanczos_is_an_estimate_with_its_stated_error() -> None:
    """Within 5 standard errors, sqrt(2 / 32) |log S off its diagonal|: two-sided false-alarm rate 6e-7 per seed."""
    s = truth.spectrum_covariance(torch.logspace(-2, 1, 300), 1)
    lam, basis = torch.linalg.eigh(s)
    log_s = (basis * lam.log()) @ basis.T
    error = (2 * (log_s - torch.diag(log_s.diagonal())).square().sum() / 32).sqrt()
    for seed in range(5):
        assert abs(float(lanczos_logdet(lambda v: v @ s, 300, seed=seed) - lam.log().sum())) < 5 * float(error)
    assert float(error) < 0.03 * 300
    close(lanczos_logdet(lambda v: 3 * v, 50), 50 * math.log(3))
    diagonal = torch.linspace(1, 2, 50, dtype=torch.float64)
    close(lanczos_logdet(lambda v: diagonal * v, 50), diagonal.log().sum())


def test_conjugate_gradients_give_up_with_a_sentence() -> None:
    lam = torch.logspace(-14, 0, 200, dtype=torch.float64)
    with pytest.raises(RunError, match="conjugate gradients stopped after 20 steps"):
        conjugate_gradients(lambda v: lam * v, torch.ones(200, dtype=torch.float64), lambda v: v, steps=20)


def gap(size: int, start: int, stop: int) -> Tensor:
    observed = torch.ones(size, dtype=torch.bool)
    observed[start:stop] = False
    return observed


def spectrum(size: int, scale: float) -> Tensor:
    return 1 / (1 + (scale * torch.fft.fftfreq(size, dtype=torch.float64)) ** 2)


LARGE = [
    ("stationary", Stationary.from_spectrum(spectrum(20_000, 30)), (20_000,), Mask(gap(20_000, 5000, 9000))),
    (
        "kronecker",
        Kronecker(Dense(truth.spectrum_covariance([0.8**i for i in range(32)])), Stationary.from_spectrum(spectrum(512, 30))),
        (32, 512),
        Mask(gap(512, 100, 300)),
    ),
]


@pytest.mark.parametrize(("op", "shape", "mask"), [row[1:] for row in LARGE], ids=[row[0] for row in LARGE])
def test_large_masked_priors_take_seconds(op: Spectral, shape: tuple[int, ...], mask: Mask) -> None:
    """The mean solves its own equation, Sigma A^T R^-1 (y - A m) = m, in far less than a d^3 (hours) would take."""
    bound = mask.bind(shape)
    x = op.draw(Noise(0), 1)[0]
    y = bound(x) + 0.1 * Noise(1).normal(1, (bound.size_out,))[0]
    start = time.perf_counter()
    result = condition(op, bound, y, 0.1)
    assert time.perf_counter() - start < 30
    m = result.shift
    close(op @ bound.adjoint((y - bound(m)) / 0.01), m, 1e-7)
    assert torch.isfinite(result.log_evidence)
    exact = condition(op, bound, bound(x), 0.0)
    close(bound(exact.shift), bound(x), 1e-8)
    assert float((exact.shift - x).square().sum()) < float(x.square().sum())
    draw = exact.shift + exact.covariance.draw(Noise(3), 1)[0]
    close(bound(draw), bound(x), 1e-8)


def test_large_evidence_against_the_known_spectrum() -> None:
    """With everything observed S = Sigma + r I, whose determinant is known: within 5 standard errors of 32 probes."""
    op = Stationary.from_spectrum(spectrum(5000, 30))
    bound = Mask(gap(5000, 0, 0)).bind((5000,))
    y = bound(op.scaled(1.0, 0.3).draw(Noise(0), 1)[0])
    exact = -0.5 * (op.mahalanobis(y, 0.3) + op.logdet(0.3) + 5000 * math.log(2 * math.pi))
    log_row = torch.fft.ifft((op.eigenvalues + 0.09).log()).real
    error = 0.5 * math.sqrt(2 / 32 * 5000 * float(log_row[1:].square().sum()))
    assert abs(float(condition(op, bound, y, 0.3).log_evidence - exact)) < 5 * error


@pytest.mark.parametrize("formed", [True, False])
def test_contradictory_exact_measurements(formed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditioning, "CONDITION_DENSE", 1024 if formed else 0)
    twice = Linear(torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])).bind((3,))
    full, flat = Dense(torch.eye(3)), Diagonal(torch.tensor([1.0, 1.0, 0.0]))
    everything = Mask(torch.ones(3, dtype=torch.bool)).bind((3,))
    agreed = condition(full, twice, torch.tensor([0.5, 0.5], dtype=torch.float64), 0.0)
    close(agreed.shift, torch.tensor([0.5, 0.0, 0.0]), 1e-7)
    for law, bound, y in ((full, twice, [0.5, 0.6]), (flat, everything, [0.5, 0.5, 1.0])):
        with pytest.raises(InputError, match=r"contradict each other or the law .*give them some noise"):
            condition(law, bound, torch.tensor(y, dtype=torch.float64), 0.0)
    known = condition(flat, everything, torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64), 0.0)
    close(known.shift, torch.tensor([0.5, 0.5, 0.0]))


BAD_NOISE = [
    (-0.1, "noise is -0.1, but a standard deviation must be at least 0"),
    (torch.ones(2), "noise has 2 entries, but y has 3"),
    (torch.eye(2), "noise is a covariance of size 2, but y has 3 entries"),
    (Diagonal(torch.ones(4)), "noise is a covariance of size 4, but y has 3 entries"),
    (torch.ones(2, 3), "must be square"),
    (-torch.eye(3), "not positive semi-definite"),
    (torch.ones(1, 3, 3), "noise has 3 axes"),
    (math.nan, "noise holds 1 NaN value"),
    (math.inf, "noise holds 1 infinite value"),
    ("loud", "noise holds words"),
    (1j, "noise is complex"),
]


@pytest.mark.parametrize(("noise", "sentence"), BAD_NOISE, ids=[sentence for _, sentence in BAD_NOISE])
def test_bad_noise_is_one_sentence(noise: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        condition(Dense(torch.eye(3)), Mask(torch.ones(3, dtype=torch.bool)).bind((3,)), zero(3), noise)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
