"""Which modes do samplers get wrong, and how fast does the error fall? Exact for every one of them: the picture of docs/samplers.

python examples/draw_samplers.py [PICTURE.png]
"""

import sys

import ornstein as orn
from ornstein.data.examples import electricity
from ornstein.plots import certificates
from ornstein.samplers import DDIM, DDPM, AdamsBashforth, DPMSolver, Heun, UniPC, certify
from ornstein.schedules import VP

spectrum = orn.fit(electricity(), folds=0).law.covariance().eigenvalues
samplers = {"DDPM": DDPM(), "DDIM": DDIM(), "Heun": Heun(), "DPM++ 2M": DPMSolver(2), "UniPC-3": UniPC(3), "iPNDM-4": AdamsBashforth(4)}
counts = (5, 7, 10, 14, 20, 28, 40, 56, 80)

runs = {name: [certify(sampler, n, VP(), spectrum) for n in counts] for name, sampler in samplers.items()}
for name, found in runs.items():
    print(f"{name:>9}: " + "  ".join(f"{c.calls:3d} calls {c.relative_w2:.1e}" for c in found[::4]))

calls = [[c.calls for c in found] for found in runs.values()]
errors = [[c.relative_w2 for c in found] for found in runs.values()]
ratios = [found[2].ratio for found in runs.values()]
figure = certificates(calls, errors, spectrum, ratios, list(runs))
figure.savefig(next((word for word in sys.argv[1:] if word.endswith(".png")), "samplers.png"), dpi=150)
