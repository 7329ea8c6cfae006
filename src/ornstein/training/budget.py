"""How much training there is to be: steps, minutes, or whichever ends first."""

from __future__ import annotations

from dataclasses import dataclass

from ornstein.common import checks

STEPS = 2000
"""The budget of a caller who names none."""

EVALUATIONS = 20
"""Per budget."""

USABLE = 0.5
"""At least this share of the minutes goes into steps, however long the last evaluation takes."""


@dataclass(frozen=True)
class Budget:
    """At most ``steps`` steps and ``minutes`` minutes; with neither, 2000 steps. The minutes hold the evaluations, too."""

    steps: int | None = None
    minutes: float | None = None

    @classmethod
    def of(cls, steps: int | None, minutes: float | None) -> Budget:
        """The budget of a caller. Raises ``InputError`` for one that is not positive."""
        if steps is None and minutes is None:
            return cls(STEPS)
        return cls(
            None if steps is None else checks.count(steps, "steps"),
            None if minutes is None else checks.positive(minutes, "minutes"),
        )

    def share(self, step: int, seconds: float, reserve: float = 0.0) -> float:
        """The share used after ``step`` steps and ``seconds``, when the last ``reserve`` seconds belong to the end; 1 is all of it."""
        by_step = 0.0 if self.steps is None else step / self.steps
        if self.minutes is None:
            return min(1.0, by_step)
        whole = 60 * self.minutes
        return min(1.0, max(by_step, seconds / max(whole - reserve, USABLE * whole)))

    def milestone(self, step: int, seconds: float, reserve: float = 0.0) -> int:
        """How many of the evaluations that a budget is spread over are behind: ``EVALUATIONS`` times the share used."""
        return int(EVALUATIONS * self.share(step, seconds, reserve))

    def ended_by(self, step: int) -> str:
        """Which of the two is used up: "steps" or "minutes"."""
        return "steps" if self.steps is not None and step >= self.steps else "minutes"
