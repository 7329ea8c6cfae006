"""Sums of Markov kernels as a chain of states: every operation against the dense matrix, at even and uneven times."""

from __future__ import annotations

import math
import time

import pytest
import torch
from torch import Tensor

from ornstein.common.linear import LinearMap
from ornstein.common.random import Noise
from ornstein.covariance import Covariance, Dense, condition
from ornstein.covariance.coregionalised import Coregionalised, grid
from ornstein.covariance.kernel_sum import KernelSum
from ornstein.covariance.time_kernels import NAMES, TimeKernel

UNEVEN = torch.tensor([0.0, 0.4, 0.5, 2.0, 2.1, 5.0, 5.5, 9.0], dtype=torch.float64)
KERNELS = (
    TimeKernel("constant"),
    TimeKernel("exponential", 3.0),
    TimeKernel("matern-3/2", 2.0),
    TimeKernel("cosine", 4.0),
    TimeKernel("white"),
)


def law(kernels: tuple[TimeKernel, ...] = KERNELS) -> Coregionalised:
    """Three channels; the couplings are neither symmetric nor of full rank."""
    factors = Noise(1).normal(len(kernels), (3, 3))
    factors[0, :, 1:] = 0
    return Coregionalised(torch.zeros(3, dtype=torch.float64), kernels, factors, torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64))


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("times", [grid(8), UNEVEN])
def test_every_kernel_is_the_chain_that_it_says(name: str, times: Tensor) -> None:
    known = law((TimeKernel(name, 2.5),))
    x = Noise(2).normal(4, (24,))
    close(KernelSum(known, times) @ x, x @ known.matrix(times))


@pytest.mark.parametrize("times", [grid(8), UNEVEN])
def test_all_operations_are_those_of_the_matrix(times: Tensor) -> None:
    """Products, solves, gains, densities and log-determinants, of the law and of its posterior at a noise level: to 1e-9."""
    chain, dense = KernelSum(law(), times), Dense(law().matrix(times))
    x = Noise(3).normal(5, (24,))
    levels = torch.tensor([0.3, 0.3, 1.0, 2.0, 0.3], dtype=torch.float64)
    close(chain.solve(x), dense.solve(x))
    close(chain.diagonal(), dense.diagonal())
    close(chain.dense(), dense.dense())
    pairs: list[tuple[Covariance, Covariance]] = [(chain, dense)]
    for level in (0.7, 0.4):
        pairs.append((pairs[-1][0].posterior(level), pairs[-1][1].posterior(level)))
    for one, other in pairs:
        close(one @ x, other @ x)
        for sigma in (0.0, 0.5, levels):
            close(one.gain(x, sigma), other.gain(x, sigma))
            close(one.mahalanobis(x, sigma), other.mahalanobis(x, sigma))
            close(one.logdet(sigma), other.logdet(sigma))
    close(chain.posterior(math.inf) @ x, dense @ x)


def test_draws_have_the_covariance() -> None:
    """The map from white noise, read off its unit vectors, squares to the matrix: of the law, and through noise."""
    chain, dense = KernelSum(law(), UNEVEN), Dense(law().matrix(UNEVEN))
    for one, other in ((chain, dense), (chain.posterior(0.7), dense.posterior(0.7))):
        root = one.color(torch.eye(one.white_size, dtype=torch.float64))
        close(root.T @ root, other.dense())


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_conditioning_on_entries_is_that_of_the_matrix(noise: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the entries, exact or with noise: shift, evidence, product and log-determinant, by one pass over the times."""
    monkeypatch.setattr("ornstein.covariance.conditioning.CONDITION_DENSE", 4)
    seen = (Noise(5).uniform(1, (24,))[0] < 0.5).nonzero()[:, 0]
    mask = LinearMap(lambda x: x[..., seen], 24, len(seen), selects=True)
    y = Noise(6).normal(3, (len(seen),))
    chain, dense = (condition(c, mask, y, noise) for c in (KernelSum(law(), UNEVEN), Dense(law().matrix(UNEVEN))))
    close(chain.shift, dense.shift)
    close(chain.log_evidence, dense.log_evidence)
    x = Noise(7).normal(2, (24,))
    close(chain.covariance @ x, dense.covariance @ x)
    close(chain.covariance.gain(x, 0.4), dense.covariance.gain(x, 0.4))
    if noise:
        close(chain.covariance.logdet(), dense.covariance.logdet())


def test_draws_given_entries_are_those_of_the_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """What white noise becomes, W of a draw W z: W W^T is the conditional covariance, also where the noise has states of its own."""
    monkeypatch.setattr("ornstein.covariance.conditioning.CONDITION_DENSE", 4)
    seen = (Noise(5).uniform(1, (24,))[0] < 0.5).nonzero()[:, 0]
    mask = LinearMap(lambda x: x[..., seen], 24, len(seen), selects=True)
    y = torch.zeros(len(seen), dtype=torch.float64)
    chain, dense = (condition(c, mask, y, 0.3).covariance for c in (KernelSum(law(), UNEVEN), Dense(law().matrix(UNEVEN))))
    made = chain.color(torch.eye(chain.white_size, dtype=torch.float64))
    close(made.T @ made, dense.dense())


def test_the_chain_is_differentiable() -> None:
    chain, dense = KernelSum(law(), UNEVEN), Dense(law().matrix(UNEVEN))
    x = Noise(8).normal(2, (24,)).requires_grad_()
    (one,) = torch.autograd.grad(chain.mahalanobis(x, 0.5).sum(), x)
    (other,) = torch.autograd.grad(dense.mahalanobis(x, 0.5).sum(), x)
    close(one, other)


@pytest.mark.slow
def test_a_long_series_costs_what_its_length_says() -> None:
    """3 channels of 20 000 uneven times, d = 60 000, whose matrix would take 29 GB: a density within a minute, and twice for twice."""

    def seconds(length: int) -> float:
        chain = KernelSum(law(), Noise(9).uniform(1, (length,))[0].cumsum(0))
        x = Noise(10).normal(1, (chain.size,))
        begin = time.process_time()
        assert torch.isfinite(chain.mahalanobis(x)).all()
        return time.process_time() - begin

    short, long = seconds(5000), seconds(20_000)
    assert long < 60
    assert long < 8 * short
