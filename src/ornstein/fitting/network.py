"""The recipe of a network: the law it stands on, the architecture, and a training run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import ClassVar

import torch
from torch import Tensor, nn

from ornstein import training
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import as_spectral
from ornstein.denoisers import ByCondition, Gaussian, Mixture, fit_by_condition, fit_gaussian, fit_mixture
from ornstein.denoisers.components_choice import of_one
from ornstein.fitting.recipe import Fitted, Recipe, Work
from ornstein.nets import MLP, Condition, Net, default_net, describe, named_net
from ornstein.nets.accepts import name_of
from ornstein.training import Options, Record, split
from ornstein.training.inputs import check_module, sizes_of

DENSE = 2048
"""Entries up to which the reference has a full covariance: its two products a call then cost less than a small network."""


ENTRIES, CASES = 64, 8192
"""Entries up to which a mixture is tried, and cases that it is fitted to: seconds of EM."""

_FIFTH = 5
_TRIED = (0.1, 0.3, 1.0, 3.0)
"""Noise levels at which laws are compared: those of training, for signals of unit variance."""

TOLD = ("steps", "seconds", "stopped", "chosen", "held_out", "gaussian", "skipped")
"""What a model remembers of its training, beside the architecture."""


@dataclass(frozen=True, kw_only=True)
class Network(Options, Recipe):
    """A neural network on top of a Gaussian (or, for short vectors, a mixture) that is fitted first.

    net        "unet", "mlp", "transformer", and for gaps "entries"; without it ``nets.default_net``
    module     any ``nn.Module`` called as F(x, noise) or, with conditions, F(x, noise, condition), instead of ``net``; trained in place
    structure, shrinkage, rank   of the reference; by default "dense" up to 2048 entries, see ``reference_structure``. Shrinkage "auto" is
               that of ``recipes.Mixture``, and "oas" where the reference is a Gaussian
    judged     cases set aside, neither trained on nor looked at, whose log-densities judge new ones: the p-values of ``surprise``. Each
               costs one density at the end
    watch      is told how training goes, a ``training.Record`` about once a second

    and everything that ``training.Options`` lists: steps or minutes, batch, rate, masks, folder, resume, ...
    """

    net: str | None = None
    module: nn.Module | None = None
    structure: str | None = None
    shrinkage: str | float = "auto"
    rank: int | None = None
    judged: int = 0
    watch: Callable[[Record], None] | None = field(default=None, compare=False)

    name: ClassVar[str] = "network"
    conditional: ClassVar[bool] = True

    @property
    def scored(self) -> bool:
        """It is trained once: its held-out cases choose among its weights."""
        return False

    def fit(self, u: Tensor, work: Work) -> Fitted:
        """The trained network. The reference is fitted to the cases that are trained on, so that its held-out loss is a fair mark."""
        if self.masks is None and (gaps := int(torch.isnan(u).sum())):
            raise InputError(
                f"x holds {gaps} NaN values, but a network takes gaps only with masks=Masks() (--masks), which trains it to fill them: "
                "impute or drop them first, or give masks"
            )
        module = self._architecture(u, work)
        said = described(module, u)
        work.tell(said)
        train, _ = split(len(u), self.held_out, work.overlap)
        asked = self.structure, module
        reference = fit_reference(u[train], *asked, shrinkage=self.shrinkage, rank=self.rank, overlap=work.overlap, progress=work.tell)
        options = Options(**{f.name: getattr(self, f.name) for f in fields(Options)})
        told = None
        if work.condition is not None and self.masks is None:
            told = fit_told(u[train], work.condition[train], reference, self.structure, shrinkage=of_one(self.shrinkage))
        known, overlap, watch = work.condition, work.overlap, self.watch
        done = training.fit(u, module, reference, options, condition=known, told=told, overlap=overlap, seed=work.seed, progress=watch)
        return Fitted(done.network, training={"net": said, **{name: getattr(done, name) for name in TOLD}})

    def _architecture(self, u: Tensor, work: Work) -> nn.Module:
        """The module to train, checked."""
        event = tuple(u.shape[1:])
        if self.module is not None:
            if self.net is not None:
                raise InputError(f"net is {self.net!r}, but the model is a {name_of(self.module)} of your own: leave net out")
            check_module(self.module)
            return self.module
        sizes = sizes_of(work.condition, event[0], inpaints=self.masks is not None)
        if self.net is None:
            return default_net(event, len(u), seed=work.seed, **sizes)
        return named_net(self.net, event, len(u), seed=work.seed, **sizes)


def described(module: nn.Module, u: Tensor) -> str:
    """The architecture and what it is trained on, in words."""
    return (
        describe(module, len(u))
        if isinstance(module, Net)
        else f"{name_of(module)}: {len(u)} signals of {' x '.join(map(str, u.shape[1:]))}"
    )


def fit_reference(
    x: Tensor,
    structure: str | None = None,
    module: nn.Module | None = None,
    *,
    shrinkage: str | float = "auto",
    rank: int | None = None,
    overlap: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Gaussian | Mixture:
    """The law that a network for x (case, *event) stands on: a Gaussian; without a structure, that of ``reference_structure``.

    Vectors, and signals that an ``MLP`` is to see, get a mixture up to 64 entries, where held-out cases support more than one
    component: pieces that are Gaussian save such a network most of its work. One that sees neighbourhoods (U-Net, transformer) finds
    the pieces by itself, and ends better without (``docs/experiments.md``). A covariance that is known by its products only, as that of a
    long sum of kernels, gets an eigenbasis; ``InputError`` where that is too large. ``progress`` hears how gaps were handled.
    """
    gaps, global_view = bool(torch.isnan(x).any()), x.ndim == 2 or isinstance(module, MLP)
    if structure is None and global_view and x[0].numel() <= ENTRIES and not gaps:
        apart = -(-len(x) // CASES)
        mixture = fit_mixture(x[::apart], shrinkage=shrinkage, starts=1, overlap=overlap // apart)  # every call of the network asks it
        return mixture if len(mixture.components) > 1 else mixture.components[0]
    structure = structure or reference_structure(tuple(x.shape[1:]), gaps=gaps)
    law = fit_gaussian(x, structure, shrinkage=of_one(shrinkage), rank=rank, overlap=overlap, progress=progress)
    return Gaussian(law.mean(), as_spectral(law.operator))


def fit_told(
    x: Tensor, condition: Condition, law: Gaussian | Mixture, structure: str | None = None, *, shrinkage: str | float = "oas"
) -> ByCondition | None:
    """The laws of signals with a condition that a network is told.

    Beside a mixture, only where they denoise a held-out fifth of the signals better than the mixture does: its components may be what
    the labels do not tell.
    """
    structure = structure or reference_structure(tuple(x.shape[1:]))
    if isinstance(law, Mixture):
        held = torch.arange(len(x)) % _FIFTH == 0
        trial = fit_by_condition(x[~held], condition[~held], structure, shrinkage=shrinkage)
        if trial is None or not _better(trial, law, x[held], condition[held]):
            return None
    return fit_by_condition(x, condition, structure, shrinkage=shrinkage)


def _better(told: ByCondition, law: Mixture, x: Tensor, condition: Condition) -> bool:
    """Whether the squared errors of signals that are told are smaller, in units of what a unit Gaussian leaves, over all levels."""
    rows = told.tells(condition)
    if not bool(rows.any()):
        return False
    x, condition = x[rows].to(torch.float64), condition[rows].to("cpu", torch.float64)
    gain = 0.0
    for k, sigma in enumerate(_TRIED):
        noisy = x + sigma * Noise().normal(len(x), tuple(x.shape[1:]), stream=k)
        own = told(noisy.flatten(1), torch.full((len(x),), sigma, dtype=torch.float64), condition).skip
        errors = [(answer.reshape(x.shape) - x).square().mean() for answer in (law(noisy, sigma).mean, own)]
        gain += float(errors[0] - errors[1]) * (1 + sigma**-2)
    return gain > 0


def reference_structure(event_shape: tuple[int, ...], *, gaps: bool = False) -> str:
    """A structure whose eigenbasis is cheap enough to be used in every call.

    "dense" up to 2048 entries. Beyond, several channels get "kronecker" (64 x 640: two matrices of 64 and 640 instead of one of
    40960) or, where they are longer than 2048 samples, "stationary"; one channel "stationary", images "image", vectors and
    signals with gaps "low-rank".
    """
    if math.prod(event_shape) <= DENSE:
        return "dense"
    if gaps or len(event_shape) == 1 or (len(event_shape) == 2 and event_shape[0] > DENSE):
        return "low-rank"
    if len(event_shape) == 3:
        return "image"
    return "kronecker" if event_shape[0] > 1 and event_shape[1] <= DENSE else "stationary"
