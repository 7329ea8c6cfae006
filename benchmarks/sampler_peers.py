"""Samplers of diffusers, azula and k-diffusion, all on one problem: denoise x_0 + sigma z down a given list of sigmas.

A peer gets the denoiser (signal, sigma) -> E[x_0], the noise levels, the start in data scale and, where it adds noise, one array
per step. What it wants instead (variance-preserving signals, its own schedule object) is converted at its door, here.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from mended_peers import REAB, mended
from sampler_grids import karras
from torch import Tensor

from ornstein.samplers import Level

Clean = Callable[[Tensor, float], Tensor]
Run = Callable[[Clean, Sequence[float], Tensor, Sequence[Tensor]], Tensor]


@dataclass(frozen=True)
class Peer:
    """A sampler of another library.

    ``calls``     denoiser calls of one step: with 2, the last step to sigma = 0 still takes 1
    ``to_zero``   whether its grid may end at sigma = 0; where not, it stops at the smallest noise level
    """

    library: str
    name: str
    run: Run
    calls: int = 1
    to_zero: bool = True

    def __str__(self) -> str:
        return f"{self.library} {self.name}"


def installed(*modules: str) -> bool:
    """Whether the peers can be imported; says how to get them where not."""
    missing = [m for m in modules if importlib.util.find_spec(m) is None]
    if missing:
        print(f"{', '.join(missing)}: not installed; pip install --no-deps -r benchmarks/requirements.txt")
    return not missing


def vp(sigmas: Sequence[float]) -> tuple[Tensor, Tensor]:
    """(alpha, sigma) of the variance-preserving signal alpha (x_0 + sigma z)."""
    level = torch.tensor(sigmas, dtype=torch.float64)
    alpha = torch.rsqrt(1 + level**2)
    return alpha, level * alpha


@contextmanager
def double() -> Iterator[None]:
    """float64 for the coefficients that peers make with the default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def scheduler_of(name: str, mend: dict[str, dict[str, str]] | None = None, **config: Any) -> Any:
    """A scheduler of diffusers whose network predicts the clean signal; ``mend`` is method -> changes."""
    kind = getattr(importlib.import_module("diffusers"), name)
    for method, changes in (mend or {}).items():
        kind = mended(kind, method, changes)
    return kind(prediction_type="sample", **config)


def diffusers(name: str, noisy: bool = False, **config: Any) -> Run:
    """A multistep scheduler of diffusers. Its table of sigmas, which it keeps in float32, is replaced by the given one."""

    def run(clean: Clean, sigmas: Sequence[float], x: Tensor, noise: Sequence[Tensor]) -> Tensor:
        scheduler = scheduler_of(name, **config)
        scheduler.set_timesteps(len(sigmas) - 1)
        scheduler.sigmas = torch.tensor(sigmas, dtype=torch.float64)
        scheduler.timesteps = torch.arange(len(sigmas) - 2, -1, -1)
        alpha = vp(sigmas)[0].tolist()
        x = alpha[0] * x
        with double():
            for i, t in enumerate(scheduler.timesteps):
                given = {"variance_noise": noise[i]} if noisy else {}
                x = scheduler.step(clean(x / alpha[i], sigmas[i]), t, x, return_dict=False, **given)[0]
        return x / alpha[-1]

    return run


def ipndm(clean: Clean, sigmas: Sequence[float], x: Tensor, noise: Sequence[Tensor]) -> Tensor:
    """diffusers' IPNDM: it predicts v = alpha eps - sigma x_0 and weighs the last four eps as if its steps were equal."""
    scheduler = importlib.import_module("diffusers").IPNDMScheduler()
    scheduler.set_timesteps(len(sigmas) - 1)
    scheduler.alphas, scheduler.betas = vp(sigmas)
    alpha, sigma = (c.tolist() for c in vp(sigmas))
    x = alpha[0] * x
    for i, t in enumerate(scheduler.timesteps):
        x_0 = clean(x / alpha[i], sigmas[i])
        v = alpha[i] * (x - alpha[i] * x_0) / sigma[i] - sigma[i] * x_0
        x = scheduler.step(v, t, x, return_dict=False)[0]
    return x / alpha[-1]


def discrete(name: str, eta: float | None = None, **config: Any) -> Run:
    """DDIM and DDPM of diffusers, whose grid is their table of products of alphas: one entry per noise level."""

    def run(clean: Clean, sigmas: Sequence[float], x: Tensor, noise: Sequence[Tensor]) -> Tensor:
        steps, (alpha, _) = len(sigmas) - 1, vp(sigmas)
        scheduler = scheduler_of(name, num_train_timesteps=steps, clip_sample=False, **config)
        scheduler.set_timesteps(steps)
        scheduler.alphas_cumprod = alpha[:-1].flip(0) ** 2
        x = alpha[0] * x
        for i, t in enumerate(scheduler.timesteps.tolist()):
            given: dict[str, Any] = {} if eta is None else {"eta": eta, "variance_noise": noise[i] if eta else None}
            with replaying(noise[i:]) if eta is None else double():
                x = scheduler.step(clean(x / alpha[i], sigmas[i]), t, x, return_dict=False, **given)[0]
        return x / alpha[-1]

    return run


@contextmanager
def replaying(noise: Sequence[Tensor]) -> Iterator[None]:
    """Peers that draw from torch's global generator draw these arrays instead, in this order; zeros after the last."""
    arrays, (randn, like) = iter(noise), (torch.randn, torch.randn_like)
    torch.randn = torch.randn_like = lambda *_, **__: next(arrays, torch.zeros((), dtype=torch.float64))
    try:
        yield
    finally:
        torch.randn, torch.randn_like = randn, like


class Prescribed:
    """Our side of the same: a ``Source`` whose array number i belongs to step i."""

    def __init__(self, visited: Sequence[Level], noise: Sequence[Tensor]) -> None:
        self.step, self.noise = {level.t: i for i, level in enumerate(visited)}, noise

    def increment(self, now: Level, then: Level) -> Tensor:
        return self.noise[self.step[now.t]]

    def fresh(self, step: int, use: int) -> Tensor:
        return self.noise[step - 1]


def azula_sampler(name: str, clean: Clean, sigmas: Sequence[float], dtype: torch.dtype = torch.float64, **config: Any) -> Any:
    """A sampler of azula on a schedule that lists the given noise levels."""
    base, samplers = importlib.import_module("azula.denoise"), importlib.import_module("azula.sample")
    steps, table = len(sigmas) - 1, torch.tensor(sigmas, dtype=dtype)

    class Listed(base.Denoiser):
        def __init__(self) -> None:
            super().__init__()
            self.schedule = lambda t: (torch.ones_like(t), table[((1 - t) * steps).round().long()])

        def forward(self, x_t: Tensor, t: Tensor, **_: object) -> Any:
            return base.DiracPosterior(clean(x_t, float(self.schedule(t)[1])))

    kind = getattr(samplers, f"{name}Sampler")
    return (mended(kind, "__call__", REAB) if name == "REAB" else kind)(Listed(), steps=steps, silent=True, dtype=dtype, **config)


def azula(name: str, **config: Any) -> Run:
    def run(clean: Clean, sigmas: Sequence[float], x: Tensor, noise: Sequence[Tensor]) -> Tensor:
        sampler = azula_sampler(name, clean, sigmas, **config)
        with replaying(noise):
            out: Tensor = sampler(x)
        return out

    return run


def k_sampling() -> Any:
    """k_diffusion.sampling. Its package imports networks and torchvision; sampling needs one function of k_diffusion.utils, whose
    module imports torchvision in passing: an empty module stands in for torchvision during the import, and no sampler touches it."""
    if "k_diffusion.sampling" in sys.modules:
        return sys.modules["k_diffusion.sampling"]
    spec = importlib.util.find_spec("k_diffusion")
    package = types.ModuleType("k_diffusion")
    package.__path__ = list(spec.submodule_search_locations or []) if spec else []
    absent = (
        [] if importlib.util.find_spec("torchvision") else ["torchvision", "torchvision.transforms", "torchvision.transforms.functional"]
    )
    blank = {name: types.ModuleType(name) for name in absent}
    if absent:
        blank[absent[1]].functional = blank[absent[2]]
    sys.modules.update({"k_diffusion": package, **blank})
    try:
        return importlib.import_module("k_diffusion.sampling")
    finally:
        for name in absent:
            del sys.modules[name]


def k_diffusion(name: str, noisy: bool = False, **config: Any) -> Run:
    """A function of k-diffusion. Those with ``noise_sampler`` get the arrays through it, the others draw them."""

    def run(clean: Clean, sigmas: Sequence[float], x: Tensor, noise: Sequence[Tensor]) -> Tensor:
        arrays = iter(noise)
        given = {"noise_sampler": lambda *_: next(arrays)} if noisy else {}
        sampler = getattr(k_sampling(), f"sample_{name}")
        levels = torch.tensor(sigmas, dtype=torch.float64)
        with replaying(noise):
            out: Tensor = sampler(lambda y, s: clean(y, float(s[0])), x, levels, disable=True, **given, **config)
        return out

    return run


DPM = "DPMSolverMultistepScheduler"
PATHS = (
    Peer("k-diffusion", "Heun", k_diffusion("heun"), calls=2),
    Peer("k-diffusion", "DPM-2", k_diffusion("dpm_2"), calls=2),
    Peer("k-diffusion", "DPM++ 2M", k_diffusion("dpmpp_2m")),
    Peer("k-diffusion", "LMS-4", k_diffusion("lms", order=4)),
    Peer("diffusers", "DPM++ 2M", diffusers(DPM, solver_order=2)),
    Peer("diffusers", "DPM++ 3M", diffusers(DPM, solver_order=3)),
    Peer("diffusers", "UniPC-2", diffusers("UniPCMultistepScheduler", solver_order=2)),
    Peer("diffusers", "UniPC-3", diffusers("UniPCMultistepScheduler", solver_order=3)),
    Peer("diffusers", "DEIS-3", diffusers("DEISMultistepScheduler", solver_order=3), to_zero=False),
    Peer("diffusers", "iPNDM-4", ipndm),
    Peer("azula", "DDIM", azula("DDIM")),
    *(Peer("azula", f"zAB-{n}", azula("zAB", order=n)) for n in (2, 3, 4)),
    *(Peer("azula", f"vAB-{n}", azula("vAB", order=n)) for n in (2, 3)),
    *(Peer("azula", f"zEAB-{n}", azula("zEAB", order=n), to_zero=False) for n in (2, 3)),
    *(Peer("azula", f"xEAB-{n}", azula("xEAB", order=n), to_zero=False) for n in (2, 3)),
    *(Peer("azula", f"REAB-{n}", azula("REAB", order=n), to_zero=False) for n in (2, 3)),
)
"""Deterministic samplers of one call a step or two, as a user would pick them for few calls."""


def levels_for(peer: Peer, calls: int) -> list[float]:
    """The grid on which a peer spends at most ``calls`` calls: its own default, Karras' levels and then 0 where it can end there."""
    if peer.calls == 2:
        return [*karras((calls + 1) // 2), 0.0]
    return [*karras(calls), 0.0] if peer.to_zero else karras(calls + 1)
