"""Ornstein: diffusion models for signals, covariance first.

One interface (``fit``, ``sample``, ``log_prob``, ``posterior``) over Gaussian, mixture and empirical laws and networks that
share every sampler and every way of conditioning, exact in closed form where there is one.

Every public name is imported when it is first used, so that ``import ornstein`` and the help of the command line are instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ornstein import (
        covariance,
        data,
        denoisers,
        discrete,
        likelihood,
        measurements,
        nets,
        posterior,
        process,
        samplers,
        schedules,
        shards,
        training,
        widgets,
    )
    from ornstein.common import random, ranks
    from ornstein.common.errors import InputError, OrnsteinError, RunError
    from ornstein.common.signals import Signals
    from ornstein.data import read, to_frame, to_mne, to_xarray, write
    from ornstein.fitting import recipes
    from ornstein.measurements import (
        Average,
        Blur,
        Clip,
        Downsample,
        Fourier,
        Laplace,
        Likelihood,
        Linear,
        Mask,
        Mix,
        Nonlinear,
        Poisson,
        Quantise,
        StudentT,
    )
    from ornstein.metrics.models import compare
    from ornstein.model.exporting import export
    from ornstein.model.fit import fit
    from ornstein.model.label import Label
    from ornstein.model.loading import load
    from ornstein.model.local_scale import LocalScale
    from ornstein.model.model import Model
    from ornstein.model.sharing import from_pretrained
    from ornstein.model.symbols import SymbolModel
    from ornstein.model.together import together
    from ornstein.shards.workers import Drawer, Imputer, Scorer

__all__ = [
    "Average",
    "Blur",
    "Clip",
    "Downsample",
    "Drawer",
    "Fourier",
    "Imputer",
    "InputError",
    "Label",
    "Laplace",
    "Likelihood",
    "Linear",
    "LocalScale",
    "Mask",
    "Mix",
    "Model",
    "Nonlinear",
    "OrnsteinError",
    "Poisson",
    "Quantise",
    "RunError",
    "Scorer",
    "Signals",
    "StudentT",
    "SymbolModel",
    "compare",
    "covariance",
    "data",
    "denoisers",
    "discrete",
    "export",
    "fit",
    "from_pretrained",
    "likelihood",
    "load",
    "measurements",
    "nets",
    "posterior",
    "process",
    "random",
    "ranks",
    "read",
    "recipes",
    "samplers",
    "schedules",
    "shards",
    "to_frame",
    "to_mne",
    "to_xarray",
    "together",
    "training",
    "widgets",
    "write",
]

_NAMES = {
    "common.errors": ("InputError", "OrnsteinError", "RunError"),
    "common.signals": ("Signals",),
    "data": ("read", "to_frame", "to_mne", "to_xarray", "write"),
    "measurements": (
        *("Average", "Blur", "Clip", "Downsample", "Fourier", "Laplace", "Likelihood", "Linear", "Mask", "Mix", "Nonlinear", "Poisson"),
        *("Quantise", "StudentT"),
    ),
    "metrics.models": ("compare",),
    "model.exporting": ("export",),
    "model.fit": ("fit",),
    "model.label": ("Label",),
    "model.local_scale": ("LocalScale",),
    "model.together": ("together",),
    "model.loading": ("load",),
    "model.model": ("Model",),
    "model.sharing": ("from_pretrained",),
    "model.symbols": ("SymbolModel",),
    "shards.workers": ("Drawer", "Imputer", "Scorer"),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}
_ELSEWHERE = {"random": "common.random", "ranks": "common.ranks", "recipes": "fitting.recipes"}
_MODULES = {name: _ELSEWHERE.get(name, name) for name in __all__ if name not in _HOMES}
"""Where each name lives: what the imports above say to readers and type checkers, which see no ``__getattr__``."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name in _MODULES:
            value = import_module(f"ornstein.{_MODULES[name]}")
        elif name in _HOMES:
            value = getattr(import_module(f"ornstein.{_HOMES[name]}"), name)
        else:
            raise AttributeError(f"module 'ornstein' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
