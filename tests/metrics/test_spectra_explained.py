"""What a Gaussian explains: shares with closed forms, and the error it adds to the best denoiser."""

import math

import pytest
import torch

import truth
from ornstein import plots
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense, Diagonal, LowRank
from ornstein.denoisers import Gaussian, Mixture
from ornstein.metrics import contrast, explained, explained_of, half_level, noise_levels

torch.set_num_threads(1)

SPECTRUM = torch.tensor([4.0, 1.0, 0.25, 0.01, 0.0], dtype=torch.float64)


def law():
    zero = torch.zeros(4, dtype=torch.float64)
    means = torch.tensor([3.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    narrow = Diagonal(torch.full((4,), 0.2, dtype=torch.float64))
    wide = Dense(truth.spectrum_covariance([1.0, 0.5, 0.2, 0.1], 2))
    return Mixture(torch.tensor([0.3, 0.3, 0.4]), [Gaussian(means, narrow), Gaussian(-means, narrow), Gaussian(zero, wide)])


def test_the_share_kept_is_the_variance_of_the_gaussian_denoisers_output():
    """tr Cov[E[x_0 | x]] through the denoiser's own matrix, for a dense covariance."""
    sigma = torch.tensor([0.1, 1.0, 3.0], dtype=torch.float64)
    covariance = truth.spectrum_covariance(SPECTRUM, 3)
    eye = torch.eye(5, dtype=torch.float64)
    outputs = []
    for s in sigma:
        gain = torch.linalg.solve(covariance + s**2 * eye, covariance).T
        outputs.append((gain @ (covariance + s**2 * eye) @ gain.T).trace() / covariance.trace())
    torch.testing.assert_close(explained(Dense(covariance), sigma), torch.stack(outputs))


def test_everything_is_kept_without_noise_and_nothing_under_endless_noise():
    torch.testing.assert_close(explained(Diagonal(SPECTRUM), [0.0, 1e-160, 1e150]), torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64))
    assert float(explained(Diagonal(torch.zeros(3, dtype=torch.float64)), 1.0)) == 0.0


def test_half_is_kept_where_noise_equals_a_white_signal():
    white = Diagonal(torch.full((7,), 2.25, dtype=torch.float64))
    assert half_level(white) == pytest.approx(1.5)
    for operator in (Diagonal(SPECTRUM), LowRank(truth.orthogonal(6, 1)[:, :2], SPECTRUM[:2], 0.3)):
        assert float(explained(operator, half_level(operator))) == pytest.approx(0.5)


def test_noise_levels_reach_from_all_to_nothing():
    share = explained(Diagonal(SPECTRUM), noise_levels(Diagonal(SPECTRUM)))
    assert float(share[0]) > 0.99
    assert float(share[-1]) < 0.02
    assert bool((share.diff() < 0).all())


def test_a_gaussian_explains_all_of_itself():
    own = Gaussian(torch.ones(5, dtype=torch.float64), Diagonal(SPECTRUM))
    found = explained_of(own, own.sample(20, seed=1), [0.1, 1.0, 10.0])
    torch.testing.assert_close(found.denoiser, torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(found.score, torch.ones(3, dtype=torch.float64))


def test_what_is_missing_is_the_error_that_the_gaussian_adds():
    """mmse_G = mmse + E|D - D_G|^2 for the true denoiser D: read off two errors measured on the same 20000 noisy signals.

    The cross term E (x_0 - D)(D - D_G) is 0 in the mean; 6 of its standard errors, false alarm 1e-8.
    """
    truth_law, sigma = law(), 0.8
    x = truth_law.sample(20_000, seed=3)
    found = explained_of(truth_law, x, sigma, seed=5)
    noisy = x + sigma * Noise(5).normal(len(x), (4,))
    best = truth_law(noisy, sigma).mean
    own = Gaussian(truth_law.mean(), Dense(truth_law.covariance().dense()))(noisy, sigma).mean
    apart = (x - own).square().sum(-1) - (x - best).square().sum(-1)
    missed = (1 - float(found.denoiser)) * float((best - truth_law.mean()).square().sum(-1).mean())
    cross = 2 * ((x - best) * (best - own)).sum(-1)
    assert abs(float(apart.mean()) - missed) < 6 * float(cross.std()) / math.sqrt(len(x))
    assert missed > 0.05


def test_at_large_noise_the_gaussian_is_all_there_is():
    truth_law = law()
    found = explained_of(truth_law, truth_law.sample(500, seed=1), [0.1, 1.0, 300.0])
    assert float(found.denoiser[1]) < 0.975  # a few percent of the denoiser, where the components can just be told apart
    assert float(found.denoiser[-1]) > 0.9999
    assert float(found.score[0]) < 0.7  # at little noise, a third of the score
    assert float(found.score[-1]) > 0.9999999


def test_contrast_is_the_factor_of_recolouring():
    found = contrast(Diagonal(SPECTRUM), Diagonal(torch.tensor([0.0, 1.0, 4.0, 1.0, 1.0], dtype=torch.float64)))
    torch.testing.assert_close(found.noise, torch.tensor([4.0, 1.0, 1.0, 1.0, 0.0], dtype=torch.float64))
    torch.testing.assert_close(found.ratio, torch.tensor([1.0, 1.0, 0.5, 0.1, 0.0], dtype=torch.float64))


def test_figures_hold_their_numbers():
    lam, noise = SPECTRUM, torch.ones(5, dtype=torch.float64)
    levels = noise_levels(Diagonal(lam), 5)
    share = explained(Diagonal(lam), levels)
    drawn = plots.eigenvalues(lam, noise, lam.sqrt(), edge=1.5, count=1, unit="mV²")
    left, right = drawn.axes
    assert left.lines[1].get_ydata().tolist() == lam[:4].tolist()
    assert left.lines[2].get_ydata()[0] == 1.5
    assert left.get_ylabel() == "variance [mV²]"
    assert right.lines[0].get_ydata().tolist() == lam[:4].sqrt().tolist()
    kept = plots.explained(levels, share, denoiser=share, score=share, half=1.0)
    assert [line.get_label() for line in kept.axes[0].lines] == ["variance kept", "of the denoiser", "of the score", "half at 1"]
    assert kept.axes[0].lines[0].get_ydata().tolist() == (100 * share).tolist()
    sheet = plots.spectra(lam, noise, lam.sqrt(), share, levels, share, effective_rank=2.0)
    assert len(sheet.axes) == 4
    assert plots.to_svg(sheet, "a") == plots.to_svg(plots.spectra(lam, noise, lam.sqrt(), share, levels, share, effective_rank=2.0), "a")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: explained(Diagonal(SPECTRUM), -1.0), "at least 0"),
        (lambda: explained(Diagonal(SPECTRUM), [math.nan]), "NaN"),
        (lambda: noise_levels(Diagonal(SPECTRUM), 1), "at least 2"),
        (lambda: noise_levels(Diagonal(torch.zeros(3))), "no variance"),
        (lambda: contrast(Diagonal(SPECTRUM), Diagonal(SPECTRUM[:3])), "one size"),
        (lambda: explained_of(law(), torch.zeros(3, 5), 1.0), r"signals of shape \(4,\)"),
        (lambda: explained_of(law(), torch.zeros(3, 4), 0.0), "level of 0"),
        (lambda: explained_of(law(), torch.zeros(0, 4), 1.0), r"\(case, \*event\)"),
    ],
)
def test_bad_input_is_one_sentence(call, says):
    with pytest.raises(InputError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)
