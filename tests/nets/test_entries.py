"""A network that looks at hidden entries one by one: what is left out, repeated or put in another order changes nothing."""

from __future__ import annotations

import math

import pytest
import torch
from small_nets import awake, normal
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.nets import Condition, Entries, around
from ornstein.nets.entries import SHOWN

SHAPE = (3, 7)
CASES = 4
HIDDEN = normal(CASES, *SHAPE, seed=1) > -0.2
NOISE = 0.5 * normal(CASES, seed=2)
SIGNAL = Condition(signal=normal(CASES, *SHAPE, seed=3).masked_fill(HIDDEN, torch.nan))


def shown(hidden: Tensor = HIDDEN) -> Tensor:
    """What it is shown, NaN as the noisy value where nothing is asked."""
    x = normal(CASES, SHOWN, *SHAPE, seed=4)
    x[:, 0] = x[:, 0].masked_fill(~hidden, torch.nan)
    return x.flatten(1, 2)


def net(**more: int) -> Entries:
    found = Entries(SHAPE, width=12, depth=1, signal=3, **more)
    awake(found)
    return found.eval()


def test_what_stands_around_an_entry() -> None:
    """One entry of a case by hand: its own numbers, its row, and the nearest seen values before and after with their distances."""
    values = torch.tensor([[[1.0, torch.nan, torch.nan, 4.0, 5.0], [torch.nan] * 5]], dtype=torch.float64)
    off = torch.tensor([[[0.1, 0, 0, 0.2, 0.3], [0] * 5]], dtype=torch.float64)
    wanted = torch.zeros(1, 2, 5, dtype=torch.bool)
    wanted[0, 0, 1] = True
    mean, deviation = torch.tensor([0.5], dtype=torch.float64), torch.tensor([2.0], dtype=torch.float64)
    table, variable = around.around(values, off, wanted, mean, deviation)
    overall = (10 + 0.14) / 13
    own = [(5 * overall + 0.14) / 8, overall]
    expected = [0.5, math.log(2), -0.5, *map(math.log, own), math.log(4), 0.3, 0.0, 10 / 3 - 0.5, 1.0]
    expected += [0.25, 0.1, 1 / 2, math.log(2), 1.75, 0.2, 1 / 3, math.log(3), 0, 0, 0, math.log(3), 2.25, 0.3, 1 / 4, math.log(4)]
    assert torch.allclose(table[0, :26], torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)
    assert torch.equal(table[0, 26:], torch.cat([off.flatten(), values.nan_to_num().flatten(), (~values.isnan()).double().flatten()]))
    assert variable.tolist() == [1]
    assert table.shape[1] == around.width(2, 5)


def test_a_new_network_returns_zero_and_an_awake_one_answers_where_it_is_asked() -> None:
    assert not Entries(SHAPE, signal=3).double()(shown(), NOISE, SIGNAL).any()
    assert torch.equal(net()(shown(), NOISE, SIGNAL) != 0, HIDDEN)


def test_what_is_left_out_changes_nothing_for_the_others() -> None:
    whole, fewer = net()(shown(), NOISE, SIGNAL), HIDDEN & (normal(CASES, *SHAPE, seed=5) > 0)
    assert 0 < int(fewer.sum()) < int(HIDDEN.sum())
    assert torch.allclose(net()(shown(fewer), NOISE, SIGNAL)[fewer], whole[fewer], rtol=0, atol=1e-12)


def test_cases_do_not_meet_and_rows_of_one_case_share_their_surroundings() -> None:
    """Neighbouring rows that differ in their noisy values only, rows apart, and one by one."""
    order = torch.tensor([0, 0, 2, 0, 1, 1, 3])
    x, noise, given = shown()[order], NOISE[order] + 0.1 * torch.arange(7), SIGNAL[order]
    x[:, :9] = x[:, :9] * torch.linspace(0.8, 1.2, 7, dtype=torch.float64).view(-1, 1, 1)
    together = net()(x, noise, given)
    for i in range(7):
        one = slice(i, i + 1)
        assert torch.allclose(net()(x[one], noise[one], given[one]), together[one], rtol=0, atol=1e-12)


def test_surroundings_are_standardised_by_the_first_batch_of_training_alone() -> None:
    found = net()
    found(shown(), NOISE, SIGNAL)
    assert not bool(found.ready)
    found.train()(shown(), NOISE, SIGNAL)
    centre = found.centre.clone()
    assert bool(centre.any())
    found(2 * shown(), NOISE, SIGNAL)
    assert torch.equal(found.centre, centre)


def test_a_label_is_heard() -> None:
    told = net(classes=2)
    said = [told(shown(), NOISE, Condition(torch.full((CASES,), k), signal=SIGNAL.signal)) for k in (0, 1)]
    assert bool((said[0] != said[1])[HIDDEN].all())


@pytest.mark.parametrize(("more", "shape"), [({"signal": 0}, SHAPE), ({"signal": 3, "inputs": 2}, SHAPE), ({"signal": 3}, (3, 4, 4))])
def test_what_it_cannot_be_built_for(more: dict[str, int], shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="network of entries"):
        Entries(shape, **more)
