"""Several independent sources as one model, of which a mix can be measured: separation by conditioning."""

from __future__ import annotations

import torch

from ornstein.common.errors import InputError
from ornstein.denoisers.independent import independent
from ornstein.fitting.scaling import Scaler
from ornstein.model.model import Model


def together(*models: Model) -> Model:
    """The model of independent signals side by side: their channels one after the other.

    ``together(mother, child).posterior(orn.Mix([[1.0, 1.0]]), y, noise)`` separates a sum into its sources; exact where both are Gaussians
    or mixtures. Raises ``InputError`` for models of other lengths or rates, and with marginals.
    """
    if any(m.scaler.curves is not None for m in models):
        raise InputError("a model with marginals cannot stand beside others: fit it without marginals")
    rates = {m.rate for m in models if m.rate is not None}
    if len(rates) > 1:
        raise InputError(f"the models have rates {sorted(rates)} Hz, but sources of one mix have one: resample the signals first")
    law = independent([m.law for m in models])
    scaler = Scaler(torch.cat([m.scaler.centre for m in models]), torch.cat([m.scaler.scale for m in models]))
    named = all(m.channels for m in models) and len({c for m in models for c in m.channels}) == sum(len(m.channels) for m in models)
    channels = tuple(c for m in models for c in m.channels) if named else ()
    units = tuple(u for m in models for u in m.units) if named else ()
    return Model(law, scaler, channels, units, rates.pop() if rates else None)
