"""Samplers: from noise to data along a grid, with any denoiser."""

from ornstein.samplers.base import Context, Keyed, Past, Sampler, Source, State, run, walk
from ornstein.samplers.ddim import DDIM
from ornstein.samplers.ddpm import DDPM
from ornstein.samplers.euler import Euler
from ornstein.samplers.exact import Exact
from ornstein.samplers.heun import Heun
from ornstein.samplers.level import Level, level_at, levels
from ornstein.samplers.sampling import batches, encode, grid_of, sample, start

__all__ = [
    "DDIM",
    "DDPM",
    "Context",
    "Euler",
    "Exact",
    "Heun",
    "Keyed",
    "Level",
    "Past",
    "Sampler",
    "Source",
    "State",
    "batches",
    "encode",
    "grid_of",
    "level_at",
    "levels",
    "run",
    "sample",
    "start",
    "walk",
]
