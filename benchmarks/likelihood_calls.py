"""Network calls for one log-density at equal standard error: ours against the estimators of k-diffusion and flow_matching, one network.

    python benchmarks/likelihood_calls.py [nats]        needs k-diffusion, torchdiffeq and flow_matching

The network is trained for 30 seconds on 800 days of electricity demand (24 entries, in the 23 directions in which they vary); 12 held-out
days. Peers use one random direction a run: their standard deviation over 8 runs says how many runs reach the error, and a product with
the Jacobian counts as a call, as in ours. The noise level at the data end is .002 deviations for k-diffusion (its default grid's order),
t is kept below .998 for flow_matching. ``off`` is the difference of the mean to the flow with every direction on 128 levels.
"""

from __future__ import annotations

import ast
import importlib.util
import math
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import ornstein as orn
from ornstein.likelihood import flow

RUNS = 8


def network() -> tuple[Any, Tensor]:
    days = orn.data.examples.electricity().values[:, 0]
    train, test = days[:800], days[800::25][:12]
    basis = torch.linalg.eigh(torch.cov(train.T)).eigenvectors[:, 1:]
    model = orn.fit(train @ basis, "network", minutes=0.5)
    return model.law, model.scaler.encode(test @ basis)


def k_diffusion(denoiser: Any, x: Tensor, seed: int) -> tuple[Tensor, int]:
    """The function itself, taken out of a package whose import needs more than this machine has."""
    found = importlib.util.find_spec("k_diffusion")
    assert found
    assert found.origin
    tree = ast.parse((Path(found.origin).parent / "sampling.py").read_text())
    wanted = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in ("log_likelihood", "to_d")]
    for node in wanted:
        node.decorator_list = []
    from torchdiffeq import odeint

    def to_d(x: Tensor, sigma: Tensor, denoised: Tensor) -> Tensor:
        return (x - denoised) / sigma

    room: dict[str, Any] = {"torch": torch, "odeint": odeint, "to_d": to_d}
    exec(compile(ast.Module([n for n in wanted if n.name == "log_likelihood"], []), "sampling", "exec"), room)
    torch.manual_seed(seed)
    value, info = room["log_likelihood"](lambda x, sigma: denoiser(x, sigma[0]).mean, x, 0.002, 80.0)
    return value.detach(), 2 * info["fevals"]


def flow_matching(denoiser: Any, x: Tensor, seed: int) -> tuple[Tensor, int]:
    from flow_matching.solver import ODESolver
    from flow_matching.utils import ModelWrapper

    calls = 0

    class Velocity(ModelWrapper):
        def forward(self, x: Tensor, t: Tensor, **more: object) -> Tensor:
            nonlocal calls
            calls += 1
            time = t.clamp(1e-3, 0.998)  # the solver insists on 1 and 0, where the velocity of a denoiser is 0 / 0
            return (denoiser(x / time, (1 - time) / time).mean - x) / (1 - time)

    def prior(z: Tensor) -> Tensor:
        return -0.5 * z.square().sum(-1) - 0.5 * z.shape[-1] * math.log(2 * math.pi)

    torch.manual_seed(seed)
    solver = ODESolver(Velocity(nn.Identity()))
    grid = torch.tensor([1.0, 0.0], dtype=torch.float64)
    _, value = solver.compute_likelihood(x, prior, step_size=None, method="dopri5", atol=1e-4, rtol=1e-4, time_grid=grid)
    return value.detach(), 2 * calls


def main() -> None:
    warnings.simplefilter("ignore")
    error = float(sys.argv[1]) if len(sys.argv) > 1 else 0.25
    denoiser, x = network()
    truth = flow(denoiser, x, steps=128, trace="exact").value
    for name, trace in (("ours, random directions", "estimate"), ("ours, every direction", "exact")):
        found = flow(denoiser, x, error=error, trace=trace)
        off = float((found.value - truth).mean())
        print(f"{name:26} {int(found.calls.max()):7d} calls, stated error {float(found.error.mean()):.3f}, off {off:.3f}", flush=True)
    for name, peer in (("k-diffusion", k_diffusion), ("flow_matching", flow_matching)):
        try:
            runs = [peer(denoiser, x, seed) for seed in range(RUNS)]
        except (ImportError, RuntimeError, TypeError, AssertionError) as failed:
            print(f"{name}: {failed}")
            continue
        values = torch.stack([value for value, _ in runs])
        spread, calls = float(values.std(0).square().mean().sqrt()), sum(c for _, c in runs) / RUNS
        needed = max(1.0, (spread / error) ** 2)
        off = float((values.mean(0) - truth).mean())
        print(
            f"{name:26} {needed * calls:7.0f} calls: {needed:.0f} runs of {calls:.0f}, one run ± {spread:.2f} nats, off {off:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
