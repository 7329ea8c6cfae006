"""Samplers: from noise to data along a grid, with any denoiser."""

from ornstein.samplers.base import Context, Level, Sampler, State, levels, run, sample, start
from ornstein.samplers.ddim import DDIM
from ornstein.samplers.ddpm import DDPM
from ornstein.samplers.euler import Euler
from ornstein.samplers.exact import Exact
from ornstein.samplers.heun import Heun

__all__ = ["DDIM", "DDPM", "Context", "Euler", "Exact", "Heun", "Level", "Sampler", "State", "levels", "run", "sample", "start"]
