"""fit: from signals to a Model in one call."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor, nn

from ornstein.common import checks
from ornstein.common.errors import InputError, unknown_name
from ornstein.common.signals import Signals
from ornstein.covariance import Options
from ornstein.covariance.base import refuse_dense
from ornstein.covariance.batches import is_stream
from ornstein.denoisers import Denoiser, Law, Mixture, fit_empirical, fit_gaussian, fit_mixture
from ornstein.fitting.network import Training, fit_network
from ornstein.fitting.scaling import Scaler
from ornstein.fitting.stream import fit_stream
from ornstein.model.model import Model
from ornstein.training.record import Record

KINDS = ("gaussian", "mixture", "empirical", "network")
ANALYTIC = KINDS[:3]
"""The models with a density."""
FOLDS = 5
Fit = Callable[[Tensor], Law]


def fit(
    x: object,
    model: str | Denoiser | nn.Module = "gaussian",
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
    net: str | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    labels: object = None,
    condition: object = None,
    device: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    force: bool = False,
    watch: Callable[[Record], None] | None = None,
    **training: Unpack[Training],
) -> Model:
    """A Model of signals: a ``Signals``, or an array (case, time), (case, channel, time), (case, channel, height, width).

    model        "gaussian"   mean and covariance; NaN in x means missing ("dense", "low-rank"): EM uses what was observed
                 "mixture"    Gaussians by EM; ``components`` or as many as held-out cases support
                 "empirical"  kernel density around the cases, h^2 times their covariance; ``bandwidth`` h or by leave-one-out
                 "network"    a neural network, trained here; or any ``nn.Module`` called as F(x, noise) or F(x, noise, condition)
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
    progress     is told what is being fitted, and which network was chosen

    For networks, whose mean and covariance come from a Gaussian that is fitted first, with ``structure``, ``shrinkage`` and ``rank``
    (by default "dense" up to 2048 entries, see ``fitting.network.reference_structure``):

    net          "unet", "mlp", "transformer"; default: ``nets.default_net``
    minutes, steps   how long to train; the best weights by held-out loss are kept. Default: 2000 steps
    labels       the class of each case: numbers 0, 1, ... or words (case,); -1, NaN or "" where it is not known
    condition    what else is known of each case: numbers (case, k), another signal (case, channel, time), NaN where missing, or a
                 ``nets.Condition``; it is standardised here, and ``sample`` takes it in the same units
    device       "auto" (a GPU where there is one), "cpu", "cuda", ...
    folder, resume, force   checkpoints, to go on after an interruption; ``force`` starts anew over another run
    watch        is told how training goes, a ``training.Record`` about once a second
    masks        ``training.Masks``: random gaps, for a network that fills them (``impute``); x may then hold NaN
    training     batch, rate, form, weight, levels, drop, ...: everything else that ``training.fit`` takes

    Raises ``InputError`` for bad data (see ``covariance.estimate``), names that do not exist (with the nearest one), and
    arguments that do not belong to the model. Cost: (1 + folds) fits, or a training run.
    """
    if isinstance(model, nn.Module):
        kind, module = "network", model
    else:
        kind, module = model if isinstance(model, str) else type(model).__name__, None
        if isinstance(model, str) and model not in KINDS:
            raise unknown_name("model", model, KINDS)
    if unknown := sorted(training.keys() - Training.__annotations__.keys()):
        raise unknown_name("the argument", unknown[0], [*(fit.__kwdefaults__ or ()), *Training.__annotations__])
    _belongs(kind, "mixture", components=components)
    _belongs(kind, "empirical", bandwidth=bandwidth)
    ours = {"net": net, "minutes": minutes, "steps": steps, "labels": labels, "condition": condition, "device": device, "folder": folder}
    _belongs(kind, "network", **ours, resume=resume or None, force=force or None, watch=watch, **training)
    if engine is not None or is_stream(x):
        options = Options("oas" if shrinkage is None else shrinkage, rank)
        streamed = fit_stream(x, model, structure or "dense", options, standardize, engine or "local", progress)
        return Model(streamed.law, streamed.scaler, *streamed.names)
    values, signals = _values(x)
    names = (signals.channels, signals.units, signals.rate) if signals is not None else ((), (), None)
    if isinstance(model, Denoiser):
        if model.event_shape != tuple(values.shape[1:]):
            raise InputError(f"x holds signals of shape {tuple(values.shape[1:])}, but the denoiser has event shape {model.event_shape}")
        return Model(model, Scaler.fit(values, "none"), *names)
    if kind == "network" and training.get("masks") is None and (gaps := int(torch.isnan(values).sum())):
        raise InputError(
            f"x holds {gaps} NaN values, but a network takes gaps only with masks=Masks() (--masks), which trains it to fill them: "
            "impute or drop them first, or give masks"
        )
    if kind not in ("gaussian", "network") and bool(torch.isnan(values).any()):
        values = checks.tensor(values, "x")
    weight = "oas" if shrinkage is None else shrinkage
    tell = progress or (lambda _: None)
    if kind == "network":
        if folds not in (0, FOLDS):
            raise InputError(f"folds is {folds}, but a network is trained once: leave folds out, or choose its share held_out")
        scaler = Scaler.fit(values, standardize)
        found = fit_network(
            scaler.encode(values),
            module,
            training,
            structure=structure,
            shrinkage=weight,
            rank=rank,
            net=net,
            labels=labels,
            condition=condition,
            minutes=minutes,
            steps=steps,
            device=device or "auto",
            folder=folder,
            resume=resume,
            force=force,
            seed=seed,
            tell=tell,
            watch=watch,
        )
        return Model(found.network, scaler, *names, conditions=found.conditions, training=found.training)
    chosen = structure or "dense"
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


def _belongs(kind: str, owner: str, **arguments: object) -> None:
    """Refuse arguments of another model than the one that is fitted."""
    for name, value in arguments.items():
        if value is not None and owner != kind:
            shown = repr(value) if isinstance(value, str | int | float) else "given"
            raise InputError(f"{name} is {shown}, but model is {kind!r}: {name} belongs to model {owner!r}")
