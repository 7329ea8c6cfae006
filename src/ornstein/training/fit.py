"""A network from signals in one call."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.gradients import with_gradients
from ornstein.common.ranks import current, own_device
from ornstein.denoisers import ByCondition, Gaussian, Mixture, Network, fit_by_condition, fit_gaussian
from ornstein.nets import Condition, accepts, default_net
from ornstein.nets.accepts import entrywise, first_parameter, name_of
from ornstein.training.best import assign
from ornstein.training.budget import Budget
from ornstein.training.checkpoint import fingerprint
from ornstein.training.distributed import collect
from ornstein.training.held_out import HeldOut, split
from ornstein.training.inputs import check_condition, check_module, check_signals, sizes_of
from ornstein.training.levels import LogNormal
from ornstein.training.loss import Loss
from ornstein.training.masks import Masks, beside, completed
from ornstein.training.options import BATCH, Options
from ornstein.training.pace import Pace
from ornstein.training.record import Record
from ornstein.training.run import Run
from ornstein.training.session import Session
from ornstein.training.trainer import Trainer
from ornstein.training.weights import weight_named


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network and how it came about.

    network   the best of all candidates by held-out loss, in evaluation mode: weights or averages, at any evaluation, the start included
    history   the records of this session
    stopped   why the run ended: "steps", "minutes", "patience" or "not finite"
    chosen    which candidate it is: "weights", "average 16" ..., or "gaussian" where none was better than that
    held_out  its held-out loss, and ``gaussian`` that of the reference Gaussian under the same noise; None without held-out cases
    steps, seconds  over all sessions of the run
    skipped   steps left out because their gradient was not finite
    """

    network: Network
    history: tuple[Record, ...]
    stopped: str
    chosen: str
    held_out: float | None
    gaussian: float | None
    steps: int
    seconds: float
    skipped: int


@with_gradients
def fit(
    x: Tensor,
    module: nn.Module | None = None,
    reference: Gaussian | Mixture | None = None,
    options: Options | None = None,
    *,
    condition: Condition | None = None,
    told: ByCondition | None = None,
    overlap: int = 0,
    seed: int = 0,
    progress: Callable[[Record], None] | None = None,
    **changes: Any,
) -> Trained:
    """Train a module as the denoiser of signals, and return the best network on held-out cases: never worse there than the Gaussian.

    x          signals (case, *event), standardised; NaN only with ``masks``, as gaps
    module     any module F(x, noise) or, with conditions, F(x, noise, condition), trained in place; ``default_net`` without one
    reference  the law of the preconditioning, a Gaussian or a mixture; without one, a dense Gaussian of the cases that are trained on
    options    how: see ``Options``; ``changes`` are options by name, ``fit(x, steps=500, folder="run")``
    condition  one row per case
    told       the law of signals with a condition, which the network stands on where it is told one; without a reference, it is fitted too
    overlap    how many neighbours on either side share samples with a case: those of a held-out one are not trained on
    progress   called with every ``Record``

    Raises ``InputError`` for arguments and data that cannot be used, before training; ``RunError`` where the disk refuses or memory
    runs out, and after SIGTERM; ``KeyboardInterrupt`` with a sentence after Ctrl-C. A checkpoint is saved before either of these.
    Memory on the device: the signals, and 8 times the weights with three averages.
    """
    started = time.monotonic()
    how = (options or Options()).changed(**changes)
    ranks = current(how.device) if how.ranks is None else how.ranks
    if module is not None:
        check_module(module)
    if not isinstance(how.masks, Masks | None):
        raise InputError(f"masks is {checks.shown(how.masks)}, but must be training.Masks(...), the gaps that it learns to fill, or None")
    x = check_signals(x, module, missing=how.masks is not None)
    train, held = split(len(x), how.held_out, overlap)
    if condition is not None:
        check_condition(condition, len(x), module)
    if module is None:
        module = default_net(tuple(x.shape[1:]), len(x), **sizes_of(condition, x.shape[1], inpaints=how.masks is not None), seed=seed)
    if how.device != "auto" or first_parameter(module).device.type == "cpu":
        module = module.to(own_device(how.device))
    if reference is None:
        reference = fit_gaussian(x[train])
        if condition is not None and how.masks is None and told is None:
            told = fit_by_condition(x[train], condition[train])
    if how.masks is not None:
        x, condition = beside(x, condition) if entrywise(module) else completed(x, reference, condition, seed=seed)
    accepts(module, x, condition if how.masks is None else replace(condition or Condition(), signal=x))
    network = Network.of(module, reference, how.form, inpaints=how.masks is not None, told=told)
    loss = Loss(LogNormal() if how.levels is None else how.levels, weight_named(how.weight), how.drop, how.masks)
    trainer = Trainer(
        network,
        x[train],
        loss,
        condition=None if condition is None else condition[train],
        batch=min(BATCH, len(train)) if how.batch is None else checks.count(how.batch, "batch", at_most=len(train)),
        accumulate=how.accumulate,
        rate=how.rate,
        clip=how.clip,
        lengths=how.lengths,
        precision=how.precision,
        compiled=how.compile,
        seed=seed,
        ranks=ranks,
        parallel=how.parallel,
    )
    budget, pace = Budget.of(how.steps, how.minutes), Pace(how.warm_up, how.decay)
    outside = None
    if len(held):
        outside = HeldOut(x[held].to(trainer.x), loss, None if condition is None else condition[held].to(trainer.device), seed, ranks)
    run = Run(trainer, budget, outside, pace=pace, patience=how.patience, started=started)
    configuration: dict[str, Any] = {
        **how.deciding(),
        "x": fingerprint(x),
        "condition": "none" if condition is None else fingerprint(condition.label, condition.vector, condition.signal),
        "reference": fingerprint(reference.mean(), reference.covariance().diagonal()),
        "told": "none" if told is None else fingerprint(told.means, told.slope, *(one.eigenvalues for one in told.operators)),
        "module": f"{name_of(module)} with {sum(p.numel() for p in trainer.parameters)} trained numbers",
        "levels": fingerprint(loss.levels.quantile(torch.linspace(0.001, 0.999, 999, dtype=torch.float64))),
        "steps": budget.steps,
        "batch": trainer.batch,
        "lengths": list(how.lengths),
        "masks": repr(how.masks),
        "seed": seed,
        **({"overlap": overlap} if overlap else {}),
    }
    session = Session(how.folder, configuration, how.resume, how.force, how.keep, progress or (lambda _: None))
    history = session.records(run)
    return _trained(run, history, module)


def _trained(run: Run, history: list[Record], module: nn.Module) -> Trained:
    """The best candidate, in the module that the caller gave."""
    trainer, best, stopped, averages = run.trainer, run.best, str(run.stopped), run.trainer.averages
    name, loss = best.name, None if run.held_out is None else best.loss
    if stopped == "not finite":
        _note(
            f"training stopped after {trainer.number} steps, the last ones without a finite gradient: the best network before is returned; "
            "use a lower rate, or look for extreme values in the signals"
        )
    if loss is not None:
        assign(trainer.parameters, best.values)
    elif averages.lengths:
        assign(trainer.parameters, averages.values[0])
        name = f"average {averages.lengths[0]:g}"
    else:
        name = "weights"
    collect(trainer.network.module, module.eval())
    network = replace(trainer.network, module=module)
    if loss is not None and run.gaussian is not None and not loss < run.gaussian:
        network, name, loss = _gaussian(network, trainer), "gaussian", run.gaussian
        _note(
            f"no network got below the held-out loss of the Gaussian ({loss:.4g}), so one with the Gaussian's answers is returned: "
            "train longer, or give more cases"
        )
    return Trained(network, tuple(history), stopped, name, loss, run.gaussian, trainer.number, run.seconds, int(trainer.skipped))


def _gaussian(network: Network, trainer: Trainer) -> Network:
    """A new network, which returns 0, so that the denoiser is the skip of the reference."""
    sizes = sizes_of(trainer.condition, network.event_shape[0], inpaints=network.inpaints)
    silent = default_net(network.event_shape, len(trainer.x), **sizes).to(trainer.device).eval()
    return Network.of(silent, network.reference, inpaints=network.inpaints)


def _note(sentence: str) -> None:
    warnings.warn(sentence, UserWarning, stacklevel=4)
