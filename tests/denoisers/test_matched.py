"""The Gaussian of the same mean and covariance."""

from __future__ import annotations

import pytest
import torch

from kinds import BATCHES, LAWS, SIZE, gaussian
from ornstein.common.errors import InputError
from ornstein.covariance import Spectral
from ornstein.denoisers import Gaussian, Law
from ornstein.denoisers.matched import matched


def moments(law: Law) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and covariance from the denoiser alone: at sigma = inf it returns the mean, and its Jacobian times sigma^2 the covariance."""
    sigma = 1e4
    x = law.mean().unsqueeze(0) + torch.cat([torch.zeros(1, SIZE), torch.eye(SIZE)]).to(torch.float64).view(-1, *law.event_shape)
    clean = law(x, sigma).mean.flatten(1)
    return clean[0], (clean[1:] - clean[0]).T * sigma**2


@pytest.mark.parametrize("name", LAWS)
def test_same_moments_and_a_known_basis(name: str) -> None:
    law = LAWS[name]()
    result = matched(law)
    assert isinstance(result, Gaussian)
    assert isinstance(result.operator, Spectral)
    assert result.event_shape == law.event_shape
    if name != "gaussian-implicit":  # whose denoiser iterates, and finds sigma^2 times a small difference no better than that
        mean, covariance = moments(law)
        assert torch.allclose(result.mean().flatten(), mean, atol=1e-5)
        assert torch.allclose(result.operator.dense(), covariance, atol=1e-5)
    assert torch.allclose(result.operator.dense(), law.covariance().dense(), atol=1e-12)


def test_a_gaussian_with_a_basis_is_its_own_match() -> None:
    law = gaussian()
    assert matched(law) is law


def test_a_batch_is_refused() -> None:
    with pytest.raises(InputError, match="one is matched at a time"):
        matched(BATCHES["mixture"]())
