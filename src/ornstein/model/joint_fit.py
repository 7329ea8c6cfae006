"""From pairs of parameters and simulations to a ``Joint``: by the recipe that was asked for, or the one that held-out pairs choose."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ornstein.common.errors import InputError, unknown_name
from ornstein.denoisers import Gaussian, Mixture
from ornstein.fitting.prior import fit_prior
from ornstein.fitting.recipe import Recipe
from ornstein.fitting.scaling import Scaler
from ornstein.fitting.simulated import ENTRIES, fit_simulated, held_out
from ornstein.fitting.whitening import Whitening
from ornstein.model.joint import Inverse, Joint, JointLaw, Simulator
from ornstein.model.model import Model
from ornstein.model.pairs import vectors

Fit = Callable[..., Any]
"""``orn.fit``, which this module stands before."""

AUTO = "auto"
WAYS = (AUTO, "gaussian", "mixture", "empirical", "likelihood", "network")
"""Names for a pair (theta, x)."""

SURE = 2.0
"""Standard errors by which a richer way must foresee held-out simulations better."""

LEAST = 0.01
"""Nats a case by which it must be better, which no posterior shows: a mixture of one component is a Gaussian."""

FEWEST = 100
"""Simulations from which there are enough held-out ones to choose by."""


def fit_joint(
    fit: Fit, pair: tuple[object, object], model: str | Recipe | None, options: dict[str, Any], tell: Callable[[str], None]
) -> Joint:
    """The ``Joint`` of a pair (theta, x); ``options`` are those of ``fit``.

    "auto"        "gaussian", "mixture" or "likelihood", by log p(x | theta) of a held-out tenth; "network" beyond 64 entries of x
    "gaussian", "mixture", "empirical"   the law of (theta, x) as vectors, conditioned
    "likelihood"  p(x | theta) by networks, times what was thought of theta; at most 64 entries of x
    "network"     p(theta | x) by a network that is told x; with ``masks``, one of (theta, x) that fills any gaps
    """
    theta, x, parameters, observation = vectors(*pair)
    shapes = (parameters, observation)
    name = AUTO if model is None else model
    if isinstance(name, str) and name not in WAYS:
        raise unknown_name("model", name, WAYS)
    own = {key for key, value in options.items() if value is not None and key not in ("seed", "progress")}
    if name in (AUTO, "likelihood") and own:
        raise InputError(f"{min(own)} is given, but {name!r} takes only seed and progress: leave it out, or name another model")
    seed = options["seed"] or 0
    if name == AUTO:
        return _chosen(fit, theta, x, shapes, options, tell)
    if name == "likelihood":
        return _simulator(theta, x, shapes, seed, tell, "likelihood, as asked for")[0]
    if name == "network" and options.get("masks") is None:
        return _inverse(fit, theta, x, shapes, options, "network, as asked for")
    told = name if isinstance(name, str) else name.name
    return JointLaw(*shapes, f"{told}, as asked for", _law(fit, torch.cat([theta, x], 1), name, options))


def _chosen(fit: Fit, theta: Tensor, x: Tensor, shapes: tuple[Any, Any], options: dict[str, Any], tell: Callable[[str], None]) -> Joint:
    """What held-out pairs choose, the simplest first."""
    cases, both = len(theta), torch.cat([theta, x], 1)
    if cases < FEWEST:
        return JointLaw(*shapes, f"gaussian: {cases} simulations are too few to choose by", _law(fit, both, "gaussian", options))
    if x.shape[1] > ENTRIES:
        return _inverse(fit, theta, x, shapes, options, f"network: x has {x.shape[1]} entries, more than densities are learned of")
    held = held_out(cases)
    levels: dict[str, Tensor] = {}
    for name in ("gaussian", "mixture"):
        tell(f"the law of parameters and simulations: {name}")
        law = JointLaw(*shapes, "", _law(fit, both[~held], name, options))
        levels[name] = law.conditional_log_prob(theta[held], x[held])
    best = "mixture" if _better(levels["mixture"] - levels["gaussian"]) else "gaussian"
    try:
        simulator, levels["likelihood"] = _simulator(
            theta, x, shapes, options["seed"] or 0, tell, "", lambda found: _better(found - levels[best])
        )
    except InputError as error:
        return JointLaw(*shapes, f"{best}, since {error}", _law(fit, both, best, options))
    gains = ", ".join(f"{name} {float(level.mean()):.2f}" for name, level in levels.items())
    why = f"by log p(x | theta) of {int(held.sum())} held-out simulations in nats: {gains}"
    if _better(levels["likelihood"] - levels[best]):
        return replace(simulator, chosen=f"likelihood, {why}")
    return JointLaw(*shapes, f"{best}, {why}", _law(fit, both, best, options))


def _better(gain: Tensor) -> bool:
    return float(gain.mean()) > max(SURE * float(gain.std()) / math.sqrt(len(gain)), LEAST)


def _simulator(
    theta: Tensor,
    x: Tensor,
    shapes: tuple[Any, Any],
    seed: int,
    tell: Callable[[str], None],
    chosen: str,
    worth: Callable[[Tensor], bool] = lambda _: True,
) -> tuple[Simulator, Tensor]:
    prior = fit_prior(theta, seed)
    tell(prior.described())
    found, level = fit_simulated(theta, x, seed=seed, tell=tell, worth=worth)
    return Simulator(*shapes, chosen, prior, found), level


def _inverse(fit: Fit, theta: Tensor, x: Tensor, shapes: tuple[Any, Any], options: dict[str, Any], chosen: str) -> Inverse:
    prior = fit_prior(theta, options["seed"] or 0)
    score = prior.encode(theta)
    scaler = Scaler.fit(x, "feature")
    u = scaler.encode(x)
    # ridge by one simulation: entries of x may be more than simulations
    gram = u.T @ u + torch.eye(u.shape[1], dtype=u.dtype)
    slope = torch.linalg.solve(gram, u.T @ (score - score.mean(0)))
    rest = score - score.mean(0) - u @ slope
    factor = torch.linalg.cholesky(torch.cov(rest.T).view(score.shape[1], -1))
    white = torch.linalg.solve_triangular(factor, rest.T, upper=False).T
    model = fit(white, "network", **{**options, "condition": x, "standardize": options["standardize"] or "none"})
    slope = slope / scaler.scale.unsqueeze(1)
    return Inverse(*shapes, chosen, prior, model, slope, score.mean(0) - scaler.centre @ slope, factor)


def _law(fit: Fit, both: Tensor, model: str | Recipe, options: dict[str, Any]) -> Model:
    """The law of vectors (theta, x), without held-out judges unless they are asked for.

    A Gaussian and a mixture are fitted in coordinates of unit covariance: shrinkage and k-means then see the error of a simulation, which
    is small beside its parameters.
    """
    if model in ("gaussian", "mixture") and not any(options[name] for name in ("standardize", "marginals", "folds")):
        scaler = Scaler.fit(both, "feature")
        white = Whitening.of(scaler.encode(both))
        if white is not None:
            found = fit(white.encode(scaler.encode(both)), model, **{**options, "standardize": "none", "folds": 0}).law
            assert isinstance(found, Gaussian | Mixture)
            return Model(white.back(found), scaler)
    fitted = fit(both, model, **{**options, "folds": None if model == "network" else options["folds"] or 0})
    assert isinstance(fitted, Model)
    return fitted
