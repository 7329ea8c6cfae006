"""Gaps in one run: intensive care at the masks of CSDI, hourly air quality, electricity, heartbeats, exchange rates; time and memory of the
fits (half an hour).

    python benchmarks/gaps.py [care] [masked] [air] [electricity] [ecg] [rates] [cost]      default: all

Intensive care: PhysioNet 2012, 4000 records of 48 h x 35 variables, 80 % missing; 2800 to fit, of 800 others 10, 50 or 90 % of what was
observed is hidden by the masks of CSDI (Tashiro et al. 2021). CRPS as there: the mean over 19 quantiles of twice the pinball loss, summed
over all hidden values, over the sum of their |value|, which are standardised by all records. Everything that is chosen is chosen by
the records to fit, and whether a correction is kept by the 400 of CSDI's validation. The other sets: fit on the first years with as many
points hidden as in the test, errors in deviations of a channel. Exchange rates: 30 days after 6071 and more, errors in rates.
"""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from figures import OURS, SECOND, by_set, save
from harness import machine, peak_mib
from real_data import load
from torch import Tensor

import ornstein as orn
from ornstein.covariance import as_spectral, interpolated
from ornstein.data import examples
from ornstein.metrics import check_bands

LEVELS = torch.arange(1, 20, dtype=torch.float64) / 20
FIGURE = Path(__file__).resolve().parents[1] / "docs" / "figures" / "gap-costs.png"
MINUTES, RECORDS, DRAWS, STEPS, CORRECTED = 36.0, 800, 50, 6, 40_000
HEAD = "| method | hidden | CRPS | MAE | RMSE | 90 % band holds | CPU s |\n|---|---|---|---|---|---|---|"


def row(name: str, hidden: str, quantiles: Tensor, truth: Tensor, seconds: float) -> None:
    """One line of a table; quantiles (19, hidden), or one row for a method that gives a single value."""
    middle = quantiles[len(quantiles) // 2]
    wrong, levels = truth - quantiles, LEVELS.unsqueeze(1)
    pinball = torch.maximum(levels * wrong, (levels - 1) * wrong).sum(1).mean()
    crps = float(2 * pinball / truth.abs().sum())
    mae, rmse = float((truth - middle).abs().mean()), float((truth - middle).square().mean().sqrt())
    inside = float(((truth >= quantiles[0]) & (truth <= quantiles[-1])).double().mean()) if len(quantiles) > 1 else math.nan
    print(f"| {name} | {hidden} | {crps:.4f} | {mae:.4f} | {rmse:.4f} | {inside:.3f} | {seconds:.0f} |", flush=True)


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.process_time()
    return call(), time.process_time() - begin


def line(x: Tensor, mean: Tensor) -> Tensor:
    """Straight lines; the channel's mean where a row is empty."""
    filled = interpolated(x)
    return torch.where(filled.isnan(), mean.unsqueeze(1), filled)


def guessed(model: orn.Model, shown: Tensor, hidden: Tensor) -> tuple[Tensor, float]:
    """(quantiles (19, hidden values), CPU-seconds)."""
    begin = time.process_time()
    return model.quantiles(shown, LEVELS)[:, hidden], time.process_time() - begin


def hide(x: Tensor, share: float, seed: int) -> Tensor:
    gone = orn.random.Noise(seed).uniform(len(x), tuple(x.shape[1:])) < share
    return torch.where(gone, torch.full_like(x, torch.nan), x)


def records() -> tuple[dict[str, np.ndarray], Tensor, list[Tensor]]:
    """(the file, all records (record, variable, hour) in deviations of a variable, those to fit, to check and to test)."""
    found = load("physionet2012_seta")
    x = torch.from_numpy(found["data"].astype(np.float64))
    centre = x.nanmean((0, 1))
    scale = (x - centre).square().nanmean((0, 1)).sqrt()
    x = ((x - centre) / scale).transpose(1, 2).contiguous()
    parts = [x[torch.from_numpy(found[f"{part}_idx"])] for part in ("train", "val", "test")]
    parts[0] = parts[0][(~parts[0].isnan()).flatten(1).any(1)]
    return found, x, parts


def published(found: dict[str, np.ndarray], share: int) -> Tensor:
    """What the masks of CSDI leave of the records to test, bool (record, variable, hour)."""
    shape = found["data"].shape
    mask = torch.from_numpy(np.unpackbits(found[f"gt_mask_{share}_packed"])[: math.prod(shape)].reshape(shape)).bool()
    return mask[torch.from_numpy(found["test_idx"])].transpose(1, 2)


def care() -> None:
    found, _, (train, check, test) = records()
    print(f"\nIntensive care: {len(train)} records to fit, {100 * float(train.isnan().double().mean()):.0f} % missing\n\n{HEAD}")
    mean = train.nanmean((0, 2))
    model, seconds = timed(lambda: orn.fit(train, structure="coregionalised", marginals="gaussian", folds=0))
    print(f"| the fit | | | | | | {seconds:.0f} |", flush=True)
    points = orn.training.Masks(("points",))
    stretched, seconds = timed(lambda: dataclasses.replace(model, bands=check_bands(model, check, masks=points).stretch))
    print(f"| bands stretched by gaps in the {len(check)} records to check | | | | | | {seconds:.0f} |", flush=True)
    corrected, seconds = timed(lambda: model.corrected(train, check, masks=points))
    print(f"| the learned correction | | | | | | {seconds:.0f} |", flush=True)
    for share in (10, 50, 90):
        given = published(found, share)
        hidden = ~test.isnan() & ~given
        shown = torch.where(given, test, torch.full_like(test, torch.nan))
        row("linear interpolation", f"{share} %", line(shown, mean)[hidden].unsqueeze(0), test[hidden], 0)
        ways = {"coregionalised, Gaussian marginals": model, "the same, bands stretched": stretched, "the same, corrected": corrected}
        for name, law in ways.items():
            quantiles, took = guessed(law, shown, hidden)
            row(name, f"{share} %", quantiles, test[hidden], took)


def masked() -> None:
    """A network that looks at entries one by one and stands on the law of ``care``, on the first ``RECORDS`` to test: by draws, beside the
    law by its quantiles and by as many draws, and corrected for ``CORRECTED`` steps."""
    found, _, (train, check, test) = records()
    test = test[:RECORDS]
    print(f"\nIntensive care, a masked network: {MINUTES:g} minutes, {len(test)} records to test, {DRAWS} draws\n\n{HEAD}")
    law, seconds = timed(lambda: orn.fit(train, structure="coregionalised", marginals="gaussian", folds=0))
    print(f"| the fit of the law | | | | | | {seconds:.0f} |", flush=True)
    model = trained(law, train)
    corrected, seconds = timed(lambda: model.corrected(train, check, masks=orn.training.Masks(("points",)), steps=CORRECTED))
    print(f"| the learned correction | | | | | | {seconds:.0f} |", flush=True)
    for share in (10, 50, 90):
        given = published(found, share)[:RECORDS]
        hidden = ~test.isnan() & ~given
        shown = torch.where(given, test, torch.full_like(test, torch.nan))
        quantiles, took = guessed(law, shown, hidden)
        row("its law", f"{share} %", quantiles, test[hidden], took)
        quantiles, took = drawn(law, shown, hidden)
        row("its law, by draws", f"{share} %", quantiles, test[hidden], took)
        quantiles, took = drawn(model, shown, hidden, sampler="dpm++2m", schedule=orn.schedules.VE(6.0, 0.06), steps=STEPS)
        row("masked network, by draws", f"{share} %", quantiles, test[hidden], took)
        quantiles, took = guessed(corrected, shown, hidden)
        row("masked network, corrected", f"{share} %", quantiles, test[hidden], took)


def trained(law: orn.Model, train: Tensor) -> orn.Model:
    """The network on top of a law that is fitted already, where ``orn.fit(train, "network", net="entries", ...)`` would fit it first."""
    net, reference = orn.nets.Entries(law.event_shape, signal=law.event_shape[0]), law.law
    reference = orn.denoisers.Gaussian(reference.mean(), as_spectral(reference.operator))
    options = {"masks": orn.training.Masks(("points",), most=64), "drop": 0.0, "held_out": 0.05, "lengths": (48.0, 160.0)}
    run = {"minutes": MINUTES, "batch": 32, "progress": lambda said: print(said, file=sys.stderr, flush=True)}
    begin = time.process_time()
    found = orn.training.fit(law.scaler.encode(train), net, reference, **options, **run)
    losses = f"held-out loss {found.held_out:.4f}, of the law {found.gaussian:.4f}"
    print(f"| the network: {found.steps} steps, {losses} | | | | | | {time.process_time() - begin:.0f} |", flush=True)
    return dataclasses.replace(law, law=found.network)


def drawn(model: orn.Model, shown: Tensor, hidden: Tensor, **how: Any) -> tuple[Tensor, float]:
    """(quantiles (19, hidden values) of draws, CPU-seconds)."""
    begin = time.process_time()
    values = torch.cat(
        [model.impute(some, DRAWS, only=asked, **how)[:, asked] for some, asked in zip(shown.split(50), hidden.split(50), strict=True)], 1
    )
    ranks = (LEVELS * DRAWS - 0.5) / (DRAWS - 1)  # draw k of n in order stands for the level (k - 1/2) / n
    return values.quantile(ranks, 0), time.process_time() - begin


def windows(series: Tensor, length: int, count: int) -> Tensor:
    """``count`` windows (window, channel, time), evenly spaced; those without any value are left out."""
    cut = series.unfold(0, length, max(1, (len(series) - length) // count))[:count]
    return cut[(~cut.isnan()).flatten(1).any(1)]


def patterns(test: Tensor, alone_at: slice, block_at: slice) -> Iterator[tuple[str, float, Tensor]]:
    """(what is hidden, the share of points to hide in the fit, the windows with it hidden): points, one channel, all channels."""
    for share in (10, 50, 90):
        yield f"points {share} %", share / 100, hide(test, share / 100, 2)
    if test.shape[1] > 1:
        alone, block = test.clone(), test.clone()
        for k in range(len(test)):
            alone[k, k % test.shape[1], alone_at] = math.nan
        block[:, :, block_at] = math.nan
        yield f"one channel for {alone_at.stop - alone_at.start}", 0.1, alone
        yield f"all channels for {block_at.stop - block_at.start}", 0.1, block


def compared(
    name: str,
    train: Tensor,
    test: Tensor,
    structures: tuple[str, ...],
    alone_at: slice = slice(12, 36),
    block_at: slice = slice(20, 26),
) -> None:
    print(f"\n{name}: {len(train)} windows of {train.shape[1]} x {train.shape[2]} to fit\n\n{HEAD}")
    mean = train.nanmean((0, 2))
    fitted: dict[tuple[float, str], tuple[orn.Model, float]] = {}
    for what, share, shown in patterns(test, alone_at, block_at):
        hidden = shown.isnan() & ~test.isnan()
        row("linear interpolation", what, line(shown, mean)[hidden].unsqueeze(0), test[hidden], 0)
        for structure in structures:
            key = (share, structure)
            if key not in fitted:
                gappy = hide(train, share, 1)
                gappy = gappy[(~gappy.isnan()).flatten(1).any(1)]
                fitted[key] = timed(lambda gappy=gappy, structure=structure: orn.fit(gappy, structure=structure, folds=0))
            model, seconds = fitted[key]
            quantiles, took = guessed(model, shown, hidden)
            row(structure, what, quantiles, test[hidden], seconds + took)


def air() -> None:
    found = load("beijing_pm25")
    train, test = (torch.from_numpy(found[part]).double() for part in ("train", "test"))
    centre = train.nanmean(0)
    scale = (train - centre).square().nanmean(0).sqrt()
    days, fresh = windows((train - centre) / scale, 48, 1000), windows((test - centre) / scale, 48, 150)
    compared("Hourly air quality", days, fresh, ("dense", "coregionalised"))


def electricity() -> None:
    days = examples.electricity().values
    centre, scale = days[:800].mean(), days[:800].std()
    compared("Electricity", (days[:800] - centre) / scale, (days[800:] - centre) / scale, ("dense", "coregionalised"))


def ecg() -> None:
    """Beats around their R peak, at sample 100 of 256: one lead is hidden for half of them, both for 32 samples with the peak in them."""
    found = load("mitbih100_beats")
    train, test = (torch.from_numpy(found[part]).double() for part in ("train", "test"))
    centre = train.mean((0, 2)).unsqueeze(1)
    scale = (train - centre).square().mean((0, 2)).sqrt().unsqueeze(1)
    beats, fresh = (train - centre) / scale, (test - centre) / scale
    compared("Two-lead ECG", beats, fresh, ("dense",), slice(64, 192), slice(84, 116))


def fitted(series: Tensor) -> orn.Model:
    """The law of windows of 60 days of series (1, channel, day)."""
    return orn.fit(orn.Signals(series).windows(60, 1), folds=0)


def walk(past: Tensor, horizon: int) -> Tensor:
    """Quantiles (19, 1, channel, horizon) of a random walk from the last day, with the deviation of its last 250 steps."""
    spread = past.diff()[..., -250:].std(-1, keepdim=True) * torch.arange(1.0, horizon + 1).sqrt()
    return past[..., -1:] + torch.special.ndtri(LEVELS).view(-1, 1, 1, 1) * spread


def repeated(past: Tensor, horizon: int, season: int) -> Tensor:
    """The same of repeating the last ``season`` days, with the quantiles of what that was wrong by from every day before."""
    at = torch.arange(horizon) % season - season
    origins = range(season, past.shape[-1] - horizon + 1)
    wrong = torch.stack([past[..., t : t + horizon] - past[..., t + at] for t in origins])
    return past[..., past.shape[-1] + at] + wrong.quantile(LEVELS, 0)


def rates() -> None:
    """Eight daily rates, five windows of 30 days. What is free is chosen by the last quarter of the days to fit, by a law that has not seen
    them; a local scale by every forecast itself, in its past."""
    found = load("exchange_rate_nips")
    train, series = (torch.from_numpy(found[part]).double().T.unsqueeze(0) for part in ("train", "test"))
    horizon, ends = int(found["prediction_length"]), found["test_window_ends"].tolist()
    pasts = [series[..., : end - horizon] for end in ends]
    truth = torch.cat([series[..., end - horizon : end] for end in ends])
    print(f"\nDaily exchange rates: {train.shape[-1]} days of {train.shape[1]} to fit, {len(ends)} windows to test\n\n{HEAD}")

    def shown(name: str, ahead: Callable[[Tensor], Tensor]) -> None:
        begin = time.process_time()
        quantiles = torch.cat([ahead(past) for past in pasts], 1)
        row(name, f"{horizon} days", quantiles.flatten(1), truth.flatten(), time.process_time() - begin)

    three = train.shape[-1] * 3 // 4
    chosen, seconds = timed(lambda: fitted(train[..., :three]).forecast(train[..., three:], horizon, 1))
    print(f"| {chosen.why} | | | | | | {seconds:.0f} |", flush=True)
    model, seconds = timed(lambda: fitted(train))
    print(f"| the fit: {model.law.described()} | | | | | | {seconds:.0f} |", flush=True)
    for free, scale in product((chosen.free, "auto"), ("auto", "none")):
        told = {}

        def ahead(past: Tensor, free: str = free, scale: str = scale, told: dict[str, None] = told) -> Tensor:
            found = model.forecast(past, horizon, 1, free=free, local_scale=scale)
            told[f"{found.why}; {found.why_scale}"] = None
            return found.quantiles(LEVELS)

        shown(f"free {free}, local scale {scale}", ahead)
        print(*told, sep="\n", file=sys.stderr, flush=True)
    shown("random walk, deviation of the last 250 days", lambda past: walk(past, horizon))
    for season in (1, 5):
        shown(f"the last {season} days, and their errors", lambda past, season=season: repeated(past, horizon, season))
    try:
        from flaircast import forecast
    except ImportError:
        print("flaircast is not installed: pip install -r benchmarks/requirements.txt")
        return

    def flair(past: Tensor) -> Tensor:
        draws = np.stack([forecast(channel.numpy(), horizon=horizon, freq="B", n_samples=500, seed=0) for channel in past[0]], 1)
        return torch.from_numpy(np.quantile(draws, LEVELS.numpy(), axis=0)).unsqueeze(1)

    shown("flaircast", flair)


@dataclasses.dataclass(frozen=True)
class Cost:
    """CPU-seconds of a call in a process of its own, and the largest memory it held beyond what it began with, in MiB."""

    seconds: float
    mib: float


def apart(call: Callable[[], Any]) -> Any:
    """What a call returns in a child process: its memory is its own, from where this process stands."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def run() -> None:
        sender.send(call())
        sender.close()

    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    sender.close()
    found = receiver.recv()
    child.join()
    return found


def spent(call: Callable[[], Any]) -> tuple[Cost, Any]:
    """The cost of a call here, which must be the first large one of its process, and what it returns."""
    before, begin = peak_mib(), time.process_time()
    found = call()
    return Cost(time.process_time() - begin, peak_mib() - before), found


def costs_of(gappy: Tensor, structure: str) -> tuple[Cost, Cost]:
    """To fit, and to impute the medians of all cases."""

    def both() -> tuple[Cost, Cost]:
        fit, model = spent(lambda: orn.fit(gappy, structure=structure, folds=0))
        middle = torch.tensor([0.5], dtype=torch.float64)
        return fit, apart(lambda: spent(lambda: model.quantiles(gappy, middle))[0])

    found: tuple[Cost, Cost] = apart(both)
    return found


def cost() -> None:
    """Time and memory to fit and to impute, against cases, entries and share missing."""
    print("\n| cases | channels x times | missing | structure | CPU s to fit | MiB | CPU s to impute | MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for structure in ("dense", "coregionalised"):  # code that is loaded is none of a fit's memory
        few = hide(orn.random.Noise(2).normal(20, (7, 12)), 0.3, 3)
        orn.fit(few, structure=structure, folds=0).quantiles(few, LEVELS)
    law = 0.5 * torch.eye(7, dtype=torch.float64) + 0.5
    points: dict[tuple[int, str], list[tuple[float, Cost, Cost]]] = {}
    for length, counts in ((12, (100, 1000)), (24, (100, 1000)), (48, (2500,))):
        lag = (torch.arange(length).double().unsqueeze(1) - torch.arange(length)).abs()
        root = torch.linalg.cholesky(torch.kron(law, torch.exp(-lag / 10)))
        for count in counts:
            whole = (orn.random.Noise(0).normal(count, (7 * length,)) @ root.T).view(count, 7, length)
            for share in (0.1, 0.5, 0.9):
                gappy = hide(whole, share, 1)
                gappy = gappy[(~gappy.isnan()).flatten(1).any(1)]
                for structure in ("dense", "coregionalised") if length < 48 else ("dense",):
                    fit, fill = costs_of(gappy, structure)
                    points.setdefault((length, f"{structure}, {count} cases"), []).append((100 * share, fit, fill))
                    numbers = f"{fit.seconds:.1f} | {fit.mib:.0f} | {fill.seconds:.2f} | {fill.mib:.0f}"
                    print(f"| {count} | 7 x {length} | {share:.0%} | {structure} | {numbers} |", flush=True)
    draw({key: curve for key, curve in points.items() if key[0] < 48})


def draw(points: dict[tuple[int, str], list[tuple[float, Cost, Cost]]]) -> None:
    """The figure of costs against the share missing: seconds above, memory below; to fit 84 and 168 entries, and to impute 168."""
    columns = [(12, 1, "fit of 7 x 12 entries"), (24, 1, "fit of 7 x 24"), (24, 2, "imputation of 7 x 24")]
    canvas, axes = by_set([title for *_, title in columns] + [""] * len(columns), "missing (%)", "")
    looks = {
        "dense, 100": (OURS, ":"),
        "dense, 1000": (OURS, "-"),
        "coregionalised, 100": (SECOND, ":"),
        "coregionalised, 1000": (SECOND, "-"),
    }
    for place, axis in enumerate(axes):
        length, which, _ = columns[place % len(columns)]
        for (of, name), curve in points.items():
            if of == length:
                colour, style = looks[name.removesuffix(" cases")]
                spent_on = [(share, costs[which - 1]) for share, *costs in curve]
                values = [c.seconds if place < len(columns) else c.mib for _, c in spent_on]
                axis.plot([share for share, _ in spent_on], values, color=colour, linestyle=style, marker="o", markersize=3, label=name)
        axis.set(yscale="log", ylim=(0.003, 30) if place < len(columns) else (1, 1000))
    axes[0].set_ylabel("CPU seconds")
    axes[len(columns)].set_ylabel("memory (MiB)")
    save(canvas, axes[0], FIGURE)
    print(f"\nwrote {FIGURE}")


if __name__ == "__main__":
    machine()
    parts = {"care": care, "masked": masked, "air": air, "electricity": electricity, "ecg": ecg, "rates": rates, "cost": cost}
    for name in sys.argv[1:] or parts:
        parts[name]()
