"""The kinds of jobs: what each may be asked, and which earlier jobs or files it stands on. Their work is in ``work/``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ornstein.lab.questions import Check, flag, ident, number, one_of, several, text, triple, whole

SEED = whole(0, 2**31 - 1)
INDEX = whole(0, 2**31 - 1)
NAME = text(200)
STRUCTURES = ("auto", "dense", "diagonal", "low-rank", "stationary", "toeplitz", "kronecker", "autoregressive")


@dataclass(frozen=True)
class Kind:
    """A kind of job.

    checks    field -> its check; ``optional`` ones may be missing
    needs     field -> the kinds of finished job whose id it must be, or "file", or "curve"
    files     what it writes for the person, beside its parts
    """

    checks: Mapping[str, Check]
    optional: tuple[str, ...] = ()
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: tuple[str, ...] = ()


_OPEN: dict[str, Check] = {
    "file": ident,
    "example": one_of("cosines", "heartbeats", "electricity"),
    "orient": one_of("auto", "rows", "columns", "vectors"),
    "window": whole(1, 2**31 - 1),
    "hop": whole(1, 2**31 - 1),
    "rate": number(1e-9, 1e12),
    "channels": several(NAME, 4096),
    "units": several(text(40), 4096),
    "key": NAME,
    "time": NAME,
    "index": NAME,
    "labels": NAME,
}
_LEFT_OUT: dict[str, Check] = {"without_channels": several(NAME, 4096), "without_cases": several(INDEX, 100_000)}
_LAW: dict[str, Check] = {
    "recipe": one_of("gaussian", "mixture", "empirical", "network"),
    "structure": one_of(*STRUCTURES),
    "components": whole(1, 64),
    "minutes": number(0.02, 120),
    "fills": flag,
    "continues": ident,
}
_MODEL, _SIGNALS, _BOTH = {"model": ("fit",)}, {"signals": ("open",)}, {"model": ("fit",), "signals": ("open",)}
_HOW: dict[str, Check] = {
    "sampler": text(40),
    "steps": whole(1, 1000),
    "schedule": one_of("vp", "cosine", "flow", "sigmoid", "ve"),
    "grid": one_of("own", "uniform", "karras", "log-snr", "spectral"),
}
_ONE: dict[str, Check] = {"model": ident, "signals": ident, "case": INDEX, "without_channels": several(NAME, 4096), "seed": SEED}
_STRETCHES = several(triple(2**31 - 1), 4096)

KINDS: dict[str, Kind] = {
    "open": Kind(_OPEN, tuple(_OPEN), {"file": ("file",)}),
    "explore": Kind({"signals": ident, "overlap": flag}, ("overlap",), _SIGNALS),
    "fit": Kind(
        {"signals": ident, "seed": SEED, **_LAW, **_LEFT_OUT},
        ("seed", *_LEFT_OUT, *(name for name in _LAW if name != "recipe")),
        {**_SIGNALS, "continues": ("fit",)},
        ("model.zip",),
    ),
    "certify": Kind({"model": ident, "sampler": text(40), "schedule": _HOW["schedule"]}, ("schedule",), _MODEL),
    "sample": Kind(
        {"model": ident, "cases": whole(1, 100_000), "seed": SEED, **_HOW}, ("cases", "seed", *_HOW), _MODEL, ("samples.csv", "samples.npz")
    ),
    "fill": Kind({**_ONE, "gaps": _STRETCHES, "draws": whole(20, 2000)}, ("seed", "draws", "without_channels"), _BOTH, ("filled.csv",)),
    "score": Kind(
        {"model": ident, "signals": ident, "without_channels": _ONE["without_channels"]}, ("without_channels",), _BOTH, ("scores.csv",)
    ),
    "condition": Kind(
        {
            **_ONE,
            "measurement": one_of("average", "every", "blur", "points"),
            "factor": whole(1, 100_000),
            "noise": number(0, 1e30),
            "seen": _STRETCHES,
        },
        ("seed", "without_channels", "factor", "seen"),
        _BOTH,
        ("posterior.csv",),
    ),
    "calibrate": Kind(
        {
            "signals": ident,
            "recipe": _LAW["recipe"],
            "model": ident,
            "structure": _LAW["structure"],
            "gap": number(0.01, 0.9),
            "seed": SEED,
            **_LEFT_OUT,
        },
        ("model", "structure", "gap", "seed", *_LEFT_OUT),
        _BOTH,
    ),
    "train-reversal": Kind({"curve": ident, "seed": SEED, "steps": whole(20, 4000)}, ("curve", "seed", "steps"), {"curve": ("curve",)}),
    "lesson-page": Kind(
        {"curve": ident, "seed": SEED, "steps": whole(20, 4000), "lang": one_of("en", "zh")},
        ("curve", "seed", "steps", "lang"),
        {"curve": ("curve",)},
        ("lesson.html",),
    ),
}
