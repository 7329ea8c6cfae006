"""Cases that are set aside to judge new ones: p-values of a model that is trained once (split conformal)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance import Operator
from ornstein.denoisers import Denoiser
from ornstein.fitting.held_out import ranked, ranked_within
from ornstein.fitting.scaling import Scaler
from ornstein.likelihood import log_density
from ornstein.nets import Condition
from ornstein.training import split

TOLD = "told"
"""Key in ``Model.training``: whether the cases that judge were scored under their labels and conditions."""


class Aside(NamedTuple):
    """Cases (case, *event) that no fit sees, in the user's units, and what is known of each."""

    values: Tensor
    condition: Condition | None


def set_aside(values: Tensor, given: Condition | None, count: int, overlap: int = 0) -> tuple[Tensor, Condition | None, Aside]:
    """(cases to fit, what is known of them, the cases set aside): the ends of stretches, as for held-out cases.

    Those within ``overlap`` of a case that is set aside share samples with it, and are neither. Raises ``InputError`` where fewer than
    ten are asked for, or fewer than half would be left.
    """
    checks.count(count, "judged", at_least=10)
    if 2 * count > len(values):
        raise InputError(f"judged is {count}, but x has {len(values)} cases, of which half must be left to train on: ask for fewer")
    fitted, judging = split(len(values), count / len(values), overlap)
    if 2 * len(fitted) + 2 * len(judging) < len(values):
        raise InputError(
            f"overlap is {overlap}, which leaves {len(fitted)} of {len(values)} cases to train on beside {count} that judge: ask for fewer"
        )
    complete = judging[~torch.isnan(values[judging]).flatten(1).any(1)]
    kept = None if given is None else given[fitted]
    return values[fitted], kept, Aside(values[complete], None if given is None else given[complete])


class Bench(NamedTuple):
    """Log-densities of the cases that judge, ascending, and the class of each (case,), -1 where it is not known; None without classes."""

    scores: Tensor
    classes: Tensor | None

    @classmethod
    def of(cls, levels: Tensor, given: Condition | None) -> Bench:
        """In ascending order; what is known may be one row for all."""
        order = levels.argsort(stable=True)
        if given is None or given.label is None:
            return cls(levels[order], None)
        return cls(levels[order], given.label.expand(len(levels))[order].to(torch.float64))

    def p_value(self, levels: Tensor, given: Condition | None) -> Tensor:
        """Among the cases of the same class where both sides have classes, else among all."""
        if self.classes is None or given is None or given.label is None:
            return ranked([self.scores], [levels])
        return ranked_within(self.scores, self.classes, levels, given.label.expand(len(levels)))


def judged(law: Denoiser, scaler: Scaler, aside: Aside, covariance: Operator, seed: int) -> Bench:
    """Log-densities in nats of what was set aside, by the same estimate that new cases get."""
    told = law if aside.condition is None else law.given(aside.condition)
    found = log_density(told.on(), scaler.encode(aside.values), seed=seed)
    return Bench.of(found.shifted(-scaler.log_volume(aside.values, covariance)).value, aside.condition)
