"""Parameters and what they cause: simulation-based inference by one law of both, by the simulator as learned, or by its inverse."""

from __future__ import annotations

import math
import os
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, unknown_name
from ornstein.denoisers import Law, Network, Particles
from ornstein.denoisers.marginal import marginal
from ornstein.fitting.prior import Prior
from ornstein.fitting.scaling import Scaler
from ornstein.fitting.simulated import Simulated
from ornstein.measurements import Mask
from ornstein.model.label import Label
from ornstein.model.model import Model, restored
from ornstein.model.saving import write_joint
from ornstein.model.storage.joints import INVERSE, LAW, LIKELIHOOD, SavedJoint
from ornstein.posterior import Twisted
from ornstein.posterior.annealed import annealed

FAR = 1.5
"""Times the distance of the farthest simulation at which an observation is said to be unlike all of them."""


@dataclass(frozen=True, eq=False, repr=False)
class Joint(ABC):
    """Parameters theta and simulations x of them; what ``orn.fit((theta, x), ...)`` returns.

    parameters, observation   the shapes of theta and x of one case
    chosen    what was fitted, and why, in one line
    """

    parameters: tuple[int, ...]
    observation: tuple[int, ...]
    chosen: str

    def posterior(self, observation: object, noise: object = 0.0, **options: Any) -> Model:
        """p(theta | x = observation) as a Model of vectors, for x (*observation), or (case, *observation) for one posterior per case.

        noise    of the observation beyond that of the simulations;  options: those of the way that was fitted, such as ``particles``
                 and ``seed``. NaN are entries of x that were not observed

        ``log_evidence`` is log p(x) of the observation, where it is known. Raises ``InputError`` for other shapes, and for what was
        fitted another way.
        """
        x = checks.tensor(observation, "observation", missing=True)
        extra = x.ndim - len(self.observation)
        if extra not in (0, 1) or tuple(x.shape[extra:]) != self.observation:
            many = ", ".join(map(str, self.observation))
            raise InputError(f"observation has shape {tuple(x.shape)}, but simulations have {self.observation}, or (case, {many}) for many")
        flat = x.flatten(extra).to(torch.float64)
        if bool(torch.isnan(flat).flatten(0, -2).all(-1).any()) if extra else bool(torch.isnan(flat).all()):
            raise InputError("observation is NaN in every entry: give what was observed")
        return self._given(flat, noise, options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(parameters={self.parameters}, observation={self.observation}, chosen={self.chosen!r})"

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write a folder that ``orn.load`` reads, whole or not there; never a pickle. ``force`` replaces a model."""
        return write_joint(path, self._saved(), force=force)

    @abstractmethod
    def _saved(self) -> SavedJoint:
        """What a folder holds of it."""

    @abstractmethod
    def _given(self, x: Tensor, noise: object, options: dict[str, Any]) -> Model:
        """The posterior for x (q,) or (case, q)."""


@dataclass(frozen=True, eq=False, repr=False)
class JointLaw(Joint):
    """The law of vectors (theta, x), each entry standardised on its own, conditioned: exactly for a Gaussian and a mixture, by particles
    otherwise, and by draws of the gap for a network that was trained with masks."""

    model: Model

    def _saved(self) -> SavedJoint:
        return SavedJoint(LAW, self.parameters, self.observation, self.chosen, self.model)

    def _given(self, x: Tensor, noise: object, options: dict[str, Any]) -> Model:
        count = math.prod(self.parameters)
        if isinstance(self.model.law, Network) and self.model.law.inpaints:
            return self._filled(x, noise, options)
        gaps = torch.isnan(x.view(-1, x.shape[-1]))
        if bool((gaps != gaps[0]).any()):
            raise InputError(
                "observation has NaN in other entries in every case: ask for the posteriors of cases with the same gaps together"
            )
        there = ~gaps[0]
        seen = torch.cat([torch.zeros(count, dtype=torch.bool), there])
        post = self.model.posterior(Mask(seen), x[..., there], noise, **options)
        if not isinstance(post.law, Law):
            raise InputError("method gives no law of the parameters: choose 'twisted', or leave method out")
        found = marginal(post.law, torch.arange(count))
        return Model(found, self._scaler(count), log_evidence=post.log_evidence, diagnostics=post.diagnostics)

    def conditional_log_prob(self, theta: Tensor, x: Tensor) -> Tensor:
        """log p(x | theta) in nats (case,) of vectors, for a law with density."""
        count = theta.shape[1]
        own = Model(marginal(self.model.exact, torch.arange(count)), self._scaler(count))
        return self.model.log_density(torch.cat([theta, x], 1)).value - own.log_density(theta).value

    def _scaler(self, count: int) -> Scaler:
        """The standardisation of the parameters."""
        return self.model.scaler.first(count)

    def _filled(self, x: Tensor, noise: object, options: dict[str, Any]) -> Model:
        _only(options, "particles", "seed", "sampler", "steps", "schedule")
        _no_noise(noise)
        cases = x.view(-1, x.shape[-1])
        gaps = torch.cat([cases.new_full((len(cases), math.prod(self.parameters)), torch.nan), cases], 1)
        drawn = self.model.impute(gaps, draws=options.pop("particles", 1000), **options)[..., : math.prod(self.parameters)]
        return _drawn(drawn.movedim(0, 1), x.ndim > 1)


@dataclass(frozen=True, eq=False, repr=False)
class Simulator(Joint):
    """What was thought of theta, and p(x | theta) as it was learned: the posterior is their product, drawn by annealed particles."""

    prior: Prior
    simulated: Simulated

    def _saved(self) -> SavedJoint:
        return SavedJoint(LIKELIHOOD, self.parameters, self.observation, self.chosen, None, self.prior, self.simulated)

    def _given(self, x: Tensor, noise: object, options: dict[str, Any]) -> Model:
        _only(options, "particles", "seed", "first")
        particles = checks.count(options.get("particles", 2000), "particles", at_least=100)
        seed, first = checks.seed(options.get("seed", 0)), checks.count(options.get("first", 0), "first", at_least=0)
        extra = _covariance(noise, x.shape[-1])
        cases = x.view(-1, x.shape[-1])
        if (apart := max(self.simulated.apart(one) for one in cases)) > FAR:
            warnings.warn(
                f"the observation is {apart:.1f} times as far from the simulations as the farthest of them, where nothing was learned: "
                "simulate from a wider prior, or look whether the simulator and the units are right",
                UserWarning,
                stacklevel=3,
            )
        found = [self._one(one, extra, particles, seed, first + k) for k, one in enumerate(cases)]
        if x.ndim == 1:
            return _became(found[0])
        points = torch.stack([one.law.points for one in found])
        rest = [torch.stack([getattr(one, name) for one in found]) for name in _NUMBERS]
        return _became(Twisted(Particles(points, torch.zeros(points.shape[:2], dtype=torch.float64)), *rest))

    def _one(self, x: Tensor, noise: Tensor | None, particles: int, seed: int, case: int) -> Twisted:
        found = annealed(
            lambda score: self.simulated.log_prob(self.prior.decode(score), x, noise),
            self.prior.law,
            particles=particles,
            seed=seed,
            case=case,
        )
        return Twisted(Particles.equal(self.prior.decode(found.law.points)), *(getattr(found, name) for name in _NUMBERS))


@dataclass(frozen=True, eq=False, repr=False)
class Inverse(Joint):
    """p(theta | x) by a network that is told x and stands on the linear Gaussian answer: theta = decode(B x + b + L r), r given x.

    model   of r, told x;  slope (q, p), offset (p,), factor L (p, p)   of the scores of theta
    """

    prior: Prior
    model: Model
    slope: Tensor
    offset: Tensor
    factor: Tensor

    def _saved(self) -> SavedJoint:
        linear = self.slope, self.offset, self.factor
        return SavedJoint(INVERSE, self.parameters, self.observation, self.chosen, self.model, self.prior, None, linear)

    def _given(self, x: Tensor, noise: object, options: dict[str, Any]) -> Model:
        _no_noise(noise)
        if bool(torch.isnan(x).any()):
            raise InputError("observation has NaN, but this network needs all entries: fit 'likelihood', or 'network' with masks=Masks()")
        _only(options, "particles", "seed", "sampler", "steps", "schedule", "device")
        particles, cases = options.pop("particles", 1000), x.view(-1, x.shape[-1])
        drawn = []
        for k, one in enumerate(cases):
            told = self.model.posterior(Label(condition=one))
            rest = told.sample(particles, first=k * particles, **options)
            drawn.append(self.prior.decode(one @ self.slope + self.offset + rest @ self.factor.T))
        return _drawn(torch.stack(drawn), x.ndim > 1)


def from_saved(saved: SavedJoint) -> Joint:
    """What was saved."""
    shapes = saved.parameters, saved.observation, saved.chosen
    if saved.simulated is not None and saved.prior is not None:
        return Simulator(*shapes, saved.prior, saved.simulated)
    assert saved.model is not None  # as the folder was read
    model = restored(saved.model)
    if saved.linear is None or saved.prior is None:
        return JointLaw(*shapes, model)
    return Inverse(*shapes, saved.prior, model, *saved.linear)


_NUMBERS = ("log_evidence", "evidence_error", "effective", "least", "ancestors", "discretisation")


def _became(found: Twisted) -> Model:
    return Model(found.law, _plain(found.law.event_shape), log_evidence=found.log_evidence, diagnostics=found)


def _drawn(points: Tensor, many: bool) -> Model:
    """Equally weighted draws (case, draw, p) as a posterior."""
    points = points if many else points[0]
    return Model(Particles(points, torch.zeros(points.shape[:-1], dtype=torch.float64)), _plain((points.shape[-1],)))


def _plain(event: tuple[int, ...]) -> Scaler:
    return Scaler(torch.zeros(event, dtype=torch.float64), torch.ones(event, dtype=torch.float64))


def _covariance(noise: object, size: int) -> Tensor | None:
    """The covariance (size, size) of a deviation, of one per entry, or of a covariance; None without noise."""
    value = checks.tensor(noise, "noise", ndim=(0, 1, 2)).to(torch.float64)
    if value.ndim and value.shape[-1] != size:
        raise InputError(f"noise has shape {tuple(value.shape)}, but the observation has {size} entries: give one number, or one per entry")
    if value.ndim < 2 and bool((value < 0).any()):
        raise InputError(f"noise is {float(value.min()):g}, but must be at least 0")
    if not bool(value.any()):
        return None
    return value if value.ndim == 2 else torch.diag(value.square().expand(size))


def _no_noise(noise: object) -> None:
    if bool(checks.tensor(noise, "noise", ndim=(0, 1, 2)).any()):
        raise InputError(
            "noise is given, but this network knows that of its simulations alone: simulate with this noise, or fit 'likelihood'"
        )


def _only(options: dict[str, Any], *known: str) -> None:
    if unknown := sorted(options.keys() - set(known)):
        raise unknown_name("the argument", unknown[0], known)
