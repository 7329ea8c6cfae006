"""The tour's numbers against closed forms, SciPy and the meaning of each figure."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.data.laws import cosine_components, cosines_covariance
from ornstein.schedules import Discrete
from ornstein.tour import compute
from ornstein.tour.compute import COPIES
from ornstein.tour.curve import harmonics, prepare

torch.set_num_threads(1)


def walk(length: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(length, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).cumsum(0)


@pytest.fixture(scope="module")
def default(default_tour):
    return default_tour


def test_the_default_curve_is_its_five_cosines_standardised(default):
    raw = cosine_components(1, 100, 5, seed=0)[0].sum(0).numpy()
    curve = default.arrays["curve"].numpy()
    np.testing.assert_allclose(curve, (raw - raw.mean()) / raw.std(), atol=1e-12)
    np.testing.assert_allclose(default.arrays["components"].sum(0), curve, atol=1e-12)
    assert default.numbers["raw_mean"] == pytest.approx(raw.mean())
    assert default.numbers["raw_deviation"] == pytest.approx(raw.std())


def test_a_curve_of_any_scale_becomes_the_same_standardised_one():
    x = walk(64)
    for scale, offset in ((1e-6, 0.0), (1e6, 3e6), (-1e300, 0.0)):
        moved = prepare(x * scale + offset)
        torch.testing.assert_close(moved.values, math.copysign(1, scale) * prepare(x).values, atol=1e-8, rtol=1e-8)
        assert moved.deviation == pytest.approx(abs(scale) * float(x.std(correction=0)), rel=1e-9)


def test_long_curves_are_averaged_over_blocks():
    x = walk(2000)
    blocks = x.reshape(200, 10).mean(1)
    made = prepare(x)
    torch.testing.assert_close(made.values, (blocks - blocks.mean()) / blocks.std(correction=0), atol=1e-10, rtol=0)
    assert made.length == 2000


@pytest.mark.parametrize("d", [8, 9, 64])
def test_harmonics_are_the_strongest_and_all_of_them_are_the_curve(d):
    values = prepare(walk(d)).values
    torch.testing.assert_close(harmonics(values, d).sum(0), values, atol=1e-12, rtol=0)
    power = [float(p.square().mean()) for p in harmonics(values, d)]
    kept = [float(p.square().mean()) for p in harmonics(values, 3)]
    np.testing.assert_allclose(sorted(kept), sorted(power)[-3:], rtol=1e-10)
    made = prepare(values)
    assert made.share == pytest.approx(sum(sorted(power)[-5:]), rel=1e-10)


def test_distances_follow_the_chi_law(default):
    """Each mean distance is within 4.5 standard errors of the chi mean: false alarms below 1e-5."""
    n, d = default.numbers, 100
    assert n["chi_mean"] == pytest.approx(stats.chi(d).mean(), rel=1e-12)
    assert n["sqrt_d"] == 10
    assert n["copy_mean"] == pytest.approx(stats.chi(d).mean(), abs=4.5 * stats.chi(d).std() / math.sqrt(COPIES))
    noise = Noise(0).normal(COPIES, (d,)).numpy()
    curve = default.arrays["curve"].numpy()
    far = np.linalg.norm(noise - curve, axis=1)
    np.testing.assert_allclose(default.arrays["norms"], np.linalg.norm(noise, axis=1), rtol=1e-12)
    np.testing.assert_allclose([n["white_mean"], n["nearest_white"]], [far.mean(), far.min()], rtol=1e-12)
    assert [n["copy_nearest"], n["copy_farthest"]] == [float(default.arrays["norms"].min()), float(default.arrays["norms"].max())]


def test_averaging_leaves_the_variance_of_the_mean(default):
    noise = Noise(0).normal(COPIES, (100,)).numpy()
    for n in (1, 7, 50):
        assert float(default.arrays["averaging"][n - 1]) == pytest.approx(np.mean(noise[:n].mean(0) ** 2), rel=1e-12)
    # 100 n times this is chi-squared with 100 degrees of freedom: 4.5 deviations, false alarms below 1e-5
    assert float(default.arrays["averaging"][-1]) * COPIES == pytest.approx(1, abs=4.5 * math.sqrt(2 / 100))


def test_log_densities_agree_with_scipy(default):
    curve, n = default.arrays["curve"].numpy(), default.numbers
    kernel = np.exp(-((curve[:, None] - curve) ** 2)) + n["floor"] * np.eye(100)
    ensemble = cosines_covariance(100).numpy() + n["floor"] * np.eye(100)
    z = Noise(0).normal(1, (100,)).numpy()[0]
    zero = np.zeros(100)
    want = {
        "log_white": stats.multivariate_normal(zero, np.eye(100)).logpdf(curve),
        "log_kernel": stats.multivariate_normal(zero, kernel).logpdf(curve),
        "log_ensemble": stats.multivariate_normal(zero, ensemble).logpdf(curve),
        "noise_log_white": stats.multivariate_normal(zero, np.eye(100)).logpdf(z),
        "noise_log_kernel": stats.multivariate_normal(zero, kernel).logpdf(z),
    }
    for name, value in want.items():
        assert n[name] == pytest.approx(value, rel=1e-9), name


def test_spectra_and_effective_ranks(default):
    a, n = default.arrays, default.numbers
    curve = a["curve"].numpy()
    for name, matrix in (
        ("signal", np.exp(-((curve[:, None] - curve) ** 2))),
        ("ensemble", cosines_covariance(100).numpy()),
        ("source", a["noise"].numpy().T @ a["noise"].numpy() / COPIES),
    ):
        values = np.linalg.svd(matrix, compute_uv=False)
        np.testing.assert_allclose(a[f"lambda_{name}"], values, atol=1e-10 * values[0])
        assert float(a[f"lambda_{name}"].sum()) == pytest.approx(np.trace(matrix), rel=1e-10)
        p = values[values > 1e-12 * values[0]] / values.sum()
        assert n[f"rank_{name}"] == pytest.approx(math.exp(-(p * np.log(p)).sum()), rel=1e-6)
    assert n["source_rank"] == COPIES
    assert n["missing_flat"] == 50


def test_chain_and_factors_are_those_of_the_tutorial(default):
    a = default.arrays
    beta = 0.1 / (1 + np.exp(-np.linspace(-6, 6, 100)))
    abar = np.concatenate([[1.0], np.cumprod(1 - beta)])
    np.testing.assert_allclose(a["beta"][1:], beta, rtol=1e-9)
    np.testing.assert_allclose(a["abar"], abar, rtol=1e-12)
    np.testing.assert_allclose(a["alpha"], np.sqrt(abar), rtol=1e-12)
    np.testing.assert_allclose(a["sigma"], np.sqrt(1 - abar), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(a["abar"], [1.0, *Discrete.sigmoid().abar], rtol=1e-15)
    # slip 8: with the minus sign, and only then, the weights of the reverse mean are these
    t = np.arange(2, 101)
    alpha_t, before = 1 - beta[t - 1], abar[t - 1]
    precision = (beta[t - 1] + alpha_t - abar[t]) / (beta[t - 1] * (1 - before))
    np.testing.assert_allclose(a["clean"][2:], np.sqrt(before) / (1 - before) / precision, rtol=1e-8)
    np.testing.assert_allclose(a["noisy"][2:], np.sqrt(alpha_t) / beta[t - 1] / precision, rtol=1e-8)
    np.testing.assert_allclose(a["deviation"][2:], precision**-0.5, rtol=1e-8)
    # the recorded chain: undo each step, and what is left is white (300-sigma would be a planted b = beta; 4.5 is a false alarm of 1e-5)
    z = (a["chain"][1:].numpy() - np.sqrt(1 - beta)[:, None] * a["chain"][:-1].numpy()) / np.sqrt(beta)[:, None]
    assert abs((z**2).mean() - 1) < 4.5 * math.sqrt(2 / z.size)


def test_one_curve_reversal_ends_at_the_curve_and_gaussian_ones_elsewhere(default):
    a, n = default.arrays, default.numbers
    assert float((a["reverse_one"][0] - a["curve"]).abs().max()) < 1e-6
    assert n["reverse_one_rms"] < 1e-6 < 0.2 < n["reverse_kernel_rms"]
    assert n["reverse_ensemble_rms"] > 0.2
    for name in ("kernel", "ensemble"):  # the ends lie in the support of their laws: almost all of them in its first modes
        values = a[f"reverse_{name}"][0].numpy()
        matrix = np.exp(-((a["curve"].numpy()[:, None] - a["curve"].numpy()) ** 2)) if name == "kernel" else cosines_covariance(100).numpy()
        basis = np.linalg.eigh(matrix)[1][:, -30:]
        assert np.linalg.norm(values - basis @ (basis.T @ values)) < 0.05 * np.linalg.norm(values)


def test_eigenvalues_in_motion(default):
    a = default.arrays
    for t in (0, 40, 100):
        values = a["abar"][t] * a["lambda_signal"] + 1 - a["abar"][t]
        p = (values / values.sum()).numpy()
        assert float(a["ranks"][t]) == pytest.approx(math.exp(-(p[p > 0] * np.log(p[p > 0])).sum()), rel=1e-9)


@pytest.mark.parametrize("d", [8, 11, 200, 2000])
def test_every_number_is_finite_for_any_length(d):
    made = compute(walk(d), seed=3, training=20)
    assert all(math.isfinite(v) for v in made.numbers.values())
    assert all(bool(torch.isfinite(v).all()) for v in made.arrays.values())


def test_a_square_wave_has_a_kernel_of_rank_two():
    made = compute([1.0, -1.0] * 20, training=20)
    assert int((made.arrays["lambda_signal"] > 0).sum()) == 2
    assert all(math.isfinite(v) for v in made.numbers.values())


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        (torch.ones(50), "constant at 1"),
        (torch.full((50,), 1e9) + 1e-6 * torch.rand(50, dtype=torch.float64), "constant"),
        (torch.tensor([1.0, -1.0]).repeat(1000), "constant at 0"),
        (torch.tensor([0.0, math.nan] * 10), "10 NaN values, first at index"),
        (torch.rand(2, 20), "2 axes"),
        (torch.rand(7), "7 points, but a tour needs 8 to 2000: pass a longer"),
        (torch.rand(2001), "2001 points, but a tour needs 8 to 2000: cut out"),
        (["a"] * 10, "must hold numbers"),
        ([], "0 points"),
    ],
)
def test_bad_curves_are_refused_in_one_sentence(curve, words):
    with pytest.raises(InputError, match=words):
        compute(curve)


@pytest.mark.parametrize("seed", [-1, 1.5, True, "one"])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(InputError, match="seed is"):
        compute(None, seed)
