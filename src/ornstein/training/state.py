"""All that a run needs to go on as if it had never stopped: tensors and plain values."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ornstein.training.best import assign
from ornstein.training.distributed import bare, placed, split
from ornstein.training.run import Run
from ornstein.training.trainer import Trainer

Tensors = dict[str, Tensor]
Values = dict[str, Any]


def state_of(run: Run) -> tuple[Tensors, Values]:
    """(tensors, plain values) of a run between two steps: copies on the CPU; of split tensors, the parts of this process."""
    trainer, best = run.trainer, run.best
    tensors = {f"module.{name}": value for name, value in bare(trainer.network.module).state_dict().items()}
    for k, values in enumerate(trainer.averages.values):
        tensors |= {f"average.{k}.{i}": value for i, value in enumerate(values)}
    tensors |= {f"weight.{i}": value for i, value in enumerate(trainer.loss.parameters())}
    for i, moments in trainer.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{name}": value for name, value in moments.items()}
    tensors |= {f"best.{i}": value for i, value in enumerate(best.values)}
    tensors |= {"skipped": trainer.skipped, "skipped_in_a_row": trainer.skipped_in_a_row}
    plain: Values = {"step": trainer.number, "part": trainer.part, "seconds": run.seconds}
    plain |= {name: getattr(run, name) for name in ("stopped", "gaussian", "evaluated_at", "milestone", "without_gain", "reserve")}
    plain["best"] = {"loss": best.loss, "name": best.name, "step": best.step} if best.values else None
    return {name: value.detach() if split(value) else _copied(value) for name, value in tensors.items()}, plain


def blank(run: Run, types: dict[str, torch.dtype]) -> Tensors:
    """Tensors of these names and types, split as those of the run: what the parts of a checkpoint are read into."""
    known, parameters = state_of(run)[0], _trained(run.trainer)
    for name, dtype in types.items():
        if name not in known:  # moments of the optimiser, and the best weights, which a new run has not yet
            index, _, key = name.partition(".")[2].partition(".")
            known[name] = torch.zeros(()) if key == "step" else torch.zeros_like(parameters[int(index)].detach(), dtype=dtype)
    return {name: known[name] for name in types}


def restore(run: Run, tensors: Tensors, values: Values) -> None:
    """Put a run where ``state_of`` found it."""
    trainer, best = run.trainer, run.best
    module = bare(trainer.network.module)
    own = module.state_dict()
    module.load_state_dict({name: placed(value, own[name]) for name, value in _part(tensors, "module.").items()})
    for k, average in enumerate(trainer.averages.values):
        assign(average, _listed(tensors, f"average.{k}."))
    assign(trainer.loss.parameters(), _listed(tensors, "weight."))
    _restore_optimiser(trainer, _part(tensors, "optimiser."))
    trainer.skipped, trainer.skipped_in_a_row = (tensors[name].to(trainer.device) for name in ("skipped", "skipped_in_a_row"))
    trainer.number, trainer.part = values["step"], values["part"]
    for name in ("gaussian", "evaluated_at", "milestone", "without_gain", "reserve"):
        setattr(run, name, values[name])
    run.seconds = values["seconds"]
    # under a larger budget than the saved one less of it is used, and evaluations are due again
    run.milestone = min(run.milestone, run.budget.milestone(trainer.number, run.seconds, run.reserve))
    if values["best"] is not None:
        best.loss, best.name, best.step = (values["best"][name] for name in ("loss", "name", "step"))
        best.values = [placed(value, p.detach()) for value, p in zip(_listed(tensors, "best."), trainer.parameters, strict=True)]
    if values["stopped"] == "not finite":  # another go, as the caller asked for
        trainer.skipped_in_a_row = torch.zeros_like(trainer.skipped_in_a_row)


def _restore_optimiser(trainer: Trainer, tensors: Tensors) -> None:
    moments: dict[int, Tensors] = {}
    parameters = _trained(trainer)
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        like = parameters[int(index)].detach()
        moments.setdefault(int(index), {})[key] = placed(value, like) if value.shape == like.shape else value
    trainer.optimiser.load_state_dict({"state": moments, "param_groups": trainer.optimiser.state_dict()["param_groups"]})


def _trained(trainer: Trainer) -> list[Tensor]:
    """In the order of the optimiser."""
    return [*trainer.parameters, *trainer.loss.parameters()]


def _copied(value: Tensor) -> Tensor:
    return value.detach().to("cpu", copy=True).contiguous()


def _part(tensors: Tensors, prefix: str) -> Tensors:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _listed(tensors: Tensors, prefix: str) -> list[Tensor]:
    found = _part(tensors, prefix)
    return [found[str(i)] for i in range(len(found))]
