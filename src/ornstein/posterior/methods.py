"""Every method by name, and one line on why it is the one."""

from __future__ import annotations

from collections.abc import Sequence

from ornstein.denoisers import Denoiser, Empirical, Gaussian, Law, Mixture, Particles
from ornstein.measurements.base import Composition, Measurement
from ornstein.measurements.noises import NoiseLaw
from ornstein.posterior.daps import Decoupled
from ornstein.posterior.ddrm import Restoration
from ornstein.posterior.diffpir import Splitting
from ornstein.posterior.dps import Gradient
from ornstein.posterior.given import Given
from ornstein.posterior.guidance import GUIDANCE
from ornstein.posterior.repaint import Repaint, Replacement
from ornstein.posterior.runs import Run
from ornstein.posterior.split_gibbs import SplitGibbs

METHODS = ("auto", "exact", "twisted", "weights")

RUNS: dict[str, type[Run]] = {
    "replacement": Replacement,
    "repaint": Repaint,
    "dps": Gradient,
    "ddrm": Restoration,
    "diffpir": Splitting,
    "daps": Decoupled,
    "split-gibbs": SplitGibbs,
}
"""Methods whose draws are what they are: no weight corrects them, and none knows log p(y)."""

ALL = (*METHODS, *GUIDANCE, *RUNS)


def why(denoiser: Denoiser, given: Sequence[Given], method: str, guide: Gaussian | Mixture | None = None) -> str:
    """One line: which method a posterior was found by, and why.

    ``guide`` is what guides the particles of "twisted"; without one, what the denoiser stands on.
    """
    if method not in ("auto", "exact"):
        return f"{method}, as asked for"
    kind = denoiser.described()
    odd = next((one for one in given if not one.plain), None)
    if isinstance(denoiser, Law) and (odd is None or method == "exact"):
        return f"exact: {_form(denoiser)} under linear measurements with Gaussian noise has its posterior in closed form"
    known = guide or denoiser.guide or (denoiser if isinstance(denoiser, Gaussian | Mixture) else None)
    by = f"a mixture of {len(known.components)} components" if isinstance(known, Mixture) else "a Gaussian"
    reason = f"a {kind} has no closed form" if odd is None else _odd(odd)
    return f"twisted: {reason}, so weighted particles are guided by {by}"


def _form(law: Law) -> str:
    names = ((Gaussian, "a Gaussian"), (Mixture, "a mixture"), (Empirical, "a law of points"), (Particles, "a law of weighted particles"))
    return next((name for kind, name in names if isinstance(law, kind)), f"a {law.described()}")


def _odd(one: Given) -> str:
    if isinstance(one.noise, NoiseLaw):
        return f"{type(one.noise).__name__} noise has no closed form"
    if not one.measurement.linear:
        return f"{type(_bent(one.measurement)).__name__} is not linear"
    return "curved marginals make the measurement nonlinear in the coordinates of the law"


def _bent(measurement: Measurement) -> Measurement:
    """The part of a composition that is not linear."""
    while isinstance(measurement, Composition):
        measurement = measurement.first if measurement.last.linear else measurement.last
    return measurement
