"""What the sampling loop itself costs: microseconds per denoiser call with a denoiser that is one multiplication, against three libraries.

Every side runs the same number of steps down the same noise levels, with its tables ready before the clock starts. Twice for the
methods with noise: with arrays given (the loop alone), and with each side's own noise (ours is keyed by case and place).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from harness import ROUNDS, against, alone, machine
from sampler_grids import karras
from sampler_peers import Prescribed, azula_sampler, installed, k_sampling, replaying, scheduler_of
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.denoisers import Denoiser, Gaussian, Mixture, Posterior
from ornstein.samplers import DDIM, DDPM, DPMSolver, DPMSolverSDE, Heun, Sampler, UniPC, levels, sample, walk
from ornstein.schedules import VE, Grid

STEPS = 20
SIZES = ((64, 1, 128), (1024, 128), (16, 3, 64, 64), (4096, 64))
TYPES = (torch.float32, torch.float64)
SHRINK = 0.9
"""E[x_0 | x] of the stand-in for a network."""


class Shrink(Denoiser):
    """One multiplication, as every peer's denoiser here."""

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        self.event_shape = event_shape

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
        return Posterior(x * SHRINK)


Loop = Callable[[Tensor, Sequence[Tensor]], Callable[[], object]]
"""(start, noise) -> a run that is ready to go; without noise, the library's own."""


def again(ready: Callable[[], Callable[[], object]]) -> Callable[[], object]:
    """A call that takes the next of as many prepared runs as ``against`` makes."""
    runs: Iterator[Callable[[], object]] = iter([ready() for _ in range(ROUNDS + 1)])
    return lambda: next(runs)()


def ours(sampler: Sampler) -> Loop:
    def ready(x: Tensor, noise: Sequence[Tensor]) -> Callable[[], object]:
        sigmas = [*karras(STEPS), 0.0]
        visited = levels(VE(), Grid(torch.tensor(sigmas, dtype=torch.float64) / 80))
        source = Prescribed(visited, noise) if noise else Noise()
        denoiser = Shrink(tuple(x.shape[1:]))

        def go() -> None:
            for _ in walk(sampler, denoiser, VE(), visited, x, source):
                pass

        return go

    return ready


def k_diffusion(name: str, noisy: bool = False) -> Loop:
    def ready(x: Tensor, noise: Sequence[Tensor]) -> Callable[[], object]:
        sigmas, arrays = torch.tensor([*karras(STEPS), 0.0], dtype=x.dtype), iter(noise)
        given = {"noise_sampler": lambda *_: next(arrays)} if noisy and noise else {}
        return lambda: getattr(k_sampling(), f"sample_{name}")(lambda y, _: y * SHRINK, x, sigmas, disable=True, **given)

    return ready


def azula(name: str) -> Loop:
    def ready(x: Tensor, noise: Sequence[Tensor]) -> Callable[[], object]:
        sampler = azula_sampler(name, lambda y, _: y * SHRINK, karras(STEPS + 1), dtype=x.dtype)

        def go() -> None:
            with replaying(noise):
                sampler(x)

        return go if noise else lambda: sampler(x)

    return ready


def diffusers(name: str, takes: str = "", **config: Any) -> Loop:
    """``takes`` names the argument for noise; where there is none, the scheduler's own is drawn."""

    def ready(x: Tensor, noise: Sequence[Tensor]) -> Callable[[], object]:
        scheduler = scheduler_of(name, **config)
        scheduler.set_timesteps(STEPS)
        times = scheduler.timesteps

        def go() -> None:
            y, arrays = x, iter(noise)
            for t in times:
                given = {takes: next(arrays)} if takes and noise else {}
                y = scheduler.step(y * SHRINK, t, y, return_dict=False, **given)[0]

        def replayed() -> None:
            with replaying(noise):
                go()

        return go if takes or not noise else replayed

    return ready


@dataclass(frozen=True)
class Method:
    """``calls`` of the denoiser in a run; ``noisy`` where a step adds noise."""

    name: str
    calls: int
    ours: Loop
    peers: dict[str, Loop]
    noisy: bool = False


DPM = "DPMSolverMultistepScheduler"
METHODS = (
    Method(
        "DDIM",
        STEPS,
        ours(DDIM()),
        {
            "k-diffusion Euler": k_diffusion("euler"),
            "azula DDIM": azula("DDIM"),
            "diffusers DDIM": diffusers("DDIMScheduler", clip_sample=False),
        },
    ),
    Method("DPM++ 2M", STEPS, ours(DPMSolver(2)), {"k-diffusion": k_diffusion("dpmpp_2m"), "diffusers": diffusers(DPM, solver_order=2)}),
    Method("Heun", 2 * STEPS - 1, ours(Heun()), {"k-diffusion": k_diffusion("heun"), "azula": azula("Heun")}),
    Method("UniPC-2", STEPS, ours(UniPC(2)), {"diffusers": diffusers("UniPCMultistepScheduler", solver_order=2)}),
    Method("DDPM", STEPS, ours(DDPM()), {"azula": azula("DDPM"), "diffusers": diffusers("DDPMScheduler", clip_sample=False)}, noisy=True),
    Method(
        "DPM++ 2M SDE",
        STEPS,
        ours(DPMSolverSDE(2)),
        {
            "k-diffusion": k_diffusion("dpmpp_2m_sde", noisy=True),
            "diffusers": diffusers(DPM, "variance_noise", solver_order=2, algorithm_type="sde-dpmsolver++"),
        },
        noisy=True,
    ),
)


def loops() -> None:
    print(f"{'method':<26}{'size':<18}{'type':<9}{'ours us/call':>13}{'best peer':>13}   {'ratio':>6}  peers us/call")
    for method in METHODS:
        for own in (False, True) if method.noisy else (False,):
            for size in SIZES[:2] if own else SIZES:
                for dtype in TYPES:
                    line(method, size, dtype, own)


def line(method: Method, size: tuple[int, ...], dtype: torch.dtype, own: bool) -> None:
    x = 80 * Noise(1).normal(size[0], size[1:]).to(dtype)
    noise = [Noise(2).normal(size[0], size[1:], stream=i).to(dtype) for i in range(STEPS)] if method.noisy and not own else []
    mine, found = float("inf"), {}
    for name, peer in method.peers.items():
        a, found[name] = against(again(lambda: method.ours(x, noise)), again(lambda p=peer: p(x, noise)))
        mine = min(mine, a)
    unit = 1e6 / method.calls
    best = min(found, key=lambda name: found[name])
    label = method.name + (", own noise" if own else ", noise given" if method.noisy else "")
    numbers = f"{mine * unit:13.1f}{found[best] * unit:13.1f}   {mine / found[best]:6.2f}"
    peers = ", ".join(f"{name} {seconds * unit:.1f}" for name, seconds in found.items())
    print(f"{label:<26}{size!s:<18}{str(dtype).removeprefix('torch.'):<9}{numbers}  {peers}", flush=True)


def tiles() -> None:
    """``sample`` runs a law in tiles of 64 rows, so that a sample does not depend on its batch; the plain loop takes all rows at once."""
    size, parts = 64, 8
    roots = [Noise(k).normal(size, (size,)) / size**0.5 for k in range(parts)]
    law = Mixture(torch.ones(parts), [Gaussian(Noise(99).normal(1, (size,), stream=k)[0], Dense(r @ r.T)) for k, r in enumerate(roots)])
    for cases in (1, 64, 1024):
        visited = levels(VE(), VE().grid(STEPS))

        def plain(cases: int = cases, visited: Any = visited) -> None:
            for _ in walk(DDIM(), law, VE(), visited, 80 * Noise(0).normal(cases, (size,)), Noise(0)):
                pass

        mine, theirs = against(lambda n=cases: sample(law, DDIM(), VE(), STEPS, n), plain, rounds=3)
        times = f"sample {mine * 1e3:8.1f} ms, one batch {theirs * 1e3:8.1f} ms, ratio {mine / theirs:.2f}"
        print(f"mixture of {parts}, d = {size}, DDIM {STEPS} steps, {cases:5} cases: {times}")


if __name__ == "__main__":
    machine()
    if not installed("azula", "diffusers", "k_diffusion"):
        sys.exit(0)
    importlib.import_module("diffusers")
    loops()
    tiles()
    alone("noise keyed by case, (1024, 128)", lambda: Noise(0).normal(1024, (128,)))
    alone("torch.randn, (1024, 128)", lambda: torch.randn(1024, 128, dtype=torch.float64))
