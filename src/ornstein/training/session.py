"""One session of a run: from its newest checkpoint, if any, to its end or an interruption, with a journal and checkpoints."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ornstein.common.errors import InputError, RunError
from ornstein.training import sharded
from ornstein.training.checkpoint import JOURNAL, Checkpoints, refuse_other
from ornstein.training.interrupts import deferred
from ornstein.training.journal import Journal
from ornstein.training.record import Record
from ornstein.training.run import Run
from ornstein.training.state import Tensors, blank, restore, state_of

SAVE_SECONDS, SAVE_SHARE = 60.0, 20.0
"""A checkpoint at most once a minute, and at most a twentieth of the time."""


@dataclass(frozen=True)
class Session:
    """How a run is kept: in ``folder`` (None: not at all), the last ``keep`` checkpoints; see ``fit`` for ``resume`` and ``force``.

    configuration  everything that must be the same when the run goes on, as plain values
    progress       called with every record, on process 0 of several
    """

    folder: str | os.PathLike[str] | None
    configuration: dict[str, Any]
    resume: bool = False
    force: bool = False
    keep: int = 3
    progress: Callable[[Record], None] = lambda _: None

    def records(self, run: Run) -> list[Record]:
        """Run to the end. Raises ``KeyboardInterrupt`` or, after SIGTERM, ``RunError`` with a sentence once the run is saved."""
        history: list[Record] = []
        with deferred() as asked:
            run.stop = asked
            if self.folder is None:
                self._unkept(run, history)
            else:
                self._kept(run, history, Checkpoints(self.folder, self.keep))
        if run.stopped == "interrupted":
            sentence = self._interrupted(run.trainer.number)
            raise RunError(sentence) if asked.signal == signal.SIGTERM else KeyboardInterrupt(sentence)
        return history

    def _unkept(self, run: Run, history: list[Record]) -> None:
        if self.resume:
            raise InputError("resume is True, but there is no folder to go on from: give folder=")
        for record in run.records():
            history.append(record)
            if run.trainer.ranks.main:
                self.progress(record)

    def _kept(self, run: Run, history: list[Record], checkpoints: Checkpoints) -> None:
        ranks = run.trainer.ranks
        ranks.first(lambda: checkpoints.start(self.resume, self.force))
        if self.resume and (found := checkpoints.newest(ranks)) is not None:
            tensors, values, configuration = found
            if not self.force:
                refuse_other(configuration, self.configuration, checkpoints.folder)
            restore(run, tensors if isinstance(tensors, dict) else _together(run, tensors), values)
        saved_at, cost = run.seconds, 0.0
        with closing(Journal(checkpoints.folder / JOURNAL)) if ranks.main else nullcontext() as journal:
            if journal is not None:
                journal.event("start", step=run.trainer.number, configuration=self.configuration)
            for record in run.records():
                history.append(record)
                if journal is not None:
                    self.progress(record)
                    journal(record)
                due = record.seconds - saved_at > max(SAVE_SECONDS, SAVE_SHARE * cost)
                if ranks.first(lambda due=due: due) or run.stopped is not None:  # type: ignore[misc]  # mypy cannot infer the lambda
                    begin = run.seconds
                    self._save(run, checkpoints)
                    saved_at, cost = run.seconds, run.seconds - begin

    def _save(self, run: Run, checkpoints: Checkpoints) -> None:
        tensors, values = state_of(run)
        checkpoints.save(run.trainer.number, tensors, values, self.configuration, run.trainer.ranks)

    def _interrupted(self, steps: int) -> str:
        done = f"training was interrupted after {steps} steps"
        if self.folder is None:
            return f"{done}, and nothing was kept: give a folder, so that it can go on next time"
        return f"{done}, and saved in {os.fspath(self.folder)}: go on with resume=True (--resume)"


def _together(run: Run, folder: Path) -> Tensors:
    """The tensors of a checkpoint of parts, split as the run needs them."""
    tensors = blank(run, sharded.types(folder))
    sharded.read(folder, tensors)
    return tensors
