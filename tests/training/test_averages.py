"""Averages of weights: what every step counts, in closed form."""

import pytest
import torch
from torch import nn

from ornstein.common.errors import InputError
from ornstein.training import Averages


def counts(gamma: float, steps: int) -> torch.Tensor:
    """What step j = 1 ... k counts in the average after k steps: the integral of (gamma + 1) tau^gamma / k^(gamma + 1)."""
    edges = torch.arange(steps + 1, dtype=torch.float64) ** (gamma + 1)
    return edges.diff() / edges[-1]


@pytest.mark.parametrize("gamma", [1.0, 6.94, 16.0, 160.0])
def test_every_step_counts_by_its_power_profile(gamma):
    """Weights that are the unit vector of their step: the average shows what every step counts, the first one included."""
    steps = 30
    module = nn.Linear(steps, 1, bias=False, dtype=torch.float64)
    averages = Averages(module, (gamma, 2.0))
    for step in range(1, steps + 1):
        averages.update([torch.nn.functional.one_hot(torch.tensor([step - 1]), steps).to(torch.float64)], step)
        torch.testing.assert_close(averages.values[0][0][0, :step], counts(gamma, step), rtol=1e-9, atol=1e-14)
    torch.testing.assert_close(averages.values[1][0][0], counts(2.0, steps), rtol=1e-9, atol=1e-14)


def test_the_width_of_the_profile_is_that_of_the_paper():
    """gamma = 6.94 has a relative deviation of 0.10 and 16.97 of 0.05 (Karras et al. 2024, after eq. 126)."""
    place = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    for gamma, width in ((6.94, 0.10), (16.97, 0.05)):
        p = counts(gamma, 20_000)
        mean = (p * place).sum()
        assert float((p * (place - mean) ** 2).sum().sqrt()) == pytest.approx(width, abs=5e-4)


def test_only_what_is_trained_is_averaged_and_in_at_least_single_precision():
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1).to(torch.bfloat16))
    module[0].weight.requires_grad_(False)
    averages = Averages(module, (16.0,))
    assert [tuple(v.shape) for v in averages.values[0]] == [(2,), (1, 2), (1,)]
    assert {v.dtype for v in averages.values[0]} == {torch.float32}
    with torch.no_grad():
        for p in module.parameters():
            p.fill_(1.0)
    for step in range(1, 2001):
        averages.update([torch.full_like(p, 1.0 if step == 1 else 1.0 + 2**-7) for p in module.parameters() if p.requires_grad], step)
    # in bfloat16 the last steps would be rounded away
    torch.testing.assert_close(averages.values[0][1], torch.full((1, 2), 1.0 + 2**-7), rtol=1e-6, atol=0)


def test_averages_do_not_share_memory_with_the_weights():
    module = nn.Linear(1, 1)
    averages = Averages(module, (16.0,))
    with torch.no_grad():
        module.weight.fill_(7.0)
    assert float(averages.values[0][0]) != 7.0


def test_a_length_must_be_positive():
    with pytest.raises(InputError, match="lengths is 0"):
        Averages(nn.Linear(1, 1), (16.0, 0.0))
