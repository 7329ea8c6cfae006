"""What a training run is given, checked before it starts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.nets import Condition, Net
from ornstein.nets.accepts import first_parameter, name_of


def check_signals(x: Tensor, module: nn.Module | None, *, missing: bool) -> Tensor:
    """Signals (case, *event) in the type of the module, at least float32; NaN only where ``missing``."""
    dtype = torch.float32 if module is None else torch.promote_types(first_parameter(module).dtype, torch.float32)
    values = checks.tensor(x, "x", dtype=dtype, missing=missing)
    if values.ndim < 2 or 0 in values.shape:
        raise InputError(f"x has shape {tuple(values.shape)}, but must be (case, *event) with at least one entry: add a case axis")
    return values


def check_module(module: nn.Module) -> None:
    """That there is something to train, and numbers to start from."""
    parameters = list(module.parameters())
    if any(p.is_meta for p in parameters):
        raise InputError(f"{name_of(module)} is on the device meta, which holds no numbers: build it on 'cpu'")
    if not any(p.requires_grad for p in parameters):
        raise InputError(f"{name_of(module)} has no trainable parameters: set requires_grad on those to be trained")


def check_condition(condition: Condition, cases: int, module: nn.Module | None) -> None:
    """One row per case, finite or NaN, with labels that the module knows."""
    if condition.rows != cases:
        raise InputError(f"condition has {condition.rows} rows, but x has {cases} cases: give one row per case")
    for name, part in (("vector", condition.vector), ("signal", condition.signal)):
        if part is not None and bool(torch.isinf(part).any()):
            raise InputError(f"the {name} of the condition holds infinite values: replace them, or mark them as missing by NaN")
    if condition.label is None:
        return
    least, most = int(condition.label.min()), int(condition.label.max())
    classes = module.conditioner.classes if isinstance(module, Net) else most + 1
    if least < -1 or most >= classes > 0:
        raise InputError(
            f"the label of the condition goes from {least} to {most}, but must lie between 0 and {max(classes - 1, 0)}, or be -1 for none"
        )


def sizes_of(condition: Condition | None, channels: int, *, inpaints: bool) -> dict[str, int]:
    """What ``default_net`` must know of the conditions."""
    label, vector, signal = (None, None, None) if condition is None else (condition.label, condition.vector, condition.signal)
    return {
        "classes": 0 if label is None else int(label.max()) + 1,
        "vector": 0 if vector is None else vector.shape[1],
        "signal": channels if inpaints else 0 if signal is None else signal.shape[1],
    }
