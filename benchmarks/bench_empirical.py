"""The empirical law at 1e5 points of dimension 1000: time against the two matrix products it cannot avoid, and memory."""

import torch
from harness import against, machine, peak_mib, report

from ornstein.denoisers import Empirical

N, D, CASES = 100_000, 1000, 64


def main() -> None:
    machine()
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(N, D, generator=generator)
    law = Empirical(points)
    x = torch.randn(CASES, D, generator=generator, dtype=torch.float64)
    held = peak_mib()

    def products() -> None:
        """Distances and weighted means as two float64 products over the same chunks: the least any exact method does."""
        for part in points.split(4096):
            p = part.to(torch.float64)
            (x @ p.T) @ p

    ours, floor = against(lambda: law(x, 0.5), products, rounds=3)
    report(f"Empirical mean, n = {N}, d = {D}, {CASES} cases", ours, floor, "two bare matrix products")
    density, _ = against(lambda: law.log_prob(x, 0.5), products, rounds=2)
    report("Empirical log_prob, same size", density, floor, "two bare matrix products")
    print(f"{'  memory above the points':<58} {peak_mib() - held:10.0f} MiB   (points: {4 * N * D / 2**20:.0f} MiB float32, held twice)")


if __name__ == "__main__":
    main()
