"""Restarts: once the noise is low, go back up and come down again, so that the errors of the first descent are forgotten."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.samplers.base import Context, Past, Sampler, Source
from ornstein.samplers.level import Level, fresh_share
from ornstein.samplers.wrapper import Wrapper
from ornstein.schedules.base import MOST_STEPS, whole

_FIRST = 1 << 23
"""Number of the first array of noise of a restart: beyond the steps of any run, within the 24 bits that number them."""


@dataclass(frozen=True)
class Restart(Wrapper):
    """Steps of ``inner``, with ``times`` restarts between two noise levels (Xu et al. 2023, algorithm 1).

    When the run first comes to a level 0 < n <= low from above, forward noise takes it up to ``high``,

        x_h = (alpha_h / alpha_s) x_s + sqrt(sigma_h^2 - (alpha_h / alpha_s)^2 sigma_s^2) z,

    and ``steps`` steps of ``inner`` at levels geometric in n = sigma / alpha bring it back, ``times`` times over. The way up is
    exact and makes the error of the first descent smaller; each descent adds its own. Each starts without a past; the next step
    of the run looks back to the last descent. ``high`` is cut at the level that the run began at. A run without a level in
    (0, low], or that starts there, is a run of ``inner``. Cost: ``times`` descents more. Several levels: a Restart of a Restart.
    """

    inner: Sampler
    low: float
    high: float
    times: int = 1
    steps: int = 5

    def __post_init__(self) -> None:
        if checks.positive(self.high, "high") <= checks.positive(self.low, "low"):
            raise InputError(f"high is {self.high:g}, but must be above low = {self.low:g}: a restart goes up from low to high")
        checks.count(self.times, "times", at_most=MOST_STEPS)
        whole(self.steps)

    @property
    def depth(self) -> int:
        """How many restarts stand one within the other: each has noise of its own."""
        return 1 + (self.inner.depth if isinstance(self.inner, Restart) else 0)

    def calls(self, steps: int) -> int:
        """For a run that comes to a level in (0, low]; a descent is a run to sigma = 0 but for its last step."""
        return self.inner.calls(steps) + self.times * (self.inner.calls(self.steps + 1) - self.inner.calls(1))

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        x = self.inner.step(context, x, now, then)
        if not now.noise > self.low >= then.noise > 0:
            return x
        way, source = self._way(context, then), _Apart(context.source, self.depth)
        for _ in range(self.times):
            past = deque[Past](maxlen=context.past.maxlen)
            down = [Context(context.denoiser, context.process, way, i, source, past) for i in range(1, len(way))]
            fresh = way[0].sigma * math.sqrt(fresh_share(way[0], then))
            x = (way[0].alpha / then.alpha) * x + fresh * down[0].fresh()
            for here, (before, after) in zip(down, pairwise(way), strict=True):
                x = self.inner.step(here, x, before, after)
            context.past.clear()
            context.past.extend(past)
        return x

    def _way(self, context: Context, end: Level) -> list[Level]:
        """The levels of a descent to ``end``."""
        top = min(self.high, context.levels[0].noise)
        noise = torch.logspace(math.log(top), math.log(end.noise), self.steps + 1, base=math.e, dtype=torch.float64)
        times = context.process.schedule.time(noise[:-1]).clamp_max(context.levels[0].t)
        return [*(context.at(t) for t in times.tolist()), end]


class _Apart:
    """Noise for a descent: its times lie off the path of the run, so every array is new, numbered in the order it is asked for."""

    def __init__(self, source: Source, use: int) -> None:
        self.source, self.use, self.asked = source, use, 0

    def increment(self, now: Level, then: Level) -> Tensor:
        return self.fresh(0, 0)

    def fresh(self, step: int, use: int) -> Tensor:
        self.asked += 1
        return self.source.fresh(_FIRST + self.asked, self.use)
