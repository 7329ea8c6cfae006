"""The curve that the tour is about: the default sum of cosines, or a person's own, brought to mean 0 and variance 1."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.data.laws import cosine_components

SHORTEST, LONGEST = 8, 2000
LARGEST_MATRIX = 200
"""Points on the page: its d x d pictures stay legible, and the file small, up to here."""
TERMS = 5


@dataclass(frozen=True, eq=False)
class Curve:
    """A standardised curve: values (d,) with mean 0 and variance 1, and the cosines (term, d) behind it.

    ``share`` is the part of the variance that the sum of the components explains: 1 where the curve was made of them.
    ``length``, ``mean`` and ``deviation`` describe the curve as it came.
    """

    values: Tensor
    components: Tensor
    share: float
    own: bool
    length: int
    mean: float
    deviation: float


def prepare(curve: object = None, seed: int = 0) -> Curve:
    """The curve of a tour: ``curve`` (length,), or five random cosines of 100 points.

    More than 200 points are averaged down to 200. Raises ``InputError`` for other than 8 to 2000 finite numbers in one axis,
    and for a curve that does not vary.
    """
    if curve is None:
        parts = cosine_components(1, terms=TERMS, seed=seed)[0]
        values, mean, deviation = _standardised(parts.sum(0))
        return Curve(values, (parts - parts.mean(-1, keepdim=True)) / deviation, 1.0, False, len(values), mean, deviation)
    raw = checks.tensor(curve, "curve", ndim=(1,), largest=math.inf)
    if not SHORTEST <= len(raw) <= LONGEST:
        remedy = "cut out a stretch or average it first" if len(raw) > LONGEST else "pass a longer stretch"
        raise InputError(f"curve has {len(raw)} points, but a tour needs {SHORTEST} to {LONGEST}: {remedy}")
    _standardised(raw)
    short = torch.nn.functional.adaptive_avg_pool1d(raw[None], LARGEST_MATRIX)[0] if len(raw) > LARGEST_MATRIX else raw
    values, mean, deviation = _standardised(short)
    components = harmonics(values, TERMS)
    share = 1 - float((values - components.sum(0)).square().mean())
    return Curve(values, components, share, True, len(raw), mean, deviation)


def harmonics(values: Tensor, terms: int) -> Tensor:
    """The strongest ``terms`` harmonics of a curve (d,), slowest first: a_k cos(2 pi k s + phi_k), (term, d)."""
    spectrum = torch.fft.rfft(values)
    power = spectrum.abs().square()
    power[0] = 0.0
    if len(values) % 2 == 0:
        power[-1] /= 2  # every other harmonic also has a mirror image at negative frequency
    strongest = power.topk(min(terms, len(power) - 1)).indices.sort().values
    alone = torch.zeros(len(strongest), len(spectrum), dtype=spectrum.dtype)
    alone[torch.arange(len(strongest)), strongest] = spectrum[strongest]
    made: Tensor = torch.fft.irfft(alone, n=len(values))
    return made


def _standardised(raw: Tensor) -> tuple[Tensor, float, float]:
    """(values, mean, standard deviation); scaled by its largest entry first, so that no square overflows."""
    size = float(raw.abs().max())
    unit = raw / size if size > 0 else raw
    mean = unit.mean()
    deviation = (unit - mean).square().mean().sqrt()
    if size == 0 or float(deviation) < 1e-12:
        raise InputError(
            f"curve is constant at {float(raw[0]):g} (on the scale of its values and at {len(raw)} points), but must vary to diffuse"
        )
    return (unit - mean) / deviation, float(mean) * size, float(deviation) * size
