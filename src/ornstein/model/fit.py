"""fit: from signals to a Model in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, cast, overload

import torch
from torch import Tensor, nn

from ornstein.common import checks
from ornstein.common.errors import InputError, unknown_name
from ornstein.common.folds import Fold, blocks
from ornstein.common.gradients import with_gradients
from ornstein.common.sentences import Remark
from ornstein.common.signals import Signals
from ornstein.covariance.batches import is_stream
from ornstein.covariance.estimate import alone
from ornstein.data.read import recognised
from ornstein.data.rows import warn_of_rows
from ornstein.data.sentinels import warn_unread
from ornstein.denoisers import Denoiser, Law
from ornstein.fitting.conditions import Conditions
from ornstein.fitting.guide import moments
from ornstein.fitting.held_out import Judge, judges
from ornstein.fitting.marginals import MARGINALS, gaussianised
from ornstein.fitting.marginals_choice import gain_of_curves
from ornstein.fitting.network import Network
from ornstein.fitting.recipe import Recipe, Structured, Work
from ornstein.fitting.recipes import recipe_of
from ornstein.fitting.scaling import Scaler
from ornstein.fitting.stream import fit_stream
from ornstein.fitting.symbols import Symbols
from ornstein.model.accepted import at_times, refuse_conditions, refuse_for_symbols, refuse_one, say_spread, say_trend, values_of
from ornstein.model.corrected_fit import fit_corrected
from ornstein.model.joint import Joint
from ornstein.model.joint_fit import fit_joint
from ornstein.model.judging import TOLD, judged, set_aside
from ornstein.model.model import Model
from ornstein.model.pairs import is_pair, refuse_listed_pair
from ornstein.model.symbols import SymbolModel, fit_symbols

FOLDS = 5


@overload
def fit(x: tuple[object, object], model: str | Recipe | None = None, **options: Any) -> Joint: ...
@overload
def fit(x: object, model: Literal["binary", "categorical"] | Symbols, **options: Any) -> SymbolModel: ...
@overload
def fit(x: object, model: str | Recipe | Denoiser | nn.Module | None = None, **options: Any) -> Model: ...
@with_gradients
def fit(
    x: object,
    model: str | Recipe | Symbols | Denoiser | nn.Module | None = None,
    *,
    labels: object = None,
    condition: object = None,
    standardize: str | None = None,
    marginals: str | None = None,
    correction: str | None = None,
    folds: int | None = None,
    overlap: int | None = None,
    engine: str | None = None,
    seed: int | None = 0,
    progress: Callable[[str], None] | None = None,
    **options: Any,
) -> Model | SymbolModel | Joint:
    """A Model of signals: a ``Signals``, or an array (case, time), (case, channel, time), (case, channel, height, width).

    Frames of pandas and polars, Raw and Epochs of MNE, arrays of xarray and collections of sktime are read as ``ornstein.read`` does,
    with names, units and rate; a frame without a clock and without cases holds vectors, one per row.

    A pair (theta, x) of tensors, arrays, lists, frames or Signals, simulations x of parameters theta, gives a ``Joint``, whose
    ``posterior(observation)`` is that of the parameters; a list [a, b] is two signals. Its models are "auto" (the default), "gaussian",
    "mixture", "empirical", "likelihood" and "network": see ``model.joint_fit.fit_joint``.

    model        "gaussian" without it; a recipe, or the name of one with its ``options`` by name, ``fit(x, "mixture", components=4)``:
                 "gaussian"   mean and covariance; NaN in x means missing        ``recipes.Gaussian``
                 "mixture"    Gaussians by EM                                    ``recipes.Mixture``
                 "empirical"  kernel density around the cases                    ``recipes.Empirical``
                 "network"    a neural network, trained here                     ``recipes.Network``
                 "binary"     bits, and "categorical" symbols, by ``law="auto"``, "independent", "markov", "mixture", "empirical" or
                              "network"; NaN means missing. Returns a ``SymbolModel``       ``recipes.Binary``, ``recipes.Categorical``
                 or any ``nn.Module``, which a ``recipes.Network`` trains, or any denoiser, which is wrapped as it is
    labels       for a network, the class of each case: numbers or words (case,); NaN or "" where it is not known, and -1 beside a class 0
    condition    for a network, what else is known of each case: numbers (case, k), another signal (case, channel, time), NaN where
                 missing, or a ``nets.Condition``; it is standardised here, and ``sample`` takes it in the same units
    standardize  "channel": one mean and scale per channel; "feature": one per entry; "none". Default: "feature" for vectors (case, d),
                 unless their structure lives in time, "channel" for everything else
    marginals    "gaussian": in place of a mean and a scale, a smooth monotone curve for each channel (or entry) whose scores are nearly
                 Gaussian, shrunk towards the straight line as far as cross-validation says; the law lives in the scores, and densities,
                 draws, masks and gaps pass through the curves exactly. For skewed, heavy-tailed, bounded or counted values.
                 "auto": the curves where held-out cases are likelier under them by more than a standard error
    correction   "learned": the last tenth of the cases is set aside, and a small network learns to correct the quantiles of a Gaussian, a
                 mixture or the law under a network with masks in gaps; it is kept if it gains there, and otherwise a Gaussian or mixture
                 is fitted to all cases (``Model.corrected``)
    folds        the law is fitted ``folds`` more times (default 5), each without one part of the cases, which it then scores; these laws
                 stay in the model and judge new cases too, for the p-values of ``surprise``; 0 leaves them out. Folds are blocks of
                 neighbouring cases; shuffle cases that are sorted by kind. Cases with gaps are not scored. A network is fitted once:
                 ``judged`` sets cases aside for p-values.
    overlap      how many neighbours on either side share samples with a case: ceil(window / hop) - 1 for windows cut with ``hop``; so
                 many on either side of a fold, of what is set aside, and of what a choice (of components, of a network's weights)
                 holds out are neither fitted nor scored there: otherwise a law has seen samples of the cases it judges, and new
                 cases look odder than they are. Default folds that leave no two cases, or cases without a law, as where one fold alone
                 shows a channel, are left out, which is said
    engine       "local", "dask" or "torch" read x piece by piece, once (see ``covariance.accumulate``): a memory map, a Dask array,
                 the ranks of torchrun. Iterators of batches, Zarr and Dask arrays are always read so, by default "local". It serves
                 "gaussian" with "dense", "diagonal" or "stationary"; no case is held out, so ``surprise`` has no p-values.
    seed         of everything random; None for another one at each call
    progress     is told what is being fitted, and which network was chosen

    Raises ``InputError`` for bad data (see ``covariance.estimate``), names that do not exist (with the nearest one), and options of
    another model. Cost: (1 + folds) fits, or a training run.
    """
    checks.names(model=model, standardize=standardize, marginals=marginals, correction=correction, folds=folds, engine=engine)
    checks.plain(**{name: value for name, value in options.items() if name != "times"})
    shared = 0 if overlap is None else checks.count(overlap, "overlap", at_least=0)
    if is_pair(x):
        return _joint(cast("tuple[object, object]", x), model, {**_given(locals()), **options})
    refuse_listed_pair(x)
    x, model = _read(x, progress), "gaussian" if model is None else model
    if correction is not None:
        return fit_corrected(fit, x, model, _given(locals()), options)
    if isinstance(model, Denoiser):
        return _wrapped(model, x, engine, options)
    recipe = recipe_of(model, options, tuple(fit.__kwdefaults__ or ()))
    if isinstance(recipe, Symbols):
        refuse_for_symbols(recipe, x, labels=labels, condition=condition, standardize=standardize, marginals=marginals, engine=engine)
        values, names = values_of(x)
        refuse_one(values)
        work = Work(checks.seed(seed), progress or (lambda _: None), overlap=shared)
        return fit_symbols(values, names, recipe, _folds(len(values), folds, shared, work.tell), work)
    refuse_conditions(recipe, labels=labels, condition=condition)
    if not recipe.scored and folds not in (None, 0):
        raise InputError(f"folds is {folds}, but a {recipe.name} is trained once: leave folds out, or choose its share held_out")
    if marginals not in (None, *MARGINALS):
        raise unknown_name("marginals", marginals, MARGINALS)
    if engine is not None or is_stream(x):
        if marginals is not None:
            raise InputError("marginals need all values at once, but x is read piece by piece: load x into memory, or leave marginals out")
        axes = len(getattr(x, "shape", ())) or 3
        streamed = fit_stream(x, recipe, standardize or recipe.standardize(axes), engine or "local", progress)
        return Model(streamed.law, streamed.scaler, *streamed.names)
    values, names = values_of(x)
    warn_unread(x, values)
    tell = progress or (lambda _: None)
    recipe, times = at_times(recipe, x, tell, stated=not isinstance(model, str) or options.get("structure") is not None)
    if not (isinstance(recipe, Structured) and alone(values, tuple(values.shape), recipe.structure)):
        refuse_one(values)
    known, given = (None, None) if labels is None and condition is None else Conditions.fit(labels, condition, len(values))
    if known is not None and known.assumed:
        tell(known.assumed)
    aside = None
    if isinstance(recipe, Network) and recipe.judged:
        values, given, aside = set_aside(values, given, recipe.judged, shared)
    work = Work(checks.seed(seed), tell, given, shared)
    scaling = standardize or (recipe.standardize(values.ndim) if len(values) > 1 else "channel")
    if marginals == "auto":
        marginals = _marginals(values, recipe, scaling, work)
    scaler = _scaler(values, scaling, marginals, work)
    say_spread(values, scaling, tell)
    say_trend(values, names[0], tell)
    u = scaler.encode(values)
    if recipe.scored:
        tell("the law of all cases")
    fitted = recipe.fit(u, work)
    bench: tuple[Judge, ...] = ()
    if recipe.scored and folds != 0 and isinstance(fitted.law, Law):
        parts = _folds(len(values), folds, shared, tell)
        try:
            bench = _bench(values, fitted.settled or recipe, (scaling, marginals), work, parts)
        except InputError as error:  # all cases have a law, but what one fold leaves has none
            if folds is not None:
                raise InputError(
                    f"folds is {folds}, but a fold leaves cases without a law ({error}): use other folds, or folds=0"
                ) from None
            tell(Remark(f"a fold leaves cases without a law ({error}): there are no p-values"))
    reference = torch.cat([judge.scores for judge in bench]).sort().values if bench else None
    whole = Model(fitted.law, scaler, *names, reference=reference, conditions=known, training=fitted.training, judges=bench, times=times)
    if aside is None:
        return whole
    tell(f"{len(aside.values)} cases that judge new ones")
    scores, classes = judged(fitted.law, scaler, aside, whole.moments.covariance(), work.seed)
    trained = {**(fitted.training or {}), TOLD: aside.condition is not None}
    return replace(whole, reference=scores, reference_classes=classes, training=trained)


def _read(x: object, progress: Callable[[str], None] | None) -> object:
    """``recognised``; of an object of another library, what was assumed is told, and that rows look like samples is warned of."""
    found = recognised(x)
    if found is not x and isinstance(found, Signals):
        for note in found.notes:
            (progress or (lambda _: None))(note)
        warn_of_rows(found)
    return found


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    """The named arguments of ``fit``, as they were given."""
    return {name: arguments[name] for name in fit.__kwdefaults__ or ()}


def _joint(x: tuple[object, object], model: str | Recipe | Symbols | Denoiser | nn.Module | None, options: dict[str, Any]) -> Joint:
    if model is not None and not isinstance(model, str | Recipe):
        raise InputError("x is a pair (theta, x), whose joint law is fitted by a recipe: name one, such as 'gaussian' or 'mixture'")
    return fit_joint(fit, x, model, options, options["progress"] or (lambda _: None))


def _wrapped(denoiser: Denoiser, x: object, engine: str | None, options: dict[str, Any]) -> Model:
    """A denoiser as it is, with the names and units of x."""
    if engine is not None or is_stream(x):
        kind = type(denoiser).__name__
        raise InputError(f"model is {kind}, but data read piece by piece allow only 'gaussian': load x into memory")
    if options:
        raise InputError(
            f"{next(iter(options))} is given, but the model is a {type(denoiser).__name__} that is wrapped as it is: leave it out"
        )
    values, names = values_of(x)
    if denoiser.event_shape != tuple(values.shape[1:]):
        raise InputError(f"x holds signals of shape {tuple(values.shape[1:])}, but the denoiser has event shape {denoiser.event_shape}")
    known = None if isinstance(denoiser, Law) or denoiser.guide is not None else moments(values)
    return Model(denoiser, Scaler.fit(values, "none"), *names, moments_of=known)


def _marginals(x: Tensor, recipe: Recipe, scaling: str, work: Work) -> str | None:
    """Curves or none, by held-out likelihood, which is told."""

    def scalers(cases: Tensor, curved: bool) -> Scaler:
        return _scaler(cases, scaling, "gaussian" if curved else None, replace(work, tell=lambda _: None))

    found = gain_of_curves(x, scalers, lambda u: recipe.fit(u, work).law, work.overlap)
    work.tell(found.sentence())
    return "gaussian" if found.taken else None


def _scaler(x: Tensor, standardize: str, marginals: str | None, work: Work) -> Scaler:
    """The standardisation; how strong the curves of its marginals are is told."""
    if marginals is None:
        return Scaler.fit(x, standardize)
    scaler, weights, repeated = gaussianised(x, standardize, work.seed, work.overlap)
    work.tell(
        f"marginals: {sum(w > 0 for w in weights)} of {len(weights)} curves are bent, by {sum(weights) / len(weights):.2f} on average"
    )
    if repeated:
        work.tell(repeated)
    return scaler


def _folds(cases: int, folds: int | None, overlap: int, tell: Callable[[str], None]) -> tuple[Fold, ...]:
    """The folds that judge new cases; none for 0, where there are fewer than two cases a fold, and by default where overlap leaves none."""
    parts = 0 if folds == 0 else checks.count(FOLDS if folds is None else folds, "folds", at_least=2)
    if not parts or cases < 2 * parts:
        return ()
    if folds is None and cases - -(-cases // parts) - 2 * overlap < 2:
        tell(f"{cases} cases, each of which shares samples with {overlap} on either side, leave none to judge by: there are no p-values")
        return ()
    return blocks(cases, parts, overlap)


def _bench(x: Tensor, recipe: Recipe, scaling: tuple[str, str | None], work: Work, folds: tuple[Fold, ...]) -> tuple[Judge, ...]:
    """The laws that judge new cases, each fitted and scaled without one block of x and what shares samples with it."""

    def without(cases: Tensor) -> tuple[Scaler, Law]:
        scaler = _scaler(cases, *scaling, replace(work, tell=lambda _: None))
        return scaler, cast("Law", recipe.fit(scaler.encode(cases), work).law)

    return judges(x, without, folds, work.tell) if folds else ()
