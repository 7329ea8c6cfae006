"""Our samplers against diffusers, azula and k-diffusion: one exact denoiser, one grid, one start, one noise, so one sample.

Prints for each pair the largest difference relative to the deviation of the samples, and why where the two are meant to differ.
Ends with an error where a pair that should agree does not.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from harness import machine
from mended_peers import DOUBLE, THIRD
from sampler_grids import karras
from sampler_peers import DPM, Prescribed, Run, azula, diffusers, discrete, installed, ipndm, k_diffusion
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian, Mixture
from ornstein.samplers import (
    DDIM,
    DDPM,
    DEIS,
    AdamsBashforth,
    DPMSolver,
    DPMSolverSDE,
    Euler,
    Heun,
    Sampler,
    StochasticHeun,
    UniPC,
    levels,
    walk,
)
from ornstein.schedules import VE, VP, Grid, Schedule

SIZE, CASES = 6, 64
TOLERANCE = 1e-5

LONG, SHORT = 20, 8
"""diffusers lowers the order near the end of runs of fewer than 15 steps."""

FULL = [*karras(LONG), 0.0]
CUT = karras(LONG)
FEW = [*karras(SHORT), 0.0]

LAST = "the peer extrapolates over the last step; ours returns the denoised signal at sigma = 0"
WARM = "by default the peer takes its second step, of order 2, by the midpoint rule; ours integrates the slope, as its heun"
LOWER = "under 15 steps the peer takes order 2 in the last step but one; ours keeps the order"
SIGN = "a sign in the peer's third-order term, which tends to -1 with the step and not to 0; the row below mends it"
GEOMETRY = "its polynomial is in another variable: a different method, with the same limit"


@dataclass(frozen=True)
class Pair:
    """``why`` is empty where the two must agree to ``TOLERANCE``."""

    peer: str
    run: Run
    ours: Sampler
    sigmas: Sequence[float]
    why: str = ""
    schedule: Schedule = field(default_factory=VE)
    agrees: bool = True


UNI, DE = "UniPCMultistepScheduler", "DEISMultistepScheduler"
SDE = {"algorithm_type": "sde-dpmsolver++", "noisy": True}
THREE = {"solver_order": 3, "solver_type": "heun"}
KEEP = {"lower_order_final": False}
EXACT = {"step": DOUBLE}

PAIRS = (
    Pair("diffusers DDIM", discrete("DDIMScheduler", eta=0.0), DDIM(), FULL),
    Pair("diffusers DDIM, eta 0.5", discrete("DDIMScheduler", eta=0.5), DDIM(0.5), FULL),
    Pair("diffusers DDIM, eta 1", discrete("DDIMScheduler", eta=1.0), DDIM(1.0), FULL),
    Pair("diffusers DDPM, fixed_small", discrete("DDPMScheduler", variance_type="fixed_small"), DDPM(), FULL),
    Pair("diffusers DDPM, fixed_large", discrete("DDPMScheduler", variance_type="fixed_large"), DDPM("large"), FULL, schedule=VP()),
    Pair("diffusers DPM++ 2M, as it is", diffusers(DPM, solver_order=2), DPMSolver(2), FULL, "in float32"),
    Pair("diffusers DPM++ 2M", diffusers(DPM, solver_order=2, mend=EXACT), DPMSolver(2), FULL),
    Pair("diffusers DPM++ 2M, heun", diffusers(DPM, solver_order=2, solver_type="heun", mend=EXACT), DPMSolver(2, "exact"), FULL),
    Pair("diffusers DPM++ 3M, midpoint", diffusers(DPM, solver_order=3, mend=EXACT), DPMSolver(3), FULL, WARM, agrees=False),
    Pair("diffusers DPM++ 3M", diffusers(DPM, **THREE, mend=EXACT), DPMSolver(3), FULL),
    Pair("diffusers DPM++ 3M, 8 steps", diffusers(DPM, **THREE, mend=EXACT), DPMSolver(3), FEW, LOWER, agrees=False),
    Pair("diffusers DPM++ 3M, 8 steps, not lowered", diffusers(DPM, **THREE, mend=EXACT, **KEEP), DPMSolver(3), FEW),
    Pair("diffusers SDE-DPM++ 2M", diffusers(DPM, solver_order=2, mend=EXACT, **SDE), DPMSolverSDE(2), FULL),
    Pair(
        "diffusers SDE-DPM++ 2M, heun",
        diffusers(DPM, solver_order=2, solver_type="heun", mend=EXACT, **SDE),
        DPMSolverSDE(2, integral="exact"),
        FULL,
    ),
    Pair("diffusers SDE-DPM++ 3M, as it is", diffusers(DPM, **THREE, **SDE), DPMSolverSDE(3), FULL, SIGN, agrees=False),
    Pair(
        "diffusers SDE-DPM++ 3M",
        diffusers(DPM, **THREE, mend=EXACT | {"multistep_dpm_solver_third_order_update": THIRD}, **SDE),
        DPMSolverSDE(3),
        FULL,
    ),
    *(Pair(f"diffusers UniPC-{n}, bh2", diffusers(UNI, solver_order=n), UniPC(n), FULL) for n in (1, 2, 3)),
    *(Pair(f"diffusers UniPC-{n}, bh2, 8 steps", diffusers(UNI, solver_order=n), UniPC(n), FEW) for n in (2, 3)),
    *(
        Pair(f"diffusers UniPC-{n}, bh1, to sigma_min", diffusers(UNI, solver_order=n, solver_type="bh1", **KEEP), UniPC(n, "bh1"), CUT)
        for n in (1, 2, 3)
    ),
    *(Pair(f"diffusers DEIS-{n}, to sigma_min", diffusers(DE, solver_order=n), DEIS(n, "log-noise"), CUT) for n in (1, 2, 3)),
    Pair("diffusers iPNDM, to sigma_min", ipndm, AdamsBashforth(4), CUT),
    Pair("diffusers iPNDM", ipndm, AdamsBashforth(4), FULL, LAST, agrees=False),
    Pair("azula DDIM", azula("DDIM"), DDIM(), FULL),
    Pair("azula DDIM, eta 0.25", azula("DDIM", eta=0.25), DDIM(0.5), FULL, "its eta is the square of the paper's"),
    Pair("azula DDPM", azula("DDPM"), DDPM(), FULL),
    Pair("azula Euler", azula("Euler"), Euler(), FULL),
    Pair("azula Heun, to sigma_min", azula("Heun"), Heun(), CUT),
    *(Pair(f"azula zAB-{n}, to sigma_min", azula("zAB", order=n), DEIS(n, "noise"), CUT) for n in (1, 2, 3, 4)),
    Pair("azula zAB-4", azula("zAB", order=4), DEIS(4, "noise"), FULL, LAST, agrees=False),
    *(Pair(f"azula zEAB-{n}, to sigma_min", azula("zEAB", order=n), DEIS(n, "log-noise"), CUT) for n in (2, 3, 4)),
    *(Pair(f"azula xEAB-{n}, to sigma_min", azula("xEAB", order=n), DPMSolver(n, "exact"), CUT) for n in (2, 3)),
    Pair("azula vAB-2, to sigma_min", azula("vAB", order=2), DEIS(2, "t"), CUT, GEOMETRY, agrees=False),
    Pair("k-diffusion Euler", k_diffusion("euler"), Euler(), FULL),
    Pair("k-diffusion Euler, churn 5", k_diffusion("euler", s_churn=5.0), DDIM(), FULL, "ours has churn with Heun only", agrees=False),
    Pair("k-diffusion Euler ancestral", k_diffusion("euler_ancestral", noisy=True), DDPM(), FULL),
    Pair("k-diffusion Heun", k_diffusion("heun"), Heun(), FULL),
    Pair("k-diffusion Heun, churn 5", k_diffusion("heun", s_churn=5.0), StochasticHeun(5.0), FULL),
    Pair(
        "k-diffusion Heun, churn 40 in [0.05, 50], 1.003",
        k_diffusion("heun", s_churn=40.0, s_tmin=0.05, s_tmax=50.0, s_noise=1.003),
        StochasticHeun(40.0, low=0.05, high=50.0, inflate=1.003),
        FULL,
    ),
    Pair("k-diffusion DPM++ 2M", k_diffusion("dpmpp_2m"), DPMSolver(2), FULL),
    Pair("k-diffusion DPM++ 2M SDE", k_diffusion("dpmpp_2m_sde", noisy=True), DPMSolverSDE(2), FULL),
    Pair("k-diffusion DPM++ 2M SDE, eta 0.5", k_diffusion("dpmpp_2m_sde", noisy=True, eta=0.5), DPMSolverSDE(2, 0.5), FULL),
    Pair(
        "k-diffusion DPM++ 2M SDE, heun",
        k_diffusion("dpmpp_2m_sde", noisy=True, solver_type="heun"),
        DPMSolverSDE(2, integral="exact"),
        FULL,
    ),
    Pair("k-diffusion DPM++ 3M SDE", k_diffusion("dpmpp_3m_sde", noisy=True), DPMSolverSDE(3), FULL),
    Pair("k-diffusion DPM++ 3M SDE, eta 0.5", k_diffusion("dpmpp_3m_sde", noisy=True, eta=0.5), DPMSolverSDE(3, 0.5), FULL),
    Pair("k-diffusion LMS-4, to sigma_min", k_diffusion("lms", order=4), DEIS(4, "noise"), CUT),
    Pair("k-diffusion LMS-4", k_diffusion("lms", order=4), DEIS(4, "noise"), FULL, LAST, agrees=False),
)


def law() -> Mixture:
    """Three Gaussians of different shape that overlap at some noise levels and not at others."""
    roots = [0.3 * Noise(k).normal(SIZE, (SIZE,)) for k in range(3)]
    means = Noise(7).normal(3, (SIZE,))
    return Mixture(
        torch.tensor([0.5, 0.3, 0.2]), [Gaussian(m, Dense(r @ r.T + 0.01 * torch.eye(SIZE))) for m, r in zip(means, roots, strict=True)]
    )


def ours(pair: Pair, denoiser: Mixture, x: Tensor, noise: Sequence[Tensor]) -> Tensor:
    """The run in data scale, as the peers': the schedule only says what the sampler sees in between."""
    times = pair.schedule.time(torch.tensor(pair.sigmas, dtype=torch.float64))
    visited = levels(pair.schedule, Grid(times))
    x = visited[0].alpha * x
    for state in walk(pair.ours, denoiser, pair.schedule, visited, x, Prescribed(visited, noise)):
        x = state.x
    return x / visited[-1].alpha


def main() -> int:
    denoiser, failed = law(), 0
    start = 80 * Noise(3).normal(CASES, (SIZE,))
    noise = [Noise(4).normal(CASES, (SIZE,), stream=i) for i in range(LONG)]
    print(f"{'peer':<50}{'ours':<62}{'difference':>11}")
    for pair in PAIRS:
        theirs = pair.run(lambda y, s: denoiser(y, s).mean, pair.sigmas, start, noise)
        difference = float((ours(pair, denoiser, start, noise) - theirs).abs().max() / theirs.std())
        wrong = (difference < TOLERANCE) != pair.agrees
        failed += wrong
        verdict = "NOT AS STATED" if wrong else "equal" if pair.agrees else "differs"
        print(f"{pair.peer:<50}{pair.ours!s:<62}{difference:11.1e}  {': '.join(filter(None, [verdict, pair.why]))}")
    print(f"{len(PAIRS)} pairs, {sum(p.agrees for p in PAIRS)} meant to agree to {TOLERANCE:g}, {failed} not as stated")
    return failed


if __name__ == "__main__":
    machine()
    if not installed("azula", "diffusers", "k_diffusion"):
        sys.exit(0)
    sys.exit(main() > 0)
