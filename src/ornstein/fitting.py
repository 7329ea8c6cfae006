"""fit: from signals to a Model in one call."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ornstein import checks
from ornstein.covariance import Options
from ornstein.covariance.base import refuse_dense
from ornstein.covariance.batches import is_stream
from ornstein.denoisers import Denoiser, Law, Mixture, fit_empirical, fit_gaussian, fit_mixture
from ornstein.errors import InputError, unknown_name
from ornstein.fitting_stream import fit_stream
from ornstein.model import Model
from ornstein.scaling import Scaler
from ornstein.signals import Signals

KINDS = ("gaussian", "mixture", "empirical")
FOLDS = 5
Fit = Callable[[Tensor], Law]


def fit(
    x: object,
    model: str | Denoiser = "gaussian",
    *,
    structure: str | None = None,
    shrinkage: str | float | None = None,
    rank: int | None = None,
    components: int | None = None,
    bandwidth: float | None = None,
    standardize: str = "channel",
    folds: int = FOLDS,
    seed: int = 0,
    engine: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> Model:
    """A Model of signals: a ``Signals``, or an array (case, time), (case, channel, time), (case, channel, height, width).

    model        "gaussian"   mean and covariance; NaN in x means missing ("dense", "low-rank"): EM uses what was observed
                 "mixture"    Gaussians by EM; ``components`` or as many as held-out cases support
                 "empirical"  kernel density around the cases, h^2 times their covariance; ``bandwidth`` h or by leave-one-out
                 or any denoiser, which is wrapped as it is
    structure    "dense" (default), "diagonal", "low-rank" (``rank`` directions), "toeplitz", "stationary", "autoregressive",
                 "kronecker" or "a*b", "image", a kernel, or "auto": see ``covariance.estimate``
    shrinkage    "oas" (default), "ledoit-wolf", "nonlinear", "none" or a weight in [0, 1]
    standardize  "channel": one mean and scale per channel; "feature": one per entry, for vectors; "none"
    folds        the law is fitted ``folds`` more times, each without one part of the cases, to score held-out cases for the
                 p-values of ``surprise``; 0 leaves them out. Folds are blocks of neighbouring cases, so that overlapping windows
                 do not leak; shuffle cases that are sorted by kind. Cases with gaps are not scored.
    engine       "local", "dask" or "torch" read x piece by piece, once (see ``covariance.accumulate``): a memory map, a Dask array,
                 the ranks of torchrun. Iterators of batches, Zarr and Dask arrays are always read so, by default "local". It serves
                 "gaussian" with "dense", "diagonal" or "stationary"; no case is held out, so ``surprise`` has no p-values.

    Raises ``InputError`` for bad data (see ``covariance.estimate``), names that do not exist (with the nearest one), and
    arguments that do not belong to the model. Cost: (1 + folds) fits.
    """
    if engine is not None or is_stream(x):
        _belongs(model, components=components, bandwidth=bandwidth)
        options = Options("oas" if shrinkage is None else shrinkage, rank)
        return fit_stream(x, model, structure or "dense", options, standardize, engine or "local", progress)
    values, signals = _values(x)
    names = (signals.channels, signals.units, signals.rate) if signals is not None else ((), (), None)
    if isinstance(model, Denoiser):
        if model.event_shape != tuple(values.shape[1:]):
            raise InputError(f"x holds signals of shape {tuple(values.shape[1:])}, but the denoiser has event shape {model.event_shape}")
        return Model(model, Scaler.fit(values, "none"), *names)
    if model not in KINDS:
        raise unknown_name("model", model, KINDS)
    _belongs(model, components=components, bandwidth=bandwidth)
    if model != "gaussian" and bool(torch.isnan(values).any()):
        values = checks.tensor(values, "x")
    chosen, weight = structure or "dense", "oas" if shrinkage is None else shrinkage
    if chosen == "dense":
        refuse_dense(values[0].numel(), "a dense covariance")
    scaler = Scaler.fit(values, standardize)
    scaled = scaler.encode(values)

    def law_of(cases: Tensor) -> Law:
        if model == "gaussian":
            return fit_gaussian(cases, chosen, shrinkage=weight, rank=rank)
        if model == "mixture":
            return fit_mixture(cases, components, chosen, shrinkage=weight, rank=rank, seed=seed)
        return fit_empirical(cases, bandwidth, chosen, shrinkage=weight, rank=rank)

    tell = progress or (lambda _: None)
    tell("law")
    law = law_of(scaled)
    if isinstance(law, Mixture) and components is None:
        components = len(law.components)
    reference = None
    if folds and not (model == "empirical" and bandwidth == 0):
        reference = _held_out(scaled, law_of, checks.count(folds, "folds", at_least=2), tell)
    fitted = Model(law, scaler, *names)
    if reference is not None:
        fitted = Model(law, scaler, *names, reference=(reference - scaler.log_jacobian(law.covariance())).sort().values)
    return fitted


def _held_out(x: Tensor, law_of: Fit, folds: int, tell: Callable[[str], None]) -> Tensor | None:
    """Log-densities of the complete cases, each under a law fitted without its fold; None where there are too few cases."""
    complete = ~torch.isnan(x).flatten(1).any(1)
    fold = torch.arange(len(x)) * folds // len(x)
    scores = []
    if len(x) < 2 * folds or not bool(complete.any()):
        return None
    for k in range(folds):
        tell(f"fold {k + 1} of {folds}")
        test = (fold == k) & complete
        if bool(test.any()):
            scores.append(law_of(x[fold != k]).log_prob(x[test]))
    return torch.cat(scores)


def _values(x: object) -> tuple[Tensor, Signals | None]:
    if isinstance(x, Signals):
        return checks.tensor(x.values, "x", missing=True), x
    values = checks.tensor(x, "x", missing=True)
    if values.ndim not in (2, 3, 4):
        raise InputError(
            f"x has {values.ndim} axes {tuple(values.shape)}, but must be (case, time), (case, channel, time) or images with 4: "
            "add a case axis, or cut a recording with Signals.windows"
        )
    if 0 in values.shape:
        raise InputError(f"x is empty {tuple(values.shape)}: give at least two cases")
    return values, None


def _belongs(model: object, **arguments: object) -> None:
    owner = {"components": "mixture", "bandwidth": "empirical"}
    for name, value in arguments.items():
        if value is not None and owner[name] != model:
            raise InputError(f"{name} is {value!r}, but model is {model!r}: {name} belongs to model {owner[name]!r}")
