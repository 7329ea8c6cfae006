"""How fast a run goes at each point of its budget."""

from __future__ import annotations

from dataclasses import dataclass

from ornstein.common import checks

LONGEST = 0.1
"""Share of the budget that warming up may take."""


@dataclass(frozen=True)
class Pace:
    """The factor of the learning rate: up to 1 over ``warm_up`` steps, then 1, then straight to 0 over the last ``decay`` of the budget.

        pace(share, k) = min(1, max((k + 1) / warm_up, share / 0.1), (1 - share) / decay)

    It depends on the share of the budget that is used, so it ends at 0 whether the budget counts steps or minutes (linear decay to
    zero: Bergsma et al. 2025). ``warm_up`` is cut to a tenth of the budget.
    """

    warm_up: int = 100
    decay: float = 0.5

    def __post_init__(self) -> None:
        checks.count(self.warm_up, "warm_up", at_least=0)
        checks.positive(self.decay, "decay", zero=True)

    def __call__(self, share: float, step: int) -> float:
        """The factor of step number ``step`` (0, 1, ...), which begins when ``share`` in [0, 1] of the budget is used."""
        up = max((step + 1) / self.warm_up, share / LONGEST) if self.warm_up else 1.0
        down = (1 - share) / self.decay if self.decay else 1.0
        return min(1.0, up, down)
