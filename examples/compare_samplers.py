"""The exact error of every sampler on a Gaussian law: no Monte Carlo, since each step is linear in the signal and in its noise."""

import ornstein as orn
from ornstein.data import examples
from ornstein.samplers import DDIM, DDPM, DPMSolver, Euler, Exact, Heun, certify
from ornstein.schedules import VE, VP, Cosine, RectifiedFlow

spectrum = orn.fit(examples.electricity(), shrinkage="none", folds=0).law.operator.eigenvalues
samplers = {"DDPM": DDPM(), "DDIM": DDIM(), "Euler": Euler(), "DPM++ 2M": DPMSolver(2), "Heun": Heun(), "Exact": Exact(stochastic=True)}
for schedule in (VP(), Cosine(), RectifiedFlow(), VE()):
    print(f"{type(schedule).__name__}: share of the total variance that samples have")
    print(" steps " + " ".join(f"{name:>8}" for name in samplers))
    for steps in (5, 10, 20, 50, 100):
        shares = [certify(s, steps, schedule, spectrum).variance.sum() / spectrum.sum() for s in samplers.values()]
        print(f"{steps:6d} " + " ".join(f"{share:8.4f}" for share in shares))
