"""The kinds of jobs: what each may be asked, and which earlier jobs or files it stands on. Their work is in ``work/``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ornstein.lab.questions import Check, ident, whole

SEED = whole(0, 2**31 - 1)


@dataclass(frozen=True)
class Kind:
    """A kind of job.

    checks    field -> its check; ``optional`` ones may be missing
    needs     field -> the kinds of finished job whose id it must be, or "file", or "curve"
    """

    checks: Mapping[str, Check]
    optional: tuple[str, ...] = ()
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


KINDS: dict[str, Kind] = {
    "train-reversal": Kind({"curve": ident, "seed": SEED, "steps": whole(20, 4000)}, ("curve", "seed", "steps"), {"curve": ("curve",)}),
}
