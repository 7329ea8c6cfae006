"""A training run: steps, evaluations and the reasons to stop, as a generator of records."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.denoisers import Network
from ornstein.nets.accepts import evaluating
from ornstein.training.best import Best, holding
from ornstein.training.budget import EVALUATIONS, Budget
from ornstein.training.held_out import HeldOut
from ornstein.training.pace import Pace
from ornstein.training.record import Record
from ornstein.training.trainer import Trainer

APART = 50
"""Steps between evaluations, at least, so that they cost a small part of the time."""

READ_STEPS, READ_SECONDS = 100, 1.0
"""The device is asked for its numbers after so many steps or seconds, whichever comes first: every time, the host waits for it."""

LOOKED_AT = 4
"""Held-out cases that go through the network at once, in parts of a batch: without gradients, memory holds several times as many."""

SKIPPED = 20
"""Steps in a row without a finite gradient that end a run."""


class Run:
    """The steps of a trainer until the budget is used, with the best weights by held-out loss.

        for record in Run(trainer, Budget(minutes=5), held_out).records():
            print(record.step, record.loss, record.held_out)

    Held-out loss is taken 20 times over the budget, for the weights and each of their averages; the best of all is kept in ``best``,
    the start among them, so more steps never make the result worse, and ``patience`` only saves time. The run ends with the budget
    ("steps" or "minutes", evaluations included), after ``patience`` evaluations without a new best ("patience"), after 20 steps in a
    row without a finite gradient ("not finite"), or when ``stop()`` is True after a step ("interrupted"). ``started`` is the
    monotonic time from which minutes count. Decisions depend on steps alone, unless minutes are counted, so a run that is stopped and
    started again makes them alike.
    """

    def __init__(
        self,
        trainer: Trainer,
        budget: Budget,
        held_out: HeldOut | None = None,
        *,
        pace: Pace | None = None,
        patience: int | None = None,
        stop: Callable[[], bool] = lambda: False,
        started: float | None = None,
    ) -> None:
        self.trainer, self.budget, self.held_out = trainer, budget, held_out
        self.pace = Pace() if pace is None else pace
        self.patience = None if patience is None else checks.count(patience, "patience")
        self.stop, self.best = stop, Best()
        self.gaussian: float | None = None
        self.stopped: str | None = None
        self.evaluated_at, self.milestone, self.without_gain, self.reserve = -1, 0, 0, 0.0
        self._started = time.monotonic() if started is None else started
        self._rate: float | None = None
        self._forget()

    @property
    def seconds(self) -> float:
        """Time used, over all sessions."""
        return time.monotonic() - self._started

    @seconds.setter
    def seconds(self, used: float) -> None:
        self._started = time.monotonic() - used

    def records(self) -> Iterator[Record]:
        """Train, and say how it goes: at each evaluation, and about once a second or every 100 steps."""
        self.trainer.network.module.train()
        share, stop, _ = self._agreed()
        if self.evaluated_at < 0:
            yield self._record(share, evaluate=True)
        self.stopped = self._reason(share, stop)
        while self.stopped is None:
            step = self.trainer.step(self.pace(share, self.trainer.number))
            self._sums += torch.stack([step.loss, step.gradient, torch.ones_like(step.loss)]).where(step.taken, 0.0)
            self._steps += 1
            self._rate = step.rate
            share, stop, read = self._agreed()
            due = self._due(share)
            if read or due:
                yield self._record(share, evaluate=due)
            self.stopped = self._reason(share, stop, read or due)
        yield self._record(share, evaluate=self.stopped != "interrupted" and self.evaluated_at != self.trainer.number)

    def _agreed(self) -> tuple[float, bool, bool]:
        """(share of the budget used, whether to stop, whether to read numbers): processes that train together have to agree on them."""

        def said() -> tuple[float, bool, bool]:
            read = self._steps >= READ_STEPS or time.monotonic() - self._read_at >= READ_SECONDS
            return self.seconds, self.stop(), read

        seconds, stop, read = self.trainer.ranks.first(said)
        return self.budget.share(self.trainer.number, seconds, self.reserve), stop, read

    def _due(self, share: float) -> bool:
        if self.held_out is None:
            return False
        apart = self.trainer.number - self.evaluated_at
        return self.milestone < int(EVALUATIONS * share) < EVALUATIONS and apart >= APART

    def _reason(self, share: float, stop: bool, read: bool = True) -> str | None:
        if share >= 1:
            return self.budget.ended_by(self.trainer.number)
        if self.patience is not None and self.without_gain >= self.patience:
            return "patience"
        if read and int(self.trainer.skipped_in_a_row) >= SKIPPED:
            return "not finite"
        return "interrupted" if stop else None

    def _record(self, share: float, evaluate: bool = False) -> Record:
        found = self._evaluate(share) if evaluate and self.held_out is not None else None
        loss, gradient, taken = self._sums.tolist()
        record = Record(
            self.trainer.number,
            share,
            self.seconds,
            loss / taken if taken else None,
            gradient / taken if taken else None,
            self._rate,
            int(self.trainer.skipped),
            self.trainer.part,
            None if found is None else found.loss,
            None if found is None else found.name,
            self.best.loss if self.best.values else None,
            self.gaussian,
            self.stopped,
        )
        self._forget()
        return record

    def _forget(self) -> None:
        self._sums = torch.zeros(3, device=self.trainer.device)
        self._steps, self._rate, self._read_at = 0, None, time.monotonic()

    def _evaluate(self, share: float) -> Best:
        """The best candidate of this moment; the best of all moments is kept."""
        assert self.held_out is not None
        begin, trainer, now, gained, candidates = time.monotonic(), self.trainer, Best(), False, self._candidates()
        with evaluating(trainer.network.module):
            if self.gaussian is None:
                self.gaussian = self._measured(self.held_out.gaussian)
            for name, values in candidates:
                with nullcontext() if values[0] is trainer.parameters[0] else holding(trainer.parameters, values):
                    loss = self._measured(self.held_out)
                now.offer(name, trainer.number, loss, values)
                gained |= self.best.offer(name, trainer.number, loss, values)
        self.without_gain = 0 if gained else self.without_gain + 1
        self.evaluated_at, self.milestone = trainer.number, int(EVALUATIONS * share)
        # what the last one will take, of which the start has only one candidate
        self.reserve = trainer.ranks.first(lambda: time.monotonic() - begin) * (1 + len(trainer.averages.lengths)) / len(candidates)
        return now

    def _candidates(self) -> list[tuple[str, list[Tensor]]]:
        averages = self.trainer.averages
        weights: list[Tensor] = list(self.trainer.parameters)
        if not self.trainer.number:
            return [("start", weights)]
        return [("weights", weights)] + [(f"average {g:g}", v) for g, v in zip(averages.lengths, averages.values, strict=True)]

    def _measured(self, loss: Callable[[Network, int], float]) -> float:
        while True:
            try:
                return loss(self.trainer.network, LOOKED_AT * self.trainer.part)
            except torch.OutOfMemoryError:
                pass
            self.trainer.halve()
