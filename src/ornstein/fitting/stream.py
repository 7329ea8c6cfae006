"""fit for data that are never held: one pass of moments, and the law from the moments alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from ornstein.common.errors import InputError
from ornstein.common.signals import Signals
from ornstein.covariance import Diagonal, Options, Spectral, Stationary
from ornstein.covariance.accumulator import Accumulator, Moments, SpectrumAccumulator, VarianceAccumulator
from ornstein.covariance.batches import is_stream
from ornstein.covariance.shrinking import shrunk
from ornstein.covariance.streaming import Tell, gather
from ornstein.covariance.structure import check_structure
from ornstein.denoisers import Gaussian as Law
from ornstein.fitting.gaussian import Gaussian
from ornstein.fitting.recipe import Recipe
from ornstein.fitting.scaling import Scaler, check_standardize

Kind: TypeAlias = Callable[[int], Moments]
KINDS: dict[str, Kind] = {"dense": Accumulator, "diagonal": VarianceAccumulator, "stationary": SpectrumAccumulator}
"""Structures that one pass of moments determines."""
Names: TypeAlias = tuple[tuple[str, ...], tuple[str, ...], float | None]


class Streamed(NamedTuple):
    """The law of standardised signals, its scaler, and the channels, units and rate of what passed."""

    law: Law
    scaler: Scaler
    names: Names


def fit_stream(x: object, recipe: Recipe, standardize: str, engine: str, progress: Tell | None = None) -> Streamed:
    """The Gaussian of ``fit``, to 1e-10, from any source and engine of ``covariance.accumulate``.

    The moments are standardised instead of the data: with scales D, centre c, and m and S the mean and covariance of all cases,

        u = D^-1 (x - c)   has mean D^-1 (m - c) and covariance D^-1 S D^-1, which is then shrunk

    "dense" takes memory d^2; "diagonal" and, for one channel, "stationary" take memory d. Raises ``InputError`` for what needs
    all cases at once: another model or structure, "ledoit-wolf", gaps; and for batches whose channels, units or rates differ.
    """
    recipe = _streaming(recipe, standardize)
    source = _Source(x, recipe.structure, Options(recipe.shrinkage, recipe.rank))
    gathered = gather(KINDS[recipe.structure], source.values(), engine, progress)
    moments, event = gathered.moments, gathered.event_shape
    if moments.count < 2:
        raise InputError("x holds 1 case, but a covariance needs at least 2: cut a long recording with window=")
    scaler, covariance = _law(moments, event, recipe.shrinkage, standardize)
    mean = moments.mean_from(scaler.centre.flatten()) / scaler.scale.flatten()
    return Streamed(Law(mean.view(event), covariance), scaler, source.names)


def _law(moments: Moments, event: tuple[int, ...], shrinkage: str | float, standardize: str) -> tuple[Scaler, Spectral]:
    """The scaler, and the covariance of what it makes of the data."""
    average = moments.average()
    if isinstance(moments, Accumulator):
        scaler = Scaler.from_moments(moments, average.diagonal().view(event), standardize)
        scale = scaler.scale.flatten()
        return scaler, shrunk(average / scale.unsqueeze(1) / scale, moments.count, shrinkage)[0]
    if isinstance(moments, SpectrumAccumulator):
        scaler = Scaler.from_moments(moments, average.mean().expand(event), standardize)
        return scaler, Stationary.from_spectrum(average / scaler.scale.flatten()[0] ** 2)
    scaler = Scaler.from_moments(moments, average.view(event), standardize)
    return scaler, Diagonal(average / scaler.scale.flatten().square())


def _streaming(recipe: Recipe, standardize: str) -> Gaussian:
    """The recipe, if moments are enough for it."""
    if not isinstance(recipe, Gaussian):
        raise InputError(f"model is {recipe.name!r}, but data read piece by piece allow only 'gaussian': load x into memory")
    if recipe.structure not in KINDS:
        allowed = ", ".join(KINDS)
        raise InputError(f"structure is {recipe.structure!r}, but data read piece by piece allow only {allowed}: load x into memory")
    if recipe.shrinkage == "ledoit-wolf":
        raise InputError("shrinkage 'ledoit-wolf' needs all cases at once: use 'oas', 'nonlinear' or 'none', or load x into memory")
    check_standardize(standardize)
    if (recipe.structure, standardize) == ("stationary", "feature"):
        raise InputError("standardize is 'feature', but then one pass cannot see a stationary law: use 'channel' or 'none'")
    return recipe


class _Source:
    """What is read, with the names and units of its ``Signals``."""

    def __init__(self, x: Any, structure: str, options: Options) -> None:
        self.x, self.structure, self.options = x, structure, options
        self.names: Names = ((), (), None)

    def values(self) -> object:
        """x itself, or its batches, looked at as they pass."""
        if is_stream(self.x) and not hasattr(self.x, "shape"):
            return self._watched(self.x)
        self._look(self.x, "x")
        return self.x

    def _watched(self, batches: Iterable[object]) -> Iterator[object]:
        for index, batch in enumerate(batches, 1):
            self._look(batch, f"batch {index}")
            yield batch

    def _look(self, batch: object, name: str) -> None:
        event = tuple(getattr(batch, "shape", ()))[1:]
        if event and 0 not in event:
            check_structure(self.structure, self.options, event)
        if self.structure == "stationary" and len(event) > 1 and event[0] > 1:
            raise InputError(
                f"{name} holds signals of shape {event}, but read piece by piece structure 'stationary' is for one channel: "
                "use 'dense' or 'diagonal', or load x into memory"
            )
        if isinstance(batch, Signals):
            found = (batch.channels, batch.units, batch.rate)
            if self.names[0] and found != self.names:
                raise InputError(
                    f"{name} has (channels, units, rate) {found}, but those before it have {self.names}: bring them into one form"
                )
            self.names = found
