"""A learned correction of quantiles in gaps: it finds what a Gaussian cannot say, and is kept only where it gains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import ornstein as orn
from ornstein.common.random import Noise
from ornstein.correction import learning
from ornstein.correction.correction import Correction

LEVELS = (0.1, 0.5, 0.9)
SCORES = torch.special.ndtri(torch.tensor(LEVELS, dtype=torch.float64)).unsqueeze(1)


def bowl(cases: int, seed: int = 0) -> Tensor:
    """(a, a^2 - 1 + 0.2 e, exp(0.8 f)): without correlation, so that a Gaussian says nothing of the second entry, and a skewed third."""
    a, e, f = Noise(seed).normal(cases, (3,)).T
    return torch.stack([a, a.square() - 1 + 0.2 * e, torch.exp(0.8 * f)], 1)


def sized(patch: pytest.MonkeyPatch, rows: int, batch: int, looked: int = 1000) -> None:
    """Less to learn from, to choose by and to check on."""
    for name, value in (("ROWS", rows), ("BATCH", batch), ("LOOKED", looked), ("CHECKED", 3 * looked)):
        patch.setattr(learning, name, value)


@pytest.fixture(scope="module")
def bent() -> orn.Model:
    with pytest.MonkeyPatch.context() as patch:
        sized(patch, 16_000, 128, 4000)
        found = orn.fit(bowl(3000), folds=0).corrected(bowl(3000), bowl(400, 5), steps=400)
    assert found.correction is not None
    return found


def test_quantiles_reach_those_of_a_law_that_is_not_gaussian(bent: orn.Model) -> None:
    """Of the bowl given a, and of the skewed entry: exact ones a^2 - 1 + 0.2 z and exp(0.8 z). The Gaussian misses the first by 1.27."""
    truth = bowl(400, 6)
    hidden = truth.clone()
    hidden[:, 1:] = torch.nan
    found = bent.quantiles(hidden, LEVELS)
    error = found[:, :, 1] - (truth[:, 0].square() - 1 + 0.2 * SCORES)
    usual = truth[:, 0].abs() < 2
    assert float(error[:, usual].square().mean().sqrt()) < 0.15
    torch.testing.assert_close(found[:, :, 2].mean(1), torch.exp(0.8 * SCORES[:, 0]), rtol=0.08, atol=0)
    assert torch.equal(found[:, :, 0], truth[:, 0].expand(3, -1))


def test_draws_have_the_corrected_quantiles_and_the_ranks_of_the_law(bent: orn.Model) -> None:
    """Within 5 standard errors of a median; the copula is the law's: draws of one seed have the ranks of the plain model."""
    hidden = bowl(3, 7)
    hidden[:, 1:] = torch.nan
    drawn, plain = bent.impute(hidden, 2000), replace(bent, correction=None).impute(hidden, 2000)
    assert torch.equal(drawn.argsort(0)[:, :, 1:], plain.argsort(0)[:, :, 1:])
    below = (drawn.unsqueeze(0) < bent.quantiles(hidden, LEVELS).unsqueeze(1)).double().mean(1)[:, :, 1:]
    for share, level in zip(below, LEVELS, strict=True):
        assert float((share - level).abs().max()) < 5 * (level * (1 - level) / 2000) ** 0.5


def test_a_gaussian_keeps_its_quantiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is there to learn, so nothing is kept; and what was learned, had it been kept, is within 0.06 deviations."""
    sized(monkeypatch, 8000, 512)
    mix = torch.tensor([[1, 0.5, 0, 0], [0, 1, 0.4, 0.2], [0, 0, 1.0, 0.5], [0, 0, 0, 1]], dtype=torch.float64)
    x = Noise(3).normal(2000, (4,)) @ mix
    model = orn.fit(x, folds=0)
    said: list[str] = []
    trained: list[tuple[Correction, learning.Rows]] = []
    train = learning._trained

    def kept(problem: learning.Problem, rows: learning.Rows, looked: learning.Rows, *rest: Any) -> Correction:
        trained.append((train(problem, rows, looked, *rest), looked))
        return trained[0][0]

    monkeypatch.setattr(learning, "_trained", kept)
    assert model.corrected(x, Noise(4).normal(600, (4,)) @ mix, steps=80, progress=said.append).correction is None
    assert said[-1].startswith("the correction is left out")
    learned, looked = trained[0]
    knots = learned.knots(looked.features, looked.variable)
    assert float((knots - learning.KNOTS).square().mean().sqrt()) < 0.06


def test_time_curves_and_mixtures_go_through_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two channels in time, whatever is gained in so few steps: every law takes a correction, which comes back bit for bit."""
    monkeypatch.setattr(learning, "SURE", -1e9)
    sized(monkeypatch, 600, 128, 200)
    walk = Noise(1).normal(120, (1, 12)).cumsum(2) / 4
    x = (walk.expand(-1, 2, -1) + torch.exp(walk) * 0.3 * Noise(2).normal(120, (2, 12))).clone()
    whole = x.clone()
    x[Noise(3).uniform(120, (2, 12)) < 0.1] = torch.nan
    for options in ({"structure": "stationary", "marginals": "gaussian"}, {"structure": "kronecker"}):
        model = orn.fit(x, folds=0, **options).corrected(x, steps=10)
        assert isinstance(model.correction, Correction)
        again = orn.load(model.save(tmp_path / str(options)))
        assert torch.equal(again.quantiles(x[:5]), model.quantiles(x[:5]))
        assert again.correction is not None
        assert again.correction.crps == model.correction.crps
        longer = torch.cat([x[:2], x[2:4]], 2)
        with pytest.raises(orn.InputError, match="learned in windows of 12: cut x into windows"):
            model.impute(longer)
        assert model.forecast(torch.nan_to_num(x[:2]), 3).paths.shape == (100, 2, 2, 3)
        assert model.posterior(orn.Mask(torch.ones(2, 12, dtype=torch.bool)), torch.nan_to_num(x[0]).flatten()).correction is None
    few = x[:, :, :4]
    mixture = orn.fit(whole[:, :, :4], "mixture", components=2, folds=0).corrected(few, steps=10)
    known = few[:5].clone()
    known[:, 0, :2] = torch.nan
    assert bool(torch.isfinite(mixture.quantiles(known)).all())


def test_fit_sets_cases_aside_and_says_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sized(monkeypatch, 4000, 256)
    x = bowl(600)
    said: list[str] = []
    model = orn.fit(x, correction="learned", folds=0, progress=said.append)
    assert model.correction is not None
    assert model.correction.crps[1] < model.correction.crps[0]
    torch.testing.assert_close(model.mean(), x[:540].mean(0))
    plain = orn.fit(Noise(1).normal(600, (3,)), correction="learned", folds=0)
    assert plain.correction is None
    torch.testing.assert_close(plain.mean(), Noise(1).normal(600, (3,)).mean(0))


def test_refusals() -> None:
    x = bowl(40)
    with pytest.raises(orn.InputError, match="learnt"):
        orn.fit(x, correction="learnt")
    with pytest.raises(orn.InputError, match="stands on a Gaussian or a mixture"):
        orn.fit(x, "empirical", correction="learned")
    with pytest.raises(orn.InputError, match="needs at least 12"):
        orn.fit(x[:8], correction="learned")
    with pytest.raises(orn.InputError, match="too few for a correction"):
        orn.fit(x, folds=0).corrected(x[:3])
    with pytest.raises(orn.InputError, match="but a correction stands on a Gaussian or a mixture"):
        orn.fit(x, "empirical", folds=0).corrected(x)
    images = Noise(0).normal(20, (1, 4, 4))
    with pytest.raises(orn.InputError, match="signals in time and vectors"):
        orn.fit(images, folds=0).corrected(images)
