"""The coefficients around a network, read off as matrices, against dense Gaussian algebra: for every structure, form and noise level."""

import pytest
import torch
from torch import Tensor

from kinds import mixture, normal
from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Gaussian, Preconditioning
from ornstein.denoisers.preconditioning import FORMS, LOWEST
from structures import NAMES, TWINS, Twin

LEVELS = (1e-3, 0.05, 0.7, 30.0)
CLOSE = {"rtol": 1e-8, "atol": 1e-10}

everywhere = pytest.mark.parametrize("twin", TWINS, ids=NAMES)
FEW = ("diagonal", "dense of rank 3 in 6", "low-rank without floor", "stationary even", "dense x low-rank")
"""One of each kind, with and without null directions."""
every_form = pytest.mark.parametrize("form", FORMS)
few = pytest.mark.parametrize("twin", [twin for twin in TWINS if twin.name in FEW], ids=FEW)


def mean_of(twin: Twin) -> Tensor:
    return torch.linspace(-1, 2, len(twin.matrix), dtype=torch.float64)


def preconditioning(twin: Twin, form: str) -> Preconditioning:
    return Preconditioning.of(Gaussian(mean_of(twin), twin.operator), form)


def matrices(p: Preconditioning, sigma: float) -> tuple[Tensor, Tensor, Tensor]:
    """(C_in, skip, C_out) as matrices: their answers to the unit vectors, off the mean where they are affine."""
    unit = torch.eye(len(p.mean), dtype=torch.float64)
    level = torch.full((len(unit),), sigma, dtype=torch.float64)
    here, centre = p.parts(p.mean + unit, level), p.parts(p.mean.expand_as(unit), level)
    torch.testing.assert_close(centre.skip, p.mean.expand_as(unit), **CLOSE)
    return here.input - centre.input, here.skip - centre.skip, p.scale(unit, level)


def noisy(matrix: Tensor, sigma: float) -> Tensor:
    return matrix + sigma**2 * torch.eye(len(matrix), dtype=torch.float64)


def missed(matrix: Tensor, skip: Tensor, sigma: float) -> Tensor:
    """Cov[x_0 - skip (x - mu)] for x = x_0 + sigma z, Cov[x_0] = matrix."""
    return matrix - skip @ matrix - matrix @ skip.T + skip @ noisy(matrix, sigma) @ skip.T


@everywhere
def test_whitened_input_and_target_are_white(twin):
    """C_in Cov[x] C_in = I, and C_out^-1 Cov[x_0 - skip] C_out^-1 = I on the support."""
    for sigma in LEVELS:
        c_in, skip, c_out = matrices(preconditioning(twin, "whitened"), sigma)
        unit = torch.eye(len(c_in), dtype=torch.float64)
        torch.testing.assert_close(c_in @ noisy(twin.matrix, sigma) @ c_in.T, unit, rtol=0, atol=1e-8)
        target = missed(twin.matrix, skip, sigma)
        torch.testing.assert_close(c_out @ c_out.T, target, rtol=1e-6, atol=1e-9 * sigma**2)
        inverse = torch.linalg.pinv(c_out, rtol=1e-7)
        support = torch.linalg.pinv(twin.matrix, rtol=1e-9) @ twin.matrix
        torch.testing.assert_close(inverse @ target @ inverse.T, support, rtol=0, atol=1e-5)


@everywhere
def test_covariance_input_and_target_have_unit_mean_variance(twin):
    for sigma in LEVELS:
        c_in, skip, c_out = matrices(preconditioning(twin, "covariance"), sigma)
        d, unit = len(c_in), torch.eye(len(c_in), dtype=torch.float64)
        torch.testing.assert_close(skip, torch.linalg.solve(noisy(twin.matrix, sigma), twin.matrix), rtol=1e-8, atol=1e-9)
        torch.testing.assert_close(c_in, unit * c_in[0, 0], **CLOSE)
        torch.testing.assert_close(c_out, unit * c_out[0, 0], **CLOSE)
        assert float((c_in @ noisy(twin.matrix, sigma) @ c_in.T).trace() / d) == pytest.approx(1, rel=1e-9)
        # by far the smaller part of a difference of large numbers where sigma is small
        assert float(missed(twin.matrix, skip, sigma).trace() / d / c_out[0, 0] ** 2) == pytest.approx(1, rel=1e-5)


@everywhere
def test_diagonal_input_and_target_have_unit_variance_in_every_entry(twin):
    """Also for correlated signals: only variances enter."""
    for sigma in LEVELS:
        c_in, skip, c_out = matrices(preconditioning(twin, "diagonal"), sigma)
        for matrix in (c_in, skip, c_out):
            torch.testing.assert_close(matrix, torch.diag(matrix.diagonal()), **CLOSE)
        torch.testing.assert_close(
            (c_in @ noisy(twin.matrix, sigma) @ c_in.T).diagonal(), torch.ones(len(c_in), dtype=torch.float64), **CLOSE
        )
        torch.testing.assert_close(c_out.diagonal() ** 2, missed(twin.matrix, skip, sigma).diagonal(), rtol=1e-6, atol=1e-9 * sigma**2)


@everywhere
def test_scalar_is_table_1_of_edm(twin):
    """With sigma_data^2 the mean square of an entry, the mean included: EDM subtracts none."""
    for sigma in LEVELS:
        p = preconditioning(twin, "scalar")
        c_in, skip, c_out = matrices(p, sigma)
        unit = torch.eye(len(c_in), dtype=torch.float64)
        s2 = twin.matrix.diagonal().mean() + mean_of(twin).square().mean()
        assert not bool(p.mean.any())
        torch.testing.assert_close(skip, unit * s2 / (s2 + sigma**2), **CLOSE)
        torch.testing.assert_close(c_out, unit * sigma * s2.sqrt() / (s2 + sigma**2).sqrt(), **CLOSE)
        torch.testing.assert_close(c_in, unit / (s2 + sigma**2).sqrt(), **CLOSE)
        torch.testing.assert_close(p.weight(torch.tensor(sigma, dtype=torch.float64)), (sigma**2 + s2) / (sigma**2 * s2), **CLOSE)


@few
@every_form
def test_the_weight_is_one_over_the_mean_square_of_the_scale(twin, form):
    p = preconditioning(twin, form)
    for sigma in LEVELS:
        c_out = matrices(p, sigma)[2]
        assert float(p.weight(torch.tensor(sigma, dtype=torch.float64))) == pytest.approx(
            len(c_out) / float(c_out.square().sum()), rel=1e-9
        )


def test_all_forms_agree_on_a_round_law():
    """Sigma = s^2 I and mu = 0: every form is EDM's."""
    reference = Gaussian(torch.zeros(4, dtype=torch.float64), Diagonal(torch.full((4,), 2.0)))
    for sigma in LEVELS:
        first, *others = (matrices(Preconditioning.of(reference, form), sigma) for form in FORMS)
        for other in others:
            for a, b in zip(first, other, strict=True):
                torch.testing.assert_close(a, b, **CLOSE)


@few
@every_form
def test_signals_in_other_units_look_the_same_to_the_network(twin, form):
    """x -> c x, sigma -> c sigma, Sigma -> c^2 Sigma: the same input, c times the output, 1 / c^2 of the weight."""
    c, sigma = 40.0, torch.tensor([0.02, 0.5, 9.0], dtype=torch.float64)
    mean = mean_of(twin)
    one = preconditioning(twin, form)
    other = Preconditioning.of(Gaussian(c * mean, twin.operator.map(lambda lam: c**2 * lam)), form)
    x = torch.randn(3, len(mean), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    a, b = one.parts(x, sigma), other.parts(c * x, c * sigma)
    torch.testing.assert_close(b.input, a.input, **CLOSE)
    torch.testing.assert_close(b.skip, c * a.skip, **CLOSE)
    torch.testing.assert_close(other.scale(x, c * sigma), c * one.scale(x, sigma), **CLOSE)
    torch.testing.assert_close(other.weight(c * sigma), one.weight(sigma) / c**2, **CLOSE)


@few
@every_form
def test_no_noise_and_nothing_but_noise(twin, form):
    """sigma = 0 keeps x on the support and needs no network; sigma = inf keeps nothing. Both are finite, null directions included."""
    p = preconditioning(twin, form)
    x = torch.randn(2, len(p.mean), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ends = torch.tensor([0.0, torch.inf], dtype=torch.float64)
    parts = p.parts(x, ends)
    assert parts.input.isfinite().all()
    assert not parts.input[1].any()
    torch.testing.assert_close(parts.skip[1], p.mean, **CLOSE)
    kept = (
        twin.matrix @ torch.linalg.pinv(twin.matrix, rtol=1e-9) if form in ("covariance", "whitened") else (p.coat.eigenvalues > 0).diag()
    )
    torch.testing.assert_close(parts.skip[0], p.mean + kept.to(torch.float64) @ (x[0] - p.mean), rtol=1e-6, atol=1e-6)
    scaled = p.scale(x, ends)
    assert not scaled[0].any()
    assert scaled.isfinite().all()
    told = p.parts(x, torch.full((2,), LOWEST, dtype=torch.float64)).input
    torch.testing.assert_close(p.parts(x, torch.full((2,), 1e-9, dtype=torch.float64)).input, told)


@few
@every_form
def test_single_precision_is_as_good_as_its_rounding(twin, form):
    p = preconditioning(twin, form)
    q = p.to("cpu", torch.float32)
    assert p.reference.operator.eigenvalues.dtype == torch.float64
    x = torch.randn(4, len(p.mean), dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    for sigma in (0.02, 0.7, 30.0):
        level = torch.full((4,), sigma, dtype=torch.float64)
        a, b = p.parts(x, level), q.parts(x.float(), level.float())
        for exact, single in ((a.input, b.input), (a.skip, b.skip), (p.scale(x, level), q.scale(x.float(), level.float()))):
            assert single.dtype == torch.float32
            # directions without variance are scaled by 1 / sigma, and the rounding of x with them
            assert float((single - exact).abs().max()) < 3e-6 * float(exact.abs().max() + 1 / sigma)


def test_a_reference_without_variance_and_an_unknown_form_are_refused():
    flat = Gaussian(torch.zeros(3), Dense(torch.zeros(3, 3)))
    with pytest.raises(InputError, match="reference has no variance"):
        Preconditioning.of(flat)
    with pytest.raises(InputError, match=r"form is 'skaler'.*did you mean 'scalar'"):
        Preconditioning.of(flat, "skaler")


def test_a_mixture_is_its_own_denoiser_and_error():
    """Components of three structures: the skip is the exact denoiser, C_out its rms error on draws that were not used to measure it.

    The table rests on 1024 draws (3 %) and the test on 2048; 15 % leaves room for 4 deviations of both.
    """
    law = mixture()
    p = Preconditioning.of(law)
    x_0 = law.sample(2048, seed=11)
    for sigma in (0.02, 0.5, 10.0):
        x = x_0 + sigma * normal(*x_0.shape, seed=12)
        exact = law(x, sigma).mean
        level = torch.full((len(x),), sigma, dtype=torch.float64)
        parts = p.parts(x.flatten(1), level)
        torch.testing.assert_close(parts.skip, exact.flatten(1), rtol=1e-7, atol=1e-7)
        variance = law.covariance().trace() / law.size
        torch.testing.assert_close(parts.input, (x - law.mean()).flatten(1) / (variance + sigma**2).sqrt(), **CLOSE)
        error = float((exact - x_0).square().mean())
        assert float(p.weight(level)[0]) * error == pytest.approx(1, abs=0.15)
        torch.testing.assert_close(p.scale(x.flatten(1), level), x.flatten(1) / p.weight(level).sqrt().unsqueeze(-1), **CLOSE)
    ends = p.parts(x[:2].flatten(1), torch.tensor([0.0, torch.inf], dtype=torch.float64))
    torch.testing.assert_close(ends.skip[1], law.mean().flatten(), rtol=1e-6, atol=1e-6)
    assert ends.skip.isfinite().all()
    assert float(p.scale(torch.ones(1, law.size, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)).abs().max()) == 0
