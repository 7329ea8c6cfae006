"""SymbolModel: a law of bits or symbols with its alphabet, names and shape; the same verbs as a Model."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common import checks, memory
from ornstein.common.errors import InputError, counted, unknown_name
from ornstein.common.folds import Fold
from ornstein.common.signals import Signals
from ornstein.data.read import recognised
from ornstein.discrete import Chain, Law, Markov, Mixture, Network, bound, certify, denoiser, sample
from ornstein.fitting.held_out import Surprise, ranked
from ornstein.fitting.recipe import Work
from ornstein.fitting.symbols import Symbols, strange
from ornstein.likelihood import Density, bits_per_dim
from ornstein.model.matching import Matched
from ornstein.model.saving import write_symbols
from ornstein.model.storage.symbols import SavedSymbols

METHODS = ("auto", "exact", "bound")
CHAINS: dict[str, Callable[[int, int], Chain]] = {"masked": Chain.masking, "uniform": Chain.uniform}
BOUND_STEPS = 64
_ENUMERATED = 1 << 12
_TIE = 1e-9
"""Relative difference up to which two log-probabilities are equal: sequences of one probability are common, and are rounded apart."""


class SymbolJudge(NamedTuple):
    """A law that was fitted without some cases, and the log-probabilities in nats it gave to those, ascending."""

    law: Law
    scores: Tensor


@dataclass(frozen=True, eq=False, repr=False)
class SymbolModel:
    """A fitted law of bits or symbols: what ``fit(x, "binary")``, ``fit(x, "categorical")`` and ``load`` return.

    Everything goes in and comes out as (case, *event) in the values of the data; NaN is an entry that is not known. Sites are the
    entries of an event in their order, which counts for a chain along them.

    law        of codes 0 ... S - 1
    alphabet   (S,) the value of each code, ascending
    event_shape, channels, units, rate   of the data it was fitted on
    judges     laws fitted without one fold each, the basis of p-values; for a network itself, with cases that it was not trained on
    training   how a network was trained; None for every other law
    """

    law: Law
    alphabet: Tensor
    event_shape: tuple[int, ...]
    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    rate: float | None = None
    judges: tuple[SymbolJudge, ...] = ()
    training: Mapping[str, object] | None = None

    def __repr__(self) -> str:
        return f"SymbolModel({self.described()}, event_shape={self.event_shape})"

    def described(self) -> str:
        """The law in words."""
        if isinstance(self.law, Markov):
            return f"Markov chain of {self.law.states} symbols"
        if isinstance(self.law, Network):
            return f"network of {self.law.states} symbols"
        parts = len(self.law.log_weights) if isinstance(self.law, Mixture) else 1
        return f"{counted(parts, 'product')} of {self.law.states} symbols"

    @property
    def reference(self) -> Tensor | None:
        """Log-probabilities of all held-out cases in nats, ascending; None without."""
        return torch.cat([judge.scores for judge in self.judges]).sort().values if self.judges else None

    def sample(self, cases: int, *, steps: int | None = None, chain: str = "masked", seed: int | None = 0, first: int = 0) -> Tensor:
        """``cases`` new sequences (cases, *event), numbered from ``first``; sequence i under a seed is the same in any batch.

        Exact draws, site by site; with ``steps``, a run of that many steps of a diffusion, which draws many sites at a time: "masked"
        sites are revealed, "uniform" ones lose their noise. ``certify`` says how far that is from the law.
        """
        memory.drawn(cases, "cases", math.prod(self.event_shape), first=first)
        chosen = checks.seed(seed)
        if steps is None:
            return self._decode(self.law.sample(cases, seed=chosen, first=first))
        run = self._chain(chain, steps)
        drawn = sample(denoiser(self.law, run), run, cases, self.law.sites, seed=chosen, first=first)
        return self._decode(drawn)

    @property
    def enumerable(self) -> bool:
        """Whether all sequences, with masks, are few enough for ``certify`` to go through in seconds."""
        return bool((self.law.states + 1) ** self.law.sites <= _ENUMERATED)

    def certify(self, steps: int, chain: str = "masked") -> float:
        """The total variation distance, 0 to 1, between what ``sample(steps=steps)`` draws and the law, by enumeration of all sequences:
        for up to 65536 of them, 16 bits under a uniform chain. See ``discrete.certify``."""
        return certify(self.law, self._chain(chain, steps))

    def log_prob(self, x: object) -> Tensor:
        """log P in nats of the known entries of every case (case,); -inf, with a warning, for what the law holds impossible."""
        return self.log_density(x).value

    def log_density(
        self,
        x: object,
        *,
        method: str = "auto",
        error: float | None = None,
        calls: int | None = None,
        steps: int = BOUND_STEPS,
        seed: int | None = 0,
    ) -> Density:
        """``log_prob`` with its errors, and how it was had.

        method  "auto" and "exact": the probability itself; "bound": a lower bound for a masked chain of ``steps`` steps that reveals
                several sites at a time, doubling its paths, up to 1024 or ``calls``, until its standard error is ``error`` nats
                (default 0.05)
        """
        if method not in METHODS:
            raise unknown_name("method", method, METHODS)
        codes = self._codes(x)
        value = self.law.log_prob(codes)
        said = ""
        if impossible := int(torch.isinf(value).sum()):
            many = counted(impossible, "case")
            said = f"{many} outside its support: case {int(value.argmin())} is none that the law can draw"
            warnings.warn(
                f"{many} of {len(value)} have probability 0 under this law ({self.described()}), so log_prob is -inf: it gives "
                "probability only to what it has seen; fit 'mixture' with a prior above 0 for a law that expects more",
                UserWarning,
                stacklevel=3,
            )
        if method != "bound":
            calls = self.law.sites if isinstance(self.law, Network) else 0
            why = "sites revealed one by one, in their order" if calls else "the law has its probability in closed form"
            return replace(Density.exact(value, why), calls=torch.full((len(value),), calls)).because(said)
        allowed = 0.05 if error is None else checks.positive(error, "error")
        run, paths = self._chain("masked", steps), 16
        most = 1024 if calls is None else checks.count(calls, "calls", at_least=paths * steps) // steps
        while True:
            found = bound(denoiser(self.law, run), run, codes, paths=paths, seed=checks.seed(seed))
            if bool((found.standard_error <= allowed).all()) or 2 * paths > most:
                break
            paths *= 2
        why = f"lower bound of a masked chain of {steps} steps, {paths} paths"
        spent = torch.full((len(value),), paths * steps)
        return Density(found.value, found.standard_error, torch.zeros_like(found.value), spent, "bound", why)

    def bits_per_dim(self, x: object, step: object = None) -> Tensor:
        """-log2 P per entry: at least 0, and comparable between models of the same data. Symbols have no ``step``."""
        if step is not None:
            raise InputError(f"step is {checks.shown(step)}, but symbols have probabilities as they are: leave it out")
        return bits_per_dim(self.log_prob(x), self.law.sites)

    def surprise(self, x: object) -> Surprise:
        """-log_prob of complete cases, and its p-value: (1 + number of held-out cases at least as surprising) / (1 + number held out).

        Each held-out case is compared with x under a law that had not seen it; equal probabilities count against surprise. The p-values
        of a network come from a tenth of the cases that had no part in its training. None without ``folds``.
        """
        codes = self._codes(x)
        if bool((codes < 0).any()):
            raise InputError("x holds entries that are not known, but surprise compares complete cases: use log_prob, or impute them first")
        level = -self.law.log_prob(codes)
        if not self.judges:
            return Surprise(level, None)
        found = [judge.law.log_prob(codes) for judge in self.judges]
        return Surprise(
            level, ranked([judge.scores for judge in self.judges], [f + _TIE * (1 + f.abs().nan_to_num(posinf=0)) for f in found])
        )

    def where(self, x: object, by: str = "entry", *, seed: int = 0) -> Tensor:
        """-log P(entry | all other known entries) in nats, (case, *event), exactly; 0 for entries that are not known.

        ``by`` and ``seed`` are those of ``Model.where``: symbols answer entry by entry, and nothing is random. A network answers by its
        probability of one site with all others shown. Cost: one question of the law for each site.
        """
        checks.name_in(by, "by", ("entry",))
        codes = self._codes(x)
        found = torch.zeros(codes.shape, dtype=torch.float64)
        for i in range(self.law.sites):
            without = codes.clone()
            without[:, i] = -1
            given = self.law.marginals(self.law.observed(without))[:, i]
            nats = -given.gather(-1, codes[:, i : i + 1].clamp_min(0)).squeeze(-1).log()
            found[:, i] = torch.where(codes[:, i] < 0, 0.0, nats)
        return found.view(-1, *self.event_shape)

    def impute(self, x: object, draws: int = 100, *, seed: int | None = 0, progress: Callable[[int], None] | None = None) -> Tensor:
        """Joint draws of the entries that NaN hides, (draw, case, *event); known entries are as they were.

        Exact for every law but a network, which fills the gaps in their order, each given all known entries and those filled before.
        """
        matched = self._matched(x)
        codes = self._codes(x)
        count = memory.drawn(draws, "draws", codes.numel())
        drawn = self.law.impute(codes, count, seed=checks.seed(seed))
        if progress is not None:
            progress(len(codes))
        filled = self._decode(drawn.flatten(0, 1)).view(count, len(codes), *self.event_shape)
        return filled if matched is None else matched.back(filled)

    def signals(self, x: Tensor, like: Signals | None = None) -> Signals:
        """Values (case, *event) with the names, units and rate of the model, or those of ``like``, ready for ``orn.write``."""
        values = x.reshape(len(x), -1, x.shape[-1]) if x.ndim != 3 else x
        return Signals(values, self.rate, self.channels, self.units) if like is None else like.with_values(values)

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write a folder that ``orn.load`` reads, whole or not there; never a pickle. ``force`` replaces a model."""
        fields = SavedSymbols(*(getattr(self, name) for name in SavedSymbols._fields))
        return write_symbols(path, fields, self.described(), force=force)

    def _chain(self, chain: str, steps: int) -> Chain:
        checks.names(chain=chain)
        if chain not in CHAINS:
            raise unknown_name("chain", chain, CHAINS)
        return CHAINS[chain](self.law.states, checks.count(steps, "steps"))

    def _matched(self, x: object) -> Matched | None:
        found = recognised(x)
        return Matched.of(found, self.channels, self.units, self.rate) if isinstance(found, Signals) else None

    def signals_of(self, x: object) -> Tensor:
        """Symbols, or what ``fit`` reads as such, as values (case, *event) in the channels of this model; NaN is not known."""
        matched = self._matched(x)
        values = checks.tensor(x if matched is None else matched.values, "x", missing=True)
        if matched is not None and len(self.event_shape) == 1 and values.shape[1] == 1:
            values = values[:, 0]
        if tuple(values.shape[1:]) != self.event_shape or not len(values):
            wanted = ", ".join(map(str, self.event_shape))
            raise InputError(f"x has shape {tuple(values.shape)}, but this model holds sequences of shape (case, {wanted}), at least one")
        return values

    def _codes(self, x: object) -> Tensor:
        """x as codes (case, site), -1 where it is not known."""
        values = self.signals_of(x)
        named = ", ".join(f"{v:g}" for v in self.alphabet.tolist()[:12]) + ", ..." * (len(self.alphabet) > 12)
        strange(values, self.alphabet, f"{named}, the symbols of this model: recode it, or put NaN where it is not known")
        return coded(values, self.alphabet)

    def _decode(self, codes: Tensor) -> Tensor:
        return self.alphabet[codes].view(len(codes), *self.event_shape)


def coded(values: Tensor, alphabet: Tensor) -> Tensor:
    """Values of the alphabet as codes (case, site), -1 for NaN."""
    codes = torch.searchsorted(alphabet, values.nan_to_num(float(alphabet[0])).contiguous())
    return torch.where(torch.isnan(values), -1, codes).flatten(1)


def fit_symbols(
    values: Tensor, names: tuple[tuple[str, ...], tuple[str, ...], float | None], recipe: Symbols, folds: tuple[Fold, ...], work: Work
) -> SymbolModel:
    """The model of values (case, *event), with a judge for each of ``folds``; see ``fit``."""
    alphabet = recipe.alphabet(values)
    codes = coded(values, alphabet)
    work.tell("the law of all cases")
    whole = recipe.fit(codes, len(alphabet), work)
    complete = (codes >= 0).all(1)
    bench = []
    if whole.unseen is not None:
        unseen = whole.unseen[(whole.unseen >= 0).all(1)]
        if folds and len(unseen):
            bench.append(SymbolJudge(whole.law, whole.law.log_prob(unseen).sort().values))
    else:
        quiet = replace(work, tell=lambda _: None)
        for k, fold in enumerate(folds):
            work.tell(f"fold {k + 1} of {len(folds)}")
            test = fold.test[complete[fold.test]]
            if len(test):
                law = whole.settled.fit(codes[fold.train], len(alphabet), quiet).law
                bench.append(SymbolJudge(law, law.log_prob(codes[test]).sort().values))
    return SymbolModel(whole.law, alphabet, tuple(values.shape[1:]), *names, judges=tuple(bench), training=whole.training)
