"""A network for signals of a given shape and number, and the sentence that says which."""

from __future__ import annotations

from ornstein.common.checks import count
from ornstein.common.errors import unknown_name
from ornstein.nets.base import Net, event
from ornstein.nets.embedding import Shape
from ornstein.nets.entries import Entries
from ornstein.nets.mlp import MLP
from ornstein.nets.transformer import Transformer
from ornstein.nets.unet import UNet

NETS = ("entries", "mlp", "transformer", "unet")
"""The names of ``named_net``."""

SHORTEST = 8
"""Places along an axis below which halving leaves nothing to convolve."""

MANY = 20_000
"""Signals from which the wider U-Net is chosen."""


def default_net(event_shape: Shape, cases: int, *, classes: int = 0, vector: int = 0, signal: int = 0, seed: int = 0) -> Net:
    """A sensible start for ``cases`` signals: an MLP for vectors and for axes under 8 places, else a U-Net with one block a level.

    The U-Net has as many levels as leave 8 places on the longest axis, at most 4, and width 32, or 64 from 20 000 signals on.
    Measured on 3200 curves of 128 places, three levels, 20 s of one core, one seed: held-out loss .20 with width 32, .25 with a
    second block, .27 with width 64, .47 for a transformer, .40 for an MLP with twice the time. A longer run
    and the turn to width 64 were not measured. U-Nets and transformers are shown the skip of their preconditioning as a second input
    (``inputs``), which they need to correct it in place; an MLP gained nothing by it (``docs/experiments.md``).
    ``classes``, ``vector`` and ``signal`` are those of ``Conditioner``.
    """
    shape, cases = event(event_shape), count(cases, "cases")
    if len(shape) not in (2, 3) or min(shape[1:]) < SHORTEST:
        return MLP(shape, classes=classes, vector=vector, signal=signal, seed=seed)
    return named_net("unet", shape, cases, classes=classes, vector=vector, signal=signal, seed=seed)


def named_net(name: str, event_shape: Shape, cases: int, *, classes: int = 0, vector: int = 0, signal: int = 0, seed: int = 0) -> Net:
    """The network of a name in ``NETS``: the U-Net in the sizes of ``default_net``, the others in their own.

    Raises ``InputError`` for another name, and for signals whose shape it does not take.
    """
    if name not in NETS:
        raise unknown_name("net", name, NETS)
    shape = event(event_shape)
    if name == "entries":
        return Entries(shape, classes=classes, vector=vector, signal=signal, seed=seed)
    if name == "mlp":
        return MLP(shape, classes=classes, vector=vector, signal=signal, seed=seed)
    if name == "transformer":
        return Transformer(shape, classes=classes, vector=vector, signal=signal, inputs=2, seed=seed)
    event(shape, axes=(2, 3), name="U-Net")
    multipliers = [m for level, m in enumerate((1, 2, 2, 2)) if level == 0 or max(shape[1:]) >= SHORTEST << level]
    width = 64 if count(cases, "cases") >= MANY else 32
    return UNet(shape, width=width, multipliers=multipliers, blocks=1, classes=classes, vector=vector, signal=signal, inputs=2, seed=seed)


def describe(net: Net, cases: int | None = None) -> str:
    """One sentence: "U-Net, 1-D, width 64, 3 levels, 1.2 M parameters: 4000 signals of 1 x 128"."""
    many = "signals" if cases is None else f"{cases} signal{'s' * (cases != 1)}"
    shape = " x ".join(map(str, net.event_shape))
    return f"{net.name}, {net.structure}, {amount(net.parameter_count)} parameters: {many} of {shape}"


def amount(n: int) -> str:
    """A count with two or three figures: 950, 12 k, 1.2 M."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if n >= 0.9995 * size:
            return f"{n / size:.1f} {unit}" if n < 10 * size else f"{n / size:.0f} {unit}"
    return str(n)
