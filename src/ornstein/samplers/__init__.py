"""Samplers: from noise to data along a grid, with any denoiser."""

from ornstein.samplers.adams_bashforth import AdamsBashforth
from ornstein.samplers.adaptive import Adaptive
from ornstein.samplers.ancestral import Ancestral
from ornstein.samplers.base import Context, Keyed, Past, Sampler, Source, State, run, walk
from ornstein.samplers.certificate import Certificate
from ornstein.samplers.certify import certify
from ornstein.samplers.ddim import DDIM
from ornstein.samplers.ddpm import DDPM
from ornstein.samplers.deis import DEIS
from ornstein.samplers.dpm_solver import DPMSolver
from ornstein.samplers.dpm_solver_sde import DPMSolverSDE
from ornstein.samplers.euler import Euler
from ornstein.samplers.exact import Exact
from ornstein.samplers.exponential import Exponential
from ornstein.samplers.heun import Heun
from ornstein.samplers.langevin import PredictorCorrector
from ornstein.samplers.level import Level, level_at, levels
from ornstein.samplers.restart import Restart
from ornstein.samplers.rk4 import RK4
from ornstein.samplers.sampling import Steps, batches, encode, grid_of, sample, start
from ornstein.samplers.sharded import sample_together, score_together
from ornstein.samplers.stochastic_heun import StochasticHeun
from ornstein.samplers.teleport import Teleport, landing, residual, teleport_level
from ornstein.samplers.tuning import Trial, Tuned, tune
from ornstein.samplers.unipc import UniPC

__all__ = [
    "DDIM",
    "DDPM",
    "DEIS",
    "RK4",
    "AdamsBashforth",
    "Adaptive",
    "Ancestral",
    "Certificate",
    "Context",
    "DPMSolver",
    "DPMSolverSDE",
    "Euler",
    "Exact",
    "Exponential",
    "Heun",
    "Keyed",
    "Level",
    "Past",
    "PredictorCorrector",
    "Restart",
    "Sampler",
    "Source",
    "State",
    "Steps",
    "StochasticHeun",
    "Teleport",
    "Trial",
    "Tuned",
    "UniPC",
    "batches",
    "certify",
    "encode",
    "grid_of",
    "landing",
    "level_at",
    "levels",
    "residual",
    "run",
    "sample",
    "sample_together",
    "score_together",
    "start",
    "teleport_level",
    "tune",
    "walk",
]
