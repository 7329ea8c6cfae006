"""The numbers of a run for TensorBoard."""

from __future__ import annotations

import os

from ornstein.common.errors import InputError
from ornstein.training.record import Record

SHOWN = ("loss", "gradient", "rate", "skipped", "held_out", "best", "gaussian")


class TensorBoard:
    """Writes every record as scalars: ``fit(x, progress=TensorBoard("runs/first"))``.

    Raises ``InputError`` where the package tensorboard is missing; it comes with the extra of that name.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise InputError("TensorBoard needs the extra tensorboard: pip install '.[tensorboard]' in a copy of the repository") from None
        self._writer = SummaryWriter(os.fspath(folder))

    def __call__(self, record: Record) -> None:
        """Append the numbers of a record."""
        for name in SHOWN:
            value = getattr(record, name)
            if value is not None:
                self._writer.add_scalar(name, value, record.step)
        if record.stopped is not None:
            self._writer.close()
