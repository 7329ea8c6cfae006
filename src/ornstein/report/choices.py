"""What a report compares, and on which cases: decided by the shape of the data, before anything is fitted."""

from __future__ import annotations

import math

import torch

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.metrics import Candidate

LEAST_CASES = 8
LEAST_TIMES = 4
DENSE = 1024
"""Up to this dimension laws with a dense covariance are fitted, a dozen times in all; beyond it they would take minutes."""
_NUMBERS = 2e7
_CASES = 200


def default_structure(x: Signals) -> str:
    """Dense where that is a matter of seconds, otherwise stationary in time."""
    return "dense" if math.prod(x.shape[1:]) <= DENSE else "stationary"


def candidates(x: Signals, chosen: Candidate) -> tuple[Candidate, ...]:
    """The laws that fit the shape of the data, a Gaussian first, and always the chosen one."""
    if bool(torch.isnan(x.values).any()):
        return (chosen,)
    default, channels, times = default_structure(x), x.shape[1], x.shape[2]
    structures = ["diagonal", "low-rank", "stationary", *(["toeplitz"] if times <= DENSE else [])]
    if channels > 1 and max(channels, times) <= DENSE:
        structures.append("kronecker")
    names = [("gaussian", default), *(("gaussian", s) for s in structures if s != default), ("mixture", default), ("empirical", default)]
    own = (chosen.model, chosen.structure or default)
    return tuple(candidate(*name) for name in dict.fromkeys([*names, own]))


def candidate(model: str, structure: str) -> Candidate:
    """A candidate under the name that the report gives it."""
    return Candidate(f"{model} · {structure}", model, structure)


def hidden_stretch(times: int, gap: float) -> slice:
    """The middle ``gap`` of the time axis, at least one sample and never all of it."""
    share = checks.real(gap, "gap")
    if not 0 < share < 1:
        raise InputError(f"gap is {share:g}, but must be the share of each signal to hide, between 0 and 1, such as 0.25")
    length = min(max(round(share * times), 1), times - 2)
    start = (times - length) // 2
    return slice(start, start + length)


def imputable(x: Signals, hidden: slice, draws: int) -> torch.Tensor:
    """Numbers of the cases to impute, evenly spread: their stretch is observed, and so is something outside it."""
    observed = ~torch.isnan(x.values)
    outside = torch.ones(x.shape[2], dtype=torch.bool)
    outside[hidden] = False
    usable = (observed[:, :, hidden].flatten(1).all(1) & observed[:, :, outside].flatten(1).any(1)).nonzero()[:, 0]
    limit = int(min(_CASES, max(LEAST_CASES, _NUMBERS / (draws * math.prod(x.shape[1:])))))
    if len(usable) <= limit:
        return usable
    return usable[torch.linspace(0, len(usable) - 1, limit).round().long()]


def is_image(x: object) -> bool:
    """Whether x has the four axes (case, channel, height, width)."""
    return not isinstance(x, Signals) and len(getattr(x, "shape", ())) == 4


def check(x: object, folds: int, draws: int) -> Signals:
    """The signals, after a check that a report of them can be made. Rows of images become channels, their planes one below another."""
    if not isinstance(x, Signals):
        values = checks.tensor(x, "x", ndim=(2, 3, 4), missing=True)
        x = Signals(values.flatten(1, 2) if values.ndim == 4 else values if values.ndim == 3 else values.unsqueeze(1))
    if len(x) < LEAST_CASES:
        raise InputError(
            f"x holds {len(x)} case{'s' * (len(x) != 1)}, but a report holds some of them out and needs at least {LEAST_CASES}: "
            "cut a long recording into windows (window=, hop=)"
        )
    if x.shape[2] < LEAST_TIMES:
        raise InputError(
            f"x holds signals of {x.shape[2]} samples, but a report hides a stretch in the middle and needs at least {LEAST_TIMES}"
        )
    checks.count(folds, "folds", at_least=2)
    checks.count(draws, "draws", at_least=40)
    return x
