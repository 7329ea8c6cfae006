"""What is measured may be nothing like what the model foresees: then it is said."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from ornstein.denoisers import Empirical, Gaussian, Law, Mixture, matched
from ornstein.posterior.given import Given, seen_by
from ornstein.posterior.seen import Seen

FAR = 8.0
"""Deviations beyond the usual distance of y from what the law foresees at which it is said: more than chance ever gives."""

LARGE, MANY, POINTS = 1024, 512, 1_000_000
"""Entries of a signal, values of a measurement, and numbers of a law of points, up to which a closed form looks: it costs as much."""


def say_far(known: Gaussian | Mixture, given: Sequence[Given], fixed: Seen | None = None, effective: float | None = None) -> None:
    """Warn by the distance of y from A mu, in deviations of A x_0 + n under the moments of ``known``, beyond the usual sqrt(m).

    ``fixed`` are the linear measurements with Gaussian noise among those given, ``effective`` the number of particles that count. Raises
    ``InputError`` for exact ones that contradict each other or the law.
    """
    fixed = seen_by(given, known) if fixed is None else fixed
    if not fixed.size or known.batch_shape:
        return
    factor = fixed.factor((known.covariance() @ fixed.rows).unsqueeze(0))[0]
    apart: Tensor = torch.linalg.solve_triangular(factor, (fixed.y - fixed.bound(known.mean().flatten())).T, upper=False)
    distance = apart.norm(dim=0)
    beyond = float((distance - math.sqrt(fixed.size)).max())
    if beyond > FAR:
        counting = "" if effective is None else f" ({effective:.1f} particles carry its weight)"
        warnings.warn(
            f"y is {float(distance.max()):.0f} deviations from all that the model foresees, where {math.sqrt(fixed.size):.0f} are usual, "
            f"and the posterior rests on the tails of the model{counting}: check the units of y, or give more noise",
            UserWarning,
            stacklevel=6,
        )


def say_far_exactly(law: Law, given: Sequence[Given]) -> None:
    """The same for a closed form, where looking costs no more than the answer."""
    if law.batch_shape or law.size > LARGE:
        return
    if isinstance(law, Empirical) and law.cloud.points.numel() <= POINTS:
        law = matched(law)
    if isinstance(law, Gaussian | Mixture) and all(math.prod(one.measurement.output_shape(law.event_shape)) <= MANY for one in given):
        say_far(law, given)
