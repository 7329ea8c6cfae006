"""The schedules that diffusers writes beside its models: scheduler_config.json -> a schedule, a kind of prediction and a clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, unknown_name
from ornstein.schedules import Cosine, Discrete, Schedule

KINDS = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}
OTHERS = ("use_flow_sigmas", "use_edm_sigmas")
"""Settings of a chain's scheduler under which its model is told other noise than that of the chain."""


@dataclass(frozen=True)
class Chain:
    """What a scheduler's configuration says about its model.

    kind     "eps", "x0" or "v"
    steps    T of the chain, whose model is told the number of the step, 0 ... T - 1; 0 where it is told t itself
    learned  whether the model's answer has as many channels again, for a variance, that are left out
    """

    schedule: Schedule
    kind: str
    steps: int
    learned: bool = False

    def clock(self, t: Tensor) -> Tensor:
        """What the model is told at t: the step, also between two steps; below the first step, that one."""
        return (t * self.steps - 1).clamp_min(0) if self.steps else t


def _linear(steps: int, start: float, end: float) -> Tensor:
    return torch.linspace(start, end, steps, dtype=torch.float64)


def _scaled_linear(steps: int, start: float, end: float) -> Tensor:
    return torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float64) ** 2


def _sigmoid(steps: int, start: float, end: float) -> Tensor:
    return torch.sigmoid(torch.linspace(-6, 6, steps, dtype=torch.float64)) * (end - start) + start


def _cosine(steps: int, start: float, end: float) -> Tensor:
    """Nichol and Dhariwal 2021, eq. 17, with beta at most 0.999; ``start`` and ``end`` have no part in it."""
    root = torch.cos((torch.arange(steps + 1, dtype=torch.float64) / steps + 0.008) / 1.008 * math.pi / 2)
    return (1 - (root[1:] / root[:-1]) ** 2).clamp_max(0.999)


BETAS: dict[str, Callable[[int, float, float], Tensor]] = {
    "linear": _linear,
    "scaled_linear": _scaled_linear,
    "sigmoid": _sigmoid,
    "squaredcos_cap_v2": _cosine,
}


def chain(config: Mapping[str, Any]) -> Chain:
    """The chain of a scheduler_config.json: its betas by name or as a list, their rescaling to zero terminal SNR (Lin et al. 2024,
    algorithm 1), and what the model predicts.

    The variance-preserving schedulers of diffusers (DDPM, DDIM, DPM-Solver, UniPC, ...) all read these settings alike. IPNDM is the
    cosine schedule in continuous time with a v-prediction. What a configuration says about steps, clipping and thresholding belongs
    to its sampler and is left out. Raises ``InputError`` naming the setting that is missing, unknown, or of another process.
    """
    name = str(config.get("_class_name", "the scheduler"))
    if name.startswith("IPNDM"):
        if config.get("trained_betas") is not None:
            raise InputError(f"trained_betas are set for {name}, whose schedule is then not known: pass schedule= and kind=")
        return Chain(Cosine(0.0), "v", 0)
    if (other := next((key for key in OTHERS if config.get(key)), None)) is not None:
        raise InputError(f"{other} is set for {name}, but only chains of betas can be read: pass schedule= and kind=")
    prediction = config.get("prediction_type", "epsilon")
    if prediction not in KINDS:
        raise unknown_name("prediction_type", prediction, KINDS)
    schedule = Discrete(tuple(_abar(config, name).tolist()))
    return Chain(schedule, KINDS[prediction], schedule.steps, config.get("variance_type") in ("learned", "learned_range"))


def _abar(config: Mapping[str, Any], name: str) -> Tensor:
    """abar_1 ... abar_T."""
    betas = config.get("trained_betas")
    if betas is None:
        missing = [key for key in ("num_train_timesteps", "beta_schedule", "beta_start", "beta_end") if key not in config]
        if missing:
            raise InputError(f"{name} has no {missing[0]} in its configuration, so it is no chain of betas: pass schedule= and kind=")
        if config["beta_schedule"] not in BETAS:
            raise unknown_name("beta_schedule", config["beta_schedule"], BETAS)
        steps = checks.count(config["num_train_timesteps"], "num_train_timesteps")
        ends = (checks.positive(config[key], key) for key in ("beta_start", "beta_end"))
        betas = BETAS[config["beta_schedule"]](steps, *ends)
    abar = torch.tensor(Discrete.from_betas(betas).abar, dtype=torch.float64)
    if not config.get("rescale_betas_zero_snr"):
        return abar
    alpha = abar.sqrt()
    return ((alpha - alpha[-1]) * (alpha[0] / (alpha[0] - alpha[-1]))) ** 2
