"""UniPC: a predictor, and a corrector that costs no call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import unknown_name
from ornstein.samplers.base import Context, Past, Sampler
from ornstein.samplers.level import Level
from ornstein.samplers.multistep import Visited, corrected, exponential_moments, straight, usable, weights

VARIANTS = ("bh1", "bh2")


@dataclass(frozen=True)
class Predicted(Visited):
    """An earlier step with its corrected point, and how many denoised signals the prediction from there used."""

    used: int


@dataclass(frozen=True)
class UniPC(Sampler):
    """Zhao et al. (2023), algorithms 1 and 2 with data prediction, for any schedule.

        x_s = (sigma_s / sigma_t) x_t + alpha_s int_0^h exp(u - h) p(u) du,    h = log (alpha_s / sigma_s) - log (alpha_t / sigma_t)

    The prediction takes p, of degree ``order`` - 1, through the denoised signals at this step and the ones before. The next
    step calls the denoiser at the predicted x_s, and first takes the same step again with that signal in p too, which raises
    the degree by one. The result has power ``order`` + 1.

    order    1, 2 or 3, the papers' p; the first steps use as many values as there are
    variant  B(h) of the paper, "bh1" (h) or "bh2" (exp(h) - 1, here 1 - exp(-h)). It drops out of every coefficient but the two
             that the paper replaces by 1/2: the prediction at order 2 (with "bh2" that of DPM-Solver++(2M)) and the
             correction at order 1.

    One denoiser call a step. A run starts with a step of order 1, whose corrected error of its length cubed caps the power at
    3 unless the first steps are much shorter than the others. A run to sigma = 0 lowers the order to 2 in the last step but
    one, as the paper's code does; the last returns the denoised signal.
    Raises ``InputError`` for another order or variant.
    """

    order: int = 2
    variant: str = "bh2"

    def __post_init__(self) -> None:
        checks.count(self.order, "order", at_most=3)
        if self.variant not in VARIANTS:
            raise unknown_name("variant", self.variant, VARIANTS)

    @property
    def memory(self) -> int:
        return self.order

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        clean = context.clean(x, now)
        past = [p for p in context.past if isinstance(p, Predicted)]
        if past and then.sigma > 0:
            x = self._again(x, clean, past, now)
        to_data = context.levels[-1].sigma == 0
        order = min(self.order, len(context.levels) - context.step) if to_data else self.order
        earlier = usable(past, now, then, order - 1)
        context.past.appendleft(Predicted(now, clean, x, len(earlier)))
        moved = straight(x, clean, now, then)
        if not earlier:
            return moved
        return self._through(moved, clean, earlier, now, then, halved=len(earlier) == 1)

    def _again(self, x: Tensor, clean: Tensor, past: Sequence[Predicted], now: Level) -> Tensor:
        """The step to ``now`` once more, with the denoised signal found there."""
        last = past[0]
        here = usable([Past(now, clean)], last.at, now, 1)
        if not here:
            return x
        earlier: list[Past] = [*usable(past[1:], last.at, now, last.used), *here]
        return self._through(straight(last.x, last.clean, last.at, now), last.clean, earlier, last.at, now, halved=last.used == 0)

    def _through(self, moved: Tensor, clean: Tensor, others: Sequence[Past], now: Level, then: Level, halved: bool) -> Tensor:
        """What a polynomial through ``others`` adds to a step with a constant denoised signal; ``halved`` puts B(h) / 2 for int s."""
        h = then.half - now.half
        constant, *integrals = exponential_moments(h, 4)
        if halved:
            integrals = [0.5 * (h if self.variant == "bh1" else constant)]
        by = weights([(p.at.half - now.half) / h for p in others], integrals)
        return corrected(moved, then.alpha, by, [p.clean for p in others], clean)
