"""From odd windows of a recording to odd stretches of it."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.data.edf_annotations import Annotation


def odd_stretches(
    nats: Tensor, p_value: Tensor | None, window: int, hop: int, rate: float, *, alpha: float = 0.01, most: int = 10
) -> list[Annotation]:
    """The stretches of odd windows, as annotations in seconds: windows that touch or overlap are one stretch.

    nats     surprise of each window (case,);  p_value: of each, or None
    window, hop   samples in a window, and from one start to the next;  rate: samples per second
    alpha    windows with p <= alpha are odd; without p-values the ``most`` most surprising ones are

    One window in 1 / alpha is odd by chance where its p-value is fair. The text holds the least p-value and the largest surprise.
    Raises ``InputError`` for alpha outside (0, 1).
    """
    if not 0 < checks.real(alpha, "alpha") < 1:
        raise InputError(f"alpha is {alpha:g}, but must lie between 0 and 1, such as 0.01")
    if p_value is not None:
        odd = (p_value <= alpha).nonzero()[:, 0]
    else:
        odd = nats.argsort(descending=True)[: checks.count(most, "most")].sort().values
    groups: list[list[int]] = []
    for i in odd.tolist():
        if groups and i * hop <= groups[-1][-1] * hop + window:
            groups[-1].append(i)
        else:
            groups.append([i])
    return [_annotated(torch.tensor(group), nats, p_value, window, hop, rate) for group in groups]


def _annotated(group: Tensor, nats: Tensor, p_value: Tensor | None, window: int, hop: int, rate: float) -> Annotation:
    least = "" if p_value is None else f" p={float(p_value[group].min()):.4g}"
    text = f"odd{least} nats={float(nats[group].max()):.4g}"
    return Annotation(int(group[0]) * hop / rate, (int(group[-1] - group[0]) * hop + window) / rate, text)
