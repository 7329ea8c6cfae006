"""The bar of a fit: how many laws are done, or where a training run stands."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ornstein.cli import show
from ornstein.cli.log import Log
from ornstein.cli.show import err
from ornstein.cli.words import Words
from ornstein.common.sentences import Remark, translated

if TYPE_CHECKING:
    from ornstein.training import Record


@dataclass
class Fitting:
    """What ``orn.fit`` tells, shown in a bar. ``steps`` is the last training step it heard of."""

    progress: Progress
    task: TaskID
    words: Words
    log: Log
    steps: int = 0
    began: Record | None = None
    loss: float | None = None

    def tell(self, what: str) -> None:
        """A law is being fitted; or, with a colon, there is news of the one that is. Remarks become notes, which stay."""
        if isinstance(what, Remark):
            warnings.warn(what, UserWarning, stacklevel=2)
            return
        said = f"{self.words('fitting')} {translated(what, self.words.spoken)}"
        self.log(said)
        self.progress.update(self.task, advance=0 if ":" in what else 1, description=escape(said))

    def watch(self, record: Record) -> None:
        """Training has come this far."""
        self.steps, self.began = record.step, self.began or record
        self.loss = self.loss if record.loss is None else record.loss
        seconds = record.seconds - self.began.seconds
        said = {
            "training-step": record.step,
            "training-loss": self.loss,
            "training-held-out": record.best,
            "training-gaussian": record.gaussian,
            "training-speed": (record.step - self.began.step) / seconds if seconds > 0 else None,
            "training-skipped": record.skipped or None,
        }
        parts = ", ".join(self.words(key).format(value) for key, value in said.items() if value is not None)
        self.log(parts)
        self.progress.update(self.task, total=1.0, completed=record.share, description=escape(parts))


@contextmanager
def fitting(words: Words, total: int, quiet: bool) -> Iterator[Fitting]:
    """A transient bar on standard error, or lines where that is no terminal; silent with ``quiet``."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=quiet or not err.is_terminal) as progress, Log(quiet) as log:
        log(words("fitting"))
        yield Fitting(progress, progress.add_task(escape(words("fitting")), total=total), words, log)


@contextmanager
def counting(label: str, total: int | None, quiet: bool) -> Iterator[Callable[[int, str], None]]:
    """Yields advance(steps, what) for work that can be counted: a bar on standard error, or lines where that is no terminal."""
    done = 0
    with show.bar(label, total, quiet) as advance, Log(quiet) as log:
        log(label)

        def told(steps: int = 1, what: str = "") -> None:
            nonlocal done
            done += steps
            log(" ".join(filter(None, (label, what, f"{done}/{total}" if total else ""))))
            advance(steps, what)

        yield told
