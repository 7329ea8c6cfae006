"""What stands around a law in a folder: names, units and rate, the standardisation, held-out scores, and what a network is told."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from ornstein.common.checks import LARGEST
from ornstein.denoisers import Denoiser, Law
from ornstein.fitting.conditions import Conditions
from ornstein.fitting.curves import Curves
from ornstein.fitting.scaling import Scaler
from ornstein.model.fitted import Fitted
from ornstein.model.storage.correction import decode_correction, encode_correction
from ornstein.model.storage.part import Part, Spec, Tensors, refuse_unread

_CURVES = ("values", "scores", "slopes")


def encode_surroundings(model: Fitted) -> tuple[Spec, Tensors]:
    """(description for preprocessing.json, tensors)."""
    tensors: Tensors = {}
    encode_scaler(model.scaler, tensors, "scaler.")
    for name in ("reference", "reference_classes", "log_evidence", "bands", "times"):
        if (value := getattr(model, name)) is not None:
            tensors[name] = value
    shape = list(model.law.event_shape)
    spec: Spec = {"channels": list(model.channels), "units": list(model.units), "rate": model.rate, "event_shape": shape}
    if model.correction is not None:
        spec["correction"] = encode_correction(model.correction, tensors, "correction.")
    if model.conditions is not None:
        spec["conditions"] = {"classes": model.conditions.classes, "names": list(model.conditions.names)}
        for name in ("vector", "signal"):
            if (scaler := getattr(model.conditions, name)) is not None:
                encode_scaler(scaler, tensors, f"conditions.{name}.")
    return spec, tensors


def decode_surroundings(part: Part, law: Denoiser) -> Fitted:
    """What ``encode_surroundings`` wrote of a model with this law. Raises ``InputError`` for what does not go with it."""
    event = tuple(law.event_shape)
    if part.shape("event_shape") != event:
        raise part.wrong("event_shape", f"is {part.spec['event_shape']}, but the law holds signals of shape {event}")
    channels = part.words("channels", (0, event[0]) if len(event) > 1 else (0, 1, event[0]))
    units = part.words("units", (len(channels),))
    rate = None if part.value("rate") is None else part.number("rate")
    scaler = decode_scaler(part, "scaler.", event)
    reference = ascending(part, "reference") if part.has("reference") else None
    classes = _decode_classes(part, reference) if part.has("reference_classes") else None
    log_evidence = None
    if part.has("log_evidence"):
        batch = law.batch_shape if isinstance(law, Law) else ()
        log_evidence = part.tensor("log_evidence", *batch, infinite=True)
    conditions = _decode_conditions(part.part("conditions")) if "conditions" in part.spec else None
    bands = _decode_bands(part, event) if part.has("bands") else None
    times = part.tensor("times", event[-1]) if part.has("times") else None
    if times is not None and (rate is not None or bool((times.diff() <= 0).any())):
        raise part.wrong("times", "does not rise, or stands beside a rate")
    correction = decode_correction(part.part("correction"), event) if "correction" in part.spec else None
    part.finish()
    refuse_unread(part)
    around = Fitted(law, scaler, channels, units, rate, reference, log_evidence, conditions)
    return replace(around, times=times, bands=bands, correction=correction, reference_classes=classes)


def _decode_bands(part: Part, event: tuple[int, ...]) -> Tensor:
    """Ends of bands, rising, one row for each channel."""
    bands = part.tensor("bands", event[0] if len(event) > 1 else 1, 3, low=0.0, open_low=True)
    if bool((bands.diff() < 0).any()):
        raise part.wrong("bands", "does not rise from the 50 to the 90 % band")
    return bands


def _decode_classes(part: Part, reference: Tensor | None) -> Tensor:
    """The class of every held-out log-density, a whole number from -1."""
    classes = part.tensor("reference_classes", 0 if reference is None else len(reference), low=-1.0)
    if not torch.equal(classes, classes.round()):
        raise part.wrong("reference_classes", "holds numbers that are no classes")
    return classes


def ascending(part: Part, name: str) -> Tensor:
    """Held-out log-densities from low to high."""
    scores = part.tensor(name, None, infinite=True)
    if not len(scores) or bool((scores[1:] < scores[:-1]).any()):
        raise part.wrong(name, "is not sorted from low to high, or empty")
    return scores


def _decode_conditions(part: Part) -> Conditions:
    classes = part.whole("classes")
    names = part.words("names", (0, classes))
    if len(set(names)) < len(names):
        raise part.wrong("names", "holds a class twice")
    vector, signal = (
        decode_scaler(part, f"{name}.", axes=axes) if part.has(f"{name}.centre") else None for name, axes in (("vector", 1), ("signal", 2))
    )
    part.finish()
    return Conditions(classes, names, vector, signal)


def encode_scaler(scaler: Scaler, tensors: Tensors, prefix: str) -> None:
    """Add a standardisation to the tensors."""
    tensors |= {prefix + "centre": scaler.centre, prefix + "scale": scaler.scale}
    if scaler.curves is not None:
        tensors |= {f"{prefix}curves.{name}": getattr(scaler.curves, name) for name in _CURVES}


def decode_scaler(part: Part, prefix: str, event: tuple[int, ...] | None = None, *, axes: int = 1) -> Scaler:
    """The standardisation under a prefix, of signals of shape ``event`` or with so many axes."""
    shape = event if event is not None else (None,) * max(axes, part.raw(prefix + "centre").ndim)
    centre = part.tensor(prefix + "centre", *shape)
    scale = part.tensor(prefix + "scale", *centre.shape, low=1 / LARGEST)
    return Scaler(centre, scale, _decode_curves(part, f"{prefix}curves.", tuple(centre.shape)))


def _decode_curves(part: Part, prefix: str, event: tuple[int, ...]) -> Curves | None:
    """The curves of a standardisation, one for every channel or entry; None where there are none."""
    if not part.has(prefix + "values"):
        return None
    values = part.tensor(prefix + "values", None, None)
    allowed = {math.prod(event), event[0] if len(event) > 1 else 1}
    scores = part.tensor(prefix + "scores", *values.shape)
    slopes = part.tensor(prefix + "slopes", *values.shape, low=1 / LARGEST)
    for name, grid in (("values", values), ("scores", scores)):
        if len(grid) not in allowed or grid.shape[1] < 2 or bool((grid.diff() <= 0).any()):
            raise part.wrong(prefix + name, f"holds no increasing knots for every channel or entry of signals {event}")
    return Curves(values, scores, slopes)
