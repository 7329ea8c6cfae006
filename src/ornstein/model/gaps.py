"""The door of gaps: draws of what is missing."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.common import checks, memory
from ornstein.common.errors import InputError
from ornstein.denoisers import Law
from ornstein.model import imputing
from ornstein.model.drawing import PLAIN_SAMPLER, run_of, told
from ornstein.model.fitted import Fitted
from ornstein.samplers import Sampler, Steps, Tuned
from ornstein.samplers.imputing import impute as fill_gaps
from ornstein.schedules import Schedule


class Gaps(Fitted):
    """What a model says of entries that are missing."""

    def impute(
        self,
        x: object,
        draws: int = 100,
        *,
        sampler: str | Sampler | Tuned | None = None,
        steps: Steps | None = None,
        schedule: str | Schedule = "vp",
        grid: str = "own",
        label: object = None,
        condition: object = None,
        device: torch.device | str | None = None,
        seed: int | None = 0,
        progress: Callable[[int], None] | None = None,
    ) -> Tensor:
        """Draws of what NaN hides, (draw, case, *event); observed entries are bit-identical in every draw.

        ``Signals`` come back in their own order of channels and their own units, whatever those of the model.

        A Gaussian or mixture of up to 2048 entries conditions every case on its own pattern, all in batches; larger laws and empirical
        ones take the patterns one by one. ``progress`` is told how many cases were finished.
        Draws of case i depend on (seed, i) only. Memory: the result; cost: a Cholesky factor of the smaller side of each
        case, seen or missing: 4000 cases of 336 entries take 0.3 to 1.6 CPU-seconds and 0.1 a draw.

        A network that was trained with masks draws by sampling, one run per draw and case with gaps; the other arguments are for it
        alone, and those of ``sample``, with one label or condition for all cases or one for each.
        """
        matched = self._matched(x)
        values = self._values(matched or x, missing=True)
        count, seed = memory.drawn(draws, "draws", values.numel()), checks.seed(seed)
        law, given = self.law.on(device), told(self.conditions, label, condition, len(values))
        if isinstance(law, Law):
            if sampler is not None or steps is not None:
                raise InputError("sampler and steps are for networks, but draws from this law are exact: leave them out")
            drawn = imputing.impute(law, self.scaler, values, count, seed, progress)
            return drawn if matched is None else matched.back(drawn)
        method, plan, times = run_of(self.law, sampler or PLAIN_SAMPLER, steps, schedule, grid, self._tuned)
        scaled = self.scaler.encode(values)
        drawn = fill_gaps(law, scaled, method, plan, times, count, condition=given, seed=seed, progress=progress)
        filled = torch.where(torch.isnan(values), self.scaler.decode(drawn), values)
        return filled if matched is None else matched.back(filled)
