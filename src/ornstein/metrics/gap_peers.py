"""Models of other packages in the benchmark of gaps, where they are installed: SAITS and CSDI of PyPOTS, EM of Qolmat.

    SAITS      self-attention (Du, Cote and Liu 2023), two layers of width 64; its best epoch by a tenth of the cases, 100 at most
    CSDI       conditional diffusion (Tashiro et al. 2021), four layers of 64 channels, 50 levels, 20 draws; the same rule
    EM         one Gaussian of all entries of a case by expectation-maximization without shrinkage; its conditional means

The networks hide points of what they learn from, as their packages do; all see values in deviations of each channel.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ornstein.common.random import Noise

Fill = Callable[[Tensor], Tensor]
"""Cases (case, channel, time) with NaN in their gaps become draws (draw, case, channel, time), or (1, ...) of a method without draws."""
EPOCHS, PATIENCE, BATCH, DRAWS = 100, 10, 64, 20
_LOOKED = 0.1
_HIDDEN = 0.2
_STREAM = 7 << 20


def missing(way: str) -> str | None:
    """The package that a peer wants and that is not installed here, or None where it can run."""
    package, _ = PEERS[way]
    return package if importlib.util.find_spec(package) is None else None


def learned(way: str, train: Tensor, seed: int) -> Fill:
    """The peer fitted to ``train`` (case, channel, time), which may have gaps. What its package prints is dropped, and the state of the
    random numbers it draws from is put back."""
    mean = train.nanmean((0, 2), keepdim=True)
    scale = (train - mean).square().nanmean((0, 2), keepdim=True).sqrt()
    scale = torch.where(scale > 0, scale, 1.0)
    with _alone(seed):
        fill = PEERS[way][1]((train - mean) / scale)

    def filled(x: Tensor) -> Tensor:
        with _alone(seed):
            return fill((x - mean) / scale) * scale + mean

    return filled


@contextlib.contextmanager
def _alone(seed: int) -> Iterator[None]:
    before = np.random.get_state()  # noqa: NPY002 - the state that code of others draws from
    nowhere = io.TextIOWrapper(io.BytesIO(), "utf-8")  # as PyPOTS asks for an encoding
    with torch.random.fork_rng(), contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        torch.manual_seed(seed)
        np.random.seed(seed % (1 << 32))  # noqa: NPY002 - theirs
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002 - theirs


def _saits(train: Tensor) -> Fill:
    shape = {"n_layers": 2, "d_model": 64, "n_heads": 4, "d_k": 16, "d_v": 16, "d_ffn": 128, "dropout": 0.1}
    return _pypots("SAITS", train, shape, {})


def _csdi(train: Tensor) -> Fill:
    wide = {"d_time_embedding": 128, "d_feature_embedding": 16, "d_diffusion_embedding": 128}
    return _pypots("CSDI", train, {"n_layers": 4, "n_heads": 8, "n_channels": 64, **wide}, {"n_sampling_times": DRAWS})


def _pypots(name: str, train: Tensor, shape: dict[str, Any], asked: dict[str, int]) -> Fill:
    kind = getattr(importlib.import_module("pypots.imputation"), name)
    _, channels, times = train.shape
    run = {"batch_size": BATCH, "epochs": EPOCHS, "patience": PATIENCE, "device": "cpu", "verbose": False}
    network = kind(n_steps=times, n_features=channels, **shape, **run)
    order = Noise(0).uniform(1, (len(train),), _STREAM)[0].argsort()
    looked, rest = order.split([max(1, round(_LOOKED * len(train))), len(train) - max(1, round(_LOOKED * len(train)))])
    truth = train[looked]
    hidden = Noise(0).uniform(len(truth), tuple(truth.shape[1:]), _STREAM + 1) < _HIDDEN
    network.fit({"X": _rows(train[rest])}, {"X": _rows(torch.where(hidden, torch.nan, truth)), "X_ori": _rows(truth)})

    def fill(x: Tensor) -> Tensor:
        found = torch.from_numpy(np.asarray(network.predict({"X": _rows(x)}, **asked)["imputation"])).double()
        return (found.movedim(1, 0) if asked else found.unsqueeze(0)).mT

    return fill


def _rows(x: Tensor) -> np.ndarray:
    """(case, time, channel) in float32, as PyPOTS wants it."""
    return x.mT.float().numpy()


def _em(train: Tensor) -> Fill:
    pandas = importlib.import_module("pandas")
    kind = importlib.import_module("qolmat.imputations.imputers").ImputerEM
    law = kind(model="multinormal", method="mle", random_state=0)
    names = [str(i) for i in range(train[0].numel())]
    law.fit(pandas.DataFrame(train.flatten(1).numpy(), columns=names))

    def fill(x: Tensor) -> Tensor:
        beside = torch.cat([train, x])  # as it refuses a column that nobody observed
        found = law.transform(pandas.DataFrame(beside.flatten(1).numpy(), columns=names))
        return torch.from_numpy(found.to_numpy()[-len(x) :].copy()).view(1, *x.shape)

    return fill


PEERS: dict[str, tuple[str, Callable[[Tensor], Fill]]] = {
    "PyPOTS SAITS": ("pypots", _saits),
    "PyPOTS CSDI": ("pypots", _csdi),
    "Qolmat EM": ("qolmat", _em),
}
"""The package of each peer, and what fits it to values in deviations."""
