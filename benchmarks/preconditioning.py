"""Where the covariance enters a network: an ablation of skip, inputs, output scale and loss weight, against EDM's scalars.

The same MLP (or U-Net, with --net unet) is trained on six sets with three seeds and the noise levels of Karras et al. 2022 in every
variant. Held-out loss is theirs too (see training_sets). Written: a table on stdout, build/preconditioning-mlp.json, and with
--figure docs/figures/preconditioning.png. About 25 minutes on two cores.

    python benchmarks/preconditioning.py [--sets digits,ecg] [--forms ...] [--seeds 3] [--steps 2000] [--net mlp]
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import figures
import torch
from torch import Tensor, nn
from training_sets import PROBLEMS, HeldOut, Problem, gaussian_loss

from ornstein.common.files import write_json
from ornstein.covariance.base import posterior_variance
from ornstein.denoisers import Network, Preconditioning, fit_gaussian, fit_mixture
from ornstein.nets import MLP, Net, UNet
from ornstein.training import LogNormal, Loss, Trainer
from ornstein.training.pace import Pace

HERE = Path(__file__).parent
EVALUATIONS = 10


@dataclass(frozen=True, eq=False)
class FullOutput(Preconditioning):
    """Full skip, scalar input, and an output scaled in the eigenbasis."""

    def scale(self, out: Tensor, sigma: Tensor) -> Tensor:
        deviation = posterior_variance(self.coat.eigenvalues, sigma).sqrt()
        return self.coat.unrotate(deviation * self.coat.rotate(out))


@dataclass(frozen=True, eq=False)
class Weighted(Preconditioning):
    """EDM's scalars under the loss weight of the Gaussian posterior."""

    gaussian: Preconditioning | None = None

    def weight(self, sigma: Any) -> Tensor:
        assert self.gaussian is not None
        return self.gaussian.weight(sigma)


@dataclass(frozen=True, eq=False)
class Shown(Preconditioning):
    """EDM's scalars; the network is also shown the Gaussian's answer."""

    gaussian: Preconditioning | None = None


class ShownNetwork(Network):
    """The second input of the module is the answer of another preconditioning."""

    def mean(self, x: Tensor, sigma: Tensor, condition: object = None) -> Tensor:
        assert isinstance(self.preconditioning, Shown)
        assert self.preconditioning.gaussian is not None
        flat = x.flatten(1)
        parts, known = self.preconditioning.parts(flat, sigma), self.preconditioning.gaussian.parts(flat, sigma).skip
        out = self.module(torch.cat([parts.input.view(x.shape), known.view(x.shape)], 1), sigma.log() / 4)
        return (parts.skip + self.preconditioning.scale(out.flatten(1), sigma)).view(x.shape)


def turned(base: Preconditioning, kind: type[Preconditioning], **more: object) -> Preconditioning:
    """The same numbers with the methods of ``kind``."""
    return kind(**{f.name: getattr(base, f.name) for f in fields(Preconditioning)}, **more)


def network(problem: Problem, form: str, net: Callable[[int], Net]) -> Network:
    """The variant of that name around a new network."""
    x = problem.train.to(torch.float64)
    gaussian = problem.gaussian()
    if form in ("scalar", "diagonal", "covariance", "whitened"):
        return Network.of(net(1), gaussian, form)
    if form == "covariance, shown":
        return Network.of(net(2), gaussian)
    if form == "mixture":
        return Network.of(net(1), fit_mixture(x))
    if form == "low rank":
        return Network.of(net(1), fit_gaussian(x, "low-rank", rank=max(1, x[0].numel() // 8)))
    full = Preconditioning.of(gaussian).to("cpu", torch.float32)
    scalar = Preconditioning.of(gaussian, "scalar").to("cpu", torch.float32)
    if form == "full output":
        return Network(net(1), turned(full, FullOutput))
    if form == "loss weight":
        return Network(net(1), turned(scalar, Weighted, gaussian=full))
    if form == "scalar, shown":
        return ShownNetwork(net(2), turned(scalar, Shown, gaussian=full))
    raise ValueError(form)


FORMS = {
    "scalar": "EDM: the mean variance everywhere",
    "diagonal": "variances of the entries everywhere",
    "low rank": "skip by rank d / 8 and a floor",
    "covariance": "skip by the full covariance, scalars elsewhere",
    "covariance, shown": "the same, and the skip as a second input",
    "full output": "skip and output scale by the full covariance",
    "whitened": "skip, input and output by the full covariance",
    "scalar, shown": "EDM, and the Gaussian's answer as a second input",
    "loss weight": "EDM, loss weighted by the Gaussian posterior",
    "mixture": "skip by a Gaussian mixture",
}
COLOURS = {
    "scalar": (figures.REFERENCE, 1.6),
    "covariance": (figures.OURS, 1.6),
    "covariance, shown": (figures.OURS, 0.9),
    "mixture": (figures.SECOND, 1.4),
    "low rank": (figures.THIRD, 1.4),
}
"""Colour and width of the forms that the text speaks of; the others are grey."""


def mlp_or_unet(problem: Problem, kind: str, seed: int) -> Callable[[int], Net]:
    def build(inputs: int) -> Net:
        shape = problem.event_shape
        if kind == "mlp" or len(shape) == 1:
            return MLP(shape, width=128, depth=3, inputs=inputs, seed=seed)
        return UNet(shape, width=16, multipliers=(1, 2, 2) if len(shape) == 2 else (1, 2), blocks=1, inputs=inputs, seed=seed)

    return build


def run(name: str, form: str, seed: int, steps: int, kind: str) -> dict[str, Any]:
    """One training: held-out loss of the middle average at ten places."""
    torch.set_num_threads(1)
    problem = PROBLEMS[name]()
    held_out, made = HeldOut.of(problem.test), network(problem, form, mlp_or_unet(problem, kind, seed))
    trainer, pace = Trainer(made, problem.train, Loss(LogNormal()), seed=seed), Pace()
    losses, seconds = [], 0.0
    for k in range(EVALUATIONS + 1):
        losses.append(held_out.loss(averaged(trainer) if k else lambda x, sigma: made(x, sigma).mean))
        begun = time.process_time()
        for _ in range(steps // EVALUATIONS if k < EVALUATIONS else 0):
            trainer.step(pace(trainer.number / steps, trainer.number))
        seconds += time.process_time() - begun
    return {"set": name, "form": form, "seed": seed, "losses": losses, "seconds": seconds, "gaussian": gaussian_loss(problem, held_out)}


def averaged(trainer: Trainer) -> Callable[[Tensor, Tensor], Tensor]:
    """The denoiser of the middle one of the averages."""
    weights = trainer.averages.values[1]
    names = [n for n, _ in trainer.network.module.named_parameters()]
    called = replace(trainer.network, module=Called(trainer.network.module, dict(zip(names, weights, strict=True))))
    return lambda x, sigma: called(x, sigma).mean


class Called(nn.Module):
    """A module with other weights, for one evaluation."""

    def __init__(self, inner: nn.Module, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.module, self.weights = inner, weights

    def forward(self, *arguments: Tensor) -> Tensor:
        out: Tensor = torch.func.functional_call(self.module, self.weights, arguments)
        return out


def table(results: list[dict[str, Any]], steps: int) -> str:
    """Per set and form: final loss, steps to the final loss of EDM, and CPU time a step, means over seeds."""
    lines = [f"{'set':13}{'form':20}{'start':>8}{'25 %':>8}{'final':>8}{'+-':>7}{'/ EDM':>7}{'steps to EDM':>14}{'ms/step':>9}"]
    sets = dict.fromkeys(r["set"] for r in results)
    for name in sets:
        edm = curve(results, name, "scalar")
        for form in dict.fromkeys(r["form"] for r in results):
            mine = [r for r in results if (r["set"], r["form"]) == (name, form)]
            if not mine:
                continue
            mean = curve(results, name, form)
            spread = torch.tensor([min(r["losses"]) for r in mine]).std() if len(mine) > 1 else torch.tensor(torch.nan)
            reached = [k for k, loss in enumerate(mean) if loss <= min(edm)]
            when = f"{reached[0] / EVALUATIONS:.1f}" if reached else "never"
            quarter = mean[round(EVALUATIONS / 4)]
            ms = 1000 * sum(r["seconds"] for r in mine) / len(mine) / steps
            final = min(mean)
            lines.append(
                f"{name:13}{form:20}{mean[0]:8.4f}{quarter:8.4f}{final:8.4f}{float(spread):7.4f}{final / min(edm):7.3f}{when:>14}{ms:9.1f}"
            )
        lines.append(f"{'':13}{'(Gaussian)':20}{next(r['gaussian'] for r in results if r['set'] == name):8.4f}")
    return "\n".join(lines)


def curve(results: list[dict[str, Any]], name: str, form: str) -> list[float]:
    """Mean loss over seeds at every evaluation."""
    found = torch.tensor([r["losses"] for r in results if (r["set"], r["form"]) == (name, form)])
    return [float(v) for v in found.mean(0)]


def figure(results: list[dict[str, Any]], steps: int, path: Path) -> None:
    """Held-out loss over that of the Gaussian against steps, one panel per set."""
    sets = list(dict.fromkeys(r["set"] for r in results))
    drawn, axes = figures.by_set([PROBLEMS[name]().name for name in sets], "steps", "held-out loss / the Gaussian's")
    forms = list(dict.fromkeys(r["form"] for r in results))
    at = [steps * k / EVALUATIONS for k in range(EVALUATIONS + 1)]
    for name, axis in zip(sets, axes, strict=True):
        gaussian, ends = next(r["gaussian"] for r in results if r["set"] == name), []
        for form in forms:
            if any((r["set"], r["form"]) == (name, form) for r in results):
                values = [v / gaussian for v in curve(results, name, form)]
                colour, width = COLOURS.get(form, (figures.PEER, 0.7))
                axis.plot(at, values, color=colour, lw=width, label=form, zorder=2 + width)
                ends.append(min(values))
        axis.axhline(1, color=figures.BACKGROUND, lw=0.8, zorder=0)
        axis.set_ylim(min(ends) - 0.03, 1.12)
    figures.save(drawn, axes[0], path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join(PROBLEMS))
    parser.add_argument("--forms", default=";".join(FORMS), help="separated by ;")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--net", choices=("mlp", "unet"), default="mlp")
    parser.add_argument("--figure", action="store_true")
    given = parser.parse_args()
    jobs = list(itertools.product(given.sets.split(","), given.forms.split(";"), range(given.seeds)))
    with ProcessPoolExecutor(2) as pool:
        results = list(pool.map(run, *zip(*jobs, strict=True), [given.steps] * len(jobs), [given.net] * len(jobs)))
    print(table(results, given.steps))
    (HERE.parent / "build").mkdir(exist_ok=True)
    write_json(HERE.parent / "build" / f"preconditioning-{given.net}.json", {"steps": given.steps, "runs": results}, force=True)
    if given.figure:
        figure(results, given.steps, HERE.parent / "docs" / "figures" / "preconditioning.png")


if __name__ == "__main__":
    main()
