"""A run for a person who watches: one line that moves."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from ornstein.training.record import Record


class Display:
    """A bar on standard error with loss, held-out loss beside the Gaussian's, speed and time left. Silent where no person watches.

    with Display() as display:
        orn.training.fit(x, progress=display)
    """

    def __init__(self, label: str = "training", console: Console | None = None) -> None:
        self.console = Console(stderr=True, highlight=False) if console is None else console
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TaskProgressColumn(), TextColumn("{task.fields[said]}"))
        self.progress = Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal)
        self.task = self.progress.add_task(label, total=1.0, said="")
        self.began: Record | None = None
        self.loss: float | None = None

    def __call__(self, record: Record) -> None:
        """Show where the run stands."""
        self.began = record if self.began is None else self.began
        self.loss = self.loss if record.loss is None else record.loss
        self.progress.update(self.task, completed=record.share, said=said(record, self.began, self.loss))

    def __enter__(self) -> Display:
        self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.progress.stop()


def said(record: Record, began: Record, loss: float | None = None) -> str:
    """The numbers of a record in words; speed and time left since the record ``began``, with which this session started."""
    parts = []
    if loss is not None:
        parts.append(f"loss {loss:.3f}")
    if record.best is not None and record.gaussian is not None:
        parts.append(f"held out {record.best:.3f}, Gaussian {record.gaussian:.3f}")
    seconds, share = record.seconds - began.seconds, record.share - began.share
    if seconds > 0 and share > 0:
        speed = (record.step - began.step) / seconds
        parts += [f"{speed:.3g} steps/s", f"{duration(seconds * (1 - record.share) / share)} left"]
    if record.skipped:
        parts.append(f"{record.skipped} steps skipped")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """0:07, 12:30, 3:05:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
