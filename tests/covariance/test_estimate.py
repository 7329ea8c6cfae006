"""Estimation against NumPy, scikit-learn and known laws, at every offset, scale, order and shape of the data."""

from __future__ import annotations

import functools
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import sklearn.covariance
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import truth
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import KERNELS, STRUCTURES, Accumulator, Dense, Estimate, Kronecker, LowRank, Spectral, Stationary, estimate
from ornstein.covariance.missing import expectation_maximization
from structures import circle

SEVERAL = [s for s in STRUCTURES if s not in ("autoregressive", "periodic", "coregionalised")]
"""Structures of signals with several channels and six samples: no period shows in six. Sums of kernels have tests of their own, as they
are the end of a long search."""
EXACT = [s for s in SEVERAL if s not in KERNELS]
"""Those whose numbers are a formula of the data, and not the end of a search."""
SMOOTHED = ("stationary", "multitaper", "welch", "toeplitz", *KERNELS)

MATRIX = truth.spectrum_covariance([3.0, 1.0, 0.3, 0.1, 0.02], 1)
CHANNELS = truth.spectrum_covariance([2.0, 0.7, 0.3], 2)
TIME = truth.spectrum_covariance([4.0, 1.5, 0.8, 0.4, 0.1, 0.05], 3)


def draws(cases: int, matrix: Tensor = MATRIX, seed: int = 0) -> Tensor:
    return Dense(matrix).draw(Noise(seed), cases)


def signals(cases: int, seed: int = 0) -> Tensor:
    """Separable signals (case, 3, 6)."""
    return Kronecker(Dense(CHANNELS), Dense(TIME)).draw(Noise(seed), cases).view(cases, 3, 6)


@functools.cache
def untouched(structure: str, cases: int) -> Estimate:
    """What all examples of one property are compared with, fitted once."""
    return estimate(signals(cases), structure)


def close(a: Tensor, b: Tensor | float, tolerance: float = 1e-10) -> None:
    """Equal up to ``tolerance`` times the largest entry."""
    b = torch.as_tensor(b, dtype=torch.float64)
    assert a.shape == b.shape
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance * float(b.abs().max()))


def empirical(x: Tensor) -> Tensor:
    return torch.from_numpy(np.cov(x.flatten(1).numpy().T, bias=True)).reshape(x[0].numel(), -1)


@pytest.mark.parametrize("cases", [3, 20, 500])
@pytest.mark.parametrize(
    ("shrinkage", "sklearns"),
    [
        ("none", sklearn.covariance.EmpiricalCovariance()),
        ("oas", sklearn.covariance.OAS()),
        ("ledoit-wolf", sklearn.covariance.LedoitWolf()),
        (0.3, sklearn.covariance.ShrunkCovariance(shrinkage=0.3)),
    ],
)
def test_dense_against_scikit_learn(cases: int, shrinkage: str | float, sklearns: sklearn.covariance.EmpiricalCovariance) -> None:
    x = draws(cases) + 3
    found = estimate(x, "dense", shrinkage=shrinkage)
    sklearns.fit(x.numpy())
    close(found.mean, torch.from_numpy(x.numpy().mean(0)))
    close(found.covariance.dense(), torch.from_numpy(sklearns.covariance_))
    assert found.shrinkage == pytest.approx(getattr(sklearns, "shrinkage_", getattr(sklearns, "shrinkage", 0.0)), abs=1e-12)
    assert found.count == cases


def test_events_keep_their_shape() -> None:
    x = signals(30)
    for structure in SEVERAL:
        found = estimate(x, structure)
        assert found.mean.shape == (3, 6)
        assert found.covariance.size == 18
    close(estimate(x, shrinkage="none").covariance.dense(), empirical(x))
    close(estimate(x, "diagonal").covariance.dense(), torch.diag(empirical(x).diagonal()))
    image = draws(10, torch.eye(16)).view(10, 1, 4, 4)
    assert estimate(image).mean.shape == (1, 4, 4)


@pytest.mark.parametrize(
    "convert", [lambda x: x.numpy(), lambda x: x.tolist(), lambda x: x.numpy().astype(">f8"), lambda x: x[::1].clone().requires_grad_()]
)
def test_every_kind_of_array(convert: object) -> None:
    x = draws(20)
    close(estimate(convert(x)).covariance.dense(), estimate(x).covariance.dense())  # type: ignore[operator]


@pytest.mark.parametrize("structure", SEVERAL)
def test_an_offset_costs_no_digits(structure: str) -> None:
    """Data at 1e8 are stored to 1.5e-8; a formula E[x^2] - E[x]^2 would keep no digit at all."""
    x = (signals(400) * 2**20).round() / 2**20  # exact in float64 even after the offset
    far = estimate(x + 2.0**27, structure, shrinkage="none")
    near = estimate(x, structure, shrinkage="none")
    close(far.covariance.dense(), near.covariance.dense(), 1e-12)
    torch.testing.assert_close(far.mean - 2.0**27, near.mean, rtol=0, atol=2.0**-26)


@pytest.mark.parametrize("structure", SEVERAL)
@settings(max_examples=9)
@given(power=st.integers(-12, 12))
def test_every_unit_gives_the_same_answer(structure: str, power: int) -> None:
    c = 10.0**power
    scaled, plain = estimate(c * signals(12), structure), untouched(structure, 12)
    close(scaled.covariance.dense() / c**2, plain.covariance.dense(), 1e-4 if structure in KERNELS else 1e-8)
    assert scaled.covariance.rank() == plain.covariance.rank()
    assert scaled.shrinkage == pytest.approx(plain.shrinkage, rel=1e-9)


@given(seed=st.integers(0, 2**31), shift=st.floats(-1e6, 1e6))
def test_rotation_and_shift(seed: int, shift: float) -> None:
    x, turn = draws(30), truth.orthogonal(5, seed)
    found, plain = estimate(x @ turn.T + shift), estimate(x)
    close(found.covariance.dense(), turn @ plain.covariance.dense() @ turn.T, 1e-8)
    close(found.mean - shift, turn @ plain.mean, 1e-8 * (1 + abs(shift)))


@pytest.mark.parametrize("structure", [s for s in SEVERAL if s != "image"])  # height has an order
@settings(max_examples=6)
@given(order=st.permutations(range(3)))
def test_permutation_of_channels(structure: str, order: list[int]) -> None:
    x = signals(30)
    moved = estimate(x[:, order], structure).covariance.dense().view(3, 6, 3, 6)
    plain = untouched(structure, 30).covariance.dense().view(3, 6, 3, 6)
    close(moved, plain[order][:, :, order], 1e-4 if structure in KERNELS else 1e-8)


def accumulated(*pieces: Tensor) -> Accumulator:
    accumulator = Accumulator(5)
    for piece in pieces:
        accumulator.update(piece)
    return accumulator


@given(cuts=st.lists(st.integers(0, 60), max_size=6), offset=st.sampled_from([0.0, 1e3, 1e8]))
def test_pieces_in_any_order_are_the_whole(cuts: list[int], offset: float) -> None:
    x = draws(60) + offset
    edges = [0, *sorted(cuts), 60]
    pieces = [x[a:b] for a, b in itertools.pairwise(edges)]
    whole, forth, back = accumulated(x), accumulated(*pieces), accumulated(*reversed(pieces))
    merged = Accumulator(5)
    for piece in pieces[::2] + pieces[1::2]:
        merged.merge(accumulated(piece))
    for other in (forth, back, merged):
        assert other.count == 60
        close(other.covariance(), whole.covariance(), 1e-12)
        torch.testing.assert_close(other.mean, whole.mean, rtol=1e-15, atol=1e-14)
    close(whole.covariance(), empirical(x - x[0]), 1e-12)


def test_streaming_an_offset_of_1e8() -> None:
    x = (draws(5000) * 2**20).round() / 2**20
    found = accumulated(*(x + 2.0**27).split(7))
    close(found.covariance(), empirical(x), 1e-12)


def test_memory_mapped_file(tmp_path: Path) -> None:
    x = draws(20_000).float()
    np.save(tmp_path / "x.npy", x.numpy())
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for structure in ("dense", "diagonal"):
        close(
            estimate(mapped, structure, shrinkage="none").covariance.dense(),
            estimate(x.double(), structure, shrinkage="none").covariance.dense(),
        )


@pytest.mark.parametrize("structure", SEVERAL)
@pytest.mark.parametrize("value", [0.0, 0.1, 1e8 + 0.1])
def test_constant_entry_has_no_variance_at_all(structure: str, value: float) -> None:
    """However large its value: rounding of the mean must not look like a signal. Time 2 is constant in every channel."""
    x = signals(33)
    x[:, :, 2] = value
    found = estimate(x, structure, shrinkage="none")
    close(found.mean[:, 2], torch.full((3,), value, dtype=torch.float64), 1e-15)
    if structure in SMOOTHED or structure == "image":  # one variance for all times
        assert float(found.covariance.trace()) > 0
        return
    variance = found.covariance.diagonal().view(3, 6)[:, 2]
    if structure == "low-rank":  # its floor is shared by all directions outside the basis
        close(variance, found.covariance.floor.expand(3))  # type: ignore[attr-defined]
        return
    assert float(variance.max()) <= 1e-14 * float(found.covariance.diagonal().max())
    assert found.covariance.rank() == 15


def test_duplicated_channels_and_rows() -> None:
    x = signals(40)
    twice = torch.cat([x, x[:, :1]], 1)
    for structure, rank in (("dense", 18), ("kronecker", 18)):
        found = estimate(twice, structure, shrinkage="none")
        assert found.covariance.rank() == rank
        close(found.covariance.trace(), empirical(twice).trace(), 0.1)
    rows = x.repeat(2, 1, 1)
    close(estimate(rows, shrinkage="none").covariance.dense(), estimate(x, shrinkage="none").covariance.dense())


@pytest.mark.parametrize("structure", EXACT)
def test_nothing_varies(structure: str) -> None:
    found = estimate(torch.full((5, 2, 4), 0.1), structure)
    assert found.covariance.rank() == 0
    close(found.covariance.dense(), torch.zeros(8, 8))
    assert float(found.covariance.effective_rank()) == 0


def test_fewer_cases_than_dimensions() -> None:
    x = draws(6, torch.eye(40), seed=1)
    assert estimate(x, shrinkage="none").covariance.rank() == 5
    for shrinkage in ("oas", "ledoit-wolf"):
        found = estimate(x, shrinkage=shrinkage)
        assert found.shrinkage > 0
        assert found.covariance.rank() == 40
        assert 5 < float(found.covariance.effective_rank()) <= 40
    assert estimate(x, "low-rank", rank=20).covariance.rank() >= 5
    assert estimate(x, "diagonal").covariance.rank() == 40


def low_rank_twin(x: Tensor, rank: int) -> Tensor:
    """Tipping and Bishop (1999): the leading eigenpairs, and the mean of all other eigenvalues."""
    lam, basis = np.linalg.eigh(empirical(x).numpy())
    lam, basis = lam[::-1], basis[:, ::-1][:, :rank]
    floor = lam[rank:].mean() if rank < len(lam) else 0.0
    return torch.from_numpy((basis * (lam[:rank] - floor)) @ basis.T + floor * np.eye(len(lam)))


@pytest.mark.parametrize(("cases", "rank"), [(200, 1), (200, 3), (200, 5), (4, 2)])
def test_low_rank_is_probabilistic_pca(cases: int, rank: int) -> None:
    x = draws(cases)
    found = estimate(x, "low-rank", rank=rank)
    assert isinstance(found.covariance, LowRank)
    assert found.covariance.components == rank
    close(found.covariance.dense(), low_rank_twin(x, rank))


def test_low_rank_finds_the_two_directions_that_rise_above_the_rest() -> None:
    matrix = truth.spectrum_covariance([5.0, 3.0, 0.02, 0.01, 0.01])
    found = estimate(draws(2000, matrix), "low-rank").covariance
    assert isinstance(found, LowRank)
    assert found.components == 2


def test_low_rank_of_data_that_live_in_a_plane() -> None:
    """Asked for more directions than there are, it reports those there are and never divides by rounding errors."""
    x = draws(50)[:, :2] @ truth.orthogonal(5)[:2] + 0.1
    for rank in (2, 4, 5):
        found = estimate(x, "low-rank", rank=rank).covariance
        assert found.rank() == 2
        close(found.solve(found @ x), x @ torch.linalg.pinv(empirical(x)) @ empirical(x), 1e-9)


def test_stationary_recovers_a_circulant_law() -> None:
    """Each eigenvalue is a mean of 2 n squared normals (n at the two real frequencies): within 5 standard errors, rate 1e-5."""
    spectrum, n = circle([1.0, 4.0, 2.0, 0.5, 0.1], 8), 4000
    found = estimate(Stationary.from_spectrum(spectrum).draw(Noise(0), n), "stationary").covariance
    assert isinstance(found, Stationary)
    assert bool(((found.eigenvalues / spectrum - 1).abs() < 5 * math.sqrt(2 / n)).all())
    x = draws(7)
    rolled = torch.cat([x.roll(k, 1) - x.mean(0).roll(k) for k in range(5)])
    close(estimate(x, "stationary").covariance.dense(), rolled.T @ rolled / len(rolled))


@pytest.mark.parametrize("structure", ["kronecker", "stationary"])
def test_kronecker_recovers_its_factors(structure: str) -> None:
    """Relative error of the whole matrix against its known law; 4000 cases bring it to about 1 %."""
    right = Dense(TIME) if structure == "kronecker" else Stationary.from_spectrum(circle([1.0, 4.0, 2.0, 0.5], 6))
    law = Kronecker(Dense(CHANNELS), right)
    found = estimate(law.draw(Noise(0), 4000).view(-1, 3, 6), structure, shrinkage="none").covariance
    assert isinstance(found, Kronecker)
    assert float((found.dense() - law.dense()).norm() / law.dense().norm()) < 0.03
    close(found.left.trace(), 3.0, 1e-9)
    close(found.left.dense(), CHANNELS * 3 / CHANNELS.trace(), 0.03)


def test_kronecker_is_the_maximum_of_the_likelihood() -> None:
    """Stationarity of the log-likelihood under small changes of either factor, by finite differences."""
    x = signals(25)
    found = estimate(x, "kronecker", shrinkage="none").covariance
    assert isinstance(found, Kronecker)
    centred = (x - x.mean(0)).flatten(1)

    def likelihood(law: Spectral) -> float:
        return float(-0.5 * (law.mahalanobis(centred).mean() + law.logdet()))

    best = likelihood(found)
    for seed in range(6):
        for size, factor in ((3, "left"), (6, "right")):
            bump = Noise(seed).normal(size, (size,))
            moved = getattr(found, factor).dense() + 1e-3 * (bump + bump.T)
            pair = (Dense(moved), found.right) if factor == "left" else (found.left, Dense(moved))
            assert likelihood(Kronecker(*pair)) < best


def test_kronecker_after_common_average_reference() -> None:
    """Channels that sum to zero leave a null direction; the total variance must not change by the lost rank."""
    x = signals(3000)
    x = x - x.mean(1, keepdim=True)
    for structure in ("kronecker", "stationary"):
        found = estimate(x, structure, shrinkage="none").covariance
        assert found.rank() == 2 * 6
        close(found.trace(), empirical(x).trace(), 0.05)
    centre = torch.eye(3, dtype=torch.float64) - 1 / 3
    law = torch.from_numpy(np.kron((centre @ CHANNELS @ centre).numpy(), TIME.numpy()))
    close(estimate(x, "kronecker", shrinkage="none").covariance.dense(), law, 0.06)


@pytest.mark.parametrize(
    ("structure", "law"),
    [("dense", Dense(MATRIX)), ("diagonal", Dense(torch.eye(5))), ("stationary", Stationary(torch.tensor([3.0, 1.0, 0.5, 0.5, 1.0])))],
)
def test_error_falls_with_the_square_root_of_the_cases(structure: str, law: Spectral) -> None:
    """Slope of log error against log n, mean of 20 data sets a size: -1/2 within 0.1 (about 4 standard errors)."""
    sizes = [100, 300, 1000, 3000, 10_000]
    errors = []
    for n in sizes:
        found = [estimate(law.draw(Noise(seed), n), structure, shrinkage="none").covariance.dense() for seed in range(20)]
        errors.append(np.mean([float((f - law.dense()).square().sum()) for f in found]) ** 0.5)
    slope = scipy.stats.linregress(np.log(sizes), np.log(errors)).slope
    assert abs(slope + 0.5) < 0.1


def gappy(cases: int, fraction: float = 0.3, seed: int = 3) -> tuple[Tensor, Tensor]:
    """Draws and the same draws with NaN for missing entries; every case and entry keeps something."""
    x = draws(cases)
    hidden = Noise(seed).uniform(cases, (5,)) < fraction
    hidden[torch.arange(cases), torch.arange(cases) % 5] = False
    return x, torch.where(hidden, torch.full_like(x, math.nan), x)


def test_without_gaps_em_is_the_complete_answer() -> None:
    x = draws(30)
    for weight in (0.0, 0.2):
        mean, covariance = expectation_maximization(x, weight)
        plain = estimate(x, shrinkage=weight)
        close(mean, plain.mean)
        close(covariance, plain.covariance.dense())


def observed_log_likelihood(x: Tensor, mean: Tensor, covariance: Tensor) -> float:
    total = 0.0
    for row in x:
        seen = ~row.isnan()
        total += float(truth.gaussian_log_prob(row[seen], mean[seen], covariance[seen][:, seen]))
    return total


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_observed_likelihood_never_falls(offset: float) -> None:
    _, x = gappy(40)
    x = x + offset
    fits = [expectation_maximization(x, 0.0, iterations=k, tolerance=0.0) for k in (1, 2, 3, 5, 10, 30, 100)]
    likelihoods = [observed_log_likelihood(x, *fit) for fit in fits]
    assert all(b > a - 1e-9 * (1 + offset) for a, b in itertools.pairwise(likelihoods))
    assert likelihoods[-1] > likelihoods[0] + 1


def test_em_beats_mean_imputation() -> None:
    """On 400 cases with 30 % missing: less than half its error, for the covariance as for the mean variance."""
    x, holes = gappy(400)
    mean, covariance = expectation_maximization(holes, 0.0)
    filled = torch.where(holes.isnan(), holes.nanmean(0), holes)
    complete = empirical(x)
    assert float((covariance - complete).norm()) < 0.5 * float((empirical(filled) - complete).norm())
    assert float((mean - x.mean(0)).norm()) < 0.2 * float(x.std(0).norm())


def test_gaps_through_the_front_door() -> None:
    _, holes = gappy(200)
    shaped = torch.cat([holes, holes], 1).view(200, 2, 5)
    found = estimate(holes, shrinkage="none")
    close(found.covariance.dense(), expectation_maximization(holes, 0.0)[1])
    assert found.count == 200
    assert isinstance(estimate(shaped), Estimate)
    c = 1e-9
    close(estimate(c * holes).covariance.dense() / c**2, estimate(holes).covariance.dense(), 1e-6)
    block = draws(20_000)
    block[15_000, 2] = math.nan
    close(estimate(block, shrinkage="none").covariance.dense(), empirical(torch.nan_to_num(block)), 0.01)


def test_gaps_in_degenerate_data() -> None:
    """Constant entries, duplicated channels and data that do not vary at all."""
    _, holes = gappy(60)
    constant = holes.clone()
    constant[:, 2] = torch.where(holes[:, 2].isnan(), holes[:, 2], torch.full((60,), 7.0, dtype=torch.float64))
    found = estimate(constant, shrinkage="none").covariance
    assert found.rank() == 4
    plain = estimate(holes, shrinkage="none")
    for factor in (1.0, 1e6):
        twice = estimate(torch.cat([holes, factor * holes[:, :1]], 1), shrinkage="none")
        assert twice.covariance.rank() in (5, 6)
        close(twice.mean[:5], plain.mean, 1e-3)
        close(twice.covariance.dense()[:5, :5], plain.covariance.dense(), 1e-3)
    still = estimate(torch.where(holes.isnan(), holes, torch.ones_like(holes)))
    assert still.covariance.rank() == 0
    assert float((still.mean - 1).abs().max()) < 1e-12


NAN = math.nan
BAD = [
    (lambda: estimate(torch.ones(3, 2), "densely"), "structure is 'densely', .*did you mean 'dense'"),
    (lambda: estimate(torch.ones(3, 2), shrinkage="oasis"), "shrinkage is 'oasis', .*did you mean 'oas'"),
    (lambda: estimate(torch.ones(3, 2), shrinkage=1.5), "shrinkage is 1.5, but must lie between 0"),
    (lambda: estimate(torch.ones(3, 2), shrinkage=NAN), "shrinkage is nan"),
    (lambda: estimate(torch.ones(1, 2)), "x holds 1 case, but a covariance needs at least 2"),
    (lambda: estimate(torch.ones(1, 2), "diagonal"), "x holds 1 case, but"),
    (lambda: estimate(torch.ones(0, 2)), "x holds 0 cases, but"),
    (lambda: estimate([]), "x has 1 axes"),
    (lambda: estimate(torch.ones(4, 0)), r"x is empty \(4, 0\)"),
    (lambda: estimate(torch.ones(4, 2, 0), "diagonal"), r"x is empty \(4, 2, 0\)"),
    (lambda: estimate(torch.ones(4)), "x has 1 axes"),
    (lambda: estimate(torch.ones(2, 2, 2, 2, 2)), "x has 5 axes"),
    (lambda: estimate(torch.ones(4), "diagonal"), "x has 1 axes"),
    (lambda: estimate(3.0), "x has 0 axes"),
    (lambda: estimate([["a", "b"]] * 3), "x holds words"),
    (lambda: estimate(np.array([[None, 1]] * 3)), "x holds None beside"),
    (lambda: estimate(torch.ones(3, 2) * 1j), "x is complex"),
    (lambda: estimate([[1.0, 2.0], [3.0]]), "rows of different lengths"),
    (lambda: estimate(torch.tensor([[1.0, math.inf], [1.0, 2.0]])), r"x holds 1 infinite value, first at index \(0, 1\)"),
    (
        lambda: estimate(torch.tensor([[1.0, NAN], [1.0, NAN]]), "diagonal"),
        "1 entry without any observed value, first at 1: drop what has none",
    ),
    (
        lambda: estimate(torch.tensor([[1.0, NAN], [2.0, NAN]])),
        "1 entry without any observed value, first at 1: drop what has none",
    ),
    (
        lambda: estimate(torch.tensor([[float(k), NAN] for k in range(60)])),
        "1 entry without any observed value, first at 1: drop what has none",
    ),
    (
        lambda: estimate(torch.tensor([[1.0, 2.0], [NAN, NAN]])),
        "1 case without any observed value, first at 1: drop what has none",
    ),
    (lambda: estimate(torch.zeros(1, 1).expand(3, 20_000)), "20000 x 20000 matrix .*at most 8192 x 8192"),
    (lambda: estimate(torch.ones(3, 2), "kronecker"), "structure 'kronecker' needs several channels"),
    (lambda: estimate(torch.ones(3, 1, 2), "kronecker"), "structure 'kronecker' needs several channels"),
    (lambda: estimate(torch.ones(3, 2), rank=1), "rank belongs to structure 'low-rank'"),
    (lambda: estimate(torch.ones(3, 2), "low-rank", rank=0), "rank is 0, but must be a whole number of at least 1"),
    (lambda: estimate(torch.ones(3, 2), "low-rank", rank=3), "rank is 3, .*at most 2"),
    (lambda: estimate([[1.0, 2.0]] * 3, "low-rank", rank=2.5), "rank is 2.5"),  # type: ignore[arg-type]
    (lambda: Accumulator(20_000), "20000 x 20000 matrix"),
    (lambda: Accumulator(2).update(torch.ones(3)), "batch has 1 axes"),
    (lambda: Accumulator(2).update(torch.ones(3, 3)), "batch has 3 columns, but this accumulator holds vectors of size 2"),
    (lambda: Accumulator(2).update(torch.full((3, 2), NAN)), "batch holds 6 NaN values"),
    (lambda: Accumulator(2).merge(Accumulator(3)), "cannot merge vectors of size 3 into vectors of size 2"),
    (lambda: Accumulator(2).covariance(), "the accumulator has seen no data"),
]


@pytest.mark.parametrize(("call", "sentence"), BAD, ids=[sentence for _, sentence in BAD])
def test_bad_input_is_one_sentence(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_bad_values_are_counted_and_placed_in_the_whole_array() -> None:
    x = torch.zeros(20_000, 2)
    x[15_000, 1] = x[19_000, 0] = math.inf
    with pytest.raises(InputError, match=r"x holds 2 infinite values, first at index \(15000, 1\)"):
        estimate(x)
