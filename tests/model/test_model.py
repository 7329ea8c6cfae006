"""The model in the user's units: densities, scaling, names, posteriors, imputation, p-values."""

import functools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, multivariate_normal

import ornstein as orn
from kinds import normal
from ornstein.common.random import Noise
from ornstein.data.laws import ornstein_uhlenbeck
from ornstein.fitting.held_out import blocks
from ornstein.model import Model
from truth import condition, spectrum_covariance

KINDS = ("gaussian", "mixture", "empirical")


def signals(n=60, channels=2, length=6, seed=0):
    x = torch.stack([ornstein_uhlenbeck(n, length, 3.0, seed=seed + c).values[:, 0] for c in range(channels)], 1)
    scale = torch.tensor([1.0, 250.0])[:channels].view(-1, 1)
    return orn.Signals(5.0 + scale * x, rate=250.0, channels=("Fz", "Cz")[:channels], units=("mV", "µV")[:channels])


@pytest.mark.parametrize("kind", KINDS)
def test_log_prob_includes_the_jacobian_of_the_scaling(kind):
    """log p(a x + b) = log p(x) - d log a: two fits on data in different units agree up to the change of units."""
    x = signals().values
    a, b = (torch.tensor(v, dtype=torch.float64).view(-1, 1) for v in ([1e3, 1e-3], [7.0, -2.0]))
    one, two = orn.fit(x, kind, folds=0), orn.fit(a * x + b, kind, folds=0)
    shift = float(a.log().sum()) * x.shape[2]
    torch.testing.assert_close(two.log_prob(a * x + b), one.log_prob(x) - shift, rtol=0, atol=1e-7)


def test_gaussian_log_prob_is_that_of_scipy_in_user_units():
    x = signals().values
    model = orn.fit(x, shrinkage="none", folds=0)
    flat = x.flatten(1).numpy()
    want = multivariate_normal(flat.mean(0), np.cov(flat.T, bias=True)).logpdf(flat)
    np.testing.assert_allclose(model.log_prob(x).numpy(), want, atol=1e-8)
    np.testing.assert_allclose(model.covariance().dense().numpy(), np.cov(flat.T, bias=True), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model.mean().flatten().numpy(), flat.mean(0), rtol=1e-12)
    bits = model.bits_per_dim(x)
    np.testing.assert_allclose(bits.numpy(), -want / (12 * math.log(2)), atol=1e-9)


@functools.cache
def drawn(kind):
    return orn.fit(signals(channels=1).values, kind, folds=0).sample(3)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-6, 1e6), shift=st.floats(-1e3, 1e3), kind=st.sampled_from(KINDS))
def test_samples_follow_the_units(scale, shift, kind):
    """Equivariance: fitting a x + b gives samples a s + b, for any scale and shift."""
    base = drawn(kind)
    moved = orn.fit(scale * (signals(channels=1).values + shift), kind, folds=0).sample(3)
    torch.testing.assert_close(moved / scale - shift, base, rtol=1e-5, atol=1e-5 * (1 + abs(shift)))


def test_rank_deficient_density_is_measured_on_the_support():
    """Each signal sums to 0, so the law lives in d - 1 dimensions; the density is that of an orthonormal basis there."""
    d, n = 5, 200
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    x = 3.0 * (x - x.mean(1, keepdim=True))
    model = orn.fit(x, shrinkage="none", folds=0)
    basis = torch.linalg.svd(torch.ones(1, d, dtype=torch.float64)).Vh[1:]
    w = (x @ basis.T).numpy()
    want = multivariate_normal(w.mean(0), np.cov(w.T, bias=True)).logpdf(w)
    np.testing.assert_allclose(model.log_prob(x).numpy(), want, atol=1e-7)
    assert torch.isinf(model.log_prob(x + 1.0)).all()


def test_rank_deficient_density_with_two_scales():
    """With different scales per channel the Jacobian on the support is 1/2 log det (U^T D^2 U), not rank times a mean."""
    generator = torch.Generator().manual_seed(4)
    u = torch.randn(300, 1, 3, generator=generator, dtype=torch.float64)
    x = torch.cat([u, 100.0 * u], 1)
    model = orn.fit(x, shrinkage="none", folds=0)
    direction = torch.tensor([[1.0], [100.0]], dtype=torch.float64) / math.sqrt(1 + 1e4)
    basis = torch.kron(direction, torch.eye(3, dtype=torch.float64))
    w = (x.flatten(1) @ basis).numpy()
    want = multivariate_normal(w.mean(0), np.cov(w.T, bias=True)).logpdf(w)
    np.testing.assert_allclose(model.log_prob(x).numpy(), want, atol=1e-6)


@pytest.mark.parametrize("noise", [0.0, 0.5, torch.tensor([0.1, 0.2, 3.0, 4.0]), torch.diag(torch.tensor([0.1, 0.2, 3.0, 4.0]))])
@pytest.mark.parametrize("measurement", ["mask", "linear", "average"])
def test_posterior_in_user_units_is_dense_algebra(noise, measurement):
    x = signals().values
    model = orn.fit(x, folds=0)
    mean, cov = model.mean().flatten(), model.covariance().dense()
    mask = torch.zeros(2, 6, dtype=torch.bool)
    mask[0, 1:3], mask[1, 4:] = True, True
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(4, 12, generator=generator, dtype=torch.float64)
    a = {"mask": orn.Mask(mask), "linear": orn.Linear(matrix), "average": orn.Average(3)}[measurement]
    y = a(x[:1] + 0.5)[0]
    m, c, evidence = condition(mean, cov, a.bind((2, 6)).matrix(), y.flatten(), _covariance(noise))
    post = model.posterior(a, y, noise)
    scale = cov.diagonal().sqrt()
    torch.testing.assert_close(post.mean().flatten() / scale, m / scale, rtol=0, atol=1e-8)
    torch.testing.assert_close(post.covariance().dense() / torch.outer(scale, scale), c / torch.outer(scale, scale), rtol=0, atol=1e-8)
    torch.testing.assert_close(post.log_evidence, torch.as_tensor(evidence, dtype=torch.float64), rtol=1e-8, atol=1e-7)


def _covariance(noise):
    noise = torch.as_tensor(noise, dtype=torch.float64)
    return noise if noise.ndim == 2 else torch.eye(4, dtype=torch.float64) * noise**2


@pytest.mark.parametrize("kind", KINDS)
def test_posterior_is_a_model_again(kind):
    """Conditioning in two steps equals conditioning once, and the evidences add."""
    x = signals(channels=1).values
    model = orn.fit(x, kind, folds=0)
    first, second = torch.zeros(6, dtype=torch.bool), torch.zeros(6, dtype=torch.bool)
    first[0], second[4] = True, True
    y = x[0, 0]
    once = model.posterior(orn.Mask(first | second), y[[0, 4]], 0.3)
    step = model.posterior(orn.Mask(first), y[[0]], 0.3)
    twice = step.posterior(orn.Mask(second), y[[4]], 0.3)
    torch.testing.assert_close(twice.mean(), once.mean(), rtol=0, atol=1e-9)
    torch.testing.assert_close(step.log_evidence + twice.log_evidence, once.log_evidence, rtol=0, atol=1e-9)
    assert twice.sample(3).shape == (3, 1, 6)
    assert torch.isfinite(twice.log_prob(once.sample(3))).all()


@pytest.mark.parametrize("kind", KINDS)
def test_impute_keeps_what_was_observed_bit_for_bit(kind):
    x = signals().values
    model = orn.fit(x, kind, folds=0)
    gaps = x[:7].clone()
    gaps[:3, 0, 2:4] = torch.nan
    gaps[3, :, 5] = torch.nan
    gaps[4] = torch.nan
    filled = model.impute(gaps, 11, seed=5)
    seen = ~torch.isnan(gaps)
    assert filled.shape == (11, 7, 2, 6)
    assert torch.isfinite(filled).all()
    assert torch.equal(filled[:, seen], gaps[seen].expand(11, -1))
    torch.testing.assert_close(model.impute(gaps[:2], 11, seed=5), filled[:, :2], rtol=0, atol=1e-9)
    torch.testing.assert_close(model.impute(gaps, 4, seed=5), filled[:4], rtol=0, atol=1e-9)


def test_imputation_bands_cover_what_was_hidden():
    """90 % bands over 2000 hidden entries of new signals; false-alarm rate 1e-3 with 400 independent cases behind them."""
    train, new = (ornstein_uhlenbeck(n, 12, 4.0, seed=s).values for n, s in ((2000, 1), (400, 2)))
    model = orn.fit(train, folds=0)
    gaps = new.clone()
    gaps[..., 6] = torch.nan
    draws = model.impute(gaps, 400)[:, :, 0, 6]
    ends = torch.quantile(draws, torch.tensor([0.05, 0.95], dtype=draws.dtype), dim=0)
    inside = int(((new[:, 0, 6] >= ends[0]) & (new[:, 0, 6] <= ends[1])).sum())
    assert binomtest(inside, 400, 0.9).pvalue > 1e-3
    # planted error: bands a quarter too narrow are caught
    middle = ends.mean(0)
    narrow = middle + 0.75 * (ends - middle)
    inside = int(((new[:, 0, 6] >= narrow[0]) & (new[:, 0, 6] <= narrow[1])).sum())
    assert binomtest(inside, 400, 0.9).pvalue < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_p_values_hold_their_false_alarm_rate(kind):
    """Fresh signals of the same law are called surprising at 10 % in about 10 % of cases.

    The share is binomial over 500 fresh cases, plus the uncertainty of the 10 % quantile of 300 held-out ones: standard
    deviation sqrt(.09/500 + .09/300) = .022; the bound of 4 deviations has a false-alarm rate below 1e-4. Lower is allowed
    down to 4 deviations more, since the final fit makes p-values conservative.
    """
    law = ornstein_uhlenbeck(300, 5, 3.0, seed=11).values[:, 0]
    fresh = ornstein_uhlenbeck(500, 5, 3.0, seed=12).values[:, 0]
    p = orn.fit(law, kind).surprise(fresh).p_value
    share = float((p <= 0.1).double().mean())
    assert 0.1 - 8 * 0.022 < share < 0.1 + 4 * 0.022
    odd = orn.fit(law, kind).surprise(fresh + 6.0).p_value
    assert float((odd <= 0.01).double().mean()) > 0.95


def test_surprise_finds_odd_signals_where_entries_outnumber_cases():
    """20 data sets of 29 cases of 400 independent entries, 40 new ones each, and the same 5 % too large.

    The shares of different data sets are independent; theirs had standard errors of .014, .03 and .03. Scored by the law of all
    cases, which knows more than the laws that scored the reference, the odd ones are missed.
    """
    shares = []
    for k in range(20):
        x, new = normal(29, 400, seed=2 * k), normal(40, 400, seed=2 * k + 1)
        model = orn.fit(x, structure="diagonal", folds=3)
        found = (model.surprise(new), model.surprise(1.05 * new), replace(model, judges=()).surprise(1.05 * new))
        shares.append(torch.stack([(each.p_value <= 0.1).double().mean() for each in found]))
    calm, odd, unfair = torch.stack(shares).mean(0).tolist()
    assert calm < 0.1 + 5 * 0.014
    assert odd > 3 * calm
    assert odd > unfair + 0.1


def test_the_judges_of_a_model_have_not_seen_their_own_block():
    x = signals()
    model = orn.fit(x, folds=3)
    for judge, block in zip(model.judges, blocks(len(x), 3), strict=True):
        alone = orn.fit(x[block.train], folds=0)
        assert torch.allclose(judge.log_prob(x.values), alone.log_prob(x), atol=1e-9)
        assert torch.allclose(judge.scores, alone.log_prob(x.values[block.test]).sort().values, atol=1e-9)
    assert torch.equal(model.reference, torch.cat([judge.scores for judge in model.judges]).sort().values)
    assert model.posterior(orn.Mask(torch.ones(model.event_shape, dtype=torch.bool)), x.values[0].flatten(), 0.1).judges == ()


def test_a_folder_of_an_older_version_is_scored_as_it_was(tmp_path):
    """It holds held-out scores but no judges: (1 + scores at or below) / (1 + scores), ties included."""
    x = signals()
    model = orn.fit(x)
    older = replace(model, judges=(), reference=model.log_prob(x).sort().values)  # so that every case ties with one
    loaded = orn.load(older.save(tmp_path / "m"))
    assert loaded.judges == ()
    by_hand = (1 + (loaded.reference <= loaded.log_prob(x)[:, None]).sum(1)) / (1 + len(x))
    assert torch.allclose(loaded.surprise(x).p_value, by_hand.to(torch.float64))
    assert float(loaded.surprise(x).p_value.max()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_everything_survives_a_round_trip_to_disk(kind, tmp_path):
    x = signals()
    model = orn.fit(x, kind)
    loaded = orn.load(model.save(tmp_path / "m"))
    assert (loaded.channels, loaded.units, loaded.rate) == (("Fz", "Cz"), ("mV", "µV"), 250.0)
    assert torch.equal(loaded.log_prob(x), model.log_prob(x))
    assert torch.equal(loaded.sample(4, seed=9), model.sample(4, seed=9))
    assert torch.equal(loaded.surprise(x).p_value, model.surprise(x).p_value)
    orn.write(tmp_path / "new.csv", loaded.signals(loaded.sample(4)))
    back = orn.read(tmp_path / "new.csv")
    assert (back.channels, back.units, back.rate) == (("Fz", "Cz"), ("mV", "µV"), 250.0)
    assert torch.equal(back.values, loaded.sample(4))


@pytest.mark.parametrize("structure", ["dense", "diagonal", "low-rank", "stationary", "kronecker"])
def test_every_structure_survives_a_round_trip_to_disk(structure, tmp_path):
    x = signals()
    model = orn.fit(x, structure=structure, folds=0)
    loaded = orn.load(model.save(tmp_path / "m"))
    assert torch.equal(loaded.sample(4), model.sample(4))
    assert type(loaded.law.covariance()) is type(model.law.covariance())


def test_a_posterior_survives_a_round_trip_to_disk(tmp_path):
    x = signals().values
    post = orn.fit(x, "mixture", components=2, folds=0).posterior(orn.Average(2), orn.Average(2)(x[:3]), 0.1)
    loaded = orn.load(post.save(tmp_path / "m"))
    assert torch.equal(loaded.log_evidence, post.log_evidence)
    torch.testing.assert_close(loaded.sample(5), post.sample(5), rtol=1e-12, atol=0)


def test_samplers_by_name_meet_the_exact_law():
    """On a Gaussian, Exact in one step is an exact draw, and Heun in 200 steps comes within 1e-2 of it, path by path."""
    x = signals(channels=1).values
    model = orn.fit(x, folds=0)
    exact = model.sample(6, sampler="exact", steps=1)
    close = model.sample(6, sampler="heun", steps=200)
    torch.testing.assert_close(close, exact, rtol=0, atol=2e-2)
    torch.testing.assert_close(model.sample(6, sampler="exact", steps=7), exact, rtol=0, atol=1e-9)


def test_fit_with_gaps_beats_dropping_them():
    """EM on 30 % missing entries: closer to the truth than a fit on the few complete cases, and no NaN anywhere."""
    d = 6
    cov = spectrum_covariance(torch.logspace(0, -2, d, dtype=torch.float64), seed=5)
    generator = torch.Generator().manual_seed(6)
    x = torch.randn(400, d, generator=generator, dtype=torch.float64) @ torch.linalg.cholesky(cov).T
    gaps = torch.where(torch.rand(400, d, generator=generator) < 0.3, torch.nan, x)
    complete = gaps[~torch.isnan(gaps).any(1)]

    def error(data):
        return float((orn.fit(data, folds=0).covariance().dense() - cov).norm())

    assert len(complete) > 10
    assert error(gaps) < 0.6 * error(complete)
    assert torch.isfinite(orn.fit(gaps).log_prob(x)).all()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda x: orn.fit(x, "gausian"), "did you mean 'gaussian'"),
        (lambda x: orn.fit(x, structure="densee"), "did you mean 'dense'"),
        (lambda x: orn.fit(x[:1]), "at least 2"),
        (lambda x: orn.fit(x[:0]), "empty"),
        (lambda x: orn.fit(x[0, 0]), "add a case axis"),
        (lambda x: orn.fit(x.numpy().astype(complex)), "complex"),
        (lambda x: orn.fit(np.array([["a", "b"]])), "must hold numbers"),
        (lambda x: orn.fit(torch.where(x > 5, torch.inf, x)), "infinite"),
        (lambda x: orn.fit(torch.where(x > 5, torch.nan, x), "mixture"), "NaN"),
        (lambda x: orn.fit(torch.zeros(3, 20_000)), "low-rank"),
        (lambda x: orn.fit(x, components=2), "belongs to model 'mixture'"),
        (lambda x: orn.fit(x, rank=2), "belongs to structure 'low-rank'"),
        (lambda x: orn.fit(x, structure="low-rank", rank=99), "at most 12"),
        (lambda x: orn.fit(x, shrinkage=1.5), "between 0"),
        (lambda x: orn.fit(x, standardize="chanel"), "did you mean 'channel'"),
        (lambda x: orn.fit(x, folds=1), "at least 2"),
        (lambda x: orn.fit(x).sample(0), "at least 1"),
        (lambda x: orn.fit(x).sample(2, sampler="hein"), "did you mean 'heun'"),
        (lambda x: orn.fit(x).sample(2, sampler="ddim", schedule="cosin"), "did you mean 'cosine'"),
        (lambda x: orn.fit(x).sample(2, sampler="ddim", steps=0), "at least 1"),
        (lambda x: orn.fit(x).sample(2, sampler="ddim", steps=-1), "at least 1"),
        (lambda x: orn.fit(x).sample(2, sampler="ddim", steps="ten"), "whole number"),
        (lambda x: orn.fit(x).sample(2, steps=5), "name a sampler"),
        (lambda x: orn.fit(x, "mixture").sample(2, sampler="exact"), "use DDIM or Heun"),
        (lambda x: orn.fit(x).log_prob(x[:, :1]), "holds signals of shape (case, 2, 6)"),
        (lambda x: orn.fit(x).log_prob(x * torch.nan), "NaN"),
        (lambda x: orn.fit(x).impute(x, 0), "draws is 0"),
        (lambda x: orn.fit(x).posterior(orn.Average(3), x[0, :1]), "y has shape"),
        (lambda x: orn.fit(x).posterior(orn.Mask(x[0, :, :2] > 0), x[0, 0]), "observed has shape"),
        (lambda x: orn.fit(x).posterior(orn.Average(3), x[0, :, :2], -1.0), "at least 0"),
        (lambda x: orn.fit(x).posterior(orn.Average(3), x[0, :, :2], torch.ones(3)), "3 entries"),
        (lambda x: orn.fit(x, "empirical", bandwidth=0.0).posterior(orn.Average(3), x[0, :, :2]), "noise > 0"),
        (lambda x: orn.fit(x, "empirical", bandwidth=0.0).log_prob(x), "no density"),
    ],
)
def test_bad_input_gets_one_sentence(make, says):
    with pytest.raises(orn.InputError) as caught:
        make(signals().values)
    message = str(caught.value)
    assert says in message
    assert "\n" not in message


@pytest.mark.filterwarnings("ignore:.* of the mixture stands? on cases that are the same")
def test_a_constant_channel_and_duplicate_rows_are_no_problem():
    x = signals().values
    x[:, 1] = 7.0
    x = torch.cat([x, x])
    for kind in KINDS:
        model = orn.fit(x, kind)
        assert torch.isfinite(model.sample(5)).all()
        assert isinstance(model, Model)
    assert (orn.fit(x, shrinkage="none").sample(5)[:, 1] == 7.0).all()


def test_fewer_cases_than_dimensions_work_with_shrinkage():
    x = signals(n=5, length=40).values
    model = orn.fit(x, folds=0)
    assert model.law.covariance().rank() == 80
    assert orn.fit(x, shrinkage="none", folds=0).law.covariance().rank() == 4
    assert torch.isfinite(model.log_prob(x)).all()


def test_a_channel_that_one_fold_alone_shows_costs_the_p_values() -> None:
    """By default that is said, and the law is there; folds that were asked for are refused with what is wrong."""
    x = Noise(4).normal(20, (2, 8)).cumsum(-1)
    x[2:, 1] = torch.nan
    told: list[str] = []
    model = orn.fit(x, progress=told.append)
    assert model.reference is None
    assert any("a fold leaves cases without a law (channel 1 of x has no observed value" in each for each in told)
    assert bool(torch.isfinite(model.impute(x, draws=1)).all())
    with pytest.raises(orn.InputError, match="folds is 4, but a fold leaves cases without a law"):
        orn.fit(x, folds=4)
