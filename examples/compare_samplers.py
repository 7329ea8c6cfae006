"""The exact error of every sampler on a Gaussian law: no Monte Carlo, since each step is linear in the signal and in its noise."""

import itertools

import torch

import ornstein as orn
from ornstein.covariance import Diagonal
from ornstein.data import examples
from ornstein.denoisers import Gaussian
from ornstein.process import Process
from ornstein.samplers import DDIM, DDPM, Context, Euler, Exact, Heun, Sampler, levels
from ornstein.schedules import VE, VP, Cosine, RectifiedFlow, Schedule


def variances(sampler: Sampler, law: Gaussian, schedule: Schedule, steps: int) -> torch.Tensor:
    """The variance of every mode after sampling: a step is x -> m x + a z, so V -> m^2 V + a^2."""
    one = torch.ones(1, law.size, dtype=torch.float64)
    times, process = levels(schedule, schedule.grid(steps)), Process(schedule)
    v = times[0].alpha ** 2 * law.operator.eigenvalues + times[0].sigma ** 2
    for now, then in itertools.pairwise(times):
        m = sampler.step(Context(law, process, lambda: 0 * one), one, now, then)[0]
        a = sampler.step(Context(law, process, lambda: one), 0 * one, now, then)[0]
        v = m**2 * v + a**2
    return v


spectrum = orn.fit(examples.electricity(), shrinkage="none", folds=0).law.operator.eigenvalues
law = Gaussian(torch.zeros(24), Diagonal(spectrum))
samplers = {"DDPM": DDPM(), "DDIM": DDIM(), "Euler": Euler(), "Heun": Heun(), "Exact": Exact(stochastic=True)}
for schedule in (VP(), Cosine(), RectifiedFlow(), VE()):
    print(f"{type(schedule).__name__}: share of the total variance that samples have")
    print(" steps " + " ".join(f"{name:>8}" for name in samplers))
    for steps in (5, 10, 20, 50, 100):
        shares = [variances(s, law, schedule, steps).sum() / spectrum.sum() for s in samplers.values()]
        print(f"{steps:6d} " + " ".join(f"{share:8.4f}" for share in shares))
