"""Training: our default against EDM's preconditioning, denoising-diffusion-pytorch, diffusers and azula, on six sets.

    python benchmarks/bench_training.py [--sets mnist1d digits ...] [--learners ours EDM ...] [--steps 3000] [--only steps | seconds]

Two parts. Steps: held-out loss against training steps, with equal numbers of parameters, batches of 128 and the same cases in the same
order; two runs at a time, one thread each, and other work on the machine changes nothing. Seconds: the time of a training step and of
a call of the network, all sides alternating, with networks of equal size and of equal width; this wants a quiet machine. Seconds to a
loss are steps times seconds per step. The loss is Karras et al.'s on fixed held-out noise, the same for all, also in units of the
Gaussian law's own. Every contestant is judged by the best of its weights and the averages its library keeps.

Peers use the objective and the loop that they document, but our learning rate, 1e-3, since their own are meant for much longer runs
(--documented-rates adds runs with 8e-5 and 1e-4). A step of Unet1D takes several times as long as the others': it is stopped at a
third of the steps, and since its rate is constant its curve is that of a longer run. Results are merged into training.json in the
folder ORNSTEIN_OUT (default build/bench), next to training.md and training.png. All of it takes about half an hour on two cores.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import training_report
from harness import machine, seconds
from sampler_peers import installed
from training_azula import Azula
from training_diffusers import Diffusers
from training_learners import Learner, default, edm
from training_lucidrains import Lucidrains
from training_sets import PROBLEMS, HeldOut, Problem, gaussian_loss

STEPS = 3000
MARKS = (0, 25, 50, 100, 150, 200, 300, 400, 500, 600, 800, 1000, 1250, 1500, 1750, 2000, 2250, 2500, 2750, 3000)
"""Steps of a run of 3000 after which the held-out loss is measured; runs of other lengths use the same shares."""

ROUNDS, REPEATS = 9, 3

Make = Callable[..., Learner]
OURS: dict[str, Make] = {"ours": default, "EDM": edm}
PEERS: dict[str, Make] = {"denoising-diffusion-pytorch": Lucidrains, "diffusers": Diffusers, "azula": Azula}
DOCUMENTED = {"denoising-diffusion-pytorch": 8e-5, "diffusers": 1e-4, "azula": 1e-3}
SHARE = {"denoising-diffusion-pytorch": 1 / 3}


def curve(task: tuple[str, str, int, int, bool]) -> dict[str, Any]:
    """One run: (set, learner, steps, seed, documented rates) -> its loss at every mark."""
    name, learner_name, steps, seed, documented = task
    torch.set_num_threads(1)
    problem = PROBLEMS[name]()
    held_out = HeldOut.of(problem.test)
    make = OURS[learner_name] if learner_name in OURS else PEERS[learner_name]
    learner = make(problem, steps, seed, **({"rate": DOCUMENTED[learner_name]} if documented and learner_name in PEERS else {}))
    begin, number, marks, losses = time.perf_counter(), 0, [], []
    for mark in sorted({round(m * steps / STEPS) for m in MARKS}):
        if mark > steps * SHARE.get(learner_name, 1):
            break
        while number < mark:
            learner.step()
            number += 1
        marks.append(mark)
        losses.append(min(held_out.loss(denoise) for denoise in learner.denoisers()))
    return {
        "set": name,
        "title": problem.name,
        "learner": learner_name + (", documented rate" if documented and learner_name in PEERS else ""),
        "parameters": learner.parameters,
        "steps": marks,
        "loss": losses,
        "gaussian": gaussian_loss(problem, held_out),
        "elapsed": time.perf_counter() - begin,
    }


def run_steps(names: list[str], learners: list[str], steps: int, seed: int, documented: bool) -> None:
    tasks = [(name, learner, steps, seed, documented) for name in names for learner in learners]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for found in pool.imap_unordered(curve, tasks):
            loss, relative = found["loss"][-1], found["loss"][-1] / found["gaussian"]
            print(
                f"# {found['set']:<12} {found['learner']:<28} {found['parameters']:7d} parameters, {found['steps'][-1]} steps: "
                f"loss {loss:.4f}, {relative:.3f} of the Gaussian's   ({found['elapsed']:.0f} s)",
                flush=True,
            )
            training_report.add("curves", found["set"], found["learner"], found)


def time_together(problem: Problem, learners: dict[str, Learner]) -> dict[str, dict[str, float]]:
    """Seconds of a step and of a call of the network: every side in turn, the best round counts."""

    def repeated(call: Callable[[], object]) -> None:
        for _ in range(REPEATS):
            call()

    found = {name: {"step": float("inf"), "forward": float("inf")} for name in learners}
    for number in range(ROUNDS + 1):
        for name, learner in learners.items():
            for kind, call in (("step", learner.step), ("forward", learner.forward)):
                took = seconds(partial(repeated, call)) / REPEATS
                if number:  # the first round warms up
                    found[name][kind] = min(found[name][kind], took)
    return found


def run_seconds(names: list[str], learners: list[str], seed: int) -> None:
    for name in names:
        problem = PROBLEMS[name]()
        for equal in ("parameters", "width"):
            made = {k: make(problem, STEPS, seed) for k, make in OURS.items() if k in learners}
            made |= {k: make(problem, STEPS, seed, equal) for k, make in PEERS.items() if k in learners}
            for learner, times in time_together(problem, made).items():
                size = made[learner].parameters
                print(
                    f"# {name:<12} equal {equal:<10} {learner:<28} {size:7d} parameters: "
                    f"step {1e3 * times['step']:7.1f} ms, network {1e3 * times['forward']:6.1f} ms",
                    flush=True,
                )
                training_report.add(f"seconds at equal {equal}", name, learner, {"parameters": size, **times})


def main() -> None:
    parser = argparse.ArgumentParser(description="Training against other libraries.")
    parser.add_argument("--sets", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--learners", nargs="+", choices=[*OURS, *PEERS], default=[*OURS, *PEERS])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("steps", "seconds", "report"))
    parser.add_argument("--documented-rates", action="store_true")
    given = parser.parse_args()
    if given.only in (None, "steps"):
        run_steps(given.sets, given.learners, given.steps, given.seed, given.documented_rates)
    if given.only in (None, "seconds"):
        run_seconds(given.sets, given.learners, given.seed)
    training_report.write()


if __name__ == "__main__":
    machine()
    if installed("azula", "diffusers", "denoising_diffusion_pytorch", "accelerate", "ema_pytorch"):
        main()
