"""Recolouring and transport reach the covariance they promise; what they cannot reach is a number."""

import itertools
import math

import pytest
import torch

import truth
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import (
    Dense,
    Diagonal,
    Kronecker,
    LowRank,
    Operator,
    Stationary,
    amplitude,
    bures,
    gain_in_nats,
    nearest_distance,
    recolor,
    transport,
)
from structures import TWINS, circle

torch.set_num_threads(1)

SIZE_SIX = [twin for twin in TWINS if twin.operator.size == 6]
PAIRS = [(s, t) for s, t in itertools.product(SIZE_SIX, SIZE_SIX) if s.name != t.name]
NAMES = [f"{s.name} to {t.name}" for s, t in PAIRS]


def identity(d):
    return torch.eye(d, dtype=torch.float64)


def spread(d, seed, smallest=1e-3):
    """A covariance whose eigenvalues span several decades."""
    return truth.spectrum_covariance(torch.logspace(math.log10(smallest), 1, d), seed)


def projector(matrix):
    values, basis = torch.linalg.eigh(matrix)
    kept = basis[:, values > 1e-9 * values[-1]]
    return kept @ kept.T


def cost(matrix, source):
    """E|M x - x|^2 for x ~ N(0, source)."""
    change = matrix - identity(len(matrix))
    return float((change @ source @ change.T).trace())


def test_full_rank_draws_take_on_any_covariance_exactly():
    draws, wanted = Noise(1).normal(60, (20,)), spread(20, 9)
    made = recolor(draws, Dense(draws.T @ draws / 60), Dense(wanted))
    torch.testing.assert_close(made.values.T @ made.values / 60, wanted, atol=1e-11, rtol=0)
    assert made.empty == 0.0


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=NAMES)
def test_recolouring_pairs_eigenvectors_by_size_for_every_structure(source, target):
    matrix = recolor(identity(6), source.operator, target.operator).values  # row i is f(e_i)
    reached = matrix.T @ source.matrix @ matrix
    values, basis = torch.linalg.eigh(target.matrix)
    filled = values.flip(0) * (torch.arange(6) < source.rank)
    expected = torch.linalg.eigvalsh(reached).flip(0).clamp_min(0)
    torch.testing.assert_close(expected, filled.sort(descending=True).values.clamp_min(0), atol=1e-10, rtol=0)
    if source.rank == 6:
        torch.testing.assert_close(reached, target.matrix, atol=1e-10, rtol=0)
    assert recolor(identity(6), source.operator, target.operator).empty == pytest.approx(float(1 - filled.sum() / values.sum()), abs=1e-10)
    assert basis.shape == (6, 6)


def test_fifty_draws_in_a_hundred_dimensions_leave_fifty_empty():
    draws, wanted = Noise(1).normal(50, (100,)), spread(100, 4, smallest=0.1)
    source = Dense.from_factor(draws.T / math.sqrt(50))
    made = recolor(draws, source, Dense(wanted))
    assert int((made.psi > 0).sum()) == source.rank() == 50
    values, basis = torch.linalg.eigh(wanted)
    kept = (basis[:, 50:] * values[50:]) @ basis[:, 50:].T
    torch.testing.assert_close(made.values.T @ made.values / 50, kept, atol=1e-10, rtol=0)
    assert made.empty == pytest.approx(float(values[:50].sum() / values.sum()), rel=1e-10)


def test_psi_is_the_root_of_the_ratio_of_the_spectra():
    source, target = torch.tensor([4.0, 1.0, 0.0], dtype=torch.float64), torch.tensor([1.0, 9.0, 5.0], dtype=torch.float64)
    torch.testing.assert_close(amplitude(source, target), torch.tensor([0.5, 3.0, 0.0], dtype=torch.float64))
    made = recolor(identity(3), Diagonal(source), Diagonal(target))
    torch.testing.assert_close(made.psi, torch.tensor([1.5, math.sqrt(5), 0.0], dtype=torch.float64))


def test_signals_keep_their_shape():
    x = Noise(3).normal(4, (2, 3))
    made = recolor(x, Diagonal(torch.ones(6, dtype=torch.float64)), Diagonal(torch.full((6,), 4.0, dtype=torch.float64)))
    torch.testing.assert_close(made.values, 2 * x)


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=NAMES)
def test_transport_pushes_the_source_onto_the_target_within_its_support(source, target):
    moved = transport(source.operator, target.operator)
    t = moved.map.dense()
    inside = projector(source.matrix)
    wanted = inside @ target.matrix @ inside
    torch.testing.assert_close(t, t.T, atol=1e-12, rtol=0)
    torch.testing.assert_close(t @ source.matrix @ t, wanted, atol=1e-9, rtol=0)
    assert float(torch.linalg.eigvalsh(t)[0]) > -1e-10
    assert moved.empty == pytest.approx(float(1 - wanted.trace() / target.matrix.trace()), abs=1e-10)


@pytest.mark.parametrize(("source", "target"), [p for p in PAIRS if p[0].rank == 6])
def test_transport_costs_the_bures_distance_and_no_more_than_recolouring(source, target):
    zero = torch.zeros(6, dtype=torch.float64)
    distance = bures(source.operator, target.operator)
    assert distance == pytest.approx(truth.gaussian_w2(zero, source.matrix, zero, target.matrix), abs=2e-6)
    assert cost(transport(source.operator, target.operator).map.dense(), source.matrix) == pytest.approx(distance**2, rel=1e-9)
    assert distance**2 <= cost(recolor(identity(6), source.operator, target.operator).values.T, source.matrix) * (1 + 1e-9)


def test_transport_keeps_its_digits_for_a_source_of_condition_1e10():
    """With the inner root from eigenvalues, as the formula is usually computed, they are lost."""
    source, target = spread(30, 1, smallest=1e-9), spread(30, 2)
    t = transport(Dense(source), Dense(target)).map.dense()
    root = Dense(source).sqrt()
    values, basis = torch.linalg.eigh(root @ (root @ target).T)
    usual = root.solve(root.solve((basis * values.clamp_min(0).sqrt()) @ basis.T).T)
    errors = [float((m @ source @ m - target).abs().max()) for m in (t, usual)]
    assert errors[0] < 2e-8
    assert errors[0] < errors[1] / 10


def test_bures_keeps_its_digits_where_the_laws_are_close():
    """For Sigma_t = (1 + h)^2 Sigma_s in another basis object, W2 = h sqrt(tr Sigma_s): 1e-7 where the trace formula gives noise."""
    source = spread(12, 5)
    shifted = Dense(source * (1 + 1e-7) ** 2)
    assert bures(Dense(source), shifted) == pytest.approx(1e-7 * math.sqrt(float(source.trace())), rel=1e-6)
    assert bures(Dense(source), Dense(source)) == 0.0


@pytest.mark.parametrize("kind", ["diagonal", "stationary", "kronecker", "low-rank", "dense", "white source", "white target"])
def test_a_common_basis_gives_the_dense_answer_without_a_matrix(kind):
    a, b = (
        torch.tensor([3.0, 1.0, 0.5, 0.0, 2.0, 0.1], dtype=torch.float64),
        torch.tensor([1.0, 4.0, 0.2, 3.0, 0.0, 5.0], dtype=torch.float64),
    )
    basis = truth.orthogonal(6, 8)
    one, two = Diagonal(a[:3]), Diagonal(b[:2])
    white = Diagonal(torch.full((6,), 0.7, dtype=torch.float64))
    source, target = {
        "diagonal": (Diagonal(a), Diagonal(b)),
        "stationary": (
            Stationary.from_spectrum(circle([1.0, 3.0, 0.0, 0.5], 6)),
            Stationary.from_spectrum(circle([2.0, 1.0, 1.5, 0.0], 6)),
        ),
        "kronecker": (Kronecker(Diagonal(a[1:4]), two), Kronecker(one, Diagonal(b[2:4]))),
        "low-rank": (LowRank(basis[:, :2], a[:2], 0.3), LowRank(basis[:, :2], b[:2], 0.0)),
        "dense": (Dense.from_eigen(basis, a), Dense.from_eigen(basis.clone(), b)),
        "white source": (white, LowRank(basis[:, :2], b[:2], 0.1)),
        "white target": (Stationary.from_spectrum(circle([1.0, 3.0, 0.2, 0.5], 6)), white),
    }[kind]
    fast, slow = transport(source, target), transport(Dense(source.dense()), Dense(target.dense()))
    torch.testing.assert_close(fast.map.dense(), slow.map.dense(), atol=1e-7, rtol=0)
    assert fast.empty == pytest.approx(slow.empty, abs=1e-10)
    assert bures(source, target) == pytest.approx(bures(Dense(source.dense()), Dense(target.dense())), abs=1e-7)


def test_a_million_samples_are_transported_in_their_common_basis():
    d = 1 << 20
    power = 1 / (1 + torch.fft.fftfreq(d, 1 / 64, dtype=torch.float64).square())
    source, target = Stationary.from_spectrum(power), Stationary.from_spectrum(power.square())
    x = Noise(2).normal(1, (d,))
    torch.testing.assert_close(transport(source, target).map @ source.color(x), target.color(x), atol=1e-9, rtol=0)


def test_gain_is_the_difference_of_two_log_densities():
    x, wanted = Noise(4).normal(5, (3, 4)), spread(12, 6)
    zero, flat = torch.zeros(12, dtype=torch.float64), x.flatten(1)
    for floor in (0.0, 0.01, 2.0):
        expected = truth.gaussian_log_prob(flat, zero, wanted + floor * identity(12)) - truth.gaussian_log_prob(flat, zero, identity(12))
        torch.testing.assert_close(gain_in_nats(x, Dense(wanted), floor=floor), expected, atol=1e-7, rtol=1e-9)


def test_every_empty_direction_gains_half_the_log_of_its_floor():
    x = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    law = Diagonal(torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64))
    gains = [float(gain_in_nats(x, law, floor=floor)[0]) for floor in (1e-4, 1e-6)]
    assert gains[1] - gains[0] == pytest.approx(2 * 0.5 * math.log(100), abs=1e-3)


def test_the_nearest_draw_comes_closer_as_draws_are_added():
    signal, draws = Noise(5).normal(1, (2, 4))[0], Noise(6).normal(30, (2, 4))
    near = nearest_distance(signal, draws)
    expected = [min(math.dist(signal.flatten().tolist(), z.flatten().tolist()) for z in draws[: n + 1]) for n in range(30)]
    torch.testing.assert_close(near, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda a, b: recolor(torch.zeros(3, 5), a, a), "6 entries per case"),
        (lambda a, b: recolor(torch.zeros(6), a, a), r"\(case, \*event\)"),
        (lambda a, b: recolor(torch.full((1, 6), torch.nan), a, a), "NaN"),
        (lambda a, b: recolor(torch.zeros(3, 6), a, b), "one size"),
        (lambda a, b: transport(a, b), "source has size 6 and target 4"),
        (lambda a, b: bures(a, b), "one size"),
        (lambda a, b: transport(a.scaled(torch.ones(3), 1.0), a), "batch of covariances"),
        (lambda a, b: gain_in_nats(torch.zeros(2, 6), a, floor=-1.0), "floor is -1"),
        (lambda a, b: gain_in_nats(torch.zeros(2, 6), a, floor=0.0), "rank 5 of 6"),
        (lambda a, b: gain_in_nats(torch.zeros(2, 4), a, floor=0.1), "6 entries"),
        (lambda a, b: nearest_distance(torch.zeros(4), torch.zeros(3, 5)), r"\(n, \*shape of x\)"),
        (lambda a, b: nearest_distance(torch.zeros(4), torch.zeros(0, 4)), "at least one"),
    ],
)
def test_bad_input_is_one_sentence(call, says):
    a = Diagonal(torch.tensor([1.0, 2.0, 0.0, 1.0, 1.0, 3.0], dtype=torch.float64))
    with pytest.raises(InputError, match=says) as caught:
        call(a, Diagonal(torch.ones(4, dtype=torch.float64)))
    assert "\n" not in str(caught.value)


def test_two_large_covariances_without_a_common_basis_are_refused_before_any_matrix():
    d = 20_000
    other = torch.ones(d, dtype=torch.float64)
    other[0] = 2.0
    with pytest.raises(InputError, match="20000 x 20000"):
        transport(Diagonal(other), Stationary.from_spectrum(circle([1.0 + 0.001 * k for k in range(d // 2 + 1)], d)))


class Products(Operator):
    """A matrix that is known only by its products."""

    def __init__(self, matrix):
        self.matrix, self.size = matrix, len(matrix)

    def __matmul__(self, x):
        return x @ self.matrix


def test_a_covariance_known_by_its_products_is_taken_as_well():
    wanted = spread(6, 3)
    torch.testing.assert_close(transport(Products(identity(6)), Products(wanted)).map.dense(), Dense(wanted).sqrt().dense())
    torch.testing.assert_close(recolor(identity(6), Products(wanted), Products(wanted)).values, identity(6))
