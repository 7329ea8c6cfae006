"""Samplers at few calls: ours and those of diffusers, azula and k-diffusion, on real and made-up signals with known denoisers.

    python benchmarks/bench_samplers.py [name of a set ...]

Every run starts from the same noise at sigma = 80 and spends a given number of denoiser calls. The error is that of the path: the
root mean square difference to the converged solution from the same start, per entry, for data of standard deviation 1. A path that
is right gives samples that are right; how far the samples are from held-out cases is printed beside it.

Peers run on their default grid, Karras' levels from 80 to 0.002 and then 0. "Best" is chosen in hindsight on both sides, set by set
and count by count. ``tune`` chooses method and grid without hindsight, on pilots of its own; since a grid of its own helps any
method, its gain over the best standard method that it tried on tuned grids is printed too. The table and a figure go to the folder
ORNSTEIN_OUT (default build/bench). With all sets it takes about 20 minutes on two cores.
"""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import figures
import sampler_laws
import torch
from harness import machine
from sampler_grids import geometric, grids, karras
from sampler_peers import PATHS, installed, levels_for
from sampler_sets import PROBLEMS, Problem
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.metrics import energy_distance, sliced_wasserstein
from ornstein.samplers import DDIM, DEIS, AdamsBashforth, DPMSolver, Exponential, Heun, Sampler, Teleport, UniPC, levels, tune, walk
from ornstein.schedules import VE, Grid

CALLS = (4, 5, 6, 8, 10, 15, 20)
CASES = 128
REFERENCE = 300
OUT = Path(os.environ.get("ORNSTEIN_OUT", "build/bench"))

PEER, PLAIN, EXPONENTIAL, TUNED = "peer", "plain", "exponential", "tuned"
COLOURS = {PEER: figures.REFERENCE, PLAIN: figures.THIRD, EXPONENTIAL: figures.SECOND, TUNED: figures.OURS}


@dataclass(frozen=True)
class Result:
    """``x`` are the samples, ``error`` that of their paths; ``note`` is what else there is to say."""

    kind: str
    name: str
    x: Tensor
    error: float
    note: str = ""


def run(sampler: Sampler, problem: Problem, sigmas: Sequence[float], x: Tensor) -> Tensor:
    """One of our samplers down to the last of these noise levels."""
    visited = levels(VE(), Grid(torch.tensor(sigmas, dtype=torch.float64) / 80))
    for state in walk(sampler, problem.denoiser, VE(), visited, x, Noise()):
        x = state.x
    return x


def tuned(problem: Problem, calls: int, x: Tensor) -> tuple[Tensor, str]:
    """What ``tune`` chooses for this number of calls, and by how much it beats the best standard method on a tuned grid."""
    choice = tune(problem.denoiser, VE(), calls, reference=problem.gaussian)
    share = choice.measured / choice.standard.error if choice.standard else math.nan
    print(f"#   {calls} calls: tune takes {described(choice.sampler)}, for {choice.evaluations} evaluations")
    return run(choice.sampler, problem, (80 * choice.grid.times).tolist(), x), f"{share:.2f}"


def described(sampler: Sampler) -> str:
    """A sampler in a few words: without the law that it refers to."""
    if isinstance(sampler, Teleport):
        return f"{described(sampler.inner)} below a jump to {sampler.level:.2g}"
    if isinstance(sampler, Exponential):
        return f"Exponential(order={sampler.order}, corrector={sampler.corrector})"
    return str(sampler)


def plain() -> dict[str, Sampler]:
    """Ours without a covariance. cross_checks.py shows which of them are a peer's method, under another last step or grid."""
    samplers: list[Sampler] = [DDIM(), *(AdamsBashforth(n) for n in (2, 3, 4))]
    samplers += [DEIS(n, variable) for n in (2, 3) for variable in ("noise", "log-noise")]
    samplers += [DPMSolver(n, integral) for n in (2, 3) for integral in ("published", "exact")]
    samplers += [UniPC(n) for n in (1, 2, 3)]
    return {str(s): s for s in samplers}


def runs(problem: Problem, calls: int, x: Tensor) -> dict[tuple[str, str], Callable[[], Tensor]]:
    """(kind, name) -> the samples of ``calls`` denoiser calls."""
    found: dict[tuple[str, str], Callable[[], Tensor]] = {}
    for peer in PATHS:
        found[PEER, str(peer)] = lambda p=peer: p.run(lambda y, s: problem.denoiser(y, s).mean, levels_for(p, calls), x, ())
    for grid, sigmas in grids(calls).items():
        for name, sampler in plain().items():
            found[PLAIN, f"{name}, {grid}"] = lambda s=sampler, g=sigmas: run(s, problem, g, x)
        for order in (1, 2, 3):
            for corrector in (True, False):
                name = f"Exponential(order={order}{'' if corrector else ', no corrector'}), {grid}"
                sampler = Exponential(problem.gaussian, order, corrector)
                found[EXPONENTIAL, name] = lambda s=sampler, g=sigmas: run(s, problem, g, x)
    found[PLAIN, "Heun(), Karras"] = lambda: run(Heun(), problem, [*karras((calls + 1) // 2), 0.0], x)
    return found


def measured(problem: Problem, x: Tensor, truth: Tensor) -> dict[int, list[Result]]:
    """Every run of every sampler, by number of calls."""
    out: dict[int, list[Result]] = {}
    for calls in CALLS:
        out[calls] = []
        for (kind, name), call in runs(problem, calls, x).items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a method of order 3 on 4 steps says that it starts with lower orders
                samples = call()
            error = float((samples - truth).square().mean().sqrt())
            out[calls].append(Result(kind, name, samples, error if math.isfinite(error) else math.inf))
        samples, note = tuned(problem, calls, x)
        out[calls].append(Result(TUNED, "tune", samples, float((samples - truth).square().mean().sqrt()), note))
    return out


def best(results: Sequence[Result], kind: str) -> Result:
    return min((r for r in results if r.kind == kind), key=lambda r: r.error)


def distances(x: Tensor, problem: Problem) -> str:
    """Sliced 2-Wasserstein and squared energy distance to the held-out cases."""
    test = problem.test[:1000]
    return f"{sliced_wasserstein(x, test):.3f} / {max(energy_distance(x, test), 0):.3f}"


def fixed(found: Sequence[dict[int, list[Result]]]) -> list[str]:
    """Choices made once for all sets: the geometric mean over the sets of error / error of each set's best peer, best first."""
    lines = []
    for calls in CALLS:
        scores: dict[tuple[str, str], float] = {}
        for kind, name in ((r.kind, r.name) for r in found[0][calls]):
            ratios = [next(r.error for r in f[calls] if (r.kind, r.name) == (kind, name)) / best(f[calls], PEER).error for f in found]
            scores[kind, name] = math.exp(sum(map(math.log, ratios)) / len(ratios))
        for kind in (PEER, PLAIN, EXPONENTIAL, TUNED):
            order = sorted((score, name) for (k, name), score in scores.items() if k == kind)
            lines.append(f"{calls:3} calls, {kind:<12}" + "; ".join(f"{name} {score:.2f}" for score, name in order[:3]))
    return lines


HEAD = ("set", "calls", "best peer", "error", *("best plain", "error", "ratio"), *("best exponential", "error", "ratio"))
HEAD = (*HEAD, *("tune: error", "ratio", "to standard methods, tuned too"), "peer: SW2 / energy", "tune: SW2 / energy")


def rows(problem: Problem, found: dict[int, list[Result]]) -> list[list[str]]:
    """One row a number of calls; ratios are to the best peer."""
    out = []
    for calls, results in found.items():
        peer, ours, exponential, chosen = (best(results, kind) for kind in (PEER, PLAIN, EXPONENTIAL, TUNED))
        row = [problem.name, str(calls), peer.name, f"{peer.error:.4f}"]
        for result in (ours, exponential):
            row += [result.name, f"{result.error:.4f}", f"{result.error / peer.error:.2f}"]
        row += [f"{chosen.error:.4f}", f"{chosen.error / peer.error:.2f}", chosen.note]
        out.append([*row, distances(peer.x, problem), distances(chosen.x, problem)])
    return out


def draw(problems: Sequence[Problem], found: Sequence[dict[int, list[Result]]], path: Path) -> None:
    """Error against calls, one panel a set: every peer grey, ours in colour."""
    figure, axes = figures.by_set([problem.name for problem in problems], "denoiser calls", "path error")
    for axis, results in zip(axes, found, strict=True):
        for name in (str(p) for p in PATHS):
            axis.loglog(CALLS, [next(r.error for r in results[c] if r.name == name) for c in CALLS], color=figures.BACKGROUND, lw=0.8)
        for kind, colour in COLOURS.items():
            label = "tune" if kind == TUNED else f"best {kind}"
            axis.loglog(CALLS, [best(results[c], kind).error for c in CALLS], color=colour, lw=1.4, label=label)
        lowest = min(best(results[c], kind).error for c in CALLS for kind in (PEER, EXPONENTIAL, TUNED))
        axis.set(ylim=(0.5 * lowest, 3), xticks=CALLS, xticklabels=CALLS)
        axis.minorticks_off()
    figures.save(figure, axes[0], path)


def main(names: Sequence[str]) -> None:
    table, problems, found = [], [], []
    for make in PROBLEMS:
        if names and make.__name__ not in names:
            continue
        problem = make()
        x = 80 * Noise(1).normal(CASES, problem.denoiser.event_shape)
        truth = run(UniPC(3), problem, [*karras(REFERENCE), 0.0], x)
        other = run(Exponential(problem.gaussian), problem, [*geometric(REFERENCE), 0.0], x)
        away = float((truth - other).square().mean().sqrt())
        print(f"# {problem.name}: {problem.note}; reference UniPC-3 in {REFERENCE} steps, {away:.1e} from Exponential on another grid;")
        print(f"#   SW2 / energy distance to held-out cases: {distances(truth, problem)} for the reference's samples", flush=True)
        results = measured(problem, x, truth)
        for row in rows(problem, results):
            print("  ".join(row), flush=True)
            table.append(row)
        problems.append(problem)
        found.append(results)
    print("one choice for all sets, error over that of each set's best peer:", *fixed(found), sep="\n")
    OUT.mkdir(parents=True, exist_ok=True)
    head = [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
    (OUT / "samplers.md").write_text("\n".join([*head, *(f"| {' | '.join(row)} |" for row in table)]) + "\n")
    draw(problems, found, OUT / "samplers.png")
    print(f"{OUT / 'samplers.md'} and {OUT / 'samplers.png'} hold the table and the figure")


if __name__ == "__main__":
    machine()
    if installed("azula", "diffusers", "k_diffusion"):
        main(sys.argv[1:])
        if not sys.argv[1:]:
            sampler_laws.main()
