"""How well the methods for posteriors weigh the modes of a mixture, where the truth is known: the second table of docs/en/posteriors.md.

All see the mean of the law alone, E[x_0 | x], as that of a network is seen. Particles are asked one draw of each of many runs, so that
its draws are as independent as those of the other methods; then the shares of the modes are counts of a multinomial law, and

    chi^2 = sum_k (n_k - n p_k)^2 / (n p_k)

has 2 degrees of freedom where the method is right, whose p-value the table gives.

    python benchmarks/posterior_modes.py
"""

from __future__ import annotations

import time
import warnings

import torch
from harness import machine
from scipy.stats import chi2
from torch import Tensor

from ornstein.covariance import Diagonal, Sigma
from ornstein.denoisers import Denoiser, Gaussian, Mixture, Posterior, matched
from ornstein.measurements import Linear
from ornstein.posterior import GUIDANCE, RUNS, Given, condition, guidance, runs
from ornstein.samplers import Heun, sample
from ornstein.schedules import VE

DRAWS, PARTICLES, STEPS, NOISE = 2000, 200, 200, 0.3
BEYOND = 4.0
"""Deviations from the nearest mode, beyond the usual sqrt(d), at which a draw is of none."""


class Black(Denoiser):
    """A law seen from outside: its mean, and nothing else."""

    def __init__(self, law: Mixture) -> None:
        self.law, self.event_shape = law, law.event_shape

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        return Posterior(self.law(x, sigma).mean)


def mixture() -> Mixture:
    """Three modes of six entries, 3 to 6 deviations apart; their weights given y are about .23, .45 and .32."""
    means = torch.tensor([[2.0, 1.5, 0.0, 0.0, 0.0, 0.0], [-2.0, 2.0, 1.0, 0.0, 0.0, 0.0], [0.0, -2.0, -1.0, 1.0, 0.0, 0.0]]).double()
    spread = [Diagonal(torch.linspace(0.15, 0.35, 6, dtype=torch.float64).roll(k)) for k in range(3)]
    return Mixture(torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), [Gaussian(m, c) for m, c in zip(means, spread, strict=True)])


def measured() -> tuple[Tensor, Tensor]:
    """Rows that see little of what tells the modes apart, and y."""
    rows = torch.tensor([[0.3, 0.2, 0.5, 0.5, 0.8, 0.0], [0.1, 0.3, -0.4, 0.6, 0.0, 0.9]], dtype=torch.float64)
    return rows, torch.tensor([-0.1, 0.1], dtype=torch.float64)


def drawn(method: str, black: Black, law: Mixture) -> Tensor:
    """Independent draws (DRAWS, 6) by one method."""
    rows, y = measured()
    linear, noise, prior = Linear(rows), torch.tensor(NOISE, dtype=torch.float64), matched(law)
    if method == "exact":
        return law.condition(linear, y, noise).law.sample(DRAWS, seed=1)
    if method.startswith("twisted"):
        reference = prior if "Gaussian" in method else Mixture(law.weights, list(law.components))
        many = y.expand(DRAWS, -1)
        found = condition(black, linear, many, noise, "twisted", reference, particles=PARTICLES)
        return found.law.sample(1, seed=2)[0]
    if method in GUIDANCE:
        found = guidance(method, black, [Given(linear, y, noise)], prior)
        return sample(found, Heun(), VE(), STEPS, DRAWS, seed=3, reference=found.reference)
    return runs(RUNS[method], method, black, [Given(linear, y, noise)], prior, draws=DRAWS, steps=STEPS).points


def main() -> None:
    machine()
    law = mixture()
    rows, y = measured()
    answer = law.condition(Linear(rows), y, NOISE).law
    assert isinstance(answer, Mixture)
    print(f"\n{DRAWS} draws; exact weights {', '.join(f'{w:.3f}' for w in answer.weights.tolist())}\n")
    print("| method | weights of the modes | of none | chi-square, p | CPU-seconds |\n|---|---|---|---|---|")
    for method in ("exact", "twisted, Gaussian", "twisted, mixture", *GUIDANCE, *RUNS):
        begin = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of few effective particles
            x = drawn(method, Black(law), law)
        spent = time.process_time() - begin
        deviations = [c.covariance().diagonal().sqrt() for c in answer.components]
        apart = torch.stack([((x - c.mean()) / s).norm(dim=1) for c, s in zip(answer.components, deviations, strict=True)])
        near = apart.argmin(0)
        none = ~(apart.amin(0) < BEYOND + 6**0.5)
        counts = torch.stack([(near == k).sum() for k in range(3)]).double()
        expected = DRAWS * answer.weights
        statistic = float(((counts - expected).square() / expected).sum())
        shares = ", ".join(f"{n / DRAWS:.3f}" for n in counts.tolist())
        tested = f"{statistic:.1f}, {chi2.sf(statistic, 2):.2g}"
        print(f"| `{method}` | {shares} | {float(none.double().mean()):.2f} | {tested} | {spent:.1f} |", flush=True)


if __name__ == "__main__":
    main()
