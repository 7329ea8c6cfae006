"""What is prepared for many pieces says what the model says of each case, or leaves the case to it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import ornstein as orn
from kinds import normal
from ornstein.model import sweep
from ornstein.model.sweep import Sweeps

T = 24
X = 5 + 3 * (normal(300, 2, T, seed=1).cumsum(-1) / 4 + normal(300, 2, T, seed=2))
NAMED = orn.Signals(X, 8.0, ("a", "b"), ("mV", "V"))
FITS = {
    "dense": {"structure": "dense"},
    "stationary": {"structure": "stationary"},
    "kronecker": {"structure": "kronecker"},
    "diagonal, by entry": {"structure": "diagonal", "standardize": "feature"},
    "low rank": {"structure": "low-rank"},
    "mixture": {"model": "mixture", "components": 2},
}


@pytest.mark.parametrize("kind", FITS)
@pytest.mark.parametrize("hop", [None, 1, 7])
def test_pieces_score_as_the_model_scores(kind: str, hop: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32, in other units and another order of channels, block by block."""
    monkeypatch.setattr(sweep, "BLOCK", 7 * 2 * T)
    model = orn.fit(NAMED, folds=0, **FITS[kind])
    values = torch.stack([1000 * X[:, 1], X[:, 0] / 1000], 1).to(torch.float32)
    if hop is not None:
        values = values[:60].transpose(0, 1).reshape(1, 2, -1)
    turned = orn.Signals(values, 8.0, ("b", "a"), ("mV", "V"))
    sweeps, asked = Sweeps(model, hop), model.log_prob if hop is None else lambda x: model.log_prob_windows(x, hop)
    for x in (turned, NAMED, turned):
        found = sweeps(x)
        if kind == "diagonal, by entry" and hop is not None:  # a scale that changes along the window has no recordings
            assert found is None
            return
        assert found is not None
        torch.testing.assert_close(found, asked(x), rtol=1e-9, atol=1e-9)
    plain = turned.values.numpy() if hop is None else NAMED.values.numpy()
    found = sweeps(plain)
    assert found is not None
    torch.testing.assert_close(found, asked(plain), rtol=1e-9, atol=1e-9)


def test_an_autoregressive_vector_is_swept() -> None:
    model = orn.fit(X[:, 0], structure="autoregressive", folds=0)
    found = Sweeps(model)(orn.Signals(X[:, :1]))
    assert found is not None
    torch.testing.assert_close(found, model.log_prob(X[:, 0]), rtol=1e-9, atol=1e-9)


def test_what_is_not_in_its_reach_is_left_to_the_model() -> None:
    model, gap, odd = orn.fit(NAMED, folds=0), X.clone(), X.clone()
    gap[3, 1, 4], odd[3, 1, 4] = math.nan, math.inf
    sweeps = Sweeps(model)
    for x in (gap, odd, X[:, :, :5], X.to(torch.int64), X.numpy().astype(">f8"), [[1.0]]):
        assert sweeps(x) is None
    flat = X.clone()
    flat[:, :, 3] = flat[:, :, 2]
    assert Sweeps(orn.fit(flat, shrinkage="none", folds=0))(flat) is None
    assert Sweeps(orn.fit(X, marginals="gaussian", folds=0))(X) is None
    assert sweeps(orn.Signals(X, times=torch.arange(T).double() ** 1.1)) is None
    with pytest.raises(orn.InputError, match="sampled at 4 Hz"):
        sweeps(orn.Signals(X, 4.0, ("a", "b"), ("mV", "V")))
    assert sweeps(X.numpy().astype(np.float32)) is not None
