"""What the methods for posteriors make of a Gaussian of six entries, where the truth is known: the table of docs/en/posteriors.md.

python benchmarks/posterior_methods.py
"""

from __future__ import annotations

import time

import torch
from harness import machine
from torch import Tensor

from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian, Law
from ornstein.measurements import Average, Linear, Mask, Measurement
from ornstein.posterior import RUNS, Given, condition, runs

DRAWS, STEPS = 4000, 200


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def problems() -> dict[str, tuple[Measurement, Tensor, Tensor]]:
    """Three entries with noise .4, two random sums with noise .1 and .6, means of three with noise .3."""
    mask = torch.tensor([True, False, True, False, False, True])
    return {
        "mask": (Mask(mask), normal(1, 3), torch.tensor(0.4, dtype=torch.float64)),
        "sums": (Linear(normal(5, 2, 6)), normal(2, 2), torch.tensor([0.1, 0.6], dtype=torch.float64)),
        "means": (Average(3), normal(3, 2), torch.tensor(0.3, dtype=torch.float64)),
    }


def main() -> None:
    machine()
    basis = torch.linalg.qr(normal(7, 6, 6))[0]
    law = Gaussian(normal(6, 6), Dense(basis @ torch.diag(torch.tensor([3.0, 1.5, 0.8, 0.4, 0.2, 0.1]).double()) @ basis.T))
    print(f"\n{DRAWS} draws, {STEPS} steps: largest error of the mean in deviations, deviations over exact ones, CPU-seconds\n")
    print("| method | " + " | ".join(problems()) + " |\n|" + "---|" * (1 + len(problems())))
    for method in ("twisted", *RUNS):
        cells = []
        for measurement, y, noise in problems().values():
            exact = law.condition(measurement, y, noise).law
            begin = time.process_time()
            found: Law
            if method == "twisted":
                found = condition(law, measurement, y, noise, method="twisted", particles=DRAWS, steps=STEPS).law
            else:
                found = runs(RUNS[method], method, law, [Given(measurement, y, noise)], law, draws=DRAWS, steps=STEPS)
            spent = time.process_time() - begin
            deviation = exact.covariance().diagonal().sqrt()
            off = float(((found.mean() - exact.mean()) / deviation).abs().max())
            ratio = found.covariance().diagonal().sqrt() / deviation
            cells.append(f"{off:.2f}, {float(ratio.min()):.2f}–{float(ratio.max()):.2f}, {spent:.1f} s")
        print(f"| `{method}` | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
