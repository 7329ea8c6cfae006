"""Recipes of bits and symbols: what a law of sequences may be told, and how it is fitted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, counted, unknown_name
from ornstein.common.folds import blocks
from ornstein.discrete import Law, Mixture, fit_markov, fit_mixture, train
from ornstein.discrete.choose import choose_markov, choose_mixture
from ornstein.discrete.learning import refuse_few
from ornstein.fitting.recipe import Work

LAWS = ("auto", "independent", "markov", "mixture", "empirical", "network")
MOST_STATES = 256
"""Different values above which they are taken for measurements."""


@dataclass(frozen=True, eq=False)
class Spelt:
    """A law of codes 0 ... S - 1, how it came about, and the cases that a network was not trained on (None for every other law)."""

    law: Law
    settled: Symbols
    training: Mapping[str, object] | None = None
    unseen: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Symbols(ABC):
    """A law of sequences of symbols (case, site), diffused by ``ornstein.discrete``.

    law         "independent" sites; a "markov" chain along them; a "mixture" of products; "empirical", the data set itself; a "network"
                that reveals site by site; "auto": the one of the first three with the highest held-out likelihood
    components  of a mixture; without it as many as held-out cases support
    prior       cases' worth of counts that are shared out to all values before any was seen, so that nothing is impossible; without
                it 1, .1 or .01, by held-out cases
    steps, minutes   what a network is trained for, 2000 steps without both; a fifth of the cases chooses its weights and judges others
    """

    law: str = "auto"
    components: int | None = None
    prior: float | None = None
    steps: int | None = None
    minutes: float | None = None

    name: ClassVar[str]

    @abstractmethod
    def alphabet(self, x: Tensor) -> Tensor:
        """The values that a site may have, ascending. Raises ``InputError`` for data x with other ones; NaN is not known."""

    def fit(self, codes: Tensor, states: int, work: Work) -> Spelt:
        """The law of codes (case, site), -1 for unknown entries."""
        chosen = self._settled(codes, states, work)
        if chosen.law == "network":
            return _learnt(chosen, codes, states, work)
        if chosen.law == "markov":
            return Spelt(fit_markov(codes, states, prior=chosen.prior or 0.0), chosen)
        if chosen.law == "empirical":
            return Spelt(Mixture.of_cases(codes, states), chosen)
        return Spelt(fit_mixture(codes, states, chosen.components or 1, prior=chosen.prior or 0.0, seed=work.seed), chosen)

    def _settled(self, codes: Tensor, states: int, work: Work) -> Symbols:
        """With a law, and with a number of components where that has one; what was chosen is told."""
        if self.law not in LAWS:
            raise unknown_name("law", self.law, LAWS)
        for option, belongs in (("components", "mixture"), ("steps", "network"), ("minutes", "network")):
            if (value := getattr(self, option)) is not None and self.law != belongs:
                raise InputError(f"{option} is {value:g}, but law is {self.law!r}: {option} belongs to law {belongs!r}")
        if self.prior is not None:
            checks.positive(self.prior, "prior", zero=True)
        if self.law in ("empirical", "network") or (self.prior is not None and (self.law == "markov" or self.components is not None)):
            return self
        found = []
        if self.law in ("auto", "markov"):
            found.append(choose_markov(codes, states, self.prior, work.overlap))
        if self.law != "markov":
            many = 1 if self.law == "independent" else self.components
            found.append(choose_mixture(codes, states, many, self.prior, seed=work.seed, overlap=work.overlap))
        best = max(found, key=lambda choice: choice.nats)
        kind = f"mixture, {counted(best.components, 'component')}" if best.components else "Markov chain"
        work.tell(f"{kind} with prior {best.prior:g}: {best.nats:.2f} nats a held-out case")
        return replace(self, law="mixture" if best.components else "markov", components=best.components or None, prior=best.prior)


@dataclass(frozen=True, kw_only=True)
class Binary(Symbols):
    """Bits, 0 or 1."""

    name: ClassVar[str] = "binary"

    def alphabet(self, x: Tensor) -> Tensor:
        values = torch.tensor([0.0, 1.0], dtype=torch.float64)
        strange(x, values, "0 or 1 (NaN: not known): use model 'categorical' for other symbols, and 'gaussian' for measurements")
        return values


@dataclass(frozen=True, kw_only=True)
class Categorical(Symbols):
    """Symbols: whole numbers, as many different ones as there are in the data.

    states  S declares the values 0 ... S - 1, whether they are in the data or not
    """

    states: int | None = None

    name: ClassVar[str] = "categorical"

    def alphabet(self, x: Tensor) -> Tensor:
        if self.states is not None:
            declared = torch.arange(checks.count(self.states, "states", at_least=2, at_most=MOST_STATES), dtype=torch.float64)
            strange(x, declared, f"whole numbers from 0 to {self.states - 1} (NaN: not known), as states declares")
            return declared
        values: Tensor = x[~torch.isnan(x)].unique()
        if bool((values != values.round()).any()):
            first = float(values[values != values.round()][0])
            raise InputError(f"x holds {first:g}, but symbols are whole numbers (NaN: not known): use model 'gaussian' for measurements")
        if not 2 <= len(values) <= MOST_STATES:
            raise InputError(
                f"x holds {len(values)} different values, but symbols have 2 to {MOST_STATES}: declare states, "
                "or use model 'gaussian' for measurements"
            )
        return values


SYMBOLS: dict[str, type[Symbols]] = {recipe.name: recipe for recipe in (Binary, Categorical)}
"""One row per kind of symbol."""


def strange(x: Tensor, alphabet: Tensor, allowed: str) -> None:
    """Raise ``InputError`` for the first value of x that is not in the alphabet."""
    wrong = ~(torch.isin(x, alphabet) | torch.isnan(x))
    if bool(wrong.any()):
        index = tuple(int(i) for i in wrong.nonzero()[0])
        raise InputError(f"x holds {float(x[index]):g} at index {index}, but must hold {allowed}")


def _learnt(recipe: Symbols, codes: Tensor, states: int, work: Work) -> Spelt:
    """A network: one block of a tenth of the cases chooses its weights, another has no part in it and judges new cases."""
    refuse_few(len(codes))
    ends = blocks(len(codes), min(10, len(codes)), work.overlap)
    choosing, judging = ends[len(ends) // 2], ends[-1]
    seen = choosing.train[torch.isin(choosing.train, judging.train)]
    done = train(codes[seen], codes[choosing.test], states, steps=recipe.steps, minutes=recipe.minutes, seed=work.seed, tell=work.tell)
    return Spelt(done.law, recipe, {"steps": done.steps, "seconds": done.seconds, "held_out": done.loss}, codes[judging.test])
