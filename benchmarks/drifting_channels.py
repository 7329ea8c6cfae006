"""The default fit on windows with gaps of seven channels that drift, the same kind of gaps in fit and test (six minutes of one core).

    python benchmarks/drifting_channels.py [oil] [apart] [rounded] [air] [rates]        default: all

Windows of 7 x 48 of 14 months of hours, stride 4, each with gaps of its own; the 150 to fill come from the last 5 of 24 months.
"Oil" is simulated: six loads, of which two follow from the others nearly, and a temperature, with slow levels, a year, a week, a day whose
size drifts, level shifts and a trend; "apart" is the same in windows apart, stride 48; "rounded" has other numbers, its loads in
.25 steps. "Air" is hourly PM2.5 at seven stations, "rates" are seven exchange rates by days, stride 2. Gaps: points; half a day of
each channel; stretches of 12 hours in single channels until half is hidden; blocks of 6 hours by up to 3 channels until half is hidden.
"Dense, interpolated" hides points once in the series, fills them by lines, and takes the moments of all windows of stride 1. Errors in
deviations of the months of the fit.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from harness import machine
from real_data import load
from torch import Tensor

import ornstein as orn
from ornstein.covariance import interpolated
from ornstein.covariance.missing_blocks import Conditional

CHANNELS, LENGTH, TESTED = 7, 48, 150
HOURS, FITTED, HELD = 17520, 10220, 3650
BAND = 1.6449
MASKS = 1 << 30
"""The stream of the masks, which is none of the values'."""


@dataclass(frozen=True)
class Numbers:
    """What makes a simulated series: deviations of the parts, in those of a channel before trend, and the step of the loads."""

    year: float
    day: float
    week: float
    level: float
    shifts: int
    trend: float
    hours: tuple[float, float]
    noise: float
    step: float
    seed: int


OIL = Numbers(0.7, 0.55, 0.15, 0.6, 6, 1.5, (5.0, 0.35), 0.12, 0.0, 1)
ROUNDED = Numbers(0.5, 0.6, 0.25, 0.5, 10, 0.8, (3.0, 0.45), 0.1, 0.25, 2)


def simulated(of: Numbers) -> Tensor:
    """(hour, channel): useful and useless loads of a station at high, middle and low voltage, and a temperature that follows them."""
    noise = orn.random.Noise(of.seed)
    white = noise.normal(HOURS, (24,))
    hour = torch.arange(HOURS, dtype=torch.float64)
    loads = []
    for k in range(4):
        swing = of.day * (1 + 0.4 * slow(white[:, k], 20 * 24))
        phase = 0.4 * k
        day = swing * (torch.cos(math.tau * hour / 24 + phase) + 0.4 * torch.cos(2 * math.tau * hour / 24 + 2 * phase))
        week = of.week * torch.cos(math.tau * hour / 168 + k)
        drift = of.level * slow(white[:, 4 + k], 40 * 24) + shifts(of, k)
        loads.append(day + week + drift + of.hours[1] * slow(white[:, 8 + k], of.hours[0]) + of.noise * white[:, 12 + k])
    middle, middle_less, low, low_less = loads
    high = middle + 0.5 * low + of.noise * white[:, 16]
    high_less = middle_less + 0.6 * low_less + of.noise * white[:, 17]
    year = of.year * torch.cos(math.tau * (hour / 8760 - 0.55))
    oil = year + 0.3 * slow(high, 8) / slow(high, 8).std() + 0.25 * slow(white[:, 18], 30) - of.trend * hour / HOURS + 0.03 * white[:, 19]
    parts = torch.stack([high, high_less, middle, middle_less, low, low_less], 1) + 0.3 * year.unsqueeze(1)
    parts = parts / parts.std(0)
    if of.step:
        parts = (parts / of.step).round() * of.step
    return torch.cat([parts, oil.unsqueeze(1)], 1)


def slow(white: Tensor, hours: float) -> Tensor:
    """An Ornstein-Uhlenbeck series of that time constant and deviation 1 from white noise; any other series is smoothed likewise."""
    keep = math.exp(-1 / hours)
    out, at = torch.empty_like(white), float(white[0])
    for k, step in enumerate((math.sqrt(1 - keep**2) * white).tolist()):
        at = keep * at + step
        out[k] = at
    return out


def shifts(of: Numbers, channel: int) -> Tensor:
    """Steps of the level at random hours."""
    where = (HOURS * orn.random.Noise(of.seed).uniform(1, (of.shifts,), 100 + channel)[0]).long()
    size = 0.5 * orn.random.Noise(of.seed).normal(1, (of.shifts,), 200 + channel)[0]
    return torch.zeros(HOURS, dtype=torch.float64).index_add_(0, where, size).cumsum(0)


def points(shape: tuple[int, ...], seed: int, share: float) -> Tensor:
    """What is hidden, bool."""
    return orn.random.Noise(seed).uniform(shape[0], shape[1:], MASKS) < share


def half_days(shape: tuple[int, ...], seed: int) -> Tensor:
    begin = (25 * orn.random.Noise(seed).uniform(shape[0], shape[1:2], MASKS)).long().unsqueeze(2)
    hour = torch.arange(shape[2])
    return (hour >= begin) & (hour < begin + 24)


def stretches(shape: tuple[int, ...], seed: int, length: int = 12, width: int = 1) -> Tensor:
    """Blocks of ``length`` hours by up to ``width`` neighbouring channels, until half of all is hidden."""
    hidden = torch.zeros(shape, dtype=torch.bool)
    places = orn.random.Noise(seed).uniform(shape[0], (400, 3), MASKS)
    for case, where in zip(hidden, places.tolist(), strict=True):
        for a, b, c in where:
            if int(case.sum()) * 2 >= case.numel():
                break
            first, begin, many = int(a * (shape[1] - width + 1)), int(b * (shape[2] - length + 1)), 1 + int(c * width)
            case[first : first + many, begin : begin + length] = True
    return hidden


def blocks(shape: tuple[int, ...], seed: int) -> Tensor:
    return stretches(shape, seed, 6, 3)


def points_of(share: float) -> Callable[[tuple[int, ...], int], Tensor]:
    return lambda shape, seed: points(shape, seed, share)


PATTERNS = {"points 10 %": points_of(0.1), "points 50 %": points_of(0.5), "points 90 %": points_of(0.9)}
PATTERNS |= {"half days": half_days, "stretches 50 %": stretches, "blocks 50 %": blocks}
SHARES = {"points 10 %": 0.1, "points 90 %": 0.9}
"""Points hidden once in the series for "dense, interpolated"; half of it otherwise."""


def cut(series: Tensor, hop: int) -> Tensor:
    """Windows (window, channel, hour); those without any value are left out."""
    found = series.unfold(0, LENGTH, hop)
    return found[(~found.isnan()).flatten(1).any(1)]


def hide(x: Tensor, hidden: Tensor) -> Tensor:
    return torch.where(hidden, torch.full_like(x, math.nan), x)


def line(x: Tensor, means: Tensor) -> Tensor:
    filled = interpolated(x)
    return torch.where(filled.isnan(), means.unsqueeze(1), filled)


def on_interpolated(series: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Mean and covariance of all windows of a series with points hidden once and filled by lines, a thousandth of its variance added."""
    whole = interpolated(hide(series, points(tuple(series.shape), 3, share)).T).T
    windows = cut(whole, 1).flatten(1)
    mean = windows.mean(0)
    second = (windows - mean).T @ (windows - mean) / len(windows)
    return mean, second + 1e-3 * torch.diag(second.diagonal())


def row(name: str, shown: Tensor, truth: Tensor, law: tuple[Tensor, Tensor] | None, guess: Tensor, seconds: float, how: str = "") -> None:
    hidden = shown.isnan() & ~truth.isnan()
    error, held = (guess - truth)[hidden].abs(), ""
    if law is not None:
        spread = Conditional(*law).expect(shown.flatten(1))[1].view(truth.shape)[hidden]
        held = f"{float((error < BAND * spread).double().mean()):.2f}"
    print(f"| {name} | {float(error.mean()):.3f} | {held} | {seconds:.0f} | {how} |", flush=True)


def fitted(gappy: Tensor) -> tuple[tuple[Tensor, Tensor], float, str]:
    """(mean and covariance in the units of x, CPU-seconds, how)."""
    begin, heard = time.process_time(), list[str]()
    model = orn.fit(gappy, folds=0, progress=heard.append)
    seconds = time.process_time() - begin
    law, scale = model.law, model.scaler.decode(torch.ones(1, *gappy.shape[1:], dtype=gappy.dtype))
    centre = model.scaler.decode(torch.zeros(1, *gappy.shape[1:], dtype=gappy.dtype))
    unit = (scale - centre).flatten()
    said = [text for text in heard if text.startswith("gaps:") and " EM" in text]
    mean = model.scaler.decode(law.mean().view(1, *gappy.shape[1:])).flatten()
    return (mean, law.operator.dense() * torch.outer(unit, unit)), seconds, said[-1] if said else ""


def compared(name: str, series: Tensor, split: int, begin: int, hops: tuple[int, int], patterns: list[str]) -> None:
    """Rows of one set: ``series`` (time, channel), fitted up to ``split`` and filled from ``begin`` on."""
    centre = series[:split].nanmean(0)
    u = (series - centre) / (series[:split] - centre).square().nanmean(0).sqrt()
    train, test = cut(u[:split], hops[0]), cut(u[begin:], hops[1])[:TESTED]
    for what in patterns:
        hidden, asked = PATTERNS[what](tuple(train.shape), 1), PATTERNS[what](tuple(test.shape), 2)
        gappy, shown = hide(train, hidden), hide(test, asked)
        gappy = gappy[(~gappy.isnan()).flatten(1).any(1)]
        means = gappy.nanmean((0, 2))
        row(f"{name}, {what} | line", shown, test, None, line(shown, means), 0)
        ways = {"dense, interpolated": (on_interpolated(u[:split], SHARES.get(what, 0.5)), 0.0, "")}
        ways["orn.fit"] = fitted(gappy)
        for way, (law, seconds, how) in ways.items():
            guess = Conditional(*law).expect(shown.flatten(1))[0].view(shown.shape)
            row(f"{name}, {what} | {way}", shown, test, law, guess, seconds, how)


def main(names: list[str]) -> None:
    print("| hidden | how | MAE | 90 % band holds | CPU s | chosen |\n|---|---|---|---|---|---|")
    every = ["points 10 %", "points 50 %", "points 90 %", "stretches 50 %", "blocks 50 %"]
    if "oil" in names:
        compared("oil", simulated(OIL), FITTED, HOURS - HELD, (4, 24), every)
    if "apart" in names:
        compared("oil, apart", simulated(OIL), FITTED, HOURS - HELD, (48, 24), every)
    if "rounded" in names:
        compared("rounded", simulated(ROUNDED), FITTED, HOURS - HELD, (4, 24), ["points 10 %", "half days"])
    if "air" in names:
        found = load("beijing_pm25")
        air = torch.cat([torch.from_numpy(found[part][:, :CHANNELS]).double() for part in ("train", "test")])
        air = air[: HOURS + 3000]
        compared("air", air, FITTED, len(air) - HELD, (4, 24), ["points 10 %", "points 90 %"])
    if "rates" in names:
        found = load("exchange_rate_nips")
        rates = torch.from_numpy(found["test"][:, :CHANNELS]).double()
        compared("rates", rates, 5066, len(rates) - 1000, (2, 6), ["points 10 %", "points 90 %"])


if __name__ == "__main__":
    machine()
    main(sys.argv[1:] or ["oil", "apart", "rounded", "air", "rates"])
