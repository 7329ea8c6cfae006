"""Held-out cases and the loss on them."""

from __future__ import annotations

import pytest
import torch
from small_runs import CASES, SHAPE, Silent, Small, labels, reference, signals

from ornstein.common.errors import InputError
from ornstein.denoisers import Network
from ornstein.training import HeldOut, LogNormal, Loss, Uncertainty, split
from ornstein.training.best import Best, assign, holding


@pytest.mark.parametrize(("cases", "share", "count"), [(100, 0.1, 10), (103, 0.2, 21), (7, 0.1, 1), (50, 0.01, 1), (30, 0.6, 18)])
def test_held_out_cases_are_blocks_over_the_whole_range(cases: int, share: float, count: int) -> None:
    train, held = split(cases, share)
    assert torch.equal(torch.cat([train, held]).sort().values, torch.arange(cases))
    assert len(held) == count
    begins = [int(h) for k, h in enumerate(held) if k == 0 or held[k - 1] != h - 1]
    assert len(begins) == min(5, count)
    assert int(held[-1]) == cases - 1
    assert max(torch.tensor([-1, *held.tolist()]).diff()) <= -(-cases // min(5, count))


def test_no_case_is_held_out() -> None:
    train, held = split(5, 0)
    assert train.tolist() == [0, 1, 2, 3, 4]
    assert held.tolist() == []


@pytest.mark.parametrize(("cases", "share", "said"), [(9, 1.0, "held_out is 1"), (9, -0.1, "held_out is -0.1"), (2, 0.1, "x has 2 cases")])
def test_a_share_that_leaves_nothing(cases: int, share: float, said: str) -> None:
    with pytest.raises(InputError, match=said):
        split(cases, share)


def test_the_loss_of_the_gaussian_on_its_own_law_is_one() -> None:
    """E |D - x_0|^2 is the trace of the posterior covariance, which the weight divides by. 512 pairs of 10 entries.

    A mean of 512 squared norms over 10 has variance at most 2 / 512 where one direction carries all: 5 deviations are 0.32, and
    fewer than 1 of 10^5 seeds are further away.
    """
    x = signals()
    law = reference(x)
    held = HeldOut(law.sample(512, seed=1).float(), Loss(LogNormal()))
    network = Network.of(Small(), law)
    assert held.gaussian(network, 100) == pytest.approx(1.0, abs=0.32)
    assert held.gaussian(Network.of(Small(), law, "scalar"), 100) < 1.0  # the weight of this form counts its own, larger variance


def test_a_network_that_returns_nothing_is_the_gaussian() -> None:
    x = signals()
    held = HeldOut(x, Loss(LogNormal()))
    network = Network.of(Silent(), reference(x))
    assert held(network, 50) == held.gaussian(network, 50)


def test_the_loss_does_not_depend_on_parts_or_on_what_is_trained() -> None:
    x = signals().double()
    network = Network.of(Small().double(), reference(x))
    held = HeldOut(x, Loss(LogNormal(), drop=0.5), labels())
    whole = held(network, 10**6)
    assert held(network, 7) == pytest.approx(whole, rel=1e-12)
    assert held(network, 7) == held(network, 7)
    assert HeldOut(x, Loss(LogNormal(), drop=0.5), labels(), seed=1)(network, 7) != whole
    learned = Uncertainty()
    for p in learned.parameters():
        p.data.fill_(1.0)
    assert HeldOut(x, Loss(LogNormal(), learned, drop=0.5), labels())(network, 10**6) == whole


def test_few_cases_come_often_and_many_once() -> None:
    few, many = signals(40), signals(700)
    assert len(HeldOut(few, Loss(LogNormal())).x) == 480
    held = HeldOut(many, Loss(LogNormal()))
    assert len(held.x) == 512
    assert len(held.x.unique(dim=0)) == 512


def test_conditions_stay_with_their_cases() -> None:
    x = torch.arange(CASES, dtype=torch.float32).view(-1, 1, 1).expand(-1, *SHAPE)
    held = HeldOut(x, Loss(LogNormal()), labels())
    assert held.condition is not None
    assert held.condition.label is not None
    assert torch.equal(held.condition.label, held.x[:, 0, 0].long() % 3)


def test_a_loss_that_is_not_finite_is_infinite() -> None:
    x = signals()
    network = Network.of(Small(), reference(x))
    network.module.last.bias.data.fill_(torch.nan)  # type: ignore[union-attr, operator]
    assert HeldOut(x, Loss(LogNormal()))(network, 50) == torch.inf


def test_the_best_is_kept() -> None:
    best, values = Best(), [torch.zeros(2)]
    for step, loss, taken in ((0, 1.0, True), (1, 1.0, False), (2, 0.5, True), (3, 0.7, False), (4, torch.nan, False)):
        values[0].fill_(step)
        assert best.offer("weights", step, loss, values) is taken
    assert (best.loss, best.step, best.values[0].tolist()) == (0.5, 2, [2.0, 2.0])


def test_a_first_candidate_is_taken_whatever_its_loss() -> None:
    best = Best()
    assert best.offer("start", 0, torch.inf, [torch.ones(1)])
    assert best.values


def test_other_values_are_held_only_inside() -> None:
    own = [torch.nn.Parameter(torch.rand(3, generator=torch.Generator().manual_seed(0)))]
    before = own[0].detach().clone()
    with holding(own, [torch.zeros(3)]):
        assert bool((own[0] == 0).all())
    assert torch.equal(own[0], before)
    assign(own, [torch.ones(3)])
    assert bool((own[0] == 1).all())
