"""fit for networks: the Gaussian they stand on, the architecture, and a training run."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypedDict

import torch
from torch import Tensor, nn

from ornstein import training
from ornstein.common.errors import InputError
from ornstein.common.ranks import Ranks
from ornstein.denoisers import Gaussian, Mixture, Network, fit_gaussian, fit_mixture
from ornstein.fitting.conditions import Conditions
from ornstein.nets import MLP, Net, default_net, describe, named_net
from ornstein.nets.accepts import name_of
from ornstein.training import HELD_OUT, NoiseLevels, Record, split
from ornstein.training.inputs import check_module, sizes_of
from ornstein.training.masks import Masks

DENSE = 2048
"""Entries up to which the reference has a full covariance: its two products a call then cost less than a small network."""


ENTRIES, CASES = 64, 8192
"""Entries up to which a mixture is tried, and cases that it is fitted to: seconds of EM."""


class Training(TypedDict, total=False):
    """What else ``training.fit`` may be told, under the names and with the defaults that it has there."""

    masks: Masks | None
    held_out: float
    batch: int
    rate: float
    form: str
    levels: NoiseLevels | None
    weight: str
    drop: float
    accumulate: int
    clip: float
    lengths: Sequence[float]
    warm_up: int
    decay: float
    patience: int | None
    precision: str
    compile: bool
    ranks: Ranks
    parallel: str
    keep: int


class Fitted(NamedTuple):
    """The network, how it came about in numbers and words, and what it may be told."""

    network: Network
    training: dict[str, object]
    conditions: Conditions | None


def fit_network(
    x: Tensor,
    module: nn.Module | None,
    options: Training,
    *,
    structure: str | None = None,
    shrinkage: str | float = "oas",
    rank: int | None = None,
    net: str | None = None,
    labels: object = None,
    condition: object = None,
    minutes: float | None = None,
    steps: int | None = None,
    device: str = "auto",
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    force: bool = False,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
    watch: Callable[[Record], None] | None = None,
) -> Fitted:
    """The network of ``ornstein.fit`` for standardised x (case, *event), complete unless there are masks.

    The reference is fitted to the cases that are trained on, so that its held-out loss is a fair mark for that of the network.
    Raises ``InputError`` for arguments that do not fit x or the module, before anything is trained; see ``training.fit``.
    """
    event = tuple(x.shape[1:])
    known, given = (None, None) if labels is None and condition is None else Conditions.fit(labels, condition, len(x))
    if module is None:
        sizes = sizes_of(given, event[0], inpaints=options.get("masks") is not None)
        module = default_net(event, len(x), seed=seed, **sizes) if net is None else named_net(net, event, len(x), seed=seed, **sizes)
    elif net is not None:
        raise InputError(f"net is {net!r}, but the model is a {name_of(module)} of your own: leave net out")
    check_module(module)
    said = describe(module, len(x)) if isinstance(module, Net) else f"{name_of(module)}: {len(x)} signals of {' x '.join(map(str, event))}"
    tell(said)
    train, _ = split(len(x), options.get("held_out", HELD_OUT))
    reference = fit_reference(x[train], structure, module, shrinkage=shrinkage, rank=rank)
    done = training.fit(
        x,
        module,
        reference,
        condition=given,
        minutes=minutes,
        steps=steps,
        device=device,
        folder=folder,
        resume=resume,
        force=force,
        seed=seed,
        progress=watch,
        **options,
    )
    told = {name: getattr(done, name) for name in ("steps", "seconds", "stopped", "chosen", "held_out", "gaussian", "skipped")}
    return Fitted(done.network, {"net": said, **told}, known)


def fit_reference(
    x: Tensor, structure: str | None = None, module: nn.Module | None = None, *, shrinkage: str | float = "oas", rank: int | None = None
) -> Gaussian | Mixture:
    """The law that a network for x (case, *event) stands on: a Gaussian; without a structure, that of ``reference_structure``.

    Vectors, and signals that an ``MLP`` is to see, get a mixture up to 64 entries, where held-out cases support more than one
    component: pieces that are Gaussian save such a network most of its work. One that sees neighbourhoods (U-Net, transformer) finds
    the pieces by itself, and ends better without (``docs/experiments.md``).
    """
    gaps, global_view = bool(torch.isnan(x).any()), x.ndim == 2 or isinstance(module, MLP)
    if structure is None and global_view and x[0].numel() <= ENTRIES and not gaps:
        mixture = fit_mixture(x[:: -(-len(x) // CASES)], shrinkage=shrinkage)
        return mixture if len(mixture.components) > 1 else mixture.components[0]
    return fit_gaussian(x, structure or reference_structure(tuple(x.shape[1:]), gaps=gaps), shrinkage=shrinkage, rank=rank)


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
