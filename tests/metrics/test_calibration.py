"""Bands and scores against Gaussian closed forms; honest draws pass at a stated rate, planted dishonest ones are caught."""

import math

import pytest
import torch
from scipy.stats import norm

from kinds import normal
from ornstein.common.errors import InputError
from ornstein.metrics import band, coverage, crps, interval_score, mean_with_error, pit, rank_histogram

CASES, ENTRIES, DRAWS = 400, 6, 99
SHARED = 0.6
"""Correlation of the entries of one case: what makes cases, not entries, the unit of the errors."""


def correlated(count: int, seed: int) -> torch.Tensor:
    common, own = normal(count, CASES, 1, seed=seed), normal(count, CASES, ENTRIES, seed=seed + 1)
    return math.sqrt(SHARED) * common + math.sqrt(1 - SHARED) * own


@pytest.mark.parametrize("y", [-2.0, 0.0, 0.3, 1.5])
def test_crps_of_a_gaussian(y):
    """Gneiting and Raftery (2007), eq. 22: CRPS(N(0, 1), y) = y (2 Phi(y) - 1) + 2 phi(y) - 1 / sqrt(pi). Draws by quantiles."""
    m = 20001
    draws = torch.from_numpy(norm.ppf((torch.arange(m, dtype=torch.float64) + 0.5).numpy() / m))
    exact = y * (2 * norm.cdf(y) - 1) + 2 * norm.pdf(y) - 1 / math.sqrt(math.pi)
    assert float(crps(draws, torch.tensor(y))) == pytest.approx(exact, abs=2e-4)


def test_crps_is_the_sum_over_pairs_and_fair():
    x, y = normal(7, 3, seed=1), normal(3, seed=2)
    pairs = (x[:, None] - x[None]).abs().sum((0, 1)) / (2 * 7 * 6)
    assert torch.allclose(crps(x, y), (x - y).abs().mean(0) - pairs, atol=1e-14)
    assert torch.equal(crps(x[:1], y), (x[0] - y).abs())


def test_crps_is_proper():
    """Draws of the true law score better than shifted or rescaled ones, by more than 5 standard errors."""
    y = correlated(1, 10)[0]
    honest = crps(correlated(DRAWS, 20), y).mean(1)
    for wrong in (correlated(DRAWS, 20) + 0.7, correlated(DRAWS, 20) * 0.3, correlated(DRAWS, 20) * 3):
        gap = mean_with_error(crps(wrong, y).mean(1) - honest)
        assert gap.value > 5 * gap.error


def test_a_band_holds_one_more_draw_as_often_as_it_says():
    """100 000 bands of 39 draws: the share within 0.4 percentage points of the level (5 standard errors and more)."""
    x = normal(40, 100_000, seed=3)
    for level in (0.5, 0.8, 0.9, 0.95):
        low, high = band(x[1:], level)
        assert abs(float(((x[0] >= low) & (x[0] <= high)).double().mean()) - level) < 0.004


def test_coverage_of_honest_draws():
    """|z| > 4 at any of 4 levels: at most 4 x 6e-5, so a false alarm has probability below 0.03 %."""
    found = coverage(correlated(DRAWS, 30), correlated(1, 40)[0])
    assert [c.level for c in found] == [0.5, 0.8, 0.9, 0.95]
    assert all(abs(c.z) < 4 for c in found)


@pytest.mark.parametrize(("factor", "sign"), [(0.6, -1), (1.7, 1)])
def test_narrow_and_wide_draws_are_caught(factor, sign):
    found = coverage(factor * correlated(DRAWS, 30), correlated(1, 40)[0])
    assert all(sign * c.z > 4 for c in found)


def test_the_error_counts_cases_and_not_entries():
    """Entries that are copies of each other add no information: the error stays that of one entry per case."""
    draws, y = normal(DRAWS, CASES, 1, seed=5), normal(CASES, 1, seed=6)
    one, many = coverage(draws, y)[1], coverage(draws.expand(-1, -1, 10), y.expand(-1, 10))[1]
    assert many.error == pytest.approx(one.error, rel=1e-9)


def test_a_few_cases_that_agree_are_not_certain():
    found = coverage(normal(DRAWS, 8, 2, seed=7), torch.zeros(8, 2))[3]
    assert found.value == 1
    assert found.error == pytest.approx(math.sqrt(0.95 * 0.05 / 16))


def test_interval_score_of_a_gaussian_is_least_at_the_true_quantiles():
    y = torch.from_numpy(norm.ppf((torch.arange(20001, dtype=torch.float64) + 0.5).numpy() / 20001))
    q = norm.ppf(0.9)
    score = {w: float(interval_score(torch.full_like(y, -w), torch.full_like(y, w), y, 0.8).mean()) for w in (0.8 * q, q, 1.25 * q)}
    assert score[q] == min(score.values())
    exact = 2 * q + 2 / 0.2 * 2 * (norm.pdf(q) - q * 0.1)
    assert score[q] == pytest.approx(exact, abs=1e-3)


def test_pit_is_uniform_with_ties_too():
    """Kolmogorov's distance of 20 000 values below 0.0138 = 1.95 / sqrt(n): a false alarm once in 1000 runs."""
    x = normal(20, 20_000, seed=8).round()
    u = pit(x[1:], x[0]).sort().values
    grid = torch.arange(1, 20_001, dtype=torch.float64) / 20_000
    assert float((u - grid).abs().max()) < 0.0138
    assert torch.equal(pit(x[1:], x[0], seed=1), pit(x[1:], x[0], seed=1))


def test_the_histogram_is_a_density_and_shows_narrow_draws():
    y, draws = correlated(1, 40)[0], correlated(DRAWS, 30)
    flat, narrow = (rank_histogram(pit(d, y), 10) for d in (draws, 0.5 * draws))
    assert float(flat.mean()) == pytest.approx(1)
    assert narrow[[0, -1]].min() > 1.5 > 0.7 > narrow[4:6].max()


def test_shapes_that_do_not_match_are_refused():
    with pytest.raises(InputError, match=r"draws has shape \(3, 4\) and truth \(5,\)"):
        crps(torch.zeros(3, 4), torch.zeros(5))
    with pytest.raises(InputError, match=r"level is 1, but must lie between 0 and 1"):
        band(torch.zeros(3, 4), 1.0)
