"""A run: when it looks at held-out cases, what it keeps, and why it ends."""

from __future__ import annotations

import itertools
import sys

import pytest
import torch
from small_runs import CASES, Silent, Small, labels, reference, signals, weights
from torch import Tensor, nn

from ornstein.common.errors import InputError
from ornstein.denoisers import Network
from ornstein.nets import MLP, Condition
from ornstein.training import Budget, HeldOut, LogNormal, Loss, Pace, Record, Run, Trainer, fit, held_out
from ornstein.training import run as module_of_run
from ornstein.training.inputs import check_signals, sizes_of


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations as often as every third step, on few cases."""
    monkeypatch.setattr(module_of_run, "APART", 3)
    monkeypatch.setattr(held_out, "PAIRS", 40)


def run(module: nn.Module | None = None, steps: int = 20, **more: object) -> Run:
    x = signals()
    network = Network.of(Small() if module is None else module, reference(x))
    loss = Loss(LogNormal())
    trainer = Trainer(network, x[:30], loss, batch=10)
    return Run(trainer, more.pop("budget", Budget(steps)), HeldOut(x[30:], loss), **more)  # type: ignore[arg-type]


class Clocked(Small):
    """Takes a second for every call."""

    now = 0.0

    def forward(self, x: Tensor, noise: Tensor, condition: object = None) -> Tensor:
        self.now += 1.0
        return super().forward(x, noise)


def clocked(monkeypatch: pytest.MonkeyPatch, minutes: float) -> tuple[Run, Clocked]:
    module = Clocked()
    monkeypatch.setattr(module_of_run.time, "monotonic", lambda: module.now)
    return run(module, budget=Budget(minutes=minutes)), module


def test_a_budget_of_steps(often: None) -> None:
    made = run(steps=60)
    records = list(made.records())
    evaluated = [r.step for r in records if r.held_out is not None]
    assert evaluated == [0, *range(3, 60, 3), 60]
    assert (records[0].candidate, records[-1].step, records[-1].stopped, records[-1].share) == ("start", 60, "steps", 1.0)
    assert made.trainer.number == 60
    assert all(r.gaussian == records[0].gaussian for r in records)
    best = [r.best for r in records]
    assert best == sorted(best, key=lambda b: -(b or 0))
    assert best[-1] == min(r.held_out for r in records if r.held_out is not None)


def test_the_losses_told_are_the_means_of_the_steps(often: None) -> None:
    expected, made = run(steps=12), run(steps=12)
    steps = [expected.trainer.step(made.pace(k / 12, k)) for k in range(12)]
    records = [r for r in made.records() if r.loss is not None]
    last = 0
    for record in records:
        mean = torch.stack([s.loss for s in steps[last : record.step]]).mean()
        assert record.loss == pytest.approx(float(mean), rel=1e-6)
        norm = torch.stack([s.gradient for s in steps[last : record.step]]).mean()
        assert record.gradient == pytest.approx(float(norm), rel=1e-6)
        assert record.rate == steps[record.step - 1].rate
        last = record.step
    assert last == 12


def test_the_best_candidate_has_the_loss_it_is_said_to_have(often: None) -> None:
    made = run(steps=40, pace=Pace(warm_up=0))
    made.trainer.rate = 0.02
    list(made.records())
    parameters = made.trainer.parameters
    for parameter, value in zip(parameters, made.best.values, strict=True):
        parameter.data.copy_(value)
    assert made.held_out is not None
    assert made.held_out(made.trainer.network, 10) == pytest.approx(made.best.loss, rel=1e-6)


def test_every_average_is_a_candidate() -> None:
    made = run()
    made.trainer.step()
    assert [name for name, _ in made._candidates()] == ["weights", "average 16", "average 48", "average 160"]
    target = made.trainer.averages.values[1]
    for value in target:
        value.zero_()
    assert made.held_out is not None
    made.gaussian = 1.0
    made.held_out = lambda network, part: 0.5 if not bool(weights(network.module).any()) else 1.0  # type: ignore[assignment]
    found = made._evaluate(0.5)
    assert (found.name, found.loss) == ("average 48", 0.5)
    assert bool(weights(made.trainer.network.module).any())


def test_minutes_hold_steps_and_evaluations(monkeypatch: pytest.MonkeyPatch, often: None) -> None:
    made, module = clocked(monkeypatch, minutes=10.0)
    records = list(made.records())
    assert records[-1].stopped == "minutes"
    assert 590 < module.now <= 601  # the last step may begin just before its share ends
    assert records[-1].held_out is not None
    assert sum(r.held_out is not None for r in records) >= 15
    rates = [r.rate for r in records if r.rate is not None]
    assert rates[-1] < 0.05 * max(rates)


def test_patience(often: None) -> None:
    made = run(Silent(), steps=300, patience=4)
    made.trainer.rate = 1e-12  # nothing is gained
    records = list(made.records())
    assert records[-1].stopped == "patience"
    evaluated = [r.step for r in records if r.held_out is not None]
    assert made.without_gain == 4
    assert evaluated[-1] == records[-1].step == made.best.step + 4 * 15


class Failing(Small):
    """NaN after ``good`` calls, in training."""

    calls, good = 0, 30

    def forward(self, x: Tensor, noise: Tensor, condition: object = None) -> Tensor:
        self.calls += self.training
        return super().forward(x, noise) * (torch.nan if self.training and self.calls > self.good else 1.0)


def test_nan_for_ever_ends_the_run_at_the_last_good_weights() -> None:
    made = run(Failing(), steps=2000)
    records = list(made.records())
    assert records[-1].stopped == "not finite"
    assert made.trainer.number <= 30 + 100 + 20
    assert records[-1].skipped == made.trainer.number - 30
    assert bool(torch.isfinite(weights(made.trainer.network.module)).all())
    told = [r.loss for r in records if r.loss is not None]
    assert told
    assert all(0 < loss < 10 for loss in told)  # of the steps that were taken
    assert made.evaluated_at == made.trainer.number
    assert made.best.loss < torch.inf


def test_a_caller_may_stop_and_go_on() -> None:
    made = run(steps=12)
    asked = itertools.chain([False] * 5, itertools.repeat(True))
    made.stop = lambda: next(asked)
    assert [r.stopped for r in made.records()][-1] == "interrupted"
    assert made.trainer.number == 5
    made.stop = lambda: False
    assert [r.stopped for r in made.records()][-1] == "steps"
    whole = run(steps=12)
    list(whole.records())
    assert torch.equal(weights(made.trainer.network.module), weights(whole.trainer.network.module))


def test_out_of_memory_while_looking_at_held_out_cases() -> None:
    class Hungry(Small):
        def forward(self, x: Tensor, noise: Tensor, condition: object = None) -> Tensor:
            if len(x) > 4:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(x, noise)

    made = run(Hungry(), steps=3)
    records = list(made.records())
    assert records[-1].part == 1
    assert records[-1].stopped == "steps"


def test_a_fit_is_never_worse_than_the_gaussian() -> None:
    x = signals(60)
    with pytest.warns(UserWarning, match=r"no network got below the held-out loss of the Gaussian \(.*train longer, or give more cases"):
        trained = fit(x, Small(), reference(x), steps=2, rate=1e-6)
    assert trained.chosen == "gaussian"
    assert trained.held_out == trained.gaussian
    sigma = torch.tensor([1e-6, 0.3, 5.0])
    torch.testing.assert_close(trained.network.mean(x[:3], sigma), reference(x)(x[:3], sigma).mean, rtol=0, atol=1e-5)


def test_a_fit_gains_over_the_gaussian_and_says_by_how_much() -> None:
    """Two clusters on a line: the Gaussian denoiser is far from the best one."""
    x = signals(400)
    seen: list[Record] = []
    trained = fit(x, Small(width=32), steps=150, batch=64, rate=0.02, warm_up=10, progress=seen.append)
    assert trained.gaussian is not None
    assert trained.held_out is not None
    assert trained.held_out < 0.95 * trained.gaussian
    assert trained.stopped == "steps"
    assert (trained.steps, trained.skipped) == (150, 0)
    assert trained.history == tuple(seen)
    assert not trained.network.module.training
    fresh = signals(512, seed=9)  # cases that no choice was made on
    loss = Loss(LogNormal())
    held = HeldOut(fresh, loss)
    assert held(trained.network, 512) < 0.97 * held.gaussian(trained.network, 512)


def test_nothing_held_out_takes_the_first_average() -> None:
    trained = fit(signals(), Small(), held_out=0, steps=9)
    assert (trained.chosen, trained.held_out, trained.gaussian) == ("average 16", None, None)
    assert [r.step for r in trained.history][-1] == 9


def test_defaults_without_a_module_and_with_labels(often: None) -> None:
    trained = fit(signals(), steps=3, condition=labels(), batch=None)
    assert trained.network.event_shape == (2, 5)
    assert trained.steps == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch": 37}, "batch is 37, but must be a whole number of at least 1 and at most 36"),
        ({"module": Small().requires_grad_(False)}, "Small has no trainable parameters: set requires_grad"),
        ({"module": Small().to("meta")}, "Small is on the device meta, which holds no numbers: build it on 'cpu'"),
        ({"module": nn.Identity()}, "Identity has no trainable parameters"),
        ({"condition": labels(5)}, "condition has 5 rows, but x has 40 cases: give one row per case"),
        (
            {"condition": Condition(vector=torch.zeros(CASES, 2).index_fill(0, torch.tensor([3]), torch.inf))},
            "the vector of the condition holds inf",
        ),
        ({"x": signals().index_fill(0, torch.tensor([3]), torch.nan)}, "x holds 10 NaN values"),
        ({"x": torch.ones(CASES, 2, 5)}, "reference has no variance"),
        ({"x": signals(1)}, "x has 1 cases"),
        ({"x": torch.ones(30)}, r"x has shape \(30,\), but must be \(case, \*event\)"),
        ({"steps": 0}, "steps is 0"),
        ({"minutes": -1.0}, "minutes is -1"),
        ({"device": "cuda:99"}, "device is"),
        ({"form": "edm"}, "form is 'edm', but must be one of"),
        ({"weight": "emd"}, "weight is 'emd', but must be one of .* did you mean 'edm'"),
        ({"patience": 0}, "patience is 0"),
        ({"masks": "points"}, r"masks is 'points', but must be training\.Masks"),
        ({"masks": False}, r"masks is False, but must be training\.Masks"),
        ({"resume": True}, "resume is True, but there is no folder to go on from: give folder="),
        ({"drop": 2.0}, "drop is 2"),
    ],
)
def test_what_cannot_be_trained_is_refused_before(change: dict[str, object], said: str) -> None:
    def refuse(record: Record) -> None:
        raise AssertionError("training began")

    given = {"x": signals(), "module": Small(), "steps": 3, "progress": refuse} | change
    with pytest.raises(InputError, match=said):
        fit(**given)  # type: ignore[arg-type]


def test_labels_out_of_the_range_of_the_network() -> None:
    for label, said in ((torch.arange(CASES) % 4, "from 0 to 3, but must lie between 0 and 2"), (torch.arange(CASES) - 5, "from -5 to")):
        with pytest.raises(InputError, match=said):
            fit(signals(), MLP((2, 5), width=8, depth=1, classes=3), condition=Condition(label), steps=2)


def test_what_a_default_network_must_know() -> None:
    told = Condition(torch.arange(CASES) % 3, torch.zeros(CASES, 4), torch.zeros(CASES, 6, 5))
    assert sizes_of(told, 2, inpaints=False) == {"classes": 3, "vector": 4, "signal": 6}
    assert sizes_of(told, 2, inpaints=True) == {"classes": 3, "vector": 4, "signal": 2}
    assert sizes_of(None, 2, inpaints=False) == {"classes": 0, "vector": 0, "signal": 0}


def test_signals_have_the_type_of_the_module_and_at_least_single_precision() -> None:
    for module, dtype in (
        (None, torch.float32),
        (Small().half(), torch.float32),
        (Small(), torch.float32),
        (Small().double(), torch.float64),
    ):
        assert check_signals(signals().double(), module, missing=False).dtype == dtype


@pytest.mark.filterwarnings("ignore:no network got below the held-out loss")
def test_held_out_cases_are_not_trained_on_and_keep_their_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Run] = {}

    class Kept(Run):
        def __init__(self, *given: object, **more: object) -> None:
            super().__init__(*given, **more)  # type: ignore[arg-type]
            seen["run"] = self

    monkeypatch.setattr(sys.modules[fit.__module__], "Run", Kept)
    monkeypatch.setattr(held_out, "PAIRS", 8)
    x, numbers = signals(), torch.arange(CASES)
    fit(x, Small(), reference(x), condition=Condition(numbers), held_out=0.2, steps=1, batch=8)
    train, held = held_out.split(CASES, 0.2)
    trainer, outside = seen["run"].trainer, seen["run"].held_out
    assert torch.equal(trainer.x, x[train])
    assert trainer.condition is not None
    assert torch.equal(trainer.condition.label, train)  # type: ignore[arg-type]
    assert outside is not None
    assert outside.condition is not None
    assert torch.equal(outside.x, x[outside.condition.label])
    assert sorted(outside.condition.label.tolist()) == held.tolist()  # type: ignore[union-attr]


def test_the_network_returned_is_the_best_seen() -> None:
    """Its weights have the held-out loss that is told, and not those of the last step."""
    x = signals(400)
    trained = fit(x, Small(width=32), steps=60, batch=64, rate=0.02, decay=0.0, warm_up=10)
    assert trained.chosen != "gaussian"
    _, held = held_out.split(400, held_out.HELD_OUT)
    assert HeldOut(x[held], Loss(LogNormal()))(trained.network, 512) == pytest.approx(trained.held_out, rel=1e-5)
