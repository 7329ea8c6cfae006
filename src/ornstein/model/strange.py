"""Signals with gaps that are nothing like what a model was fitted to: it is said before they are filled."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from ornstein.fitting.scaling import Scaler

FAR = 30.0
"""Deviations from the mean of a channel or entry, among the signals of the fit, beyond which a value is said: artefacts stay below."""


def say_strange(values: Tensor, scaler: Scaler) -> None:
    """Warn of the value of signals (case, *event), or of recordings of any length, that is farthest from what the model knows.

    Nothing is said where the fit changed no scale, since the deviations are then not kept.
    """
    centre, scale = scaler.centre, scaler.scale
    if not bool(centre.any()) and bool((scale == 1).all()):
        return
    if values.shape[-1] != centre.shape[-1]:  # a recording
        centre, scale = centre.mean(-1, keepdim=True), scale.amax(-1, keepdim=True)
    apart = torch.nan_to_num(((values - centre) / scale).abs(), nan=0.0)
    if apart.numel() and float(most := apart.amax()) > FAR:
        place = tuple((apart == most).nonzero()[0].tolist())
        warnings.warn(
            f"x holds a value {float(most):.0f} deviations from the mean of what the model was fitted to, at index {place}: check its "
            "units; what fills the gaps beside it rests on the tails of the model",
            UserWarning,
            stacklevel=4,
        )
