"""What a run that goes on is given back: every part of it, each of which a new run has otherwise."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from small_runs import Small, reference, signals
from torch import Tensor

from ornstein.denoisers import Network
from ornstein.training import Budget, HeldOut, LogNormal, Loss, Run, Trainer, fit, held_out
from ornstein.training import run as module_of_run
from ornstein.training.state import restore, state_of
from ornstein.training.weights import Uncertainty

pytestmark = pytest.mark.filterwarnings("ignore:no network got below the held-out loss")

TENSORS = ("module.", "average.0.", "average.1.", "average.2.", "weight.", "optimiser.", "best.", "skipped", "skipped_in_a_row")
VALUES = ("step", "part", "seconds", "gaussian", "evaluated_at", "milestone", "without_gain", "reserve", "best")


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_of_run, "APART", 3)
    monkeypatch.setattr(held_out, "PAIRS", 40)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of day, in seconds, which passes only as a test wishes."""
    now = [5000.0]
    monkeypatch.setattr(module_of_run.time, "monotonic", lambda: now[0])
    return now


class Timed(Small):
    """A call takes a second; the calls of ``broken`` in training answer NaN, and at call ``last`` the user presses Ctrl-C."""

    def __init__(self, now: list[float], seed: int = 0, broken: tuple[int, ...] = (), last: int | None = None) -> None:
        super().__init__(seed)
        self.now, self.broken, self.stops_at, self.calls = now, broken, last, 0

    def forward(self, x: Tensor, noise: Tensor, condition: object = None) -> Tensor:
        self.now[0] += 1.0
        self.calls += self.training
        if self.training and self.calls == self.stops_at:
            os.kill(os.getpid(), signal.SIGINT)
        return super().forward(x, noise) * (torch.nan if self.training and self.calls in self.broken else 1.0)


def run(module: Timed) -> Run:
    x = signals()
    loss = Loss(LogNormal(), Uncertainty())
    trainer = Trainer(Network.of(module, reference(x)), x[:30], loss, batch=10)
    return Run(trainer, Budget(30), HeldOut(x[30:], loss))


def eventful(now: list[float]) -> Run:
    """A run stopped after 17 steps, of which the 5th and the last two were left out, when memory had run out once."""
    made = run(Timed(now, broken=(5, 16, 17)))
    for steps, rate in ((8, 0.01), (17, 0.5)):  # a new best, then a rate too high for another
        made.trainer.rate, made.stop = rate, lambda steps=steps: made.trainer.number == steps
        assert [record.stopped for record in made.records()][-1] == "interrupted"
    assert 0 < made.best.step < 17
    made.trainer.halve()
    return made


def test_every_part_comes_back(clock: list[float]) -> None:
    """Of each part a new run has other numbers, so one that is left out is noticed."""
    made = eventful(clock)
    again = run(Timed(clock, seed=1))
    tensors, values = state_of(made)
    blank, other = state_of(again)
    assert {name for name in tensors if not name.startswith(TENSORS)} == set()
    for part in TENSORS:
        mine = {name for name in tensors if name.startswith(part)}
        assert mine, part
        assert not all(name in blank and torch.equal(tensors[name], blank[name]) for name in mine), part
    assert values.keys() == {*VALUES, "stopped"}
    for name in VALUES:
        assert values[name] != other[name], name
    restore(again, tensors, values)
    restored, same = state_of(again)
    assert restored.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(restored[name], tensor), name
        assert restored[name].dtype == tensor.dtype, name
    for name in VALUES:
        assert same[name] == values[name], name
    assert (int(again.trainer.skipped), int(again.trainer.skipped_in_a_row)) == (3, 2)


def test_a_state_does_not_move_with_the_run(clock: list[float]) -> None:
    made = eventful(clock)
    tensors, _ = state_of(made)
    before = {name: tensor.clone() for name, tensor in tensors.items()}
    made.stop = lambda: made.trainer.number == 22
    list(made.records())
    assert not all(torch.equal(value, before[name]) for name, value in state_of(made)[0].items())
    assert all(torch.equal(tensor, before[name]) for name, tensor in tensors.items())


def test_a_run_that_ended_for_want_of_gradients_has_another_go(clock: list[float]) -> None:
    made = eventful(clock)
    tensors, values = state_of(made)
    again = run(Timed(clock))
    restore(again, tensors, {**values, "stopped": "not finite"})
    assert (int(again.trainer.skipped), int(again.trainer.skipped_in_a_row)) == (3, 0)


def test_minutes_are_those_of_all_sessions_and_not_of_the_time_between(tmp_path: Path, clock: list[float]) -> None:
    """Of four minutes the first session uses one or two; a day later the rest is left."""
    x, begin = signals(), clock[0]
    common = {"minutes": 4.0, "batch": 10, "folder": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        fit(x, Timed(clock, last=50), reference(x), **common)  # type: ignore[arg-type]
    first = clock[0] - begin
    assert 50 <= first < 120
    clock[0] += 86_400
    trained = fit(x, Timed(clock), reference(x), resume=True, **common)  # type: ignore[arg-type]
    told = [record.seconds for record in trained.history]
    assert told == sorted(told)
    assert told[0] > first
    assert (trained.stopped, trained.history[-1].share) == ("minutes", 1.0)
    assert trained.seconds == clock[0] - begin - 86_400 - 1  # the call that asks what the module accepts comes before the clock goes on
    assert 225 < trained.seconds <= 241  # evaluations take several seconds, and the last step may begin just before its share ends


def test_steps_left_out_are_counted_over_all_sessions(tmp_path: Path, clock: list[float]) -> None:
    x = signals()
    common = {"steps": 20, "batch": 10, "folder": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        fit(x, Timed(clock, broken=(2, 3), last=8), reference(x), **common)  # type: ignore[arg-type]
    trained = fit(x, Timed(clock, broken=(5,)), reference(x), resume=True, **common)  # type: ignore[arg-type]
    assert (trained.steps, trained.skipped) == (20, 3)
