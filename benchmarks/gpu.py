"""What a GPU buys: one table and one sheet of samples, in at most eight minutes on one card.

    python benchmarks/gpu.py              on the card; writes docs/gpu.md and docs/figures/gpu-digits.png
    python benchmarks/gpu.py --short      every part in the small, on whatever there is; writes to ORNSTEIN_OUT (default build/bench)

Parts: the same numbers as on the CPU; a step in the eigenbasis against the memory's own speed; training throughput in float32 and
bfloat16, compiled or not, with its peak of memory; two ways to train together, with one process; digits of 28 x 28 (8 x 8 where the data
of the benchmarks are not there) trained for three minutes; densities and posteriors of the network. Each row says what was measured.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch import distributed as dist

import ornstein as orn
from ornstein import training
from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian, Mixture, Network, fit_gaussian
from ornstein.nets import UNet
from ornstein.plots.images import images
from ornstein.samplers import DDIM, Exponential, sample
from ornstein.schedules import VP

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ORNSTEIN_DATA", HERE.parent.parent / "shared" / "data"))
OUT = Path(os.environ.get("ORNSTEIN_OUT", "build/bench"))


class Row(NamedTuple):
    """A line of the table."""

    part: str
    what: str
    found: str


class Size(NamedTuple):
    """How large everything is: as on a card, or in the small."""

    cases: int
    entries: int
    steps: int
    seconds: float
    width: int
    batch: int


CARD = Size(cases=65536, entries=1024, steps=200, seconds=180.0, width=64, batch=512)
SHORT = Size(cases=256, entries=64, steps=3, seconds=2.0, width=8, batch=32)


def waited(device: torch.device) -> float:
    """Now, when the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds(call: Callable[[], object], device: torch.device, rounds: int = 5) -> float:
    """The least of several rounds, after one that is not counted."""
    call()
    found = []
    for _ in range(rounds):
        begin = waited(device)
        call()
        found.append(waited(device) - begin)
    return min(found)


def gaussian(entries: int, device: torch.device, mean: float = 0.0) -> Gaussian:
    apart = (torch.arange(entries, device=device).unsqueeze(1) - torch.arange(entries, device=device)).abs().double()
    return Gaussian(torch.full((entries,), mean, dtype=torch.float64, device=device), Dense(torch.exp(-apart / 20)))


def mixture(entries: int, device: torch.device) -> Mixture:
    parts = [gaussian(entries, device), gaussian(entries, device, 2.0)]
    return Mixture(torch.tensor([0.3, 0.7], dtype=torch.float64, device=device), parts)


def numbers(device: torch.device, size: Size) -> Iterator[Row]:
    """The largest difference between what the device and the CPU say, in deviations of the signals."""
    d, cases = min(size.entries, 256), min(size.cases, 256)
    for make in (gaussian, mixture):
        there, here = (sample(make(d, place), DDIM(), VP(), 20, cases).cpu() for place in (device, torch.device("cpu")))
        yield Row("numbers", f"{make.__name__}, d = {d}, DDIM in 20 steps, against the CPU", f"{float((there - here).abs().max()):.1e}")
    z = Noise(3, device=device).normal(cases, (d,)).cpu()
    yield Row("numbers", "noise keyed by case, against the CPU", f"{float((z - Noise(3).normal(cases, (d,))).abs().max()):.1e}")


def eigenbasis(device: torch.device, size: Size) -> Iterator[Row]:
    """A denoising in the eigenbasis is one read and one write of the signals: its time over that of a copy."""
    x, gain = torch.randn(size.cases, size.entries, device=device), torch.rand(size.entries, device=device)
    copy, step = seconds(lambda: x.clone(), device), seconds(lambda: torch.mul(x, gain), device)
    yield Row("eigenbasis", f"copy of {size.cases} x {size.entries} float32", f"{2 * x.numel() * x.element_size() / copy / 1e9:.0f} GB/s")
    yield Row("eigenbasis", "step of a Gaussian there, over that copy", f"{step / copy:.2f}")
    law, cases = gaussian(size.entries, device), min(size.cases, 4096)
    whole = seconds(lambda: sample(law, Exponential(law), VP(), 10, cases), device, 1)
    yield Row("eigenbasis", f"{cases} signals in 10 steps, noise and rotations included", f"{whole:.3f} s")


def network(x: Tensor, size: Size, device: torch.device) -> Network:
    return Network.of(UNet(tuple(x.shape[1:]), width=size.width).to(device), fit_gaussian(x)).to(device)


def throughput(x: Tensor, device: torch.device, size: Size) -> Iterator[Row]:
    """Signals a second of training, and the most memory it took."""
    for precision in ("float32", "bfloat16"):
        for compiled in (False, True) if device.type == "cuda" else (False,):
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            loss = training.Loss(training.LogNormal(), drop=0.0)
            trainer = training.Trainer(
                network(x, size, device), x.float(), loss, batch=min(size.batch, len(x)), precision=precision, compiled=compiled
            )
            steps = trainer.steps(10 + size.steps)
            for _ in range(min(10, size.steps)):
                next(steps)
            begin = waited(device)
            done = sum(1 for _, _ in zip(range(size.steps), steps, strict=False))
            rate = done * min(size.batch, len(x)) / (waited(device) - begin)
            memory = f", {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB at most" if device.type == "cuda" else ""
            yield Row("training", f"{precision}{', torch.compile' if compiled else ''}", f"{rate:.0f} signals/s{memory}")


def together(x: Tensor, device: torch.device, size: Size) -> Iterator[Row]:
    """DDP and FSDP2 with one process: that they run, and what they cost."""
    with tempfile.TemporaryDirectory() as place:
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, init_method=f"file://{place}/store", rank=0, world_size=1)
        try:
            for parallel in ("ddp", "fsdp"):
                begin = waited(device)
                model = orn.fit(
                    x,
                    "network",
                    net="unet",
                    steps=size.steps,
                    batch=min(size.batch, len(x)),
                    parallel=parallel,
                    ranks=orn.ranks.Ranks(0, 1),
                )
                yield Row("together", parallel, f"{model.training['steps']} steps in {waited(device) - begin:.1f} s")
        finally:
            dist.destroy_process_group()


def digits(x: Tensor, device: torch.device, size: Size, sheet: Path) -> Iterator[Row]:
    """A model of digits: loss against the Gaussian's, a sheet of samples, densities, and a posterior of the lower half."""
    model = orn.fit(x, "network", net="unet", minutes=size.seconds / 60, batch=min(size.batch, len(x)))
    said = dict(model.training)
    yield Row("digits", f"{len(x)} digits of {x.shape[-2]} x {x.shape[-1]}, {size.seconds:.0f} s", f"{said['steps']} steps")
    yield Row("digits", "held-out loss, over the Gaussian's", f"{float(said['held_out']) / float(said['gaussian']):.3f}")
    begin = waited(device)
    drawn = model.sample(64, steps=50)
    yield Row("digits", "64 samples in 50 steps", f"{waited(device) - begin:.1f} s")
    sheet.parent.mkdir(parents=True, exist_ok=True)
    images([(f"samples {k}", drawn[8 * k : 8 * k + 8, 0]) for k in range(8)], scale=(0.0, 1.0)).savefig(sheet, dpi=150)
    begin = waited(device)
    density = model.log_density(x[:8], error=0.05 * x[0].numel())
    yield Row("digits", f"log-density of 8 ({density.method})", f"± {float(density.error.mean()):.1f} nats, {waited(device) - begin:.1f} s")
    seen = torch.arange(x[0].numel()).view(x.shape[1:]) < x[0].numel() // 2
    begin = waited(device)
    half = model.posterior(orn.Mask(seen), x[0][seen], 0.1 * float(x.std()), particles=32, steps=min(30, 10 * size.steps))
    yield Row(
        "digits",
        "posterior given the upper half, 32 particles",
        f"log p(y) = {float(half.log_evidence):.0f}, {waited(device) - begin:.1f} s",
    )


def handwritten(short: bool) -> Tensor:
    """Digits (case, 1, height, width): of MNIST where the data of the benchmarks are, else of scikit-learn, dequantised."""
    source = DATA / "mnist.npz"
    if short or not source.is_file():
        raw, levels = load_digits().images, 16
    else:
        with np.load(source) as archive:
            name = next(key for key in archive.files if archive[key].ndim == 3)
            raw, levels = archive[name], 255
    values = torch.from_numpy(np.asarray(raw, dtype=np.float64))[: 200 if short else None]
    return ((values + Noise(5).uniform(len(values), tuple(values.shape[1:]))) / (levels + 1)).unsqueeze(1)


def table(rows: list[Row], device: torch.device) -> str:
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU, shortened"
    head = [
        "# On a GPU",
        "",
        f"{name}, torch {torch.__version__}. Written by `make bench-gpu`.",
        "",
        "| part | what | found |",
        "|---|---|---|",
    ]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows), ""])


def main(short: bool = False) -> str:
    """Run every part; the table."""
    device = torch.device("cuda" if torch.cuda.is_available() and not short else "cpu")
    size = CARD if device.type == "cuda" else SHORT
    place = HERE.parent / "docs" if device.type == "cuda" else OUT
    sheet = place / "figures" / "gpu-digits.png" if device.type == "cuda" else OUT / "gpu-digits.png"
    x, rows = handwritten(short or device.type == "cpu"), []
    parts = (
        numbers(device, size),
        eigenbasis(device, size),
        throughput(x, device, size),
        together(x, device, size),
        digits(x, device, size, sheet),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few steps learn little, and say so
        for part in parts:
            for row in part:
                print(f"{row.part:<12} {row.what:<60} {row.found}", flush=True)
                rows.append(row)
    place.mkdir(parents=True, exist_ok=True)
    text = table(rows, device)
    (place / "gpu.md").write_text(text, encoding="utf-8")
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    main(parser.parse_args().short)
