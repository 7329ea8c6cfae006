"""What a cluster calls: an object that is pickled by the path of its model, and turns a dict of arrays into a dict of arrays.

    ds.map_batches(orn.Scorer, fn_constructor_args=("days.model",))          Ray Data: the class is the actor
    array.map_blocks(lambda block: scorer({"signals": block})["log_prob"])    Dask
    scorer({"signals": x})                                                    the body of any other loop

The model is loaded once a process, when it is first needed.
"""

from __future__ import annotations

import functools
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, listed
from ornstein.model.loading import load_signals
from ornstein.model.model import Model
from ornstein.model.storage.folder import checksum_of
from ornstein.model.sweep import Sweeps

Batch = Mapping[str, Any]
Arrays = dict[str, np.ndarray[Any, Any]]
SIGNALS, CASE = "signals", "case"


class Worker(ABC):
    """A model that answers batches.

    model    the folder that ``Model.save`` wrote; it may not change while the object lives
    signals  the column of a batch that holds signals (case, *event); by default "signals", or the only column of their shape
    hop      see ``Scorer``
    """

    hop: int | None = None

    def __init__(self, model: str | os.PathLike[str], *, signals: str | None = None) -> None:
        self.path = str(Path(model).absolute())
        self.checksum = checksum_of(model)
        self.signals = signals

    @property
    def model(self) -> Model:
        """The model, loaded once a process. Raises ``InputError`` where the folder is not the one that this object was made for."""
        if checksum_of(self.path) != self.checksum:
            raise InputError(f"{self.path} has changed since this {type(self).__name__} was made: make it again, or restore the folder")
        return _loaded(self.path, self.checksum)

    def __call__(self, batch: Batch) -> Arrays:
        """The answers, and every other column of the batch as it is. Raises ``InputError`` as the model does."""
        name = self._column(batch)
        return {**{key: np.asarray(value) for key, value in batch.items() if key != name}, **self.answers(_tensor(batch[name]))}

    def piece(self, x: Any) -> Arrays:
        """The answers to a piece of a shard, along its cases."""
        return self.answers(x)

    @abstractmethod
    def answers(self, x: Any) -> Arrays:
        """Arrays (case, ...) about signals, an array or named channels."""

    def told(self) -> dict[str, Any]:
        """The options that the answers depend on, in plain numbers and words."""
        return {}

    def _column(self, batch: Batch) -> str:
        if self.signals is not None or SIGNALS in batch:
            name = self.signals or SIGNALS
            if name not in batch:
                raise InputError(
                    f"signals is {name!r}, but the batch has the columns {listed(list(batch))}: name the one that holds signals"
                )
            return name
        event = self.model.event_shape
        fitting = [key for key, value in batch.items() if self._fits(np.shape(_tensor(value))[1:], event)]
        if len(fitting) != 1:
            found = listed([f"{key} {np.shape(value)}" for key, value in batch.items()])
            raise InputError(
                f"the batch has the columns {found}, and {len(fitting)} of them hold signals of shape {event}: say which, signals='...'"
            )
        return fitting[0]

    def _fits(self, shape: tuple[int, ...], event: tuple[int, ...]) -> bool:
        """Whether a case of a column has the shape of a signal, or of a recording."""
        return shape == event or (self.hop is not None and len(shape) == len(event) and shape[:-1] == event[:-1] and shape[-1] > event[-1])


class Scorer(Worker):
    """``log_prob`` in nats, and ``p_value`` where the model keeps held-out cases: see ``Model.surprise``.

    With ``hop`` the signals are recordings of at least the length of the model's, and both are (case, window), those of the windows that
    begin at 0, hop, 2 hop, ...: see ``Model.surprise_windows``. Over shards they are numbered one recording after the other. P-values cost
    a density for each fold of the fit; a model that was fitted with ``folds=0`` has none.
    """

    def __init__(self, model: str | os.PathLike[str], *, hop: int | None = None, signals: str | None = None) -> None:
        super().__init__(model, signals=signals)
        self.hop = None if hop is None else checks.count(hop, "hop")

    def told(self) -> dict[str, Any]:
        if self.hop is None:
            return {}
        return {"hop": self.hop, "p_value": self.model.reference is not None}

    def piece(self, x: Any) -> Arrays:
        return {name: array.reshape(-1) for name, array in self.answers(x).items()}

    def answers(self, x: Any) -> Arrays:
        model = self.model
        if not model.judges and model.reference is None:
            return {"log_prob": self.levels(x)}
        nats, p = model.surprise(x) if self.hop is None else model.surprise_windows(x, self.hop)
        return {"log_prob": (-nats).numpy()} | ({} if p is None else {"p_value": p.numpy()})

    def levels(self, x: Any) -> np.ndarray[Any, Any]:
        """The log-densities alone, (case,) or (case, window), without the cost of p-values.

        That the folder of the model is as it was is seen once a shard, by ``model``, not at every piece.
        """
        found = _swept(self.path, self.checksum, self.hop)(x)
        if found is None:
            model = self.model
            found = model.log_density(x).value if self.hop is None else model.log_prob_windows(x, self.hop)
        return found.numpy()


class Imputer(Worker):
    """``filled``, (case, *event): gaps at their median, and ``low`` and ``high``, the quantiles of ``levels``: see ``Model.quantiles``.

    Exact for Gaussians and mixtures. Other models answer from draws that belong to the place of a case in its batch: there the
    answers depend on how cases are batched, within the error of 200 draws.
    """

    def __init__(
        self, model: str | os.PathLike[str], *, levels: Sequence[float] = (0.05, 0.95), seed: int = 0, signals: str | None = None
    ) -> None:
        super().__init__(model, signals=signals)
        if len(levels) != 2 or not 0 < levels[0] < levels[1] < 1:
            raise InputError(f"levels is {checks.shown(levels)}, but must be two numbers with 0 < low < high < 1")
        self.levels, self.seed = (float(levels[0]), float(levels[1])), checks.seed(seed)

    def told(self) -> dict[str, Any]:
        return {"levels": list(self.levels), "seed": self.seed}

    def answers(self, x: Any) -> Arrays:
        low, filled, high = self.model.quantiles(x, (self.levels[0], 0.5, self.levels[1]), seed=self.seed).numpy()
        return {"filled": filled, "low": low, "high": high}


class Drawer(Worker):
    """``signals`` (case, *event) for the numbers in the column ``case``: signal i under a seed is the same wherever it is drawn.

    options  of ``Model.sample``: sampler, steps, schedule, grid, guidance, device
    """

    def __init__(self, model: str | os.PathLike[str], *, seed: int = 0, **options: Any) -> None:
        super().__init__(model)
        self.seed, self.options = checks.seed(seed), options

    def __call__(self, batch: Batch) -> Arrays:
        if CASE not in batch:
            raise InputError(f"the batch has the columns {listed(list(batch))}, but draws need {CASE!r}, the numbers of the signals")
        return {**{key: np.asarray(value) for key, value in batch.items()}, **self.answers(batch[CASE])}

    def told(self) -> dict[str, Any]:
        return {"seed": self.seed, **{name: value for name, value in self.options.items() if value is not None}}

    def answers(self, x: Any) -> Arrays:
        """The signals of these numbers (case,)."""
        numbers = np.asarray(x)
        if numbers.ndim != 1 or not len(numbers) or numbers.dtype.kind not in "iu" or int(numbers.min()) < 0:
            raise InputError(f"{CASE} is {checks.shown(numbers)}, but must be a list of whole numbers from 0")
        breaks = [0, *(np.flatnonzero(np.diff(numbers) != 1) + 1).tolist(), len(numbers)]
        model = self.model
        parts = [model.sample(end - start, seed=self.seed, first=int(numbers[start]), **self.options) for start, end in pairwise(breaks)]
        return {SIGNALS: torch.cat(parts).numpy()}


def _tensor(column: object) -> Tensor:
    """A column as float64 numbers; one of equal arrays (Ray's and Arrow's tensors) is stacked."""
    array = np.asarray(column)
    return checks.tensor(np.stack(list(array)) if array.dtype.kind == "O" and len(array) else array, "the batch", missing=True)


@functools.lru_cache(maxsize=2)
def _swept(path: str, checksum: str, hop: int | None) -> Sweeps:
    """What a model needs for scoring piece by piece; of one model with one hop, and of another."""
    return Sweeps(_loaded(path, checksum), hop)


@functools.lru_cache(maxsize=2)
def _loaded(path: str, checksum: str) -> Model:
    """The model of a folder; the checksum tells two states of the folder apart."""
    return load_signals(path)
