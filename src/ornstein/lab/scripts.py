"""What was done, as a Python script that does it again: a few lines per job, from the opened file to the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ornstein.lab.jobs import Jobs, Record
from ornstein.lab.refusals import Refused
from ornstein.lab.shelf import Shelf

HEAD = "import torch\n\nimport ornstein as orn\n"
READING = ("orient", "window", "hop", "rate", "channels", "units", "key", "time", "index", "labels")
EXAMPLES = {
    "cosines": ("from ornstein.data.laws import cosines", "cosines(400)"),
    "heartbeats": ("from ornstein.data.examples import ecg", "ecg()"),
    "electricity": ("from ornstein.data.examples import electricity", "electricity()"),
}

Lines = list[str]


def script(jobs: Jobs, shelf: Shelf, ident: str) -> str:
    """The script of a job and of what it stands on. Raises ``Refused`` for a kind that has none."""
    record = jobs.find(ident)
    if record.kind not in LINES:
        raise Refused(404, "what this job did has no script")
    lines: Lines = []
    for name in ("signals", "model"):
        if name in record.asked:
            before = jobs.find(record.asked[name])
            if name == "model" and "signals" not in record.asked:
                lines += _opened(jobs.find(before.asked["signals"]), shelf)
            lines += _opened(before, shelf) if name == "signals" else _fit(before, shelf)
    lines += LINES[record.kind](record, shelf)
    imports = sorted({line for line in lines if line.startswith("from ")})
    body = [line for line in lines if not line.startswith("from ")]
    head = HEAD if any("torch." in line for line in body) else HEAD.removeprefix("import torch\n\n")
    return "\n".join([head + "\n".join(imports), *body]).replace("\n\n\n", "\n\n") + "\n"


def _opened(record: Record, shelf: Shelf) -> Lines:
    asked = record.asked
    if "example" in asked:
        imported, call = EXAMPLES[asked["example"]]
        return [imported, "", f"x = {call}"]
    told = "".join(f", {name}={asked[name]!r}" for name in READING if name in asked)
    return ["", f"x = orn.read({shelf.find(asked['file']).name!r}{told})", "print(x)"]


def _explored(record: Record, shelf: Shelf) -> Lines:
    overlap = ", overlap=True" if record.asked.get("overlap") else ""
    return [
        "from ornstein.metrics import sample_spectrum",
        "",
        f"found = sample_spectrum(x{overlap})",
        'print(f"effective rank {found.spectrum.effective_rank:.1f}, above the noise: {found.noise and found.noise.count}")',
    ]


def _fit(record: Record, shelf: Shelf) -> Lines:
    asked, seed = record.asked, record.asked.get("seed", 0)
    lines = ["", *_left_out(asked)]
    told = {
        "gaussian": ', "gaussian"' + (f", structure={asked['structure']!r}" if "structure" in asked else ""),
        "mixture": f', "mixture", components={asked.get("components")!r}',
        "empirical": ', "empirical"',
    }
    if asked["recipe"] == "network":
        masks = ", masks=Masks()" if asked.get("fills", True) else ""
        lines += ["from ornstein.training import Masks"] if masks else []
        call = f', "network", minutes={asked.get("minutes", 1.0)!r}{masks}'
    else:
        call = told[asked["recipe"]]
    return [*lines, f"model = orn.fit({_signals(asked)}{call}, seed={seed})", "print(model)"]


def _left_out(asked: dict[str, Any]) -> Lines:
    """The lines that leave out what was marked as bad."""
    lines: Lines = []
    if bad := asked.get("without_channels"):
        lines += ["from dataclasses import replace", f"kept = [k for k, name in enumerate(x.channels) if name not in {bad!r}]"]
        named = "channels=tuple(x.channels[k] for k in kept), units=tuple(x.units[k] for k in kept)"
        lines.append(f"good = replace(x, values=x.values[:, kept], {named})")
    if bad := asked.get("without_cases"):
        name = "good" if lines else "x"
        lines.append(f"good = {name}[[k for k in range(len({name})) if k not in {set(bad)!r}]]")
    return lines


def _signals(asked: dict[str, Any]) -> str:
    return "good" if asked.get("without_channels") or asked.get("without_cases") else "x"


def _sampled(record: Record, shelf: Shelf) -> Lines:
    asked = record.asked
    told = "".join(f", {name}={asked[name]!r}" for name in ("sampler", "steps", "schedule", "grid") if name in asked)
    return [
        "",
        f"samples = model.sample({asked.get('cases', 24)}{told}, seed={asked.get('seed', 0)})",
        'orn.write("samples.csv", model.signals(samples), force=True)',
    ]


def _certified(record: Record, shelf: Shelf) -> Lines:
    asked = record.asked
    return [
        "from ornstein.model.methods import sampler_named, schedule_named",
        "from ornstein.samplers import certify",
        "",
        f"method, plan = sampler_named({asked['sampler']!r}, model.law), schedule_named({asked.get('schedule', 'vp')!r})",
        "law = model.moments",
        "for steps in (5, 10, 20, 50):",
        "    made = certify(method, steps, plan, law.covariance(), law.mean())",
        '    print(f"{made.calls} calls: {made.relative_w2:.2%} of the spread from the law")',
    ]


def _case(asked: dict[str, Any]) -> Lines:
    lines = _left_out({"without_channels": asked.get("without_channels")})
    return ["", *lines, f"one = {'good' if lines else 'x'}[{asked['case']}]"]


def _filled(record: Record, shelf: Shelf) -> Lines:
    asked = record.asked
    return [
        "from ornstein.metrics import band",
        *_case(asked),
        "values = one.values.to(torch.float64).clone()",
        *(f"values[0, {channel}, {begin}:{end}] = torch.nan" for channel, begin, end in asked["gaps"]),
        f"draws = model.impute(one.with_values(values), {asked.get('draws', 200)}, seed={asked.get('seed', 0)})",
        "low, high = band(draws, 0.9)",
        "filled = torch.where(values.isnan(), draws.mean(0), values)",
        'orn.write("filled.csv", one.with_values(filled), force=True)',
    ]


def _scored(record: Record, shelf: Shelf) -> Lines:
    lines = _left_out({"without_channels": record.asked.get("without_channels")})
    x = "good" if lines else "x"
    return [
        "",
        *lines,
        "from ornstein.fitting.held_out import unseen",
        "",
        f"nats, p_value = unseen(model.judges, {x}.values.double()) or model.surprise({x})  # what was fitted: by laws that left it out",
        "order = nats.argsort(descending=True, stable=True)",
        f"where = model.where({x}[order[:40]])",
        "for k in order[:10].tolist():",
        '    print(k, f"{nats[k]:.2f} nats", "" if p_value is None else f"p = {p_value[k]:.3f}")',
    ]


def _conditioned(record: Record, shelf: Shelf) -> Lines:
    asked, factor = record.asked, record.asked.get("factor", 4)
    taps = 2 * (factor // 2) + 1
    made = {
        "average": f"orn.Average({factor})",
        "every": f"orn.Downsample({factor})",
        "blur": f"orn.Blur(torch.full(({taps},), 1 / {taps}, dtype=torch.float64))",
        "points": "orn.Mask(seen)",
    }[asked["measurement"]]
    seen = ["seen = torch.zeros(model.event_shape, dtype=torch.bool)"] if asked["measurement"] == "points" else []
    seen += [f"seen[{channel}, {begin}:{end}] = True" for channel, begin, end in asked.get("seen", [])] if seen else []
    return [
        *_case(asked),
        *seen,
        f"measurement = {made}",
        "y = measurement(one.values.to(torch.float64))[0]",
        f"post = model.posterior(measurement, y, noise={asked['noise']!r}, seed={asked.get('seed', 0)})",
        'print(f"log evidence {float(post.log_evidence):.2f} nats")',
        f'orn.write("posterior.csv", post.signals(post.sample(200, seed={asked.get("seed", 0)})), force=True)',
    ]


LINES: dict[str, Callable[[Record, Shelf], Lines]] = {
    "open": _opened,
    "explore": _explored,
    "fit": _fit,
    "certify": _certified,
    "sample": _sampled,
    "fill": _filled,
    "score": _scored,
    "condition": _conditioned,
}
"""Kind -> its lines, behind those of the jobs that it names."""
