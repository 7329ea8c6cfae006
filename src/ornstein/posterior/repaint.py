"""RePaint: what was measured is put in its place at every noise level."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ornstein.posterior.runs import Run


@dataclass(frozen=True, eq=False)
class Replacement(Run):
    """After each step to s, x_s <- x_s + A^+ A (x_y + s z - x_s) with A x_y = y (Song et al. 2021, arXiv 2011.13456, appendix I.2).

    What was not measured hardly hears of what was, and the noise of y is not known: what was measured ends without variance.
    Cost: ``again`` calls of the denoiser a level.
    """

    again: int = 1

    def draw(self) -> Tensor:
        x, number = self.start(), 1
        there, inside = self.seen.y @ self.projection.T, self.projection @ self.seen.rows
        for t, s in self.steps_down:
            for last in (*(False,) * (self.again - 1), True):
                x = self.ancestral(x, self.denoised(x, t), t, s, self.white(number))
                x = x + (there + s * self.white(number + 1) - x) @ inside.T
                if not last:
                    x = x + (t**2 - s**2) ** 0.5 * self.white(number + 2)
                number += 3
        return x


@dataclass(frozen=True, eq=False)
class Repaint(Replacement):
    """The same, going back up from s to t and down again, so that the rest can follow (Lugmayr et al. 2022, arXiv 2201.09865,
    algorithm 1, with jumps of one level; A^+ takes it from masks to every A)."""

    again: int = 5
