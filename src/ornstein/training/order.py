"""Which cases a step sees: a pure function of the step, so that a run can start again anywhere."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.random import Noise

ORDER = 5
"""Stream of the order; 0 to 4 are those of loss and masks."""


class Order:
    """Cases 0 ... cases - 1 in a new order every epoch; step k sees places k * batch ... (k + 1) * batch - 1 of all epochs in a row.

    Every case comes once per epoch, whatever the batch, and a step never depends on the ones before it. The numbers are drawn on
    ``device``, the same on each: places sorted by a random number of 32 bits.
    """

    def __init__(self, cases: int, batch: int, seed: int = 0, device: torch.device | str = "cpu") -> None:
        self.cases, self.batch, self.seed = checks.count(cases, "cases"), checks.count(batch, "batch"), seed
        self.device = device
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def __call__(self, step: int) -> Tensor:
        """The cases of step number ``step`` (0, 1, ...), int64 (batch,)."""
        place, last, found = step * self.batch, (step + 1) * self.batch, []
        while place < last:
            epoch, within = divmod(place, self.cases)
            found.append(self._permuted(epoch)[within : within + last - place])
            place += len(found[-1])
        return torch.cat(found)

    def _permuted(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            drawn = Noise((self.seed << 32) + epoch, device=self.device).uniform(self.cases, (), ORDER)
            self._epoch, self._order = epoch, drawn.argsort(stable=True)
        return self._order
