"""The network that bends quantiles: it starts as nothing, and stays monotone."""

from __future__ import annotations

import torch

from kinds import normal
from ornstein.nets.warp import KNOTS, Warp, bent

FEATURES, VARIABLE = normal(50, 4, seed=1).float(), torch.arange(50) % 3


def test_a_new_network_bends_nothing() -> None:
    h = Warp(4, 3)(FEATURES, VARIABLE)
    torch.testing.assert_close(h.double(), KNOTS.expand(50, -1), rtol=0, atol=1e-6)
    z = torch.tensor([-3.0, -0.3, 0.0, 1.0, 4.0], dtype=torch.float64).unsqueeze(1).expand(-1, 50)
    torch.testing.assert_close(bent(z, KNOTS.expand(50, -1)), z, rtol=0, atol=1e-12)


def test_maps_rise_whatever_the_weights() -> None:
    net = Warp(4, 3, seed=2)
    with torch.no_grad():
        for k, parameter in enumerate(net.parameters()):
            parameter.copy_(3 * normal(*parameter.shape, seed=10 + k))
    h = net(FEATURES, VARIABLE).double()
    assert bool((h.diff() > 0).all())
    z = torch.linspace(-6, 6, 97, dtype=torch.float64).unsqueeze(1).expand(-1, 50)
    assert bool((bent(z, h).diff(dim=0) > 0).all())


def test_a_map_meets_its_knots_and_goes_on_straight() -> None:
    h = KNOTS.unsqueeze(0) * 2 + 1
    torch.testing.assert_close(bent(KNOTS.unsqueeze(1), h), h.T, rtol=0, atol=1e-12)
    far = torch.tensor([[-5.0], [0.1], [5.0]], dtype=torch.float64)
    torch.testing.assert_close(bent(far, h), 2 * far + 1, rtol=0, atol=1e-12)
