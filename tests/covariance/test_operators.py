"""Every structure obeys the same laws as its dense twin; a new structure adds one row to ``structures.TWINS``."""

from __future__ import annotations

import math

import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import truth
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense, Diagonal, Kronecker, LowRank, Spectral, Stationary
from structures import BASIS, INSIDE, NAMES, TWINS, Twin, circle

SIGMAS = torch.tensor([0.0, 0.3, 5.0, math.inf], dtype=torch.float64)
every_structure = pytest.mark.parametrize("twin", TWINS, ids=NAMES)


def vectors(size: int, cases: int = 4, seed: int = 0) -> Tensor:
    return Noise(seed).normal(cases, (size,))


def pinv(matrix: Tensor) -> Tensor:
    return torch.from_numpy(scipy.linalg.pinvh(matrix.numpy(), rtol=1e-12))


def root(matrix: Tensor) -> Tensor:
    lam, basis = torch.linalg.eigh(matrix)
    return (basis * torch.where(lam > 1e-12 * lam[-1], lam, torch.zeros_like(lam)).sqrt()) @ basis.T


def noisy(matrix: Tensor, sigma: float) -> Tensor:
    return matrix + sigma**2 * torch.eye(len(matrix), dtype=matrix.dtype)


def support(twin: Twin) -> Tensor:
    """The nonzero eigenvalues of the twin, largest first."""
    return torch.linalg.eigvalsh(twin.matrix).flip(0)[: twin.rank]


def close(a: Tensor, b: Tensor | float, tolerance: float = 1e-10) -> None:
    b = torch.as_tensor(b, dtype=torch.float64)
    assert a.shape == b.shape
    assert a.dtype == torch.float64
    finite = b[b.isfinite()].abs()
    largest = float(finite.max()) if finite.numel() else 0.0
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance * max(1.0, largest))


@every_structure
def test_products(twin: Twin) -> None:
    x = vectors(twin.operator.size)
    close(twin.operator @ x, x @ twin.matrix)
    close(twin.operator @ x[0], twin.matrix @ x[0])
    close(twin.operator @ x.view(2, 2, -1), (x @ twin.matrix).view(2, 2, -1))


@every_structure
def test_matrix(twin: Twin) -> None:
    close(twin.operator.dense(), twin.matrix)
    close(twin.operator.diagonal(), twin.matrix.diagonal())
    close(twin.operator.trace(), twin.matrix.trace())


@every_structure
def test_support(twin: Twin) -> None:
    op, lam = twin.operator, support(twin)
    assert op.rank() == twin.rank
    assert len(op.multiplicity) == len(op.eigenvalues)
    close(op.multiplicity.sum(), float(op.size))
    spread = [float(v) for v, m in zip(op.eigenvalues, op.multiplicity, strict=True) for _ in range(int(m + 1e-9)) if v > 0]
    if float((op.multiplicity % 1).sum()) == 0:
        close(torch.tensor(sorted(spread, reverse=True), dtype=torch.float64), lam)
    close(op.logdet(), lam.log().sum())
    p = lam / lam.sum()
    close(op.effective_rank(), torch.exp(-(p * p.log()).sum()))


@every_structure
def test_solve_is_the_inverse_on_the_support(twin: Twin) -> None:
    x = vectors(twin.operator.size)
    close(twin.operator.solve(x), x @ pinv(twin.matrix), 1e-9)
    inside = twin.operator @ x
    close(twin.operator @ twin.operator.solve(inside), inside)


@every_structure
def test_color_whiten_and_root(twin: Twin) -> None:
    op, x = twin.operator, vectors(twin.operator.size)
    assert op.white_size == op.size
    close(op.color(x), x @ root(twin.matrix))
    close(op.whiten(x), x @ root(pinv(twin.matrix)), 1e-9)
    close(op.sqrt().dense(), root(twin.matrix))
    close(op.whiten(op.color(op @ x)), op @ x)


@every_structure
@given(seed=st.integers(0, 2**31))
def test_rotation_is_an_isometry_and_unrotate_its_adjoint(twin: Twin, seed: int) -> None:
    op = twin.operator
    x = vectors(op.size, seed=seed)
    w, v = op.rotate(x), vectors(len(op.multiplicity), seed=seed + 1)
    close(w.norm(dim=-1), x.norm(dim=-1))
    close(op.unrotate(w), x)
    close((w * v).sum(-1), (x * op.unrotate(v)).sum(-1))


@every_structure
def test_scaled(twin: Twin) -> None:
    op = twin.operator.scaled(0.6, 0.8)
    close(op.dense(), noisy(0.36 * twin.matrix, 0.8))
    close(op.logdet(), torch.logdet(noisy(0.36 * twin.matrix, 0.8)))
    assert op.rank() == op.size
    each = twin.operator.scaled(torch.tensor([1.0, 0.5]), torch.tensor([0.0, 2.0]))
    assert each.batch_shape == (2,)
    close(each.dense(), torch.stack([twin.matrix, noisy(0.25 * twin.matrix, 2.0)]))
    close(each.diagonal(), torch.stack([twin.matrix.diagonal(), noisy(0.25 * twin.matrix, 2.0).diagonal()]))
    close(each.color(torch.ones(2, op.size, dtype=torch.float64))[1], root(noisy(0.25 * twin.matrix, 2.0)).sum(0))


def gain_twin(matrix: Tensor, sigma: float) -> Tensor:
    if sigma == math.inf:
        return torch.zeros_like(matrix)
    return matrix @ (pinv(matrix) if sigma == 0 else torch.linalg.inv(noisy(matrix, sigma)))


@every_structure
def test_gain_and_posterior_at_every_noise_level(twin: Twin) -> None:
    x = vectors(twin.operator.size)
    for sigma in SIGMAS.tolist():
        kept = gain_twin(twin.matrix, sigma)
        close(twin.operator.gain(x, sigma), x @ kept.T)
        left = twin.matrix if sigma == math.inf else sigma**2 * kept
        close(twin.operator.posterior(sigma).dense(), left)
        close(twin.operator.posterior(sigma).diagonal(), left.diagonal())


@every_structure
def test_one_noise_level_per_case_equals_one_by_one(twin: Twin) -> None:
    op, x = twin.operator, vectors(twin.operator.size)
    posterior = op.posterior(SIGMAS)
    assert posterior.batch_shape == (4,)
    for case, sigma in enumerate(SIGMAS.tolist()):
        alone = op.posterior(sigma)
        close(op.gain(x, SIGMAS)[case], op.gain(x[case], sigma))
        close(op.mahalanobis(x, SIGMAS)[case], op.mahalanobis(x[case], sigma))
        close(op.logdet(SIGMAS)[case], op.logdet(sigma))
        close(posterior.dense()[case], alone.dense())
        close((posterior @ x)[case], alone @ x[case])
        close(posterior.trace()[case], alone.trace())
        close(posterior.diagonal()[case], alone.diagonal())
        close(posterior.logdet()[case], alone.logdet())


@every_structure
def test_density_parts_with_noise(twin: Twin) -> None:
    x = vectors(twin.operator.size)
    for sigma in (0.05, 2.0):
        level = noisy(twin.matrix, sigma)
        close(twin.operator.mahalanobis(x, sigma), (x * torch.linalg.solve(level, x.T).T).sum(-1))
        close(twin.operator.logdet(sigma), torch.logdet(level))


@every_structure
def test_distance_without_noise_is_infinite_off_the_support(twin: Twin) -> None:
    op = twin.operator
    white = vectors(op.size)
    inside = white @ root(twin.matrix)
    close(op.mahalanobis(inside), ((inside @ pinv(twin.matrix)) * inside).sum(-1), 1e-9)
    outside = torch.isinf(op.mahalanobis(inside + white))
    assert bool(outside.all()) == (twin.rank < op.size)
    assert bool(outside.any()) == (twin.rank < op.size)


@every_structure
def test_extreme_noise_neither_overflows_nor_cancels(twin: Twin) -> None:
    op, x = twin.operator, vectors(twin.operator.size)
    close(op.posterior(1e200).dense(), twin.matrix)
    close(op.gain(x, 1e200), torch.zeros_like(x))
    tiny = op.posterior(1e-12).dense() * 1e24
    close(tiny, twin.matrix @ pinv(twin.matrix), 1e-8)


@every_structure
@given(power=st.integers(-12, 12))
def test_every_unit_gives_the_same_answer(twin: Twin, power: int) -> None:
    """Signals in other units: Sigma becomes c^2 Sigma, and nothing depends on how large c is."""
    c = 10.0 ** (power / 2)
    op, scaled = twin.operator, twin.operator.map(lambda lam: c**2 * lam)
    x = vectors(op.size)
    inside = op.color(x)
    assert scaled.rank() == op.rank()
    close(scaled.gain(c * x, c * 0.3) / c, op.gain(x, 0.3))
    close(scaled.mahalanobis(c * inside), op.mahalanobis(inside))
    close(scaled.logdet(), op.logdet() + 2 * op.rank() * math.log(c))
    close(scaled.effective_rank(), op.effective_rank())
    close(scaled.solve(c**2 * inside), op.solve(inside))


@given(seed=st.integers(0, 2**31))
def test_rotation_of_the_coordinates_rotates_the_answers(seed: int) -> None:
    turn, matrix = truth.orthogonal(5, seed), truth.spectrum_covariance([3.0, 1.0, 1.0, 0.1, 0.0], seed)
    plain, turned = Dense(matrix), Dense(turn @ matrix @ turn.T)
    x = vectors(5, seed=seed)
    close(turned.gain(x @ turn.T, 0.4), plain.gain(x, 0.4) @ turn.T)
    close(turned.mahalanobis(x @ turn.T, 0.4), plain.mahalanobis(x, 0.4))
    assert turned.rank() == plain.rank() == 4


@given(order=st.permutations(range(4)))
def test_kronecker_follows_a_permutation_of_channels(order: list[int]) -> None:
    left, right = truth.spectrum_covariance([2.0, 1.0, 0.3, 0.0]), Stationary.from_spectrum(circle([1.0, 2.0, 0.5], 5))
    plain, moved = Kronecker(Dense(left), right), Kronecker(Dense(left[order][:, order]), right)
    x = vectors(20).view(4, 4, 5)
    close((moved @ x[:, order].flatten(1)).view(4, 4, 5), (plain @ x.flatten(1)).view(4, 4, 5)[:, order])
    close(moved.gain(x[:, order].flatten(1), 0.2).view(4, 4, 5), plain.gain(x.flatten(1), 0.2).view(4, 4, 5)[:, order])


def test_stationary_from_row_and_from_spectrum_agree() -> None:
    for length in (1, 2, 3, 8, 9):
        spectrum = circle([1.0, 0.5, 0.25, 0.1, 0.05], length)
        row = torch.fft.ifft(spectrum).real
        close(Stationary(row).dense(), Stationary.from_spectrum(spectrum).dense())


def test_factor_keeps_small_eigenvalues() -> None:
    """F F^T loses eigenvalues below 1e-16 of the largest; the factor does not."""
    basis = truth.orthogonal(4)
    lam = torch.tensor([1.0, 1e-6, 1e-12, 0.0], dtype=torch.float64)
    op = Dense.from_factor(basis * lam.sqrt())
    torch.testing.assert_close(op.eigenvalues, lam, rtol=1e-6, atol=0)
    close(op.dense(), (basis * lam) @ basis.T)
    close(Dense.from_factor(basis[:, :1]).dense(), basis[:, :1] @ basis[:, :1].T)


def test_no_variance_at_all() -> None:
    for op in (
        Diagonal(torch.zeros(3)),
        Dense(torch.zeros(3, 3)),
        Stationary(torch.zeros(3)),
        LowRank(torch.eye(3)[:, :1], torch.zeros(1)),
    ):
        assert op.rank() == 0
        close(op.effective_rank(), 0.0)
        close(op.logdet(), 0.0)
        close(op.gain(torch.ones(3, dtype=torch.float64), 0.0), torch.zeros(3))
        close(op.mahalanobis(torch.zeros(3, dtype=torch.float64)), 0.0)
        close(op.solve(torch.ones(3, dtype=torch.float64)), torch.zeros(3))


def test_draws_have_the_covariance() -> None:
    """Entries of the sample covariance of 40 000 draws, against 5 standard errors: false-alarm rate 1e-3 over all of them."""
    n = 40_000
    for twin in TWINS:
        x = twin.operator.draw(Noise(3), n)
        diagonal = twin.matrix.diagonal()
        error = (torch.outer(diagonal, diagonal) + twin.matrix**2).sqrt() / n**0.5
        assert bool(((x.T @ x / n - twin.matrix).abs() <= 5 * error + 1e-12).all()), twin.name
        close(twin.operator.draw(Noise(3, 5), 2), x[5:7], 1e-13)


def large() -> list[Spectral]:
    time = torch.arange(2000, dtype=torch.float64)
    smooth = torch.exp(-0.5 * (torch.minimum(time, 2000 - time) / 30) ** 2)
    smooth[0] += 1e-6
    million = torch.fft.fftfreq(10**6, dtype=torch.float64)
    return [
        Stationary.from_spectrum(1 / (1 + (100 * million) ** 2)),
        Kronecker(Dense(truth.spectrum_covariance([0.9**k for k in range(64)])), Stationary(smooth)),
        LowRank(torch.linalg.qr(Noise(0).normal(100_000, (8,)))[0], torch.arange(8, 0, -1.0), 0.1),
        Diagonal(torch.ones(10**6)),
    ]


def test_large_structures_never_become_matrices() -> None:
    """Their matrices would take 75 GiB to 7 TiB, so that a single one could not be allocated here."""
    for op in large():
        x = vectors(op.size, 1)
        close(op.gain(op.scaled(1.0, 0.5) @ x, 0.5), op @ x, 1e-8)
        assert torch.isfinite(op.logdet(0.5))
        assert op.diagonal().shape == (op.size,)
        assert op.posterior(0.5).trace() < op.trace()
        assert op.draw(Noise(0), 1).shape == (1, op.size)
        with pytest.raises(InputError, match="at most 8192 x 8192"):
            op.dense()


BAD = [
    (lambda: Diagonal(torch.tensor([1.0, -0.5])), "variances has a negative entry -0.5"),
    (lambda: Diagonal(torch.ones(2, 2)), "variances has 2 axes"),
    (lambda: Diagonal(torch.tensor([1.0, math.nan])), "variances holds 1 NaN value, first at index"),
    (lambda: Diagonal(torch.tensor([1.0, math.inf])), "variances holds 1 infinite value"),
    (lambda: Diagonal(["a"]), "variances holds words"),  # type: ignore[arg-type]
    (lambda: Diagonal(torch.ones(0)), "variances is empty"),
    (lambda: Dense(torch.zeros(0, 0)), "covariance is empty"),
    (lambda: Dense(torch.ones(2, 3)), r"covariance has shape \(2, 3\), but must be square"),
    (lambda: Dense(torch.ones(2)), "covariance has 1 axes"),
    (lambda: Dense(torch.tensor([[1.0, 2.0], [0.0, 1.0]])), "covariance is not symmetric: entries differ by up to 2"),
    (lambda: Dense(torch.tensor([[1.0, 2.0], [2.0, 1.0]])), "not positive semi-definite: its smallest eigenvalue is -1"),
    (lambda: Dense(-torch.eye(2)), "not positive semi-definite"),
    (lambda: Dense(torch.eye(2) * 1j), "covariance is complex"),
    (lambda: Dense(torch.zeros(1, 1).expand(20_000, 20_000)), "20000 x 20000 matrix .*use structure 'low-rank'"),
    (lambda: Stationary(torch.tensor([1.0, 0.5, 0.2])), "symmetric around the circle"),
    (lambda: Stationary(torch.tensor([0.1, 1.0, 1.0])), "autocovariance is not positive semi-definite"),
    (lambda: Stationary(torch.ones(0)), "autocovariance is empty"),
    (lambda: Stationary.from_spectrum(torch.tensor([1.0, 2.0, 3.0])), "spectrum must be symmetric"),
    (lambda: Stationary.from_spectrum(torch.tensor([1.0, -2.0, -2.0])), "spectrum is not positive"),
    (lambda: LowRank(BASIS, torch.ones(3)), "one eigenvalue per column"),
    (lambda: LowRank(BASIS.T, torch.ones(6)), "r <= d"),
    (lambda: LowRank(2 * BASIS, INSIDE), "orthonormal columns"),
    (lambda: LowRank(BASIS, -INSIDE), "negative entry -4"),
    (lambda: LowRank(BASIS, INSIDE, -1.0), "floor is -1, but must be at least 0"),
    (lambda: LowRank(BASIS, INSIDE, math.nan), "floor is nan"),
]


@pytest.mark.parametrize(("build", "sentence"), BAD, ids=[sentence for _, sentence in BAD])
def test_bad_input_is_one_sentence(build: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        build()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_rounding_is_not_a_negative_eigenvalue() -> None:
    for size in (3, 50, 200):
        x = Noise(size).normal(size // 2 + 1, (size,))
        op = Dense(x.T @ x)
        assert op.rank() == size // 2 + 1
        assert float(op.eigenvalues.min()) == 0.0
