"""What a training run may be told, in one place: names, defaults and meaning."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from ornstein.common.errors import unknown_name
from ornstein.common.ranks import Ranks
from ornstein.training.held_out import HELD_OUT
from ornstein.training.levels import NoiseLevels
from ornstein.training.masks import Masks

BATCH = 128

_WHERE = ("device", "parallel", "ranks", "folder", "resume", "force", "keep")
"""Options that say where a run happens and how it is kept; all others decide what comes out of it."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a network is trained.

    held_out   share of the cases that are only looked at: the ends of five stretches (see ``split``); 0 takes the first average
    steps, minutes   the budget, evaluations included, whichever is used up first; without both, 2000 steps
    batch      cases per step; without it 128, or all if there are fewer. ``accumulate`` parts of it go through the network in turn
    rate, clip, lengths, precision, compile   see ``Trainer``; warm_up, decay   see ``Pace``; patience   see ``Run``
    form, levels, weight, drop   preconditioning and ``Loss``; without levels, those of Karras et al. (2022) for unit variance
    masks      random gaps, for a network that fills them (``Masks``); the signals may then hold NaN
    device     "auto": where the module is, or from the CPU to a CUDA device if there is one; any other: the module is moved there
    ranks      the processes that train together; without it those that ``torchrun`` started. Each trains on its share of every batch
    parallel   "ddp" (a copy of the network on each), "fsdp" (a part on each) or "auto": see ``distributed.spread``
    folder     for checkpoints, the last ``keep``, and the journal; with ``resume`` the run goes on from the newest whole checkpoint, to
               the same weights as if it had never stopped (to the bit on the CPU, with a budget of steps). A larger budget than before
               is more training: the pace follows the new budget from there on
    force      replace an earlier run in the folder, or resume with other arguments or data
    """

    held_out: float = HELD_OUT
    steps: int | None = None
    minutes: float | None = None
    batch: int | None = None
    rate: float = 1e-3
    form: str = "covariance"
    levels: NoiseLevels | None = None
    weight: str = "edm"
    drop: float = 0.1
    accumulate: int = 1
    clip: float = 1.0
    lengths: Sequence[float] = (16.0, 48.0, 160.0)
    warm_up: int = 100
    decay: float = 0.5
    patience: int | None = None
    precision: str = "auto"
    compile: bool = False
    masks: Masks | None = None
    device: str = "auto"
    parallel: str = "auto"
    ranks: Ranks | None = None
    folder: str | os.PathLike[str] | None = None
    resume: bool = False
    force: bool = False
    keep: int = 3

    def changed(self, **changes: Any) -> Self:
        """With other values. Raises ``InputError`` for a name that is none of these."""
        known = [field.name for field in fields(self)]
        if unknown := sorted(changes.keys() - set(known)):
            raise unknown_name("the argument", unknown[0], known)
        return replace(self, **changes)

    def deciding(self) -> dict[str, Any]:
        """The options on which the result of a run depends, by name: what must not change when it goes on."""
        names = [field.name for field in fields(Options) if field.name not in _WHERE]
        return {name: getattr(self, name) for name in names}
