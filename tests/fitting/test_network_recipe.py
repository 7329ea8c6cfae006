"""Networks trained through the public door: what they stand on, what they learn, and every way to ask for it wrongly."""

import signal

import pytest
import torch
from torch import nn

import ornstein as orn
from kinds import normal
from ornstein.covariance import coregionalised_fit, kernel_sum
from ornstein.data.laws import ornstein_uhlenbeck
from ornstein.denoisers import Gaussian, Mixture, completion, fit_gaussian, preconditioning
from ornstein.fitting.network import fit_reference, fit_told, reference_structure
from ornstein.nets import MLP, Condition, describe, named_net
from ornstein.training import split
from ornstein.training.masks import Masks

SIGNALS = orn.Signals(20 + 5 * ornstein_uhlenbeck(60, 8, 3.0, seed=1).values, rate=4.0, channels=("load",), units=("kW",))
STILL = "ignore:no network got below"
"""Runs of a few steps need not beat the Gaussian of a Gaussian law."""


class Tiny(nn.Module):
    """F(x, noise) with one hidden layer, in the type and on the device of its weights."""

    def __init__(self, size: int = 8, width: int = 16, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.inner, self.outer = nn.Linear(size + 1, width), nn.Linear(width, size)

    def forward(self, x, noise):
        h = torch.cat([x.flatten(1), noise[:, None]], 1)
        return self.outer(torch.tanh(self.inner(h))).view(x.shape)


def mlp(**sizes):
    return MLP((1, 8), width=16, depth=1, **sizes)


@pytest.mark.filterwarnings(STILL)
def test_the_reference_is_fitted_to_the_cases_that_are_trained_on():
    model = orn.fit(SIGNALS, Tiny(), steps=3)
    train, _ = split(len(SIGNALS), 0.1)
    expected = fit_gaussian(model.scaler.encode(SIGNALS.values[train]))
    torch.testing.assert_close(model.law.reference.mean(), expected.mean())
    torch.testing.assert_close(model.law.reference.operator.eigenvalues, expected.operator.eigenvalues)
    other = orn.fit(SIGNALS, Tiny(), steps=3, structure="stationary", shrinkage="none", held_out=0.5, standardize="none")
    train, _ = split(len(SIGNALS), 0.5)
    torch.testing.assert_close(other.law.reference.mean(), SIGNALS.values[train].mean(0))
    assert type(other.law.reference.operator).__name__ == "Stationary"


@pytest.mark.filterwarnings(STILL)
def test_a_network_that_is_told_stands_on_the_law_of_what_it_is_told():
    """Two classes far apart: the network's start for each is the Gaussian of the training cases of that class."""
    kind = ["high" if k % 3 else "low" for k in range(60)]
    moved = orn.Signals(SIGNALS.values + torch.tensor([30.0 * (k == "high") for k in kind]).view(-1, 1, 1).double(), 4.0)
    model = orn.fit(moved, "network", net="unet", labels=kind, steps=1)
    train, _ = split(60, 0.1)
    of_high = [i for i in train.tolist() if kind[i] == "high"]
    bound = model.law.given(model.conditions.given(label="high"))
    mean = model.scaler.decode(bound.reference.mean().unsqueeze(0))[0]
    torch.testing.assert_close(mean, moved.values[of_high].mean(0), rtol=0, atol=0.5)  # the means are drawn together by a little
    assert float(model.law.reference.operator.trace()) > 3 * float(bound.reference.operator.trace())
    assert orn.fit(SIGNALS, "network", net="unet", steps=1).law.preconditioning.told is None


def test_beside_a_mixture_the_laws_of_classes_are_taken_where_they_denoise_better():
    """Two clouds: labels that are the clouds tell nothing new; labels that cut both clouds in four tell more."""
    generator = torch.Generator().manual_seed(4)
    side = torch.arange(400) % 2
    angle = torch.randn(400, 4, generator=generator).double() * torch.tensor([0.05, 1.0, 1.0, 1.0])
    x = angle + 4.0 * (2 * side.unsqueeze(1) - 1) * torch.tensor([1.0, 0, 0, 0])
    law = fit_reference(x)
    assert isinstance(law, Mixture)
    noise = torch.randint(0, 2, (400,), generator=generator)
    assert fit_told(x, Condition(noise), law) is None
    quarter = side * 2 + (x[:, 1] > 0)
    assert fit_told(x, Condition(quarter), law) is not None


@pytest.mark.filterwarnings(STILL)
def test_the_door_says_which_network_and_how_it_went():
    said, records = [], []
    model = orn.fit(SIGNALS, "network", net="unet", steps=2, progress=said.append, watch=records.append, batch=8)
    assert said == [describe(named_net("unet", (1, 8), 60), 60)] == [model.training["net"]]
    assert model.training["steps"] == 2
    assert model.training["stopped"] == "steps"
    assert [r.step for r in records][-1] == 2
    assert (model.channels, model.units, model.rate) == (("load",), ("kW",), 4.0)
    assert "Network of" in repr(model)


@pytest.mark.filterwarnings(STILL)
def test_what_is_assumed_of_labels_is_said():
    said = []
    orn.fit(SIGNALS, "network", net="mlp", labels=[-1, 1] * 30, steps=1, progress=said.append)
    assert said[0].startswith("labels holds -1, and no 0: it counts as a class of its own")


@pytest.mark.filterwarnings(STILL)
def test_training_makes_the_samples_those_of_the_data():
    """Two points at +-1 in every entry, as far from Gaussian as can be: samples are at one of them, where a Gaussian's never are."""
    sign = torch.where(torch.arange(400) % 2 == 0, 1.0, -1.0)
    x = sign.view(-1, 1, 1) * torch.ones(1, 1, 4) + 0.05 * torch.randn(400, 1, 4, generator=torch.Generator().manual_seed(0))
    model = orn.fit(3 + 2 * x, MLP((1, 4), width=32, depth=1), steps=300, rate=5e-3, structure="dense")
    assert model.training["held_out"] < 0.6 * model.training["gaussian"]
    drawn = (model.sample(200, steps=20) - 3) / 2
    # between -0.5 and 0.5 lie 17 % of a Gaussian's means and none of the data's
    assert float((drawn.mean((1, 2)).abs() < 0.5).double().mean()) < 0.08
    # 200 fair signs: beyond 70 with probability 2e-5
    assert abs(int((drawn.mean((1, 2)) > 0).sum()) - 100) < 70


@pytest.mark.filterwarnings(STILL)
def test_a_label_in_words_draws_its_class():
    """Classes at 0 and 10 with deviation 1: a sample is 5 deviations from the wrong one."""
    names = ["rest", "run"] * 50
    x = torch.randn(100, 1, 8, generator=torch.Generator().manual_seed(0))
    x[1::2] += 10
    model = orn.fit(x, mlp(classes=2), labels=names, steps=150, rate=5e-3)
    assert model.conditions.names == ("rest", "run")
    rest, run = (model.sample(40, label=name, steps=15).mean((1, 2)) for name in ("rest", "run"))
    assert float((rest < 5).double().mean()) > 0.9
    assert float((run > 5).double().mean()) > 0.9
    mixed = model.sample(4, label=["run", "rest", "run", ""], steps=15, seed=5)
    torch.testing.assert_close(mixed[1:2], model.sample(1, label="rest", steps=15, seed=5, first=1), rtol=0, atol=1e-3)
    plain = model.sample(4, steps=15, seed=5)
    torch.testing.assert_close(mixed[3], plain[3], rtol=0, atol=1e-3)
    torch.testing.assert_close(model.sample(4, label=1, guidance=0.0, steps=15, seed=5), plain, rtol=0, atol=1e-3)
    strong, usual = (model.sample(4, label=1, guidance=w, steps=15, seed=5) for w in (2.0, 1.0))
    assert not torch.allclose(strong, usual, atol=1e-2)


@pytest.mark.filterwarnings(STILL)
def test_a_network_with_masks_fills_gaps():
    x = SIGNALS.values.clone()
    x[3, 0, 2:5] = torch.nan
    net = MLP((1, 8), width=16, depth=1, signal=1)
    model = orn.fit(x, net, steps=5, masks=Masks())
    filled = model.impute(x[2:4], 3, steps=4, seed=2)
    assert filled.shape == (3, 2, 1, 8)
    known = ~torch.isnan(x[2:4])
    assert torch.equal(filled[:, known], x[2:4][known].expand(3, -1))
    assert not torch.isnan(filled).any()
    assert len(filled[:, 1, 0, 2].unique()) == 3
    # 5 deviations of the data around its mean
    assert bool(((filled - 20).abs() < 25).all())


@pytest.mark.filterwarnings(STILL)
def test_large_signals_with_gaps_stand_on_their_law_given_what_is_seen(monkeypatch):
    """Before any training, held-out gaps lose what they lose by one system of all entries; a law known by products only gets a basis."""
    x = normal(40, 2, 8, seed=3).cumsum(2)
    x[normal(40, 2, 8, seed=4) > 0.5] = torch.nan
    monkeypatch.setattr(coregionalised_fit, "STEPS", 5)
    lost = []
    for largest, dense in ((1024, 2048), (0, 8)):
        monkeypatch.setattr(completion, "LARGEST", largest)
        monkeypatch.setattr(preconditioning, "LARGEST", largest)
        monkeypatch.setattr(kernel_sum, "DENSE", dense)
        net = MLP((2, 8), width=4, depth=1, signal=2)
        model = orn.fit(x, net, structure="coregionalised", marginals="gaussian", masks=Masks(), steps=1)
        lost.append(model.training["gaussian"])
    assert lost[1] == pytest.approx(lost[0], rel=1e-4)


def test_an_interrupted_fit_goes_on_to_the_same_model(tmp_path):
    """Ctrl-C after some steps, then ``resume``: the same weights, bit for bit, as a run that was left alone."""
    arguments = {"steps": 150, "batch": 16, "structure": "diagonal", "rate": 1e-2}

    pressed = []

    def stop(record):
        if record.step >= 50 and not pressed:
            pressed.append(record.step)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="--resume"):
        orn.fit(SIGNALS, Tiny(), folder=tmp_path / "run", watch=stop, **arguments)
    resumed = orn.fit(SIGNALS, Tiny(seed=7), folder=tmp_path / "run", resume=True, **arguments)
    alone = orn.fit(SIGNALS, Tiny(), **arguments)
    assert resumed.training["steps"] == alone.training["steps"] == 150
    assert torch.equal(resumed.sample(3, steps=5), alone.sample(3, steps=5))
    with pytest.raises(orn.InputError, match="x is not the same"):
        orn.fit(SIGNALS.values[:50], Tiny(), folder=tmp_path / "run", resume=True, **arguments)
    with pytest.raises(orn.InputError, match=r"rate was 0\.01 and is 0\.5"):
        orn.fit(SIGNALS, Tiny(), folder=tmp_path / "run", resume=True, **(arguments | {"rate": 0.5}))


@pytest.mark.parametrize(
    ("shape", "structure"),
    [
        ((2048,), "dense"),
        ((2049,), "low-rank"),
        ((1, 128), "dense"),
        ((1, 4096), "stationary"),
        ((64, 640), "kronecker"),
        ((64, 4096), "stationary"),
        ((3000, 4), "low-rank"),
        ((3, 32, 32), "image"),
        ((3, 16, 16), "dense"),
    ],
)
def test_the_reference_has_an_affordable_basis(shape, structure):
    assert reference_structure(shape) == structure


def test_the_reference_of_eeg_is_two_small_bases():
    x = torch.randn(12, 64, 640, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    operator = fit_reference(x).operator
    assert {operator.left.basis.shape, operator.right.basis.shape} == {(64, 64), (640, 640)}


def frozen():
    net = Tiny()
    return net.requires_grad_(False)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"model": "netwrk"}, "did you mean 'network'"),
        ({"model": "gaussian", "minutes": 5}, "minutes is 5, but model is 'gaussian': minutes belongs to model 'network'"),
        ({"model": "mixture", "batch": 5}, "batch belongs to model 'network'"),
        ({"model": "gaussian", "labels": [0] * 60}, "labels belongs to model 'network'"),
        ({"model": "gaussian", "resume": True}, "resume belongs to model 'network'"),
        ({"model": "network", "components": 2}, "components belongs to model 'mixture'"),
        ({"model": Tiny(), "bandwidth": 0.5}, "bandwidth belongs to model 'empirical'"),
        ({"model": "network", "folds": 3}, "a network is trained once"),
        ({"model": "network", "net": "unt"}, "did you mean 'unet'"),
        ({"model": Tiny(), "net": "unet"}, "leave net out"),
        ({"model": "network", "bach": 5}, "did you mean 'batch'"),
        ({"model": "gaussian", "strcture": "dense"}, "did you mean 'structure'"),
        ({"model": "network", "minutes": -1}, "minutes is -1"),
        ({"model": "network", "steps": 0}, "steps is 0"),
        ({"model": "network", "batch": 61}, "batch is 61, but must be a whole number of at least 1 and at most 54"),
        ({"model": "network", "held_out": 1.5}, "held_out is 1.5"),
        ({"model": "network", "form": "wite"}, "form is 'wite'"),
        ({"model": "network", "device": "cuda"}, "no CUDA device"),
        ({"model": "network", "device": "tpu9"}, "device is 'tpu9'"),
        ({"model": "network", "resume": True}, "no folder to go on from"),
        ({"model": "network", "engine": "local"}, "load x into memory"),
        ({"model": frozen()}, "Tiny has no trainable parameters"),
        ({"model": nn.Identity()}, "Identity has no"),
        ({"model": Tiny().to("meta")}, "Tiny is on the device meta"),
        ({"model": Tiny(5)}, "Tiny fails when called"),
        ({"model": nn.Linear(8, 8)}, "Linear.forward takes"),
        ({"model": "network", "labels": [0, 1] * 20}, "labels has 40 entries, but x has 60 cases"),
        ({"model": "network", "labels": [0, 0.5] * 30}, "must hold whole numbers or words"),
        ({"model": "network", "labels": [0.5, 1] * 30}, r"holds 0.5 \(case 0\)"),
        ({"model": "network", "labels": [-1] * 60}, "no class at all"),
        ({"model": "network", "labels": [[0]] * 60}, "labels has shape"),
        ({"model": mlp(classes=2), "labels": [0, 1, 2] * 20}, "between 0 and 1"),
        ({"model": mlp(), "labels": [0, 1] * 30}, "built without"),
        ({"model": Tiny(), "labels": [0, 1] * 30}, "Tiny.forward takes"),
        ({"model": "network", "labels": [0, 1] * 30, "condition": Condition(label=torch.zeros(60).long())}, "given twice"),
        ({"model": "network", "condition": torch.zeros(59, 3)}, "condition has 59 entries, but x has 60 cases"),
        ({"model": "network", "condition": torch.zeros(60, 1, 7)}, "must have"),
        ({"model": "network", "condition": torch.full((60, 2), torch.nan)}, "entry 0 of the condition is never given"),
        ({"model": "network", "condition": torch.zeros(1, 1, 1, 1, 1)}, "condition has shape"),
    ],
)
def test_what_does_not_fit_is_one_sentence(arguments, says):
    with pytest.raises(orn.InputError, match=says) as raised:
        orn.fit(SIGNALS, **arguments)
    assert "\n" not in str(raised.value)


def test_only_what_sees_a_signal_whole_stands_on_a_mixture():
    """Two clusters: a vector and an MLP get their mixture, a U-Net finds the pieces by itself."""
    x = torch.randn(60, 1, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[::2] += 20
    unet = named_net("unet", (1, 8), 60)
    assert isinstance(fit_reference(x[:, 0]), Mixture)
    assert isinstance(fit_reference(x, module=mlp()), Mixture)
    assert isinstance(fit_reference(x, module=unet), Gaussian)
    assert isinstance(fit_reference(x, "dense", mlp()), Gaussian)


@pytest.mark.filterwarnings(STILL)
def test_the_seed_of_a_fit_is_that_of_its_training():
    drawn = [orn.fit(SIGNALS, "network", module=Tiny(), steps=2, rate=0.05, held_out=0.0, seed=seed).law.module for seed in (1, 1, 2)]
    first, again, other = (torch.cat([p.flatten() for p in module.parameters()]) for module in drawn)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_gaps_need_masks():
    x = SIGNALS.values.clone()
    x[0, 0, 0] = torch.nan
    with pytest.raises(orn.InputError, match=r"1 NaN values.*masks"):
        orn.fit(x, "network")


def test_the_unet_by_name_takes_short_signals():
    assert named_net("unet", (1, 4), 10).arguments["multipliers"] == [1]
