"""What a network adds on real signals: Gaussian, mixture and network side by side, on six sets, each within ten minutes on two cores.

    python benchmarks/real_results.py [--sets mnist1d ...] [--minutes 6 | --steps 2000]

Every model is fitted to the same cases by ``orn.fit`` and judged by cases that it never saw, in standardised units:

sliced W2   sliced 2-Wasserstein distance of as many samples as there are test cases, mean and deviation of three draws
C2ST        accuracy of a classifier that tells samples from test cases: 0.5 is perfect
loss        Karras et al.'s weighted denoising loss on the test cases, over the Gaussian's own
floor       training cases in place of samples. It is not 0, and not 0.5 where the test cases come from another time

Analytic laws draw exactly, the network by the default sampler of ``Model.sample``. The network trains for --minutes with all defaults;
the rest of the ten minutes is for the other fits, samples and tests. Results are merged into real_results.json in the folder
ORNSTEIN_OUT (default build/bench), next to real_results.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import real_data
import torch
import training_sets
from harness import machine
from torch import Tensor
from training_sets import HeldOut, Problem
from two_sample import c2st, subset

import ornstein as orn
from ornstein.metrics import sliced_wasserstein

OUT = Path(os.environ.get("ORNSTEIN_OUT", "build/bench"))
CASES, DRAWS = 1000, 3
KINDS = ("gaussian", "mixture", "network")
Row = dict[str, Any]


@dataclass(frozen=True)
class RealSet:
    """(case, *event) in float64.

    structure   the covariance of all three models, None for their defaults
    components  of the mixture, None to choose them by held-out likelihood, which takes too long in many dimensions
    """

    name: str
    note: str
    train: Tensor
    test: Tensor
    structure: str | None = None
    components: int | None = None


def of_problem(make: Callable[[], Problem]) -> RealSet:
    problem = make()
    return RealSet(problem.name, problem.note, problem.train.to(torch.float64), problem.test.to(torch.float64))


def ecg() -> RealSet:
    found = real_data.ecg()
    return RealSet("ECG beats", f"2 x 256, {found.note}", found.train, found.test, components=8)


def eeg() -> RealSet:
    found = real_data.eeg()
    return RealSet("64-channel EEG", f"64 x 32, {found.note}", found.train, found.test, "kronecker", components=4)


SETS: dict[str, Callable[[], RealSet]] = {
    "mnist1d": lambda: of_problem(training_sets.mnist1d),
    "ecg": ecg,
    "electricity": lambda: of_problem(training_sets.electricity),
    "digits": lambda: of_problem(training_sets.digits),
    "eeg": eeg,
    "swiss_roll": lambda: of_problem(training_sets.swiss_roll),
}


def fitted(data: RealSet, kind: str, minutes: float | None, steps: int | None) -> orn.Model:
    if kind == "network":
        return orn.fit(data.train, kind, minutes=minutes, steps=steps, structure=data.structure)
    components = data.components if kind == "mixture" else None
    return orn.fit(data.train, kind, structure=data.structure, components=components, folds=0)


def distances(draws: list[Tensor], test: Tensor) -> Row:
    """Against the test cases, which have mean 0 and deviation 1 by channel where the training cases do."""
    found = torch.tensor([sliced_wasserstein(x, test) for x in draws])
    accuracy, error = c2st(draws[0], test)
    return {"sw2": float(found.mean()), "sw2 deviation": float(found.std()), "c2st": accuracy, "c2st error": error}


def denoising(model: orn.Model, held_out: HeldOut) -> float:
    return held_out.loss(lambda x, sigma: model.law(x.to(torch.float64), sigma.to(torch.float64)).mean)


def measure(data: RealSet, minutes: float | None, steps: int | None) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for kind in KINDS:
        begin = time.perf_counter()
        model = fitted(data, kind, minutes, steps)
        took = time.perf_counter() - begin
        encode = model.scaler.encode
        test = encode(data.test).view(len(data.test), *model.event_shape)
        if not rows:
            held_out, some = HeldOut.of(test.to(torch.float32)), subset(test, CASES, 0)
            train = encode(data.train).view(len(data.train), *model.event_shape)
            rows["floor"] = distances([subset(train, len(some), seed) for seed in range(DRAWS)], some)
            rows["floor"] |= {"loss": math.nan, "fit seconds": 0.0, "sample seconds": 0.0}
        begin = time.perf_counter()
        samples = encode(model.sample(DRAWS * len(some), seed=1)).view(-1, *model.event_shape)
        rows[kind] = {"sample seconds": time.perf_counter() - begin, "fit seconds": took}
        rows[kind] |= {**distances(list(samples.split(len(some))), some), "loss": denoising(model, held_out)}
        if model.training is not None:
            rows[kind]["training"] = {key: str(value) for key, value in model.training.items()}
            print(f"#   {rows[kind]['training']}", flush=True)
    for row in rows.values():
        row["loss"] /= rows["gaussian"]["loss"] if row is not rows["gaussian"] else 1
    rows["gaussian"]["absolute loss"], rows["gaussian"]["loss"] = rows["gaussian"]["loss"], 1.0
    return rows


def lines(found: dict[str, dict[str, Row]]) -> list[str]:
    out = ["| set | | sliced W2 | C2ST | loss / Gaussian's | fit | samples |", "|---|---|---|---|---|---|---|"]
    for name, rows in found.items():
        for kind in ("floor", *KINDS):
            row = rows[kind]
            loss = "" if math.isnan(row["loss"]) else f"{row['loss']:.3f}"
            times = ["", ""] if kind == "floor" else [f"{row['fit seconds']:.0f} s", f"{row['sample seconds']:.1f} s"]
            distance = f"{row['sw2']:.3f} ± {row['sw2 deviation']:.3f}"
            out.append(f"| {name} | {kind} | {distance} | {row['c2st']:.3f} ± {row['c2st error']:.3f} | {loss} | {' | '.join(times)} |")
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description="Gaussian, mixture and network on real signals.")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--steps", type=int, help="train for so many steps, whatever time they take, instead of --minutes")
    given = parser.parse_args()
    minutes = None if given.steps else given.minutes
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "real_results.json"
    found: dict[str, dict[str, Row]] = json.loads(path.read_text()) if path.is_file() else {}
    for name in given.sets:
        begin, data = time.perf_counter(), SETS[name]()
        print(f"# {data.name}: {data.note}; {len(data.train)} train, {len(data.test)} test", flush=True)
        found[name] = measure(data, minutes, given.steps)
        print("\n".join(lines({name: found[name]})), f"# {(time.perf_counter() - begin) / 60:.1f} minutes", sep="\n", flush=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(found, indent=1) + "\n")
        partial.replace(path)
    (OUT / "real_results.md").write_text("\n".join(lines(found)) + "\n")
    print("\n".join(lines(found)))


if __name__ == "__main__":
    machine()
    main()
