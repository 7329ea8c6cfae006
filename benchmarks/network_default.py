"""Which sampler is the default for a network? Path errors of three, by name, on networks that ``orn.fit`` trained on three sets.

    python benchmarks/network_default.py

rms difference of x_0 to 100 steps of Heun from the same 64 starts, relative to the deviation of the ends, on the VP schedule and its own
grid, which are the defaults; beside it the sliced 2-Wasserstein distance to held-out cases. About a minute on one core.
"""

from __future__ import annotations

import torch
from sklearn import datasets
from torch import Tensor

import ornstein as orn
from ornstein.common.random import Noise
from ornstein.data import examples, laws
from ornstein.denoisers import Denoiser, Network
from ornstein.metrics import sliced_wasserstein
from ornstein.model.methods import sampler_named
from ornstein.samplers import Heun, Sampler, run, start
from ornstein.schedules import VP

CASES = 64
STEPS = (10, 20, 50)
NAMES = ("exponential", "dpm++2m", "heun")


def sets() -> dict[str, Tensor]:
    found = {
        "electricity, d = 24": examples.electricity().values[:, 0],
        "digits, d = 64": torch.from_numpy(datasets.load_digits().data),
        "cosine curves, d = 100": laws.cosines(1500, 100).values[:, 0],
    }
    return {name: x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))] for name, x in found.items()}


@torch.no_grad()
def ended(sampler: Sampler, denoiser: Denoiser, x: Tensor, steps: int) -> Tensor:
    *_, last = run(sampler, denoiser, VP(), VP().grid(steps), x, Noise())
    return last.x


def main() -> None:
    for name, x in sets().items():
        held, train = x[:400], x[400:]
        model = orn.fit(train, "network", net="mlp", steps=300, seed=0, folds=0)
        law = model.law
        assert isinstance(law, Network)
        begun = start(law, VP(), 1.0, Noise(5), CASES, law.reference)
        truth = ended(Heun(), law, begun, 100)
        scale = float((truth - truth.mean(0)).square().mean().sqrt())
        print(f"{name:<24}" + "".join(f"{steps:>16}" for steps in STEPS) + "  steps")
        for sampler in NAMES:
            cells = []
            for steps in STEPS:
                method = sampler_named(sampler, law)
                count = (steps + 1) // 2 if sampler == "heun" else steps
                end = ended(method, law, begun, count)
                apart = sliced_wasserstein(model.scaler.decode(end).flatten(1), held.flatten(1))
                cells.append(f"{float((end - truth).square().mean().sqrt()) / scale:8.4f} ({apart:.3f})")
            print(f"  {sampler:<22}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
