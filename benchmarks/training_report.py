"""training.json -> training.md and training.png: what bench_training.py found, set by set."""

from __future__ import annotations

import json
import math
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import figures
from training_sets import PROBLEMS

OUT = Path(os.environ.get("ORNSTEIN_OUT", "build/bench"))
COLOURS = {
    "ours": figures.OURS,
    "EDM": figures.SECOND,
    "denoising-diffusion-pytorch": figures.PEER,
    "diffusers": figures.PEER,
    "azula": figures.REFERENCE,
}
STYLES = {"denoising-diffusion-pytorch": ":", "diffusers": "--", "azula": "-."}
NAMES = {"ours": "Ornstein", "EDM": "EDM in our loop"}
TICKS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.5, 2, 3)
SHOWN = (100, 300, 1000, 3000)
EQUAL = ("parameters", "width")

Found = dict[str, dict[str, dict[str, Any]]]
"""Part -> set -> learner -> numbers."""


def read() -> Found:
    path = OUT / "training.json"
    found: Found = json.loads(path.read_text()) if path.is_file() else {}
    return found


def add(part: str, name: str, learner: str, numbers: dict[str, Any]) -> None:
    """Puts one result in its place; the file is whole at any time."""
    found = read()
    found.setdefault(part, {}).setdefault(name, {})[learner] = numbers
    OUT.mkdir(parents=True, exist_ok=True)
    partial = OUT / "training.json.partial"
    partial.write_text(json.dumps(found, indent=1) + "\n")
    partial.replace(OUT / "training.json")


def first(curve: dict[str, Any], level: float) -> float:
    """Steps until the loss is down at ``level``, linear in log loss between the marks; inf where it never is."""
    pairs = list(zip(curve["steps"], curve["loss"], strict=True))
    if pairs[0][1] <= level:
        return 0.0
    for (before, high), (after, low) in pairwise(pairs):
        if low <= level:
            return float(before + (after - before) * (math.log(high / level) / math.log(high / low)))
    return math.inf


def place(learner: str) -> int:
    """Ours and EDM before the peers."""
    return next((i for i, name in enumerate(COLOURS) if learner.startswith(name)), len(COLOURS))


def at(curve: dict[str, Any], share: float) -> str:
    """The loss at a share of the longest run, or a dash after the end of this one."""
    losses = dict(zip(curve["steps"], curve["loss"], strict=True))
    return f"{losses[share]:.4f}" if share in losses else "-"


def number(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {' | '.join(row)} |" for row in rows), ""]


def curves(found: Found) -> list[str]:
    """Per set and learner: losses along the way, and steps to EDM's last loss as a share of EDM's own."""
    rows = []
    for name, learners in found.get("curves", {}).items():
        edm = learners.get("EDM")
        times = found.get("seconds at equal parameters", {}).get(name, {})
        for learner, curve in sorted(learners.items(), key=lambda item: place(item[0])):
            last = max(c["steps"][-1] for c in learners.values())
            row = [name, NAMES.get(learner, learner), str(curve["parameters"])]
            row += [at(curve, round(mark * last / SHOWN[-1])) for mark in SHOWN]
            row.append(f"{curve['loss'][-1] / curve['gaussian']:.3f}")
            if edm:
                needed, own = first(curve, edm["loss"][-1]), first(edm, edm["loss"][-1])
                pace = times[learner]["step"] / times["EDM"]["step"] if {learner, "EDM"} <= times.keys() else math.nan
                row += [number(needed, 0), number(needed / own), number(pace * needed / own)]
                ratio = curve["loss"][-1] / edm["loss"][-1] if curve["steps"][-1] == edm["steps"][-1] else math.nan
                row += [number(ratio, 3), number(min(curve["loss"]) / min(edm["loss"]), 3)]
            else:
                row += ["-"] * 5
            rows.append(row)
    head = ["set", "learner", "parameters", *(f"loss at {s}" for s in SHOWN), "last / Gaussian", "steps to EDM's last loss"]
    head += ["ratio of steps", "ratio of seconds", "last loss / EDM's", "lowest / EDM's"]
    return table(head, rows)


def times(found: Found) -> list[str]:
    """Milliseconds per step and per call, and ours over the fastest peer's."""
    lines = []
    for equal in EQUAL:
        rows = []
        for name, learners in found.get(f"seconds at equal {equal}", {}).items():
            peers = {k: v for k, v in learners.items() if k not in NAMES}
            for kind in ("step", "forward"):
                quickest = min((v[kind] for v in peers.values()), default=math.nan)
                cells = [f"{1e3 * learners[k][kind]:.1f}" if k in learners else "-" for k in COLOURS]
                ours = learners.get("ours", {}).get(kind, math.nan)
                rows.append([name, kind, *cells, number(ours / quickest)])
        if rows:
            lines += [f"Milliseconds per batch of 128, networks of equal {equal}:", ""]
            lines += table(["set", "", *(NAMES.get(k, k) for k in COLOURS), "ours / fastest peer"], rows)
    return lines


def verdict(found: Found) -> list[str]:
    """The targets, counted."""
    both = {n: ls for n, ls in found.get("curves", {}).items() if {"ours", "EDM"} <= ls.keys()}
    shares = {n: first(ls["ours"], ls["EDM"]["loss"][-1]) / first(ls["EDM"], ls["EDM"]["loss"][-1]) for n, ls in both.items()}
    worst = max((ls["ours"]["loss"][-1] / ls["EDM"]["loss"][-1] for ls in both.values()), default=math.nan)
    lines = [
        f"Half of EDM's steps or fewer to EDM's last loss on {sum(s <= 0.5 for s in shares.values())} of {len(both)} sets (target 4 of 6);",
        f"last loss at most {worst:.3f} of EDM's (target 1.05).",
    ]
    ratios = []
    for learners in found.get("seconds at equal width", {}).values():
        peers = [v["step"] for k, v in learners.items() if k not in NAMES]
        if peers and "ours" in learners:
            ratios.append(learners["ours"]["step"] / min(peers))
    if ratios:
        lines.append(f"Seconds per step over the fastest peer's at equal width: {min(ratios):.2f} to {max(ratios):.2f} (target 1.0).")
    return [" ".join(lines), ""]


def draw(found: Found, path: Path) -> None:
    """Held-out loss over the Gaussian's against steps, one panel a set."""
    names = [n for n in PROBLEMS if n in found.get("curves", {})]
    if not names:
        return
    titles = [next(iter(found["curves"][name].values()))["title"] for name in names]
    figure, axes = figures.by_set(titles, "training steps", "held-out loss / the Gaussian's")
    for axis, name in zip(axes, names, strict=True):
        learners = found["curves"][name]
        lowest = min(min(c["loss"]) / c["gaussian"] for c in learners.values())
        for learner, colour in COLOURS.items():
            if learner in learners:
                curve, label = learners[learner], NAMES.get(learner, learner)
                relative = [loss / curve["gaussian"] for loss in curve["loss"]]
                axis.loglog(curve["steps"][1:], relative[1:], STYLES.get(learner, "-"), color=colour, lw=1.4, label=label)
        axis.axhline(1, color=figures.BACKGROUND, lw=0.8, zorder=0)
        ticks = [t for t in TICKS if 0.95 * lowest < t <= 3]
        axis.set_ylim(0.95 * lowest, 3)
        axis.set_yticks(ticks, [f"{t:g}" for t in ticks])
        axis.yaxis.minorticks_off()
    figures.save(figure, axes[0], path)


def write() -> None:
    """Table and figure of everything that training.json holds, whichever runs it came from."""
    found = read()
    lines = [*curves(found), *times(found), *verdict(found)]
    print("\n".join(lines))
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "training.md").write_text("\n".join(lines))
    draw(found, OUT / "training.png")
    print(f"{OUT / 'training.json'}, training.md and training.png hold the numbers, the tables and the figure")
