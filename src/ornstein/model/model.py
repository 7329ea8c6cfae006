"""Model: a law with its scaling, names and units, in the user's own numbers."""

from __future__ import annotations

import math
import os
from dataclasses import fields
from pathlib import Path

import torch
from torch import Tensor

from ornstein.common import checks, memory
from ornstein.common.errors import InputError
from ornstein.covariance import Dense, Operator, Spectral
from ornstein.denoisers import Law
from ornstein.fitting.curved_moments import curved_moments
from ornstein.fitting.scaling import Stretched
from ornstein.model.conditioning import Conditioning
from ornstein.model.drawing import run_of, under
from ornstein.model.fitted import Fitted
from ornstein.model.functionals import Functionals
from ornstein.model.gaps import Gaps
from ornstein.model.methods import schedule_named
from ornstein.model.saving import write
from ornstein.model.scoring import Scoring
from ornstein.model.sharing import push
from ornstein.samplers import Sampler, Steps, Tuned, sample, tune
from ornstein.schedules import Schedule

_DENSE = 1024


class Model(Scoring, Gaps, Conditioning, Functionals):
    """A fitted law in the user's units: what ``fit``, ``load`` and ``posterior`` return.

    Everything goes in and comes out as (case, *event) in the units of the data; standardisation happens inside, and every
    log-density includes its Jacobian. Frames, Raw, Epochs, xarrays and collections are read as by ``fit``. ``Signals`` are looked at:
    channels are found by name in any order, units are converted, and another rate is refused. A posterior is a Model too; given
    many y at once it holds one law per case.

    Its fields are those of ``model.fitted.Fitted``; densities are in ``model.scoring``, gaps in ``model.gaps``, posteriors in
    ``model.conditioning``, functions of signals in ``model.functionals``; here it draws, and tells its moments.
    """

    def sample(
        self,
        cases: int,
        *,
        sampler: str | Sampler | Tuned | None = None,
        steps: Steps | None = None,
        schedule: str | Schedule = "vp",
        grid: str = "own",
        label: object = None,
        condition: object = None,
        guidance: float = 1.0,
        device: torch.device | str | None = None,
        seed: int | None = 0,
        first: int = 0,
    ) -> Tensor:
        """``cases`` new signals (cases, *event), numbered from ``first``; signal i under a seed is the same in any batch.

        Without ``sampler``, exact draws from an analytic law, and 50 steps of "exponential" with a network ("dpm++2m"
        where no Gaussian of the signals is known). With one, a run from noise:

        sampler    a name of ``ornstein.model.methods`` ("heun", "dpm++2m", "exponential", ...), an object, or what ``tune`` returned.
                   "auto" is ``tune`` with ``steps`` denoiser calls; the model remembers its answer
        steps      number of steps (default 50), or the times themselves: a ``Grid`` or a list from noise to data
        schedule   "vp", "cosine", "flow", "sigmoid", "ve", or an object
        grid       "own" (of the schedule), "uniform", "karras", "log-snr", or "spectral", laid for the eigenvalues of the law
        label, condition   what a network was trained with, in the units of ``fit``: for all signals, or one per signal
        guidance   w of D = D_all + w (D_condition - D_all): 1 is plain conditioning, more is closer to the condition and less varied
        device     where a network runs: "cpu", "cuda", ... (default: where it is; it stays there). The samples are on the CPU
        """
        checks.names(sampler=sampler, schedule=schedule, grid=grid, device=device, guidance=guidance)
        memory.drawn(cases, "cases", math.prod(self.event_shape), first=first)
        seed = checks.seed(seed)
        law = under(self.law, self.conditions, label, condition, guidance, cases, first=first, device=device)
        if sampler is None and isinstance(self.law, Law):
            if steps is not None:
                raise InputError(f"steps is {steps}, but without a sampler the draws are exact and take none: name a sampler")
            return self.scaler.decode(self.law.sample(cases, seed=seed, first=first))
        method, plan, times = run_of(self.law, sampler, steps, schedule, grid, self._tuned)
        drawn = sample(law, method, plan, times, cases, seed=seed, first=first, reference=self.law.reference)
        return self.scaler.decode(drawn.cpu())

    def tune(self, calls: int, *, schedule: str | Schedule = "vp", cases: int = 64, seed: int | None = 0) -> Tuned:
        """Sampler, order, grid and start of least error at ``calls`` denoiser calls, by trial: ``samplers.tune`` on this law.

        A network is measured without a condition; its reference is what the covariance-aware methods solve.
        """
        law = self.law.on()
        return tune(law, schedule_named(schedule), calls, reference=law.reference, cases=cases, seed=checks.seed(seed))

    def mean(self) -> Tensor:
        """The mean signal (*event). With a network, that of the signals it was trained on."""
        if self.scaler.curves is not None:
            return curved_moments(self.scaler, self.moments)[0]
        return self.scaler.decode(self.moments.mean())

    def covariance(self) -> Operator:
        """The covariance over flattened events, as an operator in the user's units. With a network, that of the signals it was trained on.

        With its eigenbasis (rank, solve, logdet, ...) where one scale serves all entries or d <= 1024; otherwise by its products.
        """
        if self.scaler.curves is not None:
            return Dense(curved_moments(self.scaler, self.moments)[1])
        operator = self.moments.covariance()
        if self.scaler.uniform and isinstance(operator, Spectral):
            return operator.scaled(float(self.scaler.scale.flatten()[0]), 0.0)
        stretched = Stretched(operator, self.scaler.scale)
        return Dense(stretched.dense()) if operator.size <= _DENSE and not operator.batch_shape else stretched

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write a folder with config.json, model.safetensors, preprocessing.json and a README card; never a pickle.

        The folder is whole or not there: a kill at any moment leaves the old model or the new one. ``force`` replaces a model.
        """
        return write(path, self, force=force)

    def push_to_hub(
        self, repository: str, *, private: bool = True, token: str | None = None, message: str = "Upload an Ornstein model"
    ) -> str:
        """Upload the folder that ``save`` writes to "user/name" of the Hugging Face hub, with its card; the address of the commit.

        Needs the extra ``hub`` and a token (``token``, or that of ``hf auth login``). Raises ``RunError`` where the hub refuses.
        """
        return push(self, repository, private=private, token=token, message=message)


def restored(found: Fitted) -> Model:
    """The model with these fields."""
    return Model(**{field.name: getattr(found, field.name) for field in fields(found) if field.init})
