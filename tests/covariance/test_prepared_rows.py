"""Prepared quadratic forms are those of the dense inverse, for every structure of full rank."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kinds import normal
from ornstein.covariance import Autoregressive, Covariance
from ornstein.covariance.rows import STRIP, by_rows
from structures import TWINS


def autoregressive(order: int, size: int) -> Autoregressive:
    """Its weights and variances change from sample to sample."""
    weights = torch.zeros(size, order, dtype=torch.float64)
    for t in range(size):
        weights[t, : min(t, order)] = 0.9 / order * normal(order, seed=t)[: min(t, order)].clamp(-1, 1)
    return Autoregressive(weights, 0.2 + normal(size, seed=1).square())


def dense(covariance: Covariance) -> Tensor:
    return covariance @ torch.eye(covariance.size, dtype=torch.float64)


LAWS = {twin.name: twin.operator for twin in TWINS if twin.rank == twin.operator.size} | {
    "a few lags": autoregressive(3, 30),
    "many lags": autoregressive(20, 2 * STRIP + 5),
    "no lag": Autoregressive(torch.zeros(9, 0), torch.linspace(1, 2, 9)),
}


@pytest.mark.parametrize("name", LAWS)
def test_forms_are_those_of_the_inverse(name: str) -> None:
    x = normal(40, LAWS[name].size, seed=2)
    expected = (x * torch.linalg.solve(dense(LAWS[name]), x.T).T).sum(-1)
    form = by_rows(LAWS[name])
    torch.testing.assert_close(form(x.clone()), expected, rtol=1e-9, atol=0)
    torch.testing.assert_close(form(3 * x[:1]), 9 * expected[:1], rtol=1e-9, atol=0)
