"""What a recipe is: the options of one kind of law, and how it is fitted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ornstein.common import checks
from ornstein.covariance.structure import IN_TIME
from ornstein.denoisers import Denoiser
from ornstein.nets import Condition

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Work:
    """What every fit is given beside the signals.

    seed       of everything random
    tell       is told what is being fitted
    condition  what is known of each case, as a network sees it; None without
    overlap    how many neighbours on either side share samples with a case: what a choice holds out is not fitted by way of them
    """

    seed: int = 0
    tell: Tell = lambda _: None
    condition: Condition | None = None
    overlap: int = 0


@dataclass(frozen=True, eq=False)
class Fitted:
    """A law, and how it came about.

    law       in the coordinates of the signals that were fitted
    settled   the recipe with what this fit chose (a number of components), to refit it to parts of the cases; None: nothing was chosen
    training  how a network was trained, in numbers and words; None for every other law
    """

    law: Denoiser
    settled: Recipe | None = None
    training: Mapping[str, object] | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """How one kind of law is fitted to standardised signals u (case, *event).

    A subclass is a frozen dataclass: its fields are the options of its law, with their defaults, and its docstring says what they
    mean. ``orn.fit(x, recipe)`` does the rest: scaling, names and units, held-out scores. A new kind of law is one such class in a
    file of ``fitting/``, and a row in ``fitting.recipes.RECIPES``.

    name         what ``orn.fit(x, name, **options)`` calls it
    conditional  whether it can be told labels and conditions
    """

    name: ClassVar[str]
    conditional: ClassVar[bool] = False

    @property
    def scored(self) -> bool:
        """Whether held-out cases are scored by laws that are refitted without them, for p-values."""
        return True

    @abstractmethod
    def fit(self, u: Tensor, work: Work) -> Fitted:
        """The law of u. Raises ``InputError`` for signals and options that do not go together, before long work."""

    def standardize(self, axes: int) -> str:
        """The scaling where the caller names none, for signals with ``axes`` axes, that of cases included.

        Vectors have entries of unlike units: one scale for each ("feature"). Signals in time keep what makes them stationary or
        separable under one scale per channel ("channel").
        """
        return "feature" if axes == 2 else "channel"


@dataclass(frozen=True, kw_only=True)
class Structured(Recipe):
    """Options of laws that are made of covariances.

    structure  "dense", "diagonal", "low-rank" (``rank`` directions), "toeplitz", "stationary", "autoregressive", "kronecker",
               "coregionalised", "a*b", "image", a kernel, or "auto": see ``covariance.estimate``
    shrinkage  "oas", "ledoit-wolf", "nonlinear", "none" or a weight in [0, 1]
    """

    structure: str = "dense"
    shrinkage: str | float = "oas"
    rank: int | None = None

    def standardize(self, axes: int) -> str:
        orderless = self.structure not in (*IN_TIME, "autoregressive", "auto")
        return super().standardize(axes) if orderless else "channel"


def complete(u: Tensor) -> Tensor:
    """u, for laws that take no gaps. Raises ``InputError`` that says how many NaN there are, and where."""
    return checks.tensor(u, "x")
