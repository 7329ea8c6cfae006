"""The density of the entries of a signal that are not known, given those that are."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.denoisers import Denoiser, Gaussian, Law, Network
from ornstein.denoisers.hidden import Hidden
from ornstein.fitting.scaling import Scaler
from ornstein.likelihood import Density, log_density
from ornstein.measurements import Mask
from ornstein.nets import Condition


def density_given(
    law: Denoiser, scaler: Scaler, x: Tensor, given: object, condition: Condition | None, method: str, error: float | None, seed: int
) -> Density:
    """log p(x_h | x_o) in nats of x (case, *event), in its units; see ``Model.log_density``.

    Exact for an analytic law, by conditioning it; for a network that fills gaps by the integral of ``likelihood.log_density`` in its
    hidden entries. Raises ``InputError`` for a pattern of another shape, and for any other denoiser.
    """
    known = checks.tensor(given, "given", dtype=torch.bool)
    event = law.event_shape
    if tuple(known.shape) not in (event, event[-1:]):
        raise InputError(f"given has shape {tuple(known.shape)}, but must be {event} like one signal, or {event[-1:]} like its last axis")
    known = known.expand(event)
    u = scaler.encode(x)
    volume = scaler.log_volumes(x).expand(len(x), *event)[:, ~known].sum(1)
    if isinstance(law, Network):
        hidden, reference = Hidden.of(law, u, known, condition)
        rest = (u - hidden.expected)[:, ~known]
        return log_density(hidden, rest, reference, method=method, error=error, seed=seed).shifted(-volume)
    if not isinstance(law, Law):
        raise InputError(f"given is for laws in closed form and networks trained with masks, but this is a {law.described()}: leave it out")
    conditioned = law.condition(Mask(known), u[:, known]).law
    if isinstance(law, Gaussian) and law.covariance().rank() < law.size:
        volume = torch.full((len(x),), scaler.log_jacobian(conditioned.covariance()), dtype=torch.float64)
    return Density.exact(conditioned.log_prob(u) - volume, "the law given a part has its density in closed form")
