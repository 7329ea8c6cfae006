"""Relative Frobenius error of structures and shrinkages on stationary laws of 128 samples: a table for the documentation."""

import math

import torch

from ornstein.common.random import Noise
from ornstein.covariance import Dense, Kernel, estimate
from ornstein.data.laws import cosines_covariance

SIZE, SETS = 128, 20
LAWS = {
    "OU, τ = 10": Kernel("ornstein-uhlenbeck", 1.0, 10.0).covariance(SIZE),
    "OU, τ = 50": Kernel("ornstein-uhlenbeck", 1.0, 50.0).covariance(SIZE),
    "squared exponential 5 + .1 I": Kernel("squared-exponential", 1.0, 5.0, 0.1).covariance(SIZE),
    "Matérn-3/2 20 + .05 I": Kernel("matern-3/2", 1.0, 20.0, 0.05).covariance(SIZE),
    "cosines + .1 I": Dense(cosines_covariance(SIZE)).scaled(1.0, math.sqrt(0.1)),
}
FITS = (("toeplitz", "oas"), ("autoregressive", "oas"), ("dense", "oas"), ("dense", "nonlinear"))

if __name__ == "__main__":
    print(f"{SETS} data sets, seeds 0 to {SETS - 1}; mean ± standard error")
    for name, law in LAWS.items():
        truth = law.dense()
        for n in (40, 200):
            cells = []
            for structure, shrinkage in FITS:
                found = [estimate(law.draw(Noise(seed), n), structure, shrinkage=shrinkage).covariance.dense() for seed in range(SETS)]
                errors = torch.stack([(f - truth).norm() / truth.norm() for f in found])
                cells.append(f"{errors.mean():.3f} ± {errors.std() / math.sqrt(SETS):.3f}".replace("0.", "."))
            print(f"| {name if n == 40 else ''} | {n} | {' | '.join(cells)} |", flush=True)
