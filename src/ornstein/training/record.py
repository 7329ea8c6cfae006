"""What a run says about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """Where a run stands. Numbers that were not taken at this point are None.

    step       steps made so far
    share      of the budget used, 0 to 1
    seconds    of training and evaluation, over all sessions of the run
    loss       mean training loss since the record before, over the steps that were taken
    gradient   mean norm of their gradients before clipping
    rate       learning rate of the last one
    skipped    steps left out so far because their gradient was not finite
    part       cases that go through the network at once
    held_out   the best held-out loss among the candidates of this moment, ``candidate`` its name ("weights", "average 16", ...)
    best       the best held-out loss so far
    gaussian   the held-out loss of the reference Gaussian
    stopped    why the run ended: "steps", "minutes", "patience", "interrupted", "not finite"; None while it goes on
    """

    step: int
    share: float
    seconds: float
    loss: float | None = None
    gradient: float | None = None
    rate: float | None = None
    skipped: int = 0
    part: int = 0
    held_out: float | None = None
    candidate: str | None = None
    best: float | None = None
    gaussian: float | None = None
    stopped: str | None = None
