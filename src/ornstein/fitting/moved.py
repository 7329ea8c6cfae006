"""The law of another model in the coordinates of this one."""

from __future__ import annotations

import torch

from ornstein.common.errors import InputError
from ornstein.covariance import Dense
from ornstein.denoisers import Denoiser, Gaussian, Mixture
from ornstein.fitting.scaling import Scaler


def moved(law: Denoiser, own: Scaler, scaler: Scaler) -> Gaussian | Mixture:
    """``law`` of u, x = own.decode(u), as the law of v with x = scaler.decode(v); a Gaussian or a mixture without curves.

    Raises ``InputError`` for every other law. Cost: a dense covariance for each component.
    """
    if not isinstance(law, Gaussian | Mixture) or own.curves is not None or scaler.curves is not None or law.batch_shape:
        raise InputError(
            f"the other model is a {law.described()}, but a product needs one Gaussian or mixture without marginals: fit one to its signals"
        )
    if isinstance(law, Mixture):
        parts = [_moved(part, own, scaler) for part in law.components]
        return Mixture.from_log_weights(law.log_weights, parts)
    return _moved(law, own, scaler)


def _moved(part: Gaussian, own: Scaler, scaler: Scaler) -> Gaussian:
    ratio = (own.scale / scaler.scale).flatten()
    covariance = part.covariance().dense() * torch.outer(ratio, ratio)
    return Gaussian(scaler.encode(own.decode(part.mean())), Dense(0.5 * (covariance + covariance.T)))
