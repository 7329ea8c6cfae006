"""Parameters behind simulations on the command line: what fit and sample do with a file of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ornstein as orn
from ornstein.cli import show
from ornstein.cli.progress import fitting
from ornstein.cli.words import Words
from ornstein.common.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from ornstein import Signals


def refuse_beside(**given: object) -> None:
    """Options of signals have no meaning for parameters and simulations."""
    if name := next((name for name, value in given.items() if value is not None), None):
        raise InputError(f"--{name} is given, but --parameters fits parameters and simulations, which have none: leave one of the two out")


def fit_pair(
    theta: Signals, x: Signals, model: str | None, output: Path, told: dict[str, Any], words: Words, as_json: bool, *, force: bool
) -> None:
    """Fit parameters and simulations of them, save it, and say what was chosen; ``told`` are the options of ``orn.fit``."""
    given = {name: value for name, value in told.items() if value is not None}
    with fitting(words, 1, as_json) as progress:
        joint = orn.fit((theta, x), model, progress=progress.tell, **given)
    joint.save(output, force=force)
    if as_json:
        shapes = {"parameters": list(joint.parameters), "observation": list(joint.observation)}
        show.machine({"cases": len(x), **shapes, "chosen": joint.chosen, "output": output})
        return
    show.line(words("fitted-pair").format(cases=len(x), path=output))
    show.line(joint.chosen)


def parameters_of(joint: object, path: Path, observed: Signals | None, number: int, seed: int) -> Tensor:
    """Draws of the parameters given one observation, (number, parameter, 1): one channel each."""
    from ornstein.model.joint import Joint

    if not isinstance(joint, Joint):
        raise InputError(f"--observation is given, but {path} holds no parameters: leave it out, or fit with --parameters")
    if observed is None:
        raise InputError(f"{path} holds parameters and simulations, so --observation is needed: a file with one observation")
    if len(observed) != 1:
        raise InputError(f"--observation holds {len(observed)} cases, but one observation is asked at a time: give a file with one")
    flat, size = observed.values.reshape(-1), math.prod(joint.observation)
    if len(flat) != size:
        raise InputError(f"--observation has {len(flat)} numbers, but simulations have {size}")
    return joint.posterior(flat.view(joint.observation)).sample(number, seed=seed).unsqueeze(-1)


def of_signals(path: Path) -> Any:
    """The model of a folder, which must be one of signals."""
    from ornstein.model.loading import load_signals  # help needs nothing heavy

    return load_signals(path)
