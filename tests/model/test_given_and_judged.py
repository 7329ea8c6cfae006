"""Densities given a part of a signal, and p-values of models that are trained once."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import ornstein as orn
from kinds import gaussian, mixture
from ornstein.denoisers import Guided, Network, fit_gaussian
from ornstein.denoisers.hidden import Hidden
from ornstein.fitting.scaling import Scaler
from ornstein.model import Model
from ornstein.model.judging import Bench
from ornstein.nets import MLP, Condition
from ornstein.training import split

X = 3 * mixture().sample(60, seed=1) + 1
KNOWN = torch.tensor([[True, True, False], [False, True, True]])


class Bent(nn.Module):
    """A module that says something of its own: a smooth bend of what it sees."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.size = nn.Parameter(torch.tensor(size, dtype=torch.float64))

    def forward(self, x: Tensor, noise: Tensor, condition: object = None) -> Tensor:
        return self.size * torch.tanh(x.flip(-1)) * torch.sigmoid(-noise).view(-1, *(1,) * (x.ndim - 1))


def filling(size: float) -> Model:
    """A network that fills gaps of X, ``size`` away from its reference Gaussian."""
    scaler = Scaler.fit(X, "channel")
    return Model(Network.of(Bent(size), fit_gaussian(scaler.encode(X)), inpaints=True), scaler)


@pytest.mark.parametrize("kind", ["gaussian", "mixture"])
def test_a_part_given_the_rest_is_a_ratio(kind: str) -> None:
    """log p(x_h | x_o) = log p(x) - log p(x_o), in the units of the data."""
    model = orn.fit(X, kind, folds=0)
    found = model.log_density(X[:9], given=KNOWN)
    whole = model.log_prob(X[:9])
    part = torch.stack([model.posterior(orn.Mask(KNOWN), x[KNOWN]).log_evidence for x in X[:9]])
    assert torch.allclose(found.value, whole - part, atol=1e-8)
    assert found.method == "exact"


def test_a_network_given_a_part() -> None:
    """One that is its reference gives the Gaussian's conditional density; one that is not still integrates to 1 over its one gap."""
    exact = orn.fit(X, shrinkage="oas", folds=0).log_density(X[:9], given=KNOWN).value
    assert torch.allclose(filling(0.0).log_density(X[:9], given=KNOWN).value, exact, atol=1e-5)
    bent, gap = filling(0.5), torch.tensor([[True, True, True], [True, False, True]])
    grid = torch.linspace(-14, 16, 241, dtype=torch.float64)
    along = X[:1].repeat(len(grid), 1, 1)
    along[:, 1, 1] = grid
    found = bent.log_density(along, given=gap, error=1e-4)
    assert float(found.value.exp().sum()) * float(grid[1] - grid[0]) == pytest.approx(1, abs=1e-3)
    assert float((found.value - filling(0.0).log_density(along, given=gap).value).abs().max()) > 0.1


def test_parts_that_are_refused() -> None:
    model = filling(0.1)
    plain = orn.Model(Network.of(Bent(0.1), gaussian()), Scaler.fit(X, "none"))
    for ask, words in (
        (lambda: model.log_density(X, given=torch.ones(2, 3, dtype=torch.bool)), "given marks all entries or none"),
        (lambda: model.log_density(X, given=torch.ones(4, dtype=torch.bool)), r"must be \(2, 3\)"),
        (lambda: plain.log_density(X, given=KNOWN), "trained without masks"),
        (lambda: Model(Guided(gaussian(), gaussian(), 2.0), Scaler.fit(X, "none")).log_density(X, given=KNOWN), "leave it out"),
        (lambda: model.log_density(X, given=KNOWN, guidance=2.0), "leave guidance out"),
    ):
        with pytest.raises(orn.InputError, match=words):
            ask()


def test_of_cases_keeps_rows_together() -> None:
    model = filling(0.5)
    hidden, reference = Hidden.of(model.law, model.scaler.encode(X), KNOWN)
    r = (model.scaler.encode(X) - hidden.expected)[:, ~KNOWN]
    assert torch.allclose(hidden.of_cases(7, 12)(r[7:12], 0.3).mean, hidden(r, 0.3).mean[7:12])
    assert reference.event_shape == hidden.event_shape == (2,)


@pytest.mark.filterwarnings("ignore:no network got below")
@pytest.mark.parametrize("told", [False, True])
def test_false_alarms_of_a_network_are_as_rare_as_promised(told: bool, tmp_path: object) -> None:
    """100 cases judge 300 new ones, whatever the network learnt: the share of p <= .1 errs by 3.5 points; 4 of them fail once in 30000."""
    labels = torch.arange(700) % 2
    x = torch.randn(700, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64).cumsum(1)
    x = torch.where((labels == 1).unsqueeze(1), x.exp(), 3 * x)
    options = {"labels": labels[:400]} if told else {}
    net = MLP((2,), width=8, depth=1, classes=2 if told else 0)
    model = orn.fit(x[:400], net, steps=20, judged=100, structure="dense", **options)
    aside = split(400, 0.25)[1]
    scored = model.log_prob(x[aside], label=labels[aside] if told else None).sort().values
    assert torch.allclose(model.reference, scored, rtol=0, atol=1e-9)
    p = model.surprise(x[400:], label=labels[400:] if told else None).p_value
    assert abs(float((p <= 0.1).double().mean()) - 0.1) < 4 * 0.035
    assert float(p.min()) >= 1 / 101
    far = model.surprise(torch.full((1, 2), 200.0), label=[1] if told else None).p_value
    assert float(far) == pytest.approx(1 / (51 if told else 101))
    if told:
        with pytest.raises(orn.InputError, match="give label="):
            model.surprise(x[:2])
        for k in (0, 1):  # 50 judges and 150 new cases: 4.9 points, of which 4
            assert abs(float((p[labels[400:] == k] <= 0.1).double().mean()) - 0.1) < 4 * 0.049
    again = orn.load(model.save(f"{tmp_path}/m"))
    assert torch.equal(again.reference, model.reference)


def test_every_class_has_its_own_false_alarms() -> None:
    """The densities of one class are far lower: among all, half of the p-values up to .5 would be all of its own.

    400 cases of a class judge 400 new ones: the share of p <= .1 errs by 2.1 points; 4 of them fail once in 30000.
    """
    labels = torch.arange(1600) % 2
    levels = torch.randn(1600, generator=torch.Generator().manual_seed(3), dtype=torch.float64) - 100 * labels
    bench = Bench.of(levels[:800], Condition(labels[:800]))
    p = bench.p_value(levels[800:], Condition(labels[800:]))
    for k in (0, 1):
        assert abs(float((p[labels[800:] == k] <= 0.1).double().mean()) - 0.1) < 4 * 0.021
    assert float(p.min()) >= 1 / 401
    own = levels[:800][labels[:800] == 1].sort().values
    one, lowest = Condition(torch.tensor([1])), torch.arange(2.0, 7, dtype=torch.float64)
    assert torch.equal(bench.p_value(own[:5], one), lowest / 401)
    assert torch.equal(bench.p_value(own[:5], None), lowest / 801)
    assert torch.equal(
        Bench.of(levels[:800], None).p_value(own[:5], Condition(torch.tensor([1]))), torch.arange(2.0, 7, dtype=torch.float64) / 801
    )


@pytest.mark.filterwarnings("ignore:no network got below")
def test_classes_that_judge_are_kept_and_asked_for(tmp_path: object) -> None:
    labels = torch.tensor([0, 1, -1]).repeat(8)
    x = torch.randn(24, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    fitted = orn.fit(x, MLP((2,), width=4, depth=1, classes=2), labels=labels, steps=1, structure="dense")
    model = fitted.calibrated(x[:18], label=labels[:18])
    p = model.surprise(x[18:], label=labels[18:]).p_value
    assert torch.allclose(p * 7, (p * 7).round())  # six of each class
    again = orn.load(model.save(f"{tmp_path}/m"))
    assert torch.equal(again.surprise(x[18:], label=labels[18:]).p_value, p)
    with pytest.raises(orn.InputError, match=r"no case of class 1 judges new ones: .* calibrated\(x, label=...\)"):
        fitted.calibrated(x[:6], label=0).surprise(x[:3], label=[0, 1, 0])


def test_any_model_is_calibrated_later() -> None:
    """Cases of another scale than the fit: p-values follow the cases that judge, not the law."""
    wide = 3 * X
    model = orn.fit(X, folds=2).calibrated(wide[:40])
    assert float(model.surprise(wide[40:]).p_value.mean()) == pytest.approx(0.5, abs=0.3)
    assert model.judges == ()
    for ask, words in (
        (lambda: orn.fit(X, "network", judged=40, steps=1), "half must be left"),
        (lambda: orn.fit(X, "network", judged=4, steps=1), "judged is 4"),
        (lambda: orn.fit(X, judged=20), "judged belongs to model 'network'"),
    ):
        with pytest.raises(orn.InputError, match=words):
            ask()
    assert math.isfinite(float(model.reference[0]))
