"""Order of the cases, learning rate over the budget, and the budget itself."""

from __future__ import annotations

import pytest
import torch

from ornstein.common.errors import InputError
from ornstein.training import Budget, Order, Pace


@pytest.mark.parametrize(("cases", "batch"), [(7, 3), (7, 7), (10, 5), (3, 2), (5, 4)])
def test_every_case_comes_once_per_epoch(cases: int, batch: int) -> None:
    order = Order(cases, batch, seed=1)
    places = torch.cat([order(step) for step in range(3 * cases)])
    epochs = places[: 3 * batch * cases // cases * cases].view(-1, cases)
    assert bool((epochs.sort(1).values == torch.arange(cases)).all())
    assert len({tuple(e.tolist()) for e in epochs}) > 1


def test_a_step_does_not_depend_on_those_before() -> None:
    whole, later = Order(11, 4, seed=2), Order(11, 4, seed=2)
    expected = [whole(step) for step in range(12)]
    for step in (9, 2, 11, 0):
        assert torch.equal(later(step), expected[step])
    assert not all(torch.equal(Order(11, 4, seed=3)(step), expected[step]) for step in range(3))


def test_pace_in_closed_form() -> None:
    pace = Pace(warm_up=4, decay=0.5)
    assert [pace(0.0, k) for k in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert [pace(share, 100) for share in (0.1, 0.5, 0.75, 0.9, 1.0)] == pytest.approx([1.0, 1.0, 0.5, 0.2, 0.0])


def test_warming_up_takes_a_tenth_of_a_short_budget() -> None:
    assert [Pace(warm_up=100)(k / 50, k) for k in (0, 1, 2, 4, 5)] == pytest.approx([0.01, 0.2, 0.4, 0.8, 1.0])


def test_neither_warming_up_nor_decay() -> None:
    assert {Pace(0, 0.0)(k / 10, k) for k in range(11)} == {1.0}


def test_the_share_of_a_budget() -> None:
    assert Budget(steps=200).share(50, 1e9) == 0.25
    assert Budget(steps=200).share(500, 1.0) == Budget(minutes=2.0).share(0, 1e9) == 1.0
    assert Budget(minutes=2.0).share(10**6, 30.0) == 0.25
    assert Budget(minutes=2.0).share(0, 30.0, reserve=20.0) == pytest.approx(0.3)
    assert Budget(minutes=2.0).share(0, 30.0, reserve=1000.0) == pytest.approx(0.5)  # half of the time is for steps
    both = Budget(steps=200, minutes=2.0)
    assert both.share(50, 60.0) == 0.5
    assert both.share(150, 60.0) == 0.75
    assert both.share(300, 60.0) == 1.0
    assert both.ended_by(200) == "steps"
    assert both.ended_by(199) == "minutes"


def test_a_budget_of_a_caller() -> None:
    assert Budget.of(None, None) == Budget(steps=2000)
    assert Budget.of(None, 5) == Budget(minutes=5.0)
    for steps, minutes, said in ((0, None, "steps is 0"), (None, 0.0, "minutes is 0"), (None, float("nan"), "minutes is nan")):
        with pytest.raises(InputError, match=said):
            Budget.of(steps, minutes)


@pytest.mark.parametrize(("argument", "value"), [("warm_up", -1), ("warm_up", 1.5), ("decay", -0.1)])
def test_a_pace_out_of_range(argument: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{argument} is"):
        Pace(**{argument: value})  # type: ignore[arg-type]
