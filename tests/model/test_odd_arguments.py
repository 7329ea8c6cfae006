"""Whatever is handed over where a signal, a number or a name belongs: it works, or it is one short sentence."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import ornstein as orn
from kinds import normal
from ornstein.common.errors import OrnsteinError
from ornstein.nets import MLP

X = normal(12, 3, seed=1)
MODEL = orn.fit(X, folds=0)
MASK = orn.Mask(torch.tensor([True, False, True]))
ODD: dict[str, Any] = {
    "None": None,
    "list": [1, [2]],
    "tuple": (),
    "dict": {"a": 1},
    "set": {1},
    "object": object(),
    "function": len,
    "bytes": b"a",
    "NaN": float("nan"),
    "-1": -1,
    "True": True,
    "complex": 1j,
    "10^400": 10**400,
    "1e300": 1e300,
    "word": "abc",
    "NumPy number": np.float32(2.5),
    "objects": np.array([object()]),
    "record": np.array([(1, 2.0)], dtype="i4,f8"),
    "a number": torch.tensor(3.0),
    "meta": torch.ones(12, 3, device="meta"),
    "sparse": X.to_sparse(),
    "gradient": X.clone().requires_grad_(),
    "parameter": nn.Parameter(X),
    "half": X.half(),
    "float8": X.to(torch.float8_e4m3fn),
    "bytes of a tensor": (10 * X).to(torch.int8),
    "complex tensor": X + 0j,
    "transposed": X.t().contiguous().t(),
    "no cases": X[:0],
    "no entries": X[:, :0],
    "bool tensor": X > 0,
}
CALLS: dict[str, Callable[[Any], object]] = {
    "x": lambda v: orn.fit(v, folds=0),
    "model": lambda v: orn.fit(X, v, folds=0),
    "structure": lambda v: orn.fit(X, structure=v, folds=0),
    "shrinkage": lambda v: orn.fit(X, shrinkage=v, folds=0),
    "rank": lambda v: orn.fit(X, structure="low-rank", rank=v, folds=0),
    "components": lambda v: orn.fit(X, "mixture", components=v, folds=0),
    "bandwidth": lambda v: orn.fit(X, "empirical", bandwidth=v, folds=0),
    "standardize": lambda v: orn.fit(X, standardize=v, folds=0),
    "folds": lambda v: orn.fit(X, folds=v),
    "engine": lambda v: orn.fit(X, engine=v),
    "seed": lambda v: orn.fit(X, "mixture", components=1, seed=v, folds=0),
    "cases": MODEL.sample,
    "seed of draws": lambda v: MODEL.sample(2, seed=v),
    "first": lambda v: MODEL.sample(2, first=v),
    "sampler": lambda v: MODEL.sample(2, sampler=v, steps=2),
    "schedule": lambda v: MODEL.sample(2, sampler="heun", steps=2, schedule=v),
    "grid": lambda v: MODEL.sample(2, sampler="heun", steps=2, grid=v),
    "device": lambda v: MODEL.sample(2, device=v),
    "guidance": lambda v: MODEL.sample(2, guidance=v),
    "label": lambda v: MODEL.sample(2, label=v),
    "log_prob": MODEL.log_prob,
    "impute": lambda v: MODEL.impute(v, draws=2),
    "draws": lambda v: MODEL.impute(X[:2], draws=v),
    "y": lambda v: MODEL.posterior(MASK, v, 0.1),
    "noise": lambda v: MODEL.posterior(MASK, [1.0, 2.0], v),
    "measurement": lambda v: MODEL.posterior(v, [1.0, 2.0]),
    "observed": lambda v: MODEL.posterior(orn.Mask(v), [1.0, 2.0]),
    "path": lambda v: orn.load(v),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", CALLS)
def test_every_odd_value(call: str) -> None:
    wrong = []
    for name, value in ODD.items():
        try:
            CALLS[call](value)
        except OrnsteinError as error:
            if "\n" in str(error) or (len(str(error)) > 400 and name != "10^400"):
                wrong.append(f"{name}: {error}")
        except Exception as error:
            wrong.append(f"{name}: {error!r}")
    assert not wrong


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_gradients_switched_off_around_a_fit(off: Callable[[], Any]) -> None:
    """A fit differentiates by itself, and its law can be differentiated afterwards."""
    x = normal(30, 1, 8, seed=2)
    with off(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kernel = orn.fit(x[:, 0], structure="matern-3/2", folds=0)
        trained = orn.fit(x, "network", net="mlp", steps=2)
    assert bool(torch.isfinite(trained.sample(2, sampler="heun", steps=2)).all())
    at = x[:, 0].clone().requires_grad_()
    kernel.exact.log_prob(at, 0.5).sum().backward()
    assert at.grad is not None
    assert bool(torch.isfinite(at.grad).all())


class Complex(nn.Module):
    """A module with a weight that is no real number."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.w = nn.Linear(8, 8), nn.Parameter(torch.ones(8, dtype=torch.complex64))

    def forward(self, x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.a(x) * self.w.real
        return out


class Lazy(Complex):
    """One whose sizes are not known yet."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.w = nn.LazyLinear(8), nn.Parameter(torch.ones(8))


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize(
    ("module", "says"),
    [
        (Complex, "Complex has the complex weight w, but must be real"),
        (Lazy, "Lazy has lazy parts without sizes: call it once"),
        (lambda: MLP((1, 8), width=8, depth=1).to("meta"), "MLP is on the device meta"),
    ],
)
def test_modules_that_cannot_be_trained(module: Callable[[], nn.Module], says: str) -> None:
    with pytest.raises(orn.InputError, match=says):
        orn.fit(normal(30, 1, 8, seed=2), module(), steps=2)


def test_none_is_another_seed_each_time() -> None:
    assert not torch.equal(MODEL.sample(2, seed=None), MODEL.sample(2, seed=None))
    assert torch.equal(MODEL.sample(2, seed=5), MODEL.sample(2, seed=np.int64(5)))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: MODEL.sample(10**12), "cases is 1000000000000, which takes 24 TB"),
        (lambda: MODEL.impute(X, draws=10**12), "draws is 1000000000000, which takes"),
        (lambda: MODEL.law.sample(10**12), "cases is 1000000000000, which takes"),
        (lambda: MODEL.sample(1 << 70), "cases is"),
        (lambda: MODEL.sample(2, device="cpu"), "device is 'cpu', but a .* is computed where its signals are: leave device out"),
    ],
)
def test_more_than_there_is(call: Callable[[], object], says: str) -> None:
    with pytest.raises(orn.InputError, match=says):
        call()
