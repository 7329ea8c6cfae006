"""Covariances in time and of images: direct formulas, positivity for any data, consistency, and what order is worth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import scipy.signal
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense, Kronecker, Stationary, estimate
from ornstein.covariance import stationary_fits as fits
from structures import circle

LAG = (torch.arange(128, dtype=torch.float64).unsqueeze(1) - torch.arange(128)).abs()


def close(a: Tensor, b: Tensor | np.ndarray, tolerance: float = 1e-10) -> None:
    b = torch.as_tensor(b, dtype=torch.float64)
    assert a.shape == b.shape
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance * float(b.abs().max().clamp_min(1e-300)))


def error(found: Tensor, law: Tensor) -> float:
    return float((found - law).norm() / law.norm())


def test_autocovariance_is_its_double_sum() -> None:
    x = Noise(0).normal(3, (7,)).numpy()
    direct = [sum(x[i, t] * x[i, t + k] for i in range(3) for t in range(7 - k)) / 21 for k in range(7)]
    close(fits.autocovariance(torch.from_numpy(x), 7), np.array(direct))


def toeplitz_twin(x: np.ndarray) -> np.ndarray:
    """The best of eleven bends by five-fold held-out likelihood, from numpy.correlate and SciPy's densities."""
    n, d = x.shape

    def bent(rows: np.ndarray, bend: float) -> np.ndarray:
        sums = sum(np.correlate(row, row, "full")[d - 1 :] for row in rows)
        return scipy.linalg.toeplitz((1 - bend * np.arange(d) / d) * sums / (len(rows) * (d - np.arange(d))))

    def level(bend: float) -> float:
        total = 0.0
        for k in range(5):
            matrix = bent(x[np.arange(n) % 5 != k], bend)
            if np.linalg.eigvalsh(matrix).min() <= 0:
                return -math.inf
            total += scipy.stats.multivariate_normal(np.zeros(d), matrix).logpdf(x[np.arange(n) % 5 == k]).sum()
        return total

    return bent(x, max(np.linspace(1, 0, 11), key=level))


@pytest.mark.parametrize("cases", [20, 300])
def test_toeplitz_against_numpy(cases: int) -> None:
    law = Dense(0.8 ** LAG[:10, :10])
    x = law.draw(Noise(1), cases)
    x = x - x.mean(0)
    close(fits.toeplitz(x).dense(), toeplitz_twin(x.numpy()))


@given(seed=st.integers(0, 2**31), n=st.integers(1, 6), d=st.integers(1, 9), scale=st.integers(-6, 6))
def test_toeplitz_is_positive_for_any_data(seed: int, n: int, d: int, scale: int) -> None:
    x = 100.0**scale * Noise(seed).normal(n, (d,)) ** 3
    matrix = fits.toeplitz(x).dense()
    close(matrix, scipy.linalg.toeplitz(matrix[0].numpy()), 1e-12)
    assert float(torch.linalg.eigvalsh(matrix).min()) >= -1e-12 * float(matrix[0, 0])


def test_toeplitz_of_data_that_leave_directions_empty() -> None:
    for x in (torch.ones(6, 8), torch.eye(8)[:3], torch.cos(0.7 * torch.arange(16)).expand(5, 16), torch.zeros(4, 5)):
        matrix = fits.toeplitz(x.to(torch.float64)).dense()
        assert float(torch.linalg.eigvalsh(matrix).min()) >= -1e-10


def test_toeplitz_beats_shrinkage_on_stationary_data() -> None:
    """d = 128, OU with correlation time 10 samples: relative Frobenius error, mean of 5 data sets, far apart."""
    law = torch.exp(-LAG / 10)
    for n, most in ((40, 0.25), (200, 0.11)):
        x = [Dense(law).draw(Noise(seed), n) for seed in range(5)]
        toeplitz = np.mean([error(estimate(v, "toeplitz").covariance.dense(), law) for v in x])
        for shrinkage in ("oas", "nonlinear"):
            assert toeplitz < 0.5 * np.mean([error(estimate(v, shrinkage=shrinkage).covariance.dense(), law) for v in x])
        assert toeplitz < most


@pytest.mark.parametrize(
    ("structure", "law"),
    [
        ("toeplitz", Dense(0.85 ** LAG[:16, :16])),
        ("stationary", Stationary.from_spectrum(circle([1.0, 4.0, 2.0, 0.5, 0.1], 8))),
        ("multitaper", Stationary.from_spectrum(torch.ones(16))),  # tapers smooth the spectrum: only a flat one is kept
        ("welch", Stationary.from_spectrum(torch.ones(16))),
        ("low-rank", Dense(torch.diag(torch.tensor([9.0, 4.0, 1.0, 1.0, 1.0, 1.0])))),
        ("squared-exponential", Dense(torch.exp(-0.5 * (LAG[:16, :16] / 3) ** 2) + 0.1 * torch.eye(16, dtype=torch.float64))),
    ],
)
def test_error_falls_with_the_square_root_of_the_cases(structure: str, law: Dense) -> None:
    """Slope of log error against log n within 0.15 of -1/2 (20 data sets a size, about 4 standard errors)."""
    sizes, errors = [50, 150, 500, 1500], []
    for n in sizes:
        found = [estimate(law.draw(Noise(seed), n), structure, shrinkage="none").covariance.dense() for seed in range(20)]
        errors.append(np.mean([error(f, law.dense()) ** 2 for f in found]) ** 0.5)
    assert abs(scipy.stats.linregress(np.log(sizes), np.log(errors)).slope + 0.5) < 0.15


def test_circulant_spectra_against_scipy() -> None:
    """Two-sided periodograms of one row at a time, by SciPy's own windows."""
    x = Noise(2).normal(5, (12,))
    power = np.mean([scipy.signal.periodogram(row.numpy(), detrend=False, return_onesided=False)[1] for row in x], 0)
    close(fits.circulant(x).eigenvalues, power)
    hann = scipy.signal.get_window("hann", 13, fftbins=True)[1:]
    windowed = [scipy.signal.periodogram(row.numpy(), window=hann, detrend=False, return_onesided=False)[1] for row in x]
    close(fits.circulant(x, fits.hann_taper(12)).eigenvalues, np.mean(windowed, 0))
    tapers = fits.sine_tapers(12)
    several = [np.abs(np.fft.fft(row * taper)) ** 2 for row in x.numpy() for taper in tapers.numpy()]
    close(fits.circulant(x, tapers).eigenvalues, np.mean(several, 0))


@pytest.mark.parametrize("length", [1, 2, 5, 64])
def test_tapers_are_orthonormal(length: int) -> None:
    tapers = fits.sine_tapers(length)
    close(tapers @ tapers.T, np.eye(min(length, 5)))
    close(fits.hann_taper(length).square().sum(1), np.ones(1))
    basis = fits.cosine_basis(length)
    close(basis, scipy.fft.dct(np.eye(length), axis=1, norm="ortho"))


def test_multitaper_varies_less_than_the_periodogram() -> None:
    """White noise: five tapers bring the variance of an ordinate to a fifth (0.2 within 5 standard errors, 0.06)."""
    x = Noise(7).normal(4, (1024,))
    ratio = float(fits.circulant(x, fits.sine_tapers(1024)).eigenvalues.var() / fits.circulant(x).eigenvalues.var())
    assert abs(ratio - 0.2) < 0.06


def test_image_is_the_diagonal_in_the_cosine_basis() -> None:
    x = Noise(3).normal(40, (1, 4, 5))
    found = estimate(x, "image").covariance
    centred = (x - x.mean(0)).view(40, 4, 5).numpy()
    power = np.mean(scipy.fft.dctn(centred, axes=(1, 2), norm="ortho") ** 2, 0)
    basis = np.kron(scipy.fft.dct(np.eye(4), axis=0, norm="ortho"), scipy.fft.dct(np.eye(5), axis=0, norm="ortho"))
    close(found.dense(), basis.T @ np.diag(power.flatten()) @ basis)
    colour = estimate(Noise(3).normal(40, (3, 4, 5)), "image").covariance
    assert isinstance(colour, Kronecker)
    assert (colour.left.size, colour.right.size) == (3, 20)


@pytest.mark.parametrize("pair", ["dense*toeplitz", "dense*stationary", "diagonal*dense", "dense*low-rank", "low-rank*toeplitz"])
def test_kronecker_with_any_factors_recovers_them(pair: str) -> None:
    """4000 cases of a law with these factors: the whole within 4 %, and the left factor up to its scale."""
    left, right = pair.split("*")
    lag = LAG[:8, :8]
    time = {
        "toeplitz": torch.exp(-lag / 3),
        "stationary": torch.exp(-torch.minimum(lag, 8 - lag)),
        "dense": torch.exp(-lag / 3) * torch.outer(*2 * [torch.linspace(1, 2, 8, dtype=torch.float64)]),
        "low-rank": 0.3 * torch.eye(8, dtype=torch.float64) + torch.outer(*2 * [torch.ones(8, dtype=torch.float64)]),
    }[right]
    channels = torch.diag(torch.tensor([3.0, 1.0, 0.5], dtype=torch.float64))
    if left != "diagonal":
        channels = channels + 0.4
    if left == "low-rank":
        channels = torch.eye(3, dtype=torch.float64) * 0.5 + 1
    law = Kronecker(Dense(channels), Dense(time))
    found = estimate(law.draw(Noise(1), 4000).view(4000, 3, 8), pair, shrinkage="none", rank=1 if "low-rank" in pair else None)
    assert isinstance(found.covariance, Kronecker)
    assert error(found.covariance.dense(), law.dense()) < 0.04
    assert error(found.covariance.left.dense(), channels * 3 / channels.trace()) < 0.03
    assert error(found.covariance.right.dense(), time * channels.trace() / 3) < 0.04


def test_one_name_for_several_channels_is_dense_times_time() -> None:
    x = Noise(0).normal(30, (2, 8))
    for name in ("stationary", "multitaper", "welch", "toeplitz", "matern-5/2"):
        close(estimate(x, name).covariance.dense(), estimate(x, f"dense*{name}").covariance.dense())
    close(estimate(x, "kronecker").covariance.dense(), estimate(x, "dense*dense").covariance.dense())


BAD = [
    (lambda: estimate(torch.ones(4, 2), "stationary"), "needs an order in time, but the signals have 2 samples: use 'dense'"),
    (lambda: estimate(torch.ones(4, 2, 3), "toeplitz"), "needs an order in time, but the signals have 3 samples"),
    (lambda: estimate(torch.ones(4, 8), "image"), "'image' needs height and width"),
    (lambda: estimate(torch.ones(4, 3, 8, 8), "toeplitz"), "is for time, but the signals are images"),
    (lambda: estimate(torch.ones(4, 2, 8), "dense*toeplits"), "structure is 'toeplits', .*did you mean 'toeplitz'"),
    (lambda: estimate(torch.ones(4, 2, 8), "dens*toeplitz"), "structure is 'dens', .*did you mean 'dense'"),
    (lambda: estimate(torch.ones(4, 2, 8), "dense*dense*dense"), "name one factor for channels and one for time"),
    (lambda: estimate(torch.ones(4, 8), "dense*toeplitz"), "name one factor for channels and one for time"),
    (lambda: estimate(torch.ones(4, 2, 8), "dense*autoregressive"), "name one factor for channels and one for time"),
    (lambda: estimate(torch.ones(4, 2, 8), "autoregressive*dense"), "name one factor for channels and one for time"),
    (lambda: estimate(torch.ones(4, 2, 8), "kronecker*dense"), "name one factor for channels and one for time"),
    (lambda: estimate(torch.ones(4, 2, 8), "image*dense"), "name one factor for channels and one for time"),
    (lambda: estimate(torch.ones(4, 2, 8), "dense*image"), "'dense\\*image' needs channels, height and width"),
    (lambda: estimate(torch.full((4, 8), math.nan), "toeplitz"), "4 cases without any observed value"),
    (lambda: estimate(torch.ones(4, 10_000), "toeplitz"), "10000 x 10000 matrix"),
]


@pytest.mark.parametrize(("call", "sentence"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_input_is_one_sentence(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)
