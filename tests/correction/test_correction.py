"""A learned correction of quantiles in gaps: it finds what a Gaussian cannot say, and is kept only where it gains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ornstein as orn
from ornstein.common.random import Noise
from ornstein.correction import learning
from ornstein.correction.correction import Correction
from ornstein.correction.rows import Problem, Rows, Stream
from ornstein.correction.sight import variables, width
from ornstein.covariance import as_spectral
from ornstein.denoisers import Denoiser, Network
from ornstein.fitting.scaling import Scaler
from ornstein.model.storage.correction import decode_correction, encode_correction
from ornstein.model.storage.part import Part
from ornstein.nets.warp import Warp
from ornstein.training import Masks

LEVELS = (0.1, 0.5, 0.9)
SCORES = torch.special.ndtri(torch.tensor(LEVELS, dtype=torch.float64)).unsqueeze(1)


def bowl(cases: int, seed: int = 0) -> Tensor:
    """(a, a^2 - 1 + 0.2 e, exp(0.8 f)): without correlation, so that a Gaussian says nothing of the second entry, and a skewed third."""
    a, e, f = Noise(seed).normal(cases, (3,)).T
    return torch.stack([a, a.square() - 1 + 0.2 * e, torch.exp(0.8 * f)], 1)


def sized(patch: pytest.MonkeyPatch, batch: int, looked: int = 1000) -> None:
    """Less to learn from, to choose by and to check on."""
    sizes = {"STEPS": 100, "FRESH": 4 * batch, "BATCH": batch, "LOOKED": looked, "CHECKED": 3 * looked, "WIDTH": 128, "DEPTH": 2}
    for name, value in sizes.items():
        patch.setattr(learning, name, value)


@pytest.fixture(scope="module")
def bent() -> orn.Model:
    with pytest.MonkeyPatch.context() as patch:
        sized(patch, 128, 4000)
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


def on_top(model: orn.Model) -> orn.Model:
    """A network for gaps that stands on the law of a model, with its correction."""
    law = orn.denoisers.Gaussian(model.law.mean(), as_spectral(model.law.operator))
    net = orn.nets.MLP((3,), width=8, depth=1, signal=3)
    with torch.no_grad():
        for n, weight in enumerate(net.parameters()):
            weight += 0.2 * Noise(n).normal(1, tuple(weight.shape))[0]
    return replace(model, law=Network.of(net, law, inpaints=True))


def test_a_network_has_the_quantiles_of_its_law_corrected_and_its_own_dependence(bent: orn.Model) -> None:
    """Of n draws moved by their ranks, one lies in every n-th of the corrected law, in the order that the network drew them."""
    model, hidden = on_top(bent), bowl(3, 7)
    hidden[:, 1:] = torch.nan
    torch.testing.assert_close(model.quantiles(hidden, LEVELS), bent.quantiles(hidden, LEVELS), rtol=0, atol=1e-4)
    moved, own = model.impute(hidden, 40, steps=4), replace(model, correction=None).impute(hidden, 40, steps=4)
    assert torch.equal(moved.argsort(0)[:, :, 1:], own.argsort(0)[:, :, 1:])
    ends = model.quantiles(hidden, [k / 40 for k in range(1, 40)])[:, :, 1:]
    assert bool((moved.sort(0).values[:-1, :, 1:] <= ends + 1e-9).all())
    assert bool((moved.sort(0).values[1:, :, 1:] >= ends - 1e-9).all())
    assert torch.equal(moved[:, :, 0], hidden[:, 0].expand(40, -1))
    assert torch.equal(model.impute(hidden, 3, steps=4), model.impute(hidden, 32, steps=4)[:3])
    asked = torch.zeros(3, 3, dtype=torch.bool)
    asked[:, 1] = True
    some = model.impute(hidden, 40, steps=4, only=asked)
    torch.testing.assert_close(some[:, :, 1], moved[:, :, 1], rtol=1e-4, atol=1e-5)  # the network computes in float32
    assert bool(some[:, :, 2].isnan().all())


def test_a_lone_moved_draw_has_the_corrected_law(bent: orn.Model) -> None:
    """The place of a draw inside its rank is uniform: over 2000 cases alike, shares below corrected quantiles within 5 standard errors,
    also of a level that lies in the lower quarter of the lowest of 32 ranks."""
    hidden, levels = torch.tensor([[0.5, torch.nan, torch.nan]], dtype=torch.float64).expand(2000, -1), (1 / 128, *LEVELS)
    below = on_top(bent).impute(hidden, 1, steps=2) < bent.quantiles(hidden[:1], levels)
    assert int(below[0].sum()) > 0
    for share, level in zip(below.double().mean(1)[:, 1:], levels, strict=True):
        assert float((share - level).abs().max()) < 5 * (level * (1 - level) / 2000) ** 0.5


def test_a_gaussian_keeps_its_quantiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is there to learn, so nothing is kept; and what was learned, had it been kept, is within 0.06 deviations."""
    sized(monkeypatch, 512)
    mix = torch.tensor([[1, 0.5, 0, 0], [0, 1, 0.4, 0.2], [0, 0, 1.0, 0.5], [0, 0, 0, 1]], dtype=torch.float64)
    x = Noise(3).normal(2000, (4,)) @ mix
    model = orn.fit(x, folds=0)
    said: list[str] = []
    trained: list[tuple[Correction, Rows]] = []
    train = learning._trained

    def kept(problem: Problem, stream: Stream, looked: Rows, *rest: Any) -> Correction:
        trained.append((train(problem, stream, looked, *rest), looked))
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
    sized(monkeypatch, 128, 200)
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


def test_a_folder_that_does_not_say_how_deep_its_network_is_holds_two_layers() -> None:
    net = Warp(width((3,)), variables((3,)), depth=2, seed=1)
    nn.init.normal_(net.last.weight)
    old = Correction(net, (3,), torch.zeros(net.inputs).double(), torch.ones(net.inputs).double(), (0.2, 0.1))
    tensors: dict[str, Tensor] = {}
    spec = encode_correction(old, tensors, "correction.")
    assert spec.pop("depth") == 2
    again = decode_correction(Part({"correction": spec}, tensors).part("correction"), (3,))
    features, variable = Noise(0).normal(9, (net.inputs,)), torch.arange(9) % 3
    assert torch.equal(again.knots(features, variable), old.knots(features, variable))


def test_a_network_is_corrected_by_fit_under_its_own_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    sized(monkeypatch, 256)
    monkeypatch.setattr(learning, "SURE", -1e9)
    seen: list[Masks] = []
    true = Problem.of

    def of(law: Denoiser, scaler: Scaler, masks: Masks) -> Problem:
        seen.append(masks)
        return true(law, scaler, masks)

    monkeypatch.setattr(learning.Problem, "of", of)
    x, masks = bowl(60), Masks(("points",), (0.3, 0.6))
    with pytest.warns(UserWarning, match="no network got below"):
        model = orn.fit(x, "network", masks=masks, structure="dense", steps=3, correction="learned")
    assert seen == [masks]
    assert isinstance(model.law, Network)
    assert model.correction is not None
    hidden = x[:2].clone()
    hidden[:, 1] = torch.nan
    assert bool(torch.isfinite(model.impute(hidden, 2, steps=2)).all())


def test_fit_sets_cases_aside_and_says_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sized(monkeypatch, 256)
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
    with pytest.raises(orn.InputError, match="stands on a Gaussian, a mixture"):
        orn.fit(x, "empirical", correction="learned")
    with pytest.raises(orn.InputError, match="stands on a Gaussian, a mixture, or a network with masks"):
        orn.fit(x, "network", steps=1, correction="learned")
    with pytest.raises(orn.InputError, match="a correction knows none"):
        orn.fit(x, "network", steps=1, masks=Masks(), labels=[0, 1] * 20, correction="learned")
    with pytest.warns(UserWarning, match="no network got below"):
        told = orn.fit(x, "network", steps=1, masks=Masks(), labels=[0, 1] * 20)
    with pytest.raises(orn.InputError, match="the model is told conditions, but a correction knows none"):
        told.corrected(x)
    with pytest.raises(orn.InputError, match="needs at least 12"):
        orn.fit(x[:8], correction="learned")
    with pytest.raises(orn.InputError, match="too few for a correction"):
        orn.fit(x, folds=0).corrected(x[:3])
    with pytest.raises(orn.InputError, match="but a correction stands on a Gaussian or a mixture"):
        orn.fit(x, "empirical", folds=0).corrected(x)
    for masks in ("points", 0):
        with pytest.raises(orn.InputError, match=r"masks is .*, but must be training\.Masks"):
            orn.fit(x, folds=0).corrected(x, masks=masks)
    images = Noise(0).normal(20, (1, 4, 4))
    with pytest.raises(orn.InputError, match="signals in time and vectors"):
        orn.fit(images, folds=0).corrected(images)


def test_cases_without_a_value_teach_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are left out wherever they stand; where too few others are left, or masks hide what was never seen, a sentence says so."""
    sized(monkeypatch, 32, 100)
    x = bowl(60)
    law, empty = orn.fit(x, folds=0), torch.full((40, 3), torch.nan, dtype=torch.float64)
    plain, beside = (law.corrected(given, steps=4) for given in (x, torch.cat([empty, x, empty])))
    assert (plain.correction is None) == (beside.correction is None)
    for given, check in ((empty, x), (x, empty), (empty, None)):
        with pytest.raises(orn.InputError, match="too few for a correction"):
            law.corrected(given, check, steps=4)
    signals = Noise(3).normal(60, (2, 6))
    one = signals.clone()
    one[:, 1] = torch.nan
    one[:, 0, 1:] = torch.nan
    with pytest.raises(orn.InputError, match="masks hide none of the values that the cases show"):
        orn.fit(signals, folds=0).corrected(one, signals, masks=Masks(("points",), (0.0, 1e-9)), steps=4)
